# tests/cluster.mk: tests of libphub/cluster.
# SPDX-License-Identifier: MIT
