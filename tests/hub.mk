# tests/hub.mk: tests of libphub/hub and of the supervisor below it.
# SPDX-License-Identifier: MIT

check_PROGRAMS += tests/check_conf
TESTS          += tests/check_conf

check_PROGRAMS += tests/check_stranger
TESTS          += tests/check_stranger

check_PROGRAMS += tests/check_hook tests/check_cause tests/check_spec
TESTS          += tests/check_hook tests/check_cause tests/check_spec

# The supervisor, on a clock and a runner of the test's.
check_PROGRAMS += tests/check_supervisor tests/check_instance
TESTS          += tests/check_supervisor tests/check_instance
tests_check_supervisor_SOURCES = tests/check_supervisor.c \
	tests/supervisor_fixture.c tests/supervisor_fixture.h
tests_check_instance_SOURCES = tests/check_instance.c \
	tests/supervisor_fixture.c tests/supervisor_fixture.h
check_PROGRAMS += tests/check_adopted
TESTS          += tests/check_adopted
tests_check_adopted_SOURCES = tests/check_adopted.c \
	tests/supervisor_fixture.c tests/supervisor_fixture.h
check_PROGRAMS += tests/check_freeze
TESTS          += tests/check_freeze
tests_check_freeze_SOURCES = tests/check_freeze.c \
	tests/supervisor_fixture.c tests/supervisor_fixture.h

# Whole hubs with the real strategies, in a simulated world.
hub_fixture = tests/hub_fixture.c tests/hub_fixture.h
hub_ldadd   = libphub-sim.la $(LDADD)

check_PROGRAMS += tests/check_move
TESTS          += tests/check_move
tests_check_move_SOURCES = tests/check_move.c $(hub_fixture)
tests_check_move_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_replica
TESTS          += tests/check_replica
tests_check_replica_SOURCES = tests/check_replica.c $(hub_fixture)
tests_check_replica_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_forget
TESTS          += tests/check_forget
tests_check_forget_SOURCES = tests/check_forget.c tests/serve_fixture.h \
	$(hub_fixture)
tests_check_forget_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_keeper
TESTS          += tests/check_keeper
tests_check_keeper_SOURCES = tests/check_keeper.c $(hub_fixture)
tests_check_keeper_LDADD   = $(hub_ldadd)

# tests/sim.mk makes the strategy that knows no place.
check_PROGRAMS += tests/check_seats
TESTS          += tests/check_seats
tests_check_seats_SOURCES = tests/check_seats.c $(hub_fixture)
tests_check_seats_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_consent
TESTS          += tests/check_consent
tests_check_consent_SOURCES = tests/check_consent.c $(hub_fixture)
tests_check_consent_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_request
TESTS          += tests/check_request
tests_check_request_SOURCES = tests/check_request.c $(hub_fixture)
tests_check_request_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_serve tests/check_report
TESTS          += tests/check_serve tests/check_report
noinst_HEADERS += tests/serve_fixture.h
tests_check_serve_SOURCES = tests/check_serve.c $(hub_fixture)
tests_check_serve_LDADD   = $(hub_ldadd)
tests_check_report_SOURCES = tests/check_report.c $(hub_fixture)
tests_check_report_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_gather
TESTS          += tests/check_gather
tests_check_gather_SOURCES = tests/check_gather.c $(hub_fixture)
tests_check_gather_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_return
TESTS          += tests/check_return
tests_check_return_SOURCES = tests/check_return.c $(hub_fixture)
tests_check_return_LDADD   = $(hub_ldadd)
check_PROGRAMS += tests/check_restart
TESTS          += tests/check_restart
tests_check_restart_SOURCES = tests/check_restart.c $(hub_fixture)
tests_check_restart_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_message
TESTS          += tests/check_message
tests_check_message_SOURCES = tests/check_message.c $(hub_fixture)
tests_check_message_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_order
TESTS          += tests/check_order
tests_check_order_SOURCES = tests/check_order.c $(hub_fixture)
tests_check_order_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_addresses
TESTS          += tests/check_addresses
tests_check_addresses_SOURCES = tests/check_addresses.c $(hub_fixture)
tests_check_addresses_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_store tests/check_drain
TESTS          += tests/check_store tests/check_drain
tests_check_store_SOURCES = tests/check_store.c $(hub_fixture)
tests_check_store_LDADD   = $(hub_ldadd)
tests_check_drain_SOURCES = tests/check_drain.c $(hub_fixture)
tests_check_drain_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_balance
TESTS          += tests/check_balance
tests_check_balance_SOURCES = tests/check_balance.c $(hub_fixture)
tests_check_balance_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_leave
TESTS          += tests/check_leave
tests_check_leave_SOURCES = tests/check_leave.c $(hub_fixture)
tests_check_leave_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_move_faults
TESTS          += tests/check_move_faults
tests_check_move_faults_SOURCES = tests/check_move_faults.c $(hub_fixture)
tests_check_move_faults_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_peer
TESTS          += tests/check_peer
tests_check_peer_SOURCES = tests/check_peer.c $(hub_fixture)
tests_check_peer_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_rows
TESTS          += tests/check_rows
tests_check_rows_SOURCES = tests/check_rows.c $(hub_fixture)
tests_check_rows_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_redistribute
TESTS          += tests/check_redistribute
tests_check_redistribute_SOURCES = tests/check_redistribute.c $(hub_fixture)
tests_check_redistribute_LDADD   = $(hub_ldadd)

