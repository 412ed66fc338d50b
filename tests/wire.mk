# tests/wire.mk: tests of libphub/wire.
# SPDX-License-Identifier: MIT
check_PROGRAMS += tests/check_codec
TESTS          += tests/check_codec
