# tests/strategy.mk: tests of libphub/strategy.
# SPDX-License-Identifier: MIT
