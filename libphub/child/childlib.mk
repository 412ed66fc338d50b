# libphub/child/childlib.mk: libphubchild, the child's side of the channel (no ZeroMQ).
# SPDX-License-Identifier: MIT

# -version-info: rules in Makefile.am.
lib_LTLIBRARIES += libphubchild.la
libphubchild_la_SOURCES = libphub/child/childlib.c \
	libphub/child/childmsg.c libphub/child/childmsg.h
libphubchild_la_CFLAGS = $(AM_CFLAGS)
libphubchild_la_LIBADD =
pkginclude_HEADERS += libphub/phub/child.h
libphubchild_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 $(PHUB_ZDEFS) \
	-Wl,--version-script=$(srcdir)/libphub/child/libphubchild.map
EXTRA_DIST += libphub/child/libphubchild.map
