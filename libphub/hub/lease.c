/* SPDX-License-Identifier: MIT */
/* lease: whose grants this node's lease takes, as the partition strategy says
 * (grant.c counts them). */
#include "config.h"

#include <phub/error.h>

#include "hub/confirm.h"
#include "hub/strategies.h"
#include "hub/synced.h"
#include "wire/memory.h"

/* What one partition strategy says; mode->voters is owned. */
static int rule(struct phub__hub *hub, const struct phub_ctx *ctx,
                struct phub__lease_mode *mode, char *error, size_t error_max)
{
    struct phub__strategy *s = ctx->strategy;
    struct phub_view *view = phub__hub_view(hub);
    struct phub_elector *electors;
    struct phub__voter *list;
    int rc = PHUB_ENOMEM;

    mode->generation = ctx->generation;
    mode->majority = (s->flags & PHUB_FLAG_MAJORITY) != 0;
    if (!mode->majority)
        return 0;
    electors = phub__calloc(PHUB_ELECTORS_MAX, sizeof *electors);
    list = phub__calloc(PHUB_ELECTORS_MAX, sizeof *list);
    mode->voters = list;
    if (electors == NULL || list == NULL)
        goto out;
    rc = phub__call_electors(s, view, electors, &mode->voters_count,
                             &mode->version, error, error_max);
    for (uint32_t i = 0; rc == 0 && i < mode->voters_count; i++)
        list[i] = (struct phub__voter){
            electors[i].node,
            { electors[i].weight, electors[i].weight_next } };
    if (rc == 0 && mode->voters_count == 0)
        rc = phub__call_electorate(s, view, &mode->electorate, error,
                                   error_max);
out:
    phub__free(electors);
    return rc;
}

static int counts(const struct phub__strategy *strategy)
{
    return strategy->ctx != NULL &&
           (strategy->flags & PHUB_FLAG_MAJORITY) != 0;
}

int phub__hub_majority(const struct phub__hub *hub)
{
    const struct phub_ctx *joint = phub__strategies_joint(hub);

    return counts(hub->strategies[PHUB_KIND_PARTITION]) ||
           (joint != NULL && counts(joint->strategy));
}

static int rules(struct phub__hub *hub, char *error, size_t error_max)
{
    struct phub__lease_mode mode = { .majority = false };
    struct phub__lease_mode also = { .majority = false };
    const struct phub_ctx *joint = phub__strategies_joint(hub);
    int rc = rule(hub, hub->strategies[PHUB_KIND_PARTITION]->ctx, &mode,
                  error, error_max);

    if (rc == 0 && joint != NULL) {
        mode.also = &also;
        rc = rule(hub, joint, &also, error, error_max);
    }
    if (rc == 0)
        rc = phub__cluster_lease_mode(hub->cluster, &mode,
                                      hub->env->boot_ns(hub->env));
    if (rc == 0 && hub->started) /* it may ping earlier now */
        phub__hub_arm_cluster(hub);
    phub__free((void *)(uintptr_t)mode.voters);
    phub__free((void *)(uintptr_t)also.voters);
    return rc;
}

int phub__lease_could(struct phub__hub *hub, const struct phub_ctx *ctx)
{
    struct phub__lease_mode mode = { .majority = false };
    struct phub_view *view = phub__hub_view(hub);
    uint64_t in[2] = { 0, 0 }, all[2] = { 0, 0 };
    char text[256];
    uint32_t i;
    int set, good = rule(hub, ctx, &mode, text, sizeof text) == 0;

    for (i = 0; good && i < mode.voters_count; i++)
        for (set = 0; set < 2; set++) {
            all[set] += mode.voters[i].weight[set];
            if (phub__view_index(view, mode.voters[i].node) !=
                PHUB__VIEW_NONE)
                in[set] += mode.voters[i].weight[set];
        }
    if (mode.majority && mode.voters_count == 0) {
        all[0] = mode.electorate;
        in[0] = phub__view_count(view);
    }
    for (set = 0; good && mode.majority && set < 2; set++)
        good = all[set] == 0 ? set != 0 : 2 * in[set] > all[set];
    phub__free((void *)(uintptr_t)mode.voters);
    return good;
}

/* Who must grant a lease; after an error, who did before, and the strategies
 * are asked again with the next round, for nothing else may come of it. */
void phub__hub_lease_mode(struct phub__hub *hub)
{
    char text[256] = "";
    int rc, failed = hub->lease_failed;

    if (!phub__hub_majority(hub) && !hub->lease_majority) {
        hub->lease_failed = 0; /* who did is in charge no more */
        return;
    }
    rc = rules(hub, text, sizeof text);
    hub->lease_failed = rc != 0;
    hub->lease_stale |= hub->lease_failed;
    if (rc == 0 && !hub->lease_majority && hub->started)
        phub__synced_majority_begins(hub);
    if (rc == 0)
        hub->lease_majority = phub__hub_majority(hub);
    if (rc != 0 && !failed)
        phub__hub_log(hub, PHUB__LOG_ERROR,
                      "who may grant a lease stays as it was: %s",
                      text[0] != '\0' ? text : phub_strerror(rc));
    phub__synced_rows_applied(hub); /* with other voters it may be complete */
    phub__confirm_voters_changed(hub);
}
