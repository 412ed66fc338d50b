/* SPDX-License-Identifier: MIT */
/* judge_cluster: damage to a cluster's inside, for check_judge. */
#ifndef PHUB_TESTS_JUDGE_CLUSTER_H
#define PHUB_TESTS_JUDGE_CLUSTER_H

#include <stdint.h>

struct phub__cluster;

/* So many probes more are open, and nobody waits for them. */
void judge_cluster_probes(struct phub__cluster *cluster, uint32_t count);

#endif
