/* SPDX-License-Identifier: MIT */
/* judge_cluster: damage to a cluster's inside, for check_judge.
 *
 * Apart, because that inside and the hub's have parts of the same name. */
#include "config.h"

#include "cluster/internal.h"
#include "judge_cluster.h"

void judge_cluster_probes(struct phub__cluster *cluster, uint32_t count)
{
    cluster->swim.probes_open += count;
}
