# libphub/cluster/cluster.mk: member, swim, view, grant, discovery.
# SPDX-License-Identifier: MIT
libphub_core_la_SOURCES += \
	libphub/cluster/address.c \
	libphub/cluster/change.c \
	libphub/cluster/cluster.c libphub/cluster/cluster.h \
	libphub/cluster/gossip.c \
	libphub/cluster/grant.c libphub/cluster/grant.h \
	libphub/cluster/internal.h \
	libphub/cluster/join.c \
	libphub/cluster/member.c libphub/cluster/member.h \
	libphub/cluster/message.c libphub/cluster/message.h \
	libphub/cluster/swim.c \
	libphub/cluster/view.c libphub/cluster/view.h
