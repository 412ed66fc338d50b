# libphub/env/env.mk: the environment interface, real/ and sim/.
# SPDX-License-Identifier: MIT
noinst_HEADERS += libphub/env/env.h
pkginclude_HEADERS += libphub/phub/client.h
libphub_core_la_SOURCES += \
	libphub/control/address.c \
	libphub/control/address.h \
	libphub/control/client.c \
	libphub/env/real/control.c \
	libphub/env/real/control.h \
	libphub/env/real/exec.c \
	libphub/env/real/exec.h \
	libphub/env/real/exec_child.c \
	libphub/env/real/exec_command.c \
	libphub/env/real/exec_left.c \
	libphub/env/real/exec_log.c \
	libphub/env/real/exec_path.c \
	libphub/env/real/exec_private.h \
	libphub/env/real/files.c \
	libphub/env/real/lines.c \
	libphub/env/real/lines.h \
	libphub/env/real/link.c \
	libphub/env/real/link_name.c \
	libphub/env/real/link_name.h \
	libphub/env/real/loop.c \
	libphub/env/real/names.c \
	libphub/env/real/net.c \
	libphub/env/real/net.h \
	libphub/env/real/poll.c \
	libphub/env/real/private.h \
	libphub/env/real/proc.c \
	libphub/env/real/real.c \
	libphub/env/real/real.h \
	libphub/env/real/reclaim.c \
	libphub/env/real/state_dir.c
include libphub/env/sim.mk
