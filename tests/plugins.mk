# tests/plugins.mk: the strategies' batteries, and the out-of-tree template.
# SPDX-License-Identifier: MIT

# A host in virtual time, for every test that runs a strategy.
check_LTLIBRARIES += tests/libmock.la
tests_libmock_la_SOURCES = tests/battery.c tests/battery.h \
	tests/mock_host.c tests/mock_host.h \
	tests/mock_load.c tests/mock_moves.c tests/mock_store.c tests/mock_streams.c
tests_libmock_la_LIBADD = libphub-core.la

check_PROGRAMS += tests/check_swap
TESTS          += tests/check_swap
tests_check_swap_LDADD = tests/libmock.la libphubswap.la $(LDADD)
tests_check_swap_SOURCES = tests/check_swap.c tests/swap_fixture.h

check_PROGRAMS += tests/check_third
TESTS          += tests/check_third
tests_check_third_SOURCES = tests/check_third.c tests/swap_fixture.h
tests_check_third_LDADD = tests/libmock.la libphubswap.la $(LDADD)
EXTRA_tests_check_third_DEPENDENCIES = tests/migration-together.la

check_PROGRAMS += tests/battery_distribution
TESTS          += tests/battery_distribution
tests_battery_distribution_LDADD = tests/libmock.la $(LDADD)

check_PROGRAMS += tests/check_bounded
TESTS          += tests/check_bounded
tests_check_bounded_LDADD = tests/libmock.la $(LDADD)

check_PROGRAMS += tests/check_board
TESTS          += tests/check_board
tests_check_board_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/plugins
tests_check_board_LDADD = libphubbalancer-core.la $(LDADD)

check_PROGRAMS += tests/check_balancer
TESTS          += tests/check_balancer
tests_check_balancer_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/plugins
tests_check_balancer_LDADD = tests/libmock.la libphubbalancer-core.la $(LDADD)

check_PROGRAMS += tests/check_guided
TESTS          += tests/check_guided
tests_check_guided_LDADD = tests/libmock.la $(LDADD)

check_PROGRAMS += tests/battery_migration
TESTS          += tests/battery_migration
tests_battery_migration_LDADD = tests/libmock.la $(LDADD)

check_PROGRAMS += tests/battery_partition
TESTS          += tests/battery_partition
tests_battery_partition_LDADD = tests/libmock.la $(LDADD)

check_PROGRAMS += tests/check_electors
TESTS          += tests/check_electors
tests_check_electors_LDADD = tests/libmock.la $(LDADD)

check_PROGRAMS += tests/battery_redundancy
TESTS          += tests/battery_redundancy
tests_battery_redundancy_LDADD = tests/libmock.la $(LDADD)

check_PROGRAMS += tests/battery_sync
TESTS          += tests/battery_sync
tests_battery_sync_LDADD = tests/libmock.la $(LDADD)

check_PROGRAMS += tests/check_rumours
TESTS          += tests/check_rumours
tests_check_rumours_LDADD = tests/libmock.la $(LDADD)
check_PROGRAMS += tests/check_spread
TESTS          += tests/check_spread
tests_check_spread_LDADD = tests/libmock.la $(LDADD)

dist_check_SCRIPTS += tests/check_plugin_tool.sh
TESTS              += tests/check_plugin_tool.sh
dist_check_SCRIPTS += tests/check_template.sh
TESTS              += tests/check_template.sh
dist_check_SCRIPTS += tests/check_strategy_pages.sh
TESTS              += tests/check_strategy_pages.sh

# The strategies, linked in, with allocations that fail.
check_PROGRAMS += tests/check_plugin_memory
TESTS          += tests/check_plugin_memory
tests_check_plugin_memory_SOURCES = tests/check_plugin_memory.c \
	plugins/distribution-consistent_hash.c \
	plugins/distribution-load_balancer.c $(BALANCER_SOURCES) \
	plugins/migration-coldswap.c plugins/migration-hotswap.c \
	plugins/sync-gossip.c plugins/sync-pubsub.c $(SWAP_SOURCES) \
	$(SYNC_SOURCES)
tests_check_plugin_memory_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/plugins \
	-DPHUB_PLUGIN_STATIC \
	-Dmalloc=failing_malloc -Dcalloc=failing_calloc \
	-Drealloc=failing_realloc
tests_check_plugin_memory_LDADD = tests/libmock.la $(LDADD)
