# man/man.mk: the man pages: dist_man_MANS += man/<name>.<section>
# SPDX-License-Identifier: MIT
dist_man_MANS += man/phub-child.7 man/phub-guard.8 man/phub_child.3
dist_man_MANS += man/phub-distribution-consistent_hash.7 \
	man/phub-distribution-guided.7 \
	man/phub-distribution-load_balancer.7 \
	man/phub-migration-autonomous.7 \
	man/phub-migration-coldswap.7 man/phub-migration-hotswap.7 \
	man/phub-redundancy-replication.7 \
	man/phub-partition-divergence.7 \
	man/phub-partition-dynamic_quorum.7 \
	man/phub-partition-keep_oldest.7 \
	man/phub-partition-majority_quorum.7 \
	man/phub-partition-static_quorum.7 man/phub-plugin.1 \
	man/phub-redundancy-singularity.7 man/phub-strategy.7 man/phub-host.7 \
	man/phub-sync-auto.7 man/phub-sync-gossip.7 \
	man/phub-sync-pubsub.7 man/phub_inspect.3 man/phub_swap.3
dist_man_MANS += man/phub.7 man/phub-protocol.7 man/phub-control.7 man/phub_cbor.3 \
	man/phub_client.3 man/phub_strerror.3 man/phub.1 \
	man/phub.conf.5 man/phub-scenario.5 man/phubd.8
dist_man_MANS += man/phub_hub.3 man/phub_start.3 man/phub_lookup.3 \
	man/phub_send.3 man/phub_behaviour_add.3 man/phub_hook_add.3 man/phub_list.3
dist_man_MANS += man/phub-bench.1 man/phub-sim.1
