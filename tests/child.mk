# tests/child.mk: cbor, the child protocol and the guard.
# SPDX-License-Identifier: MIT

check_PROGRAMS += tests/check_cbor tests/check_guard
TESTS          += tests/check_cbor tests/check_guard
noinst_HEADERS += tests/guard_fixture.h
EXTRA_tests_check_guard_DEPENDENCIES = tools/phub-guard$(EXEEXT)
