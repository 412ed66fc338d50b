# plugins/plugins.mk: one plugins/<kind>-<name>.la per strategy, and libphubswap.
# SPDX-License-Identifier: MIT

# Strategies that need nothing but the header.
plugin_LTLIBRARIES += \
	plugins/distribution-consistent_hash.la \
	plugins/distribution-guided.la \
	plugins/partition-divergence.la \
	plugins/redundancy-replication.la \
	plugins/partition-dynamic_quorum.la \
	plugins/partition-static_quorum.la \
	plugins/redundancy-singularity.la
plugins_distribution_consistent_hash_la_SOURCES = \
	plugins/distribution-consistent_hash.c
plugins_distribution_consistent_hash_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
plugins_distribution_guided_la_SOURCES = plugins/distribution-guided.c
plugins_distribution_guided_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
plugins_partition_divergence_la_SOURCES = plugins/partition-divergence.c
plugins_partition_divergence_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
plugins_redundancy_replication_la_SOURCES = plugins/redundancy-replication.c
plugins_redundancy_replication_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
plugins_partition_dynamic_quorum_la_SOURCES = \
	plugins/partition-dynamic_quorum.c
plugins_partition_dynamic_quorum_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
plugins_partition_static_quorum_la_SOURCES = \
	plugins/partition-static_quorum.c
plugins_partition_static_quorum_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
plugins_redundancy_singularity_la_SOURCES = plugins/redundancy-singularity.c
plugins_redundancy_singularity_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)

# Synchronisation: comparing is common to all, rumours to two.
SYNC_SOURCES = plugins/sync/queue.c \
	plugins/sync/repair.c plugins/sync/repair.h \
	plugins/sync/rumours.c plugins/sync/rumours.h
noinst_LTLIBRARIES += libphubsync-core.la
libphubsync_core_la_SOURCES = $(SYNC_SOURCES)
libphubsync_core_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/plugins
plugin_LTLIBRARIES += \
	plugins/sync-auto.la \
	plugins/sync-gossip.la \
	plugins/sync-pubsub.la
plugins_sync_auto_la_SOURCES = plugins/sync-auto.c
plugins_sync_auto_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/plugins
plugins_sync_auto_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
plugins_sync_auto_la_LIBADD = libphubsync-core.la
plugins_sync_gossip_la_SOURCES = plugins/sync-gossip.c
plugins_sync_gossip_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/plugins
plugins_sync_gossip_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
plugins_sync_gossip_la_LIBADD = libphubsync-core.la
plugins_sync_pubsub_la_SOURCES = plugins/sync-pubsub.c
plugins_sync_pubsub_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/plugins
plugins_sync_pubsub_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
plugins_sync_pubsub_la_LIBADD = libphubsync-core.la

# Partition strategies that count electors.
QUORUM_SOURCES = plugins/quorum/electors.c plugins/quorum/electors.h \
	plugins/quorum/electors_life.c plugins/quorum/electors_private.h \
	plugins/quorum/electors_wire.c \
	plugins/quorum/strategy.c plugins/quorum/strategy.h
noinst_LTLIBRARIES += libphubquorum-core.la
libphubquorum_core_la_SOURCES = $(QUORUM_SOURCES)
libphubquorum_core_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/plugins
plugin_LTLIBRARIES += \
	plugins/partition-keep_oldest.la \
	plugins/partition-majority_quorum.la
plugins_partition_keep_oldest_la_SOURCES = plugins/partition-keep_oldest.c
plugins_partition_keep_oldest_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-I$(srcdir)/plugins
plugins_partition_keep_oldest_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
plugins_partition_keep_oldest_la_LIBADD = libphubquorum-core.la
plugins_partition_majority_quorum_la_SOURCES = \
	plugins/partition-majority_quorum.c
plugins_partition_majority_quorum_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-I$(srcdir)/plugins
plugins_partition_majority_quorum_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
plugins_partition_majority_quorum_la_LIBADD = libphubquorum-core.la

# The distribution that measures.
BALANCER_SOURCES = plugins/balancer/balancer.h plugins/balancer/board.c \
	plugins/balancer/even.c plugins/balancer/leader.c \
	plugins/balancer/score.c plugins/balancer/seats.c
noinst_LTLIBRARIES += libphubbalancer-core.la
libphubbalancer_core_la_SOURCES = $(BALANCER_SOURCES)
libphubbalancer_core_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/plugins
plugin_LTLIBRARIES += plugins/distribution-load_balancer.la
plugins_distribution_load_balancer_la_SOURCES = \
	plugins/distribution-load_balancer.c
plugins_distribution_load_balancer_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-I$(srcdir)/plugins
plugins_distribution_load_balancer_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
plugins_distribution_load_balancer_la_LIBADD = libphubbalancer-core.la

# libphubswap: the shared library for migration strategies, and the same code
# as an archive for those who would rather link it in. A plugin on it has
#   plugins_migration_x_la_LIBADD = libphubswap.la
# -version-info: rules in Makefile.am.
SWAP_SOURCES = plugins/swap/engine.h plugins/swap/life.c plugins/swap/move.c \
	plugins/swap/plan.c plugins/swap/steps.c plugins/swap/swap.c \
	plugins/swap/timer.c
lib_LTLIBRARIES += libphubswap.la
noinst_LTLIBRARIES += libphubswap-core.la
libphubswap_core_la_SOURCES = $(SWAP_SOURCES)
libphubswap_la_SOURCES =
libphubswap_la_LIBADD = libphubswap-core.la
libphubswap_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 $(PHUB_ZDEFS) \
	-Wl,--version-script=$(srcdir)/plugins/swap/libphubswap.map
lib_LIBRARIES += libphubswap_pic.a
libphubswap_pic_a_SOURCES = $(SWAP_SOURCES)
libphubswap_pic_a_CFLAGS = $(AM_CFLAGS) -fPIC
EXTRA_DIST += plugins/swap/libphubswap.map
pkginclude_HEADERS += libphub/phub/swap.h

# Our own have it inside: each stays one file that needs none of ours.
plugin_LTLIBRARIES += \
	plugins/migration-autonomous.la \
	plugins/migration-coldswap.la \
	plugins/migration-hotswap.la
plugins_migration_autonomous_la_SOURCES = plugins/migration-autonomous.c
plugins_migration_autonomous_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
plugins_migration_autonomous_la_LIBADD = libphubswap-core.la
plugins_migration_coldswap_la_SOURCES = plugins/migration-coldswap.c
plugins_migration_coldswap_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
plugins_migration_coldswap_la_LIBADD = libphubswap-core.la
plugins_migration_hotswap_la_SOURCES = plugins/migration-hotswap.c
plugins_migration_hotswap_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
plugins_migration_hotswap_la_LIBADD = libphubswap-core.la

EXTRA_DIST += plugins/template/README.md plugins/template/Makefile.am \
	plugins/template/configure.ac plugins/template/distribution-lowest.c
