# tests/wire.mk: tests of libphub/wire.
# SPDX-License-Identifier: MIT
check_PROGRAMS += tests/check_codec
TESTS          += tests/check_codec
check_PROGRAMS += tests/check_messages
TESTS          += tests/check_messages
check_PROGRAMS += tests/check_session
TESTS          += tests/check_session
check_PROGRAMS += tests/check_buf tests/check_reader
TESTS          += tests/check_buf tests/check_reader
