# tests/tools.mk: the tools and real daemons.
# SPDX-License-Identifier: MIT
