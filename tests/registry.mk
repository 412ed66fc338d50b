# tests/registry.mk: tests of libphub/registry.
# SPDX-License-Identifier: MIT
