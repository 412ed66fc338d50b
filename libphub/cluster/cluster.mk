# libphub/cluster/cluster.mk: member, swim, view, grant, discovery.
# SPDX-License-Identifier: MIT
