# libphub/env/sim.mk: the simulated environment; in no installed library.
# SPDX-License-Identifier: MIT
noinst_LTLIBRARIES += libphub-sim.la
libphub_sim_la_SOURCES = \
	libphub/env/sim/child.c libphub/env/sim/child.h \
	libphub/env/sim/command.c \
	libphub/env/sim/disk.c libphub/env/sim/guard.h \
	libphub/env/sim/index.c \
	libphub/env/sim/names.c libphub/env/sim/net.c libphub/env/sim/node.c \
	libphub/env/sim/private.h libphub/env/sim/process.c \
	libphub/env/sim/queue.c \
	libphub/env/sim/random.c libphub/env/sim/runner.c \
	libphub/env/sim/share.c libphub/env/sim/share.h \
	libphub/env/sim/world.c libphub/env/sim/world.h
