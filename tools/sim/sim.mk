# tools/sim/sim.mk: clusters in the simulated world, with people and judges.
# SPDX-License-Identifier: MIT
noinst_LTLIBRARIES += libphub-simcase.la
libphub_simcase_la_SOURCES = \
	tools/sim/case.c tools/sim/case.h tools/sim/client.c \
	tools/sim/judge.c tools/sim/operator.c tools/sim/schedule.c
libphub_simcase_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tools
