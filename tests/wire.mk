# tests/wire.mk: tests of libphub/wire.
# SPDX-License-Identifier: MIT
