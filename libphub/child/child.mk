# libphub/child/child.mk: children as the daemon sees them.
# SPDX-License-Identifier: MIT

pkginclude_HEADERS += libphub/phub/cbor.h
noinst_HEADERS += libphub/child/runner.h libphub/child/spec.h
libphub_core_la_SOURCES += \
	libphub/child/guard_client.c libphub/child/guard_client.h \
	libphub/child/guard_find.c libphub/child/guard_find.h \
	libphub/child/guard_proto.c libphub/child/guard_proto.h \
	libphub/child/childmsg.c libphub/child/childmsg.h \
	libphub/child/channel.c libphub/child/channel.h
libphub_core_la_SOURCES += \
	libphub/child/adopted.c \
	libphub/child/spec.c libphub/child/supervisor.c \
	libphub/child/supervisor.h libphub/child/supervisor_private.h \
	libphub/child/instance.c libphub/child/instances.c

# Actors: children that are functions of this program.
libphub_core_la_SOURCES += \
	libphub/child/actor.c libphub/child/actor.h \
	libphub/child/actor_private.h libphub/child/actors.c
