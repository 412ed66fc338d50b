# tests/plugins.mk: the strategies' batteries, and the out-of-tree template.
# SPDX-License-Identifier: MIT
