# libphub/cluster/cluster.mk: member, swim, view, grant, discovery.
# SPDX-License-Identifier: MIT
noinst_HEADERS += libphub/cluster/cluster.h libphub/cluster/view.h
