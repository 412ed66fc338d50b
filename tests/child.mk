# tests/child.mk: cbor, the child protocol and the guard.
# SPDX-License-Identifier: MIT

check_PROGRAMS += tests/check_cbor tests/check_guard
TESTS          += tests/check_cbor tests/check_guard
noinst_HEADERS += tests/guard_fixture.h
EXTRA_tests_check_guard_DEPENDENCIES = tools/phub-guard$(EXEEXT)
check_PROGRAMS += tests/check_room
TESTS          += tests/check_room
EXTRA_tests_check_room_DEPENDENCIES = tools/phub-guard$(EXEEXT)

check_PROGRAMS += tests/check_childmsg tests/check_child
TESTS          += tests/check_childmsg tests/check_child
noinst_HEADERS += tests/child_fixture.h
tests_check_child_SOURCES = tests/check_child.c libphub/child/childlib.c
EXTRA_tests_check_child_DEPENDENCIES = tools/phub-guard$(EXEEXT) \
	tests/counter$(EXEEXT)

# A child for tests and the demo.
noinst_PROGRAMS += tests/counter
tests_counter_SOURCES = tests/counter.c
tests_counter_LDADD = libphubchild.la
tests_counter_LDFLAGS = $(AM_LDFLAGS) -no-install
