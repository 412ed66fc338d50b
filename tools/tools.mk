# tools/tools.mk: phubd, phub-guard, phub, phub-plugin, ...
# SPDX-License-Identifier: MIT

output_sources = tools/output.c tools/output.h

libexec_PROGRAMS += tools/phub-guard
tools_phub_guard_SOURCES = tools/phub-guard.c $(output_sources) \
	tools/guard/guard.h \
	tools/guard/cgroup.c tools/guard/children.c tools/guard/daemon.c \
	tools/guard/list.c tools/guard/spawner.c tools/guard/table.c \
	tools/guard/util.c \
	libphub/child/guard_proto.c libphub/child/guard_proto.h
tools_phub_guard_CFLAGS = $(AM_CFLAGS)
tools_phub_guard_LDADD =

bin_PROGRAMS += tools/phub-plugin
tools_phub_plugin_SOURCES = tools/phub-plugin.c $(output_sources)
tools_phub_plugin_LDADD = libphub.la $(JANSSON_LIBS)

sbin_PROGRAMS += tools/phubd
tools_phubd_SOURCES = tools/phubd.c $(output_sources)
tools_phubd_LDADD = libphub.la

bin_PROGRAMS += tools/phub
tools_phub_SOURCES = tools/phub.c $(output_sources) tools/cli/tool.h tools/cli/args.c \
	tools/cli/ask.c tools/cli/progress.c tools/cli/print.c tools/cli/spec.c \
	tools/cli/spec_encode.c tools/cli/verbs.c \
	tools/cli/spec_decode.c tools/cli/dump.c \
	tools/cli/cells.c tools/cli/views.c tools/cli/watch.c
tools_phub_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tools
tools_phub_LDADD = libphub.la $(JANSSON_LIBS)

bin_PROGRAMS += tools/phub-bench
tools_phub_bench_SOURCES = tools/phub-bench.c $(output_sources)
tools_phub_bench_LDADD = libphub.la $(JANSSON_LIBS)

dist_noinst_SCRIPTS += tools/demo
