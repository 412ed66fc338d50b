# libphub/child/childlib.mk: libphubchild, the child's side of the channel (no ZeroMQ).
# SPDX-License-Identifier: MIT

# -version-info: rules in Makefile.am.
lib_LTLIBRARIES += libphubchild.la
libphubchild_la_SOURCES =
libphubchild_la_LIBADD = $(LIBCBOR_LIBS)
libphubchild_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 $(PHUB_ZDEFS) \
	-Wl,--version-script=$(srcdir)/libphub/child/libphubchild.map
EXTRA_DIST += libphub/child/libphubchild.map
