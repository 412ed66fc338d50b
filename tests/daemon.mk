# tests/daemon.mk: real daemons on loopback, with real guards and children.
# SPDX-License-Identifier: MIT

daemon_fixture = tests/daemon_fixture.c tests/daemon_ask.c \
	tests/daemon_fixture.h
daemon_needs   = tools/phubd$(EXEEXT) tools/phub$(EXEEXT) \
	tools/phub-guard$(EXEEXT) tests/counter$(EXEEXT) \
	tests/exclusive$(EXEEXT)

# A child that must not run twice.
check_PROGRAMS += tests/exclusive
tests_exclusive_LDADD =

check_PROGRAMS += tests/check_lease
TESTS          += tests/check_lease
tests_check_lease_SOURCES = tests/check_lease.c $(daemon_fixture)
EXTRA_tests_check_lease_DEPENDENCIES = $(daemon_needs)

# A strategy that is not installed, for nodes that disagree.
check_LTLIBRARIES += tests/distribution-lowest.la
tests_distribution_lowest_la_SOURCES = plugins/template/distribution-lowest.c
tests_distribution_lowest_la_LDFLAGS = $(BAD_LINK_FLAGS)

check_PROGRAMS += tests/check_cluster
TESTS          += tests/check_cluster
tests_check_cluster_SOURCES = tests/check_cluster.c tests/daemon_click.c \
	tests/daemon_click.h $(daemon_fixture)
EXTRA_tests_check_cluster_DEPENDENCIES = $(daemon_needs) \
	tests/distribution-lowest.la

# A child that breaks the rules of phub-child(7).
check_PROGRAMS += tests/hostile
tests_hostile_LDADD =

check_PROGRAMS += tests/check_hostile
TESTS          += tests/check_hostile
tests_check_hostile_SOURCES = tests/check_hostile.c $(daemon_fixture)
EXTRA_tests_check_hostile_DEPENDENCIES = $(daemon_needs) \
	tests/hostile$(EXEEXT)

check_PROGRAMS += tests/check_garbage
TESTS          += tests/check_garbage
tests_check_garbage_SOURCES = tests/check_garbage.c $(daemon_fixture)
EXTRA_tests_check_garbage_DEPENDENCIES = $(daemon_needs)
