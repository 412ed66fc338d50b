# tests/registry.mk: tests of libphub/registry.
# SPDX-License-Identifier: MIT
check_PROGRAMS += tests/check_registry
TESTS          += tests/check_registry
tests_check_registry_SOURCES = tests/check_registry.c tests/registry_fixture.h
check_PROGRAMS += tests/check_brief
TESTS          += tests/check_brief
tests_check_brief_SOURCES = tests/check_brief.c tests/registry_fixture.h
check_PROGRAMS += tests/check_stable
TESTS          += tests/check_stable
tests_check_stable_SOURCES = tests/check_stable.c tests/registry_fixture.h
check_PROGRAMS += tests/check_row
TESTS          += tests/check_row
tests_check_row_SOURCES = tests/check_row.c tests/registry_fixture.h
check_PROGRAMS += tests/check_table
TESTS          += tests/check_table
tests_check_table_SOURCES = tests/check_table.c tests/registry_fixture.h
check_PROGRAMS += tests/check_stream
TESTS          += tests/check_stream
tests_check_stream_SOURCES = tests/check_stream.c tests/registry_fixture.h
check_PROGRAMS += tests/check_gossip
TESTS          += tests/check_gossip
tests_check_gossip_SOURCES = tests/check_gossip.c tests/registry_fixture.h
