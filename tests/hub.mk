# tests/hub.mk: tests of libphub/hub.
# SPDX-License-Identifier: MIT

check_PROGRAMS += tests/check_conf
TESTS          += tests/check_conf