check_LTLIBRARIES += tests/distribution-first.la
tests_distribution_first_la_SOURCES = tests/distribution-first.c
tests_distribution_first_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version \
	-rpath /nonexistent -export-symbols-regex '^phub_plugin_abi'
check_PROGRAMS += tests/check_hub
TESTS          += tests/check_hub
tests_check_hub_LDADD = $(hub_ldadd)
EXTRA_tests_check_hub_DEPENDENCIES = tests/distribution-first.la

check_PROGRAMS += tests/check_hooks
TESTS          += tests/check_hooks
tests_check_hooks_SOURCES = tests/check_hooks.c $(hub_fixture)
tests_check_hooks_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_hook_command
TESTS          += tests/check_hook_command
tests_check_hook_command_SOURCES = tests/check_hook_command.c $(hub_fixture)
tests_check_hook_command_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_watch
TESTS          += tests/check_watch
tests_check_watch_SOURCES = tests/check_watch.c $(hub_fixture)
tests_check_watch_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_alter
TESTS          += tests/check_alter
tests_check_alter_SOURCES = tests/check_alter.c $(hub_fixture)
tests_check_alter_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_edit
TESTS          += tests/check_edit
tests_check_edit_SOURCES = tests/check_edit.c $(hub_fixture)
tests_check_edit_LDADD   = $(hub_ldadd)

# Promise 8, with strategies of its own that note what they are asked.
check_LTLIBRARIES += tests/distribution-noting.la
tests_distribution_noting_la_SOURCES = tests/distribution-noting.c
tests_distribution_noting_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version \
	-rpath /nonexistent -export-symbols-regex '^phub_plugin_abi'
check_LTLIBRARIES += tests/partition-watchful.la
tests_partition_watchful_la_SOURCES = tests/partition-watchful.c
tests_partition_watchful_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version \
	-rpath /nonexistent -export-symbols-regex '^phub_plugin_abi'
check_PROGRAMS += tests/check_switch
TESTS          += tests/check_switch
tests_check_switch_SOURCES = tests/check_switch.c $(hub_fixture)
tests_check_switch_LDADD   = $(hub_ldadd)

check_PROGRAMS += tests/check_quorum
TESTS          += tests/check_quorum
tests_check_quorum_SOURCES = tests/check_quorum.c $(hub_fixture)
tests_check_quorum_LDADD   = $(hub_ldadd)
EXTRA_tests_check_quorum_DEPENDENCIES = tests/partition-watchful.la \
	tests/distribution-noting.la

# The host table, called as if by a strategy.
check_LTLIBRARIES += tests/partition-hoarder.la
tests_partition_hoarder_la_SOURCES = tests/partition-hoarder.c
tests_partition_hoarder_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version \
	-rpath /nonexistent -export-symbols-regex '^phub_plugin_abi'
check_PROGRAMS += tests/check_alone tests/check_disk tests/check_memory
TESTS          += tests/check_alone tests/check_disk tests/check_memory
tests_check_alone_SOURCES  = tests/check_alone.c $(hub_fixture)
tests_check_alone_LDADD    = $(hub_ldadd)
tests_check_disk_SOURCES   = tests/check_disk.c $(hub_fixture)
tests_check_disk_LDADD     = $(hub_ldadd)
tests_check_memory_SOURCES = tests/check_memory.c $(hub_fixture)
tests_check_memory_LDADD   = $(hub_ldadd)

