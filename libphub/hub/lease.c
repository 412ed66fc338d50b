/* SPDX-License-Identifier: MIT */
/* lease: whose grants this node's lease takes, as the partition strategy says
 * (grant.c counts them). */
#include "config.h"

#include <phub/error.h>

#include "hub/confirm.h"
#include "hub/hub.h"
#include "hub/synced.h"
#include "wire/memory.h"

static int voters(struct phub__hub *hub, struct phub__lease_mode *mode,
                  char *error, size_t error_max)
{
    struct phub__strategy *s = hub->strategies[PHUB_KIND_PARTITION];
    struct phub_view *view = phub__hub_view(hub);
    struct phub_elector *electors =
        phub__calloc(PHUB_ELECTORS_MAX, sizeof *electors);
    struct phub__voter *list =
        phub__calloc(PHUB_ELECTORS_MAX, sizeof *list);
    int rc = PHUB_ENOMEM;

    if (electors == NULL || list == NULL)
        goto out;
    rc = phub__call_electors(s, view, electors, &mode->voters_count,
                             &mode->version, error, error_max);
    for (uint32_t i = 0; rc == 0 && i < mode->voters_count; i++)
        list[i] = (struct phub__voter){
            electors[i].node,
            { electors[i].weight, electors[i].weight_next } };
    mode->voters = list;
    if (rc == 0 && mode->voters_count == 0)
        rc = phub__call_electorate(s, view, &mode->electorate, error,
                                   error_max);
    if (rc == 0)
        rc = phub__cluster_lease_mode(hub->cluster, mode,
                                      hub->env->boot_ns(hub->env));
out:
    phub__free(electors);
    phub__free(list);
    return rc;
}

int phub__hub_majority(const struct phub__hub *hub)
{
    return (hub->strategies[PHUB_KIND_PARTITION]->flags &
            PHUB_FLAG_MAJORITY) != 0;
}

/* Who must grant a lease; after an error, who did before. */
void phub__hub_lease_mode(struct phub__hub *hub)
{
    struct phub__lease_mode mode = { .majority = true };
    char text[256] = "";
    int rc;

    if (!phub__hub_majority(hub))
        return;
    rc = voters(hub, &mode, text, sizeof text);
    if (rc != 0)
        phub__hub_log(hub, PHUB__LOG_ERROR,
                      "who may grant a lease stays as it was: %s",
                      text[0] != '\0' ? text : phub_strerror(rc));
    phub__synced_rows_applied(hub); /* with other voters it may be complete */
    phub__confirm_voters_changed(hub);
}
