# tests/strategy.mk: tests of libphub/strategy.
# SPDX-License-Identifier: MIT

check_PROGRAMS += tests/check_loader
TESTS          += tests/check_loader
EXTRA_tests_check_loader_DEPENDENCIES = $(check_LTLIBRARIES)
check_PROGRAMS += tests/check_caller
TESTS          += tests/check_caller
tests_check_caller_LDADD = tests/libmock.la $(LDADD)