# The strategies, the member list and the loader, linked in with allocations
# that fail; all else is as everywhere.  The fixture is in an archive, so that
# it keeps malloc(3).
check_LTLIBRARIES += tests/libhubs.la
tests_libhubs_la_SOURCES = $(hub_fixture)
tests_libhubs_la_CPPFLAGS = $(AM_CPPFLAGS)
check_PROGRAMS += tests/check_shortage
TESTS          += tests/check_shortage
tests_check_shortage_SOURCES = tests/check_shortage.c \
	plugins/distribution-consistent_hash.c \
	plugins/distribution-load_balancer.c $(BALANCER_SOURCES) \
	plugins/migration-autonomous.c plugins/migration-coldswap.c \
	plugins/migration-hotswap.c $(SWAP_SOURCES) \
	plugins/partition-dynamic_quorum.c plugins/partition-keep_oldest.c \
	plugins/partition-majority_quorum.c \
	plugins/partition-static_quorum.c $(QUORUM_SOURCES) \
	plugins/sync-auto.c plugins/sync-gossip.c plugins/sync-pubsub.c \
	$(SYNC_SOURCES) \
	libphub/cluster/address.c libphub/cluster/change.c \
	libphub/cluster/cluster.c libphub/cluster/gossip.c \
	libphub/cluster/grant.c libphub/cluster/join.c \
	libphub/cluster/member.c libphub/cluster/message.c \
	libphub/cluster/swim.c libphub/cluster/view.c \
	libphub/strategy/caller.c libphub/strategy/file.c \
	libphub/strategy/loader.c libphub/strategy/param.c
tests_check_shortage_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/plugins \
	-DPHUB_PLUGIN_STATIC -Dphub__loader_new=loader_of_files \
	-Dmalloc=failing_malloc -Dcalloc=failing_calloc \
	-Drealloc=failing_realloc -Daligned_alloc=failing_aligned_alloc \
	-Dstrdup=failing_strdup
tests_check_shortage_LDADD = tests/libhubs.la $(hub_ldadd)
check_PROGRAMS += tests/check_confirm
TESTS          += tests/check_confirm
tests_check_confirm_SOURCES = tests/check_confirm.c $(hub_fixture)
tests_check_confirm_LDADD   = $(hub_ldadd)
check_PROGRAMS += tests/check_cells
TESTS          += tests/check_cells
tests_check_cells_SOURCES = tests/check_cells.c $(hub_fixture)
tests_check_cells_LDADD   = $(hub_ldadd)
EXTRA_tests_check_cells_DEPENDENCIES = tests/partition-hoarder.la

check_LTLIBRARIES += tests/distribution-mapped.la
tests_distribution_mapped_la_SOURCES = tests/distribution-mapped.c
tests_distribution_mapped_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version \
	-rpath /nonexistent -export-symbols-regex '^phub_plugin_abi'
check_PROGRAMS += tests/check_groups
TESTS          += tests/check_groups
tests_check_groups_SOURCES = tests/check_groups.c $(hub_fixture)
tests_check_groups_LDADD   = $(hub_ldadd)
check_PROGRAMS += tests/check_ask
TESTS          += tests/check_ask
tests_check_ask_SOURCES = tests/check_ask.c $(hub_fixture)
tests_check_ask_LDADD   = $(hub_ldadd)
EXTRA_tests_check_ask_DEPENDENCIES = tests/partition-hoarder.la
check_PROGRAMS += tests/check_state
TESTS          += tests/check_state
tests_check_state_SOURCES = tests/check_state.c $(hub_fixture)
tests_check_state_LDADD   = $(hub_ldadd)
EXTRA_tests_check_state_DEPENDENCIES = tests/partition-hoarder.la
check_PROGRAMS += tests/check_plan
TESTS          += tests/check_plan
tests_check_plan_SOURCES = tests/check_plan.c $(hub_fixture)
tests_check_plan_LDADD   = $(hub_ldadd)
EXTRA_tests_check_plan_DEPENDENCIES = tests/partition-hoarder.la \
	tests/distribution-mapped.la
EXTRA_tests_check_groups_DEPENDENCIES = tests/partition-hoarder.la \
	tests/distribution-mapped.la

check_PROGRAMS += tests/check_host
TESTS          += tests/check_host
tests_check_host_SOURCES = tests/check_host.c $(hub_fixture)
tests_check_host_LDADD   = $(hub_ldadd)
EXTRA_tests_check_host_DEPENDENCIES = tests/partition-hoarder.la

check_PROGRAMS += tests/check_handover
TESTS          += tests/check_handover
tests_check_handover_SOURCES = tests/check_handover.c $(hub_fixture)
tests_check_handover_LDADD   = $(hub_ldadd)

# A third swap: what somebody can build who has the installed headers.
check_LTLIBRARIES += tests/migration-together.la
tests_migration_together_la_SOURCES = tests/migration-together.c
tests_migration_together_la_LIBADD = libphubswap.la
tests_migration_together_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version \
	-rpath /nonexistent -export-symbols-regex '^phub_plugin_abi'
check_PROGRAMS += tests/check_together
TESTS          += tests/check_together
tests_check_together_SOURCES = tests/check_together.c $(hub_fixture)
tests_check_together_LDADD   = $(hub_ldadd)
EXTRA_tests_check_together_DEPENDENCIES = tests/migration-together.la
