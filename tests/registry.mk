# tests/registry.mk: tests of libphub/registry.
# SPDX-License-Identifier: MIT
check_PROGRAMS += tests/check_registry
TESTS          += tests/check_registry
tests_check_registry_SOURCES = tests/check_registry.c tests/registry_fixture.h
