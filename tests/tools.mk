# tests/tools.mk: the tools and real daemons.
# SPDX-License-Identifier: MIT

# Clients with a journal, for the demo and the test of real daemons.
noinst_PROGRAMS += tests/journal
tests_journal_SOURCES = tests/journal.c
tests_journal_LDADD = libphub.la
tests_journal_LDFLAGS = $(AM_LDFLAGS) -no-install

noinst_PROGRAMS += tests/notified
tests_notified_SOURCES = tests/notified.c
tests_notified_LDADD =

# Real daemons on loopback.
dist_check_SCRIPTS += tests/check_tools.sh tests/check_daemons.sh tests/check_switch.sh tests/check_watch.sh \
	tests/check_phub_page.sh
TESTS              += tests/check_tools.sh tests/check_daemons.sh tests/check_switch.sh tests/check_watch.sh \
	tests/check_phub_page.sh
EXTRA_DIST         += tests/tools_fixture.sh

# Real daemons in network namespaces that are cut apart.
check_PROGRAMS += tests/pulse
tests_pulse_LDADD =
dist_check_SCRIPTS += tests/check_partitions.sh
TESTS              += tests/check_partitions.sh
