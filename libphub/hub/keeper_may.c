/* SPDX-License-Identifier: MIT */
/* keeper_may: may a child be started, says the node that orders its starts. */
#include "config.h"

#include <stdio.h>

#include <phub/error.h>

#include "child/spec.h"
#include "hub/keeper.h"
#include "hub/local.h"
#include "hub/rows.h"
#include "hub/synced.h"

static int valid_id(struct phub_bytes id)
{
    size_t i;

    if (id.size == 0 || id.size > PHUB_CHILD_ID_MAX)
        return 0;
    for (i = 0; i < id.size; i++)
        if (id.data[i] < 0x20 || id.data[i] == 0x7f)
            return 0;
    return 1;
}

int phub__keeper_undecided(struct phub__hub *hub)
{
    return !phub__synced_complete(hub) || !phub__hub_settled_in(hub) ||
           hub->lease_boot_ns <= hub->env->boot_ns(hub->env);
}

int phub__keeper_may_start(struct phub__hub *hub,
                           const struct phub__op_item *item, char *text,
                           size_t max)
{
    struct phub__row_facts row;
    struct phub__spec spec;
    struct phub__arena arena;
    const struct phub__local *local;
    uint64_t nodes[8];
    char name[PHUB_NODE_NAME_MAX + 24];
    int rc;

    if (!valid_id(item->id)) {
        snprintf(text, max, "id of %zu bytes: 1 to %u without control "
                 "characters are allowed", item->id.size, PHUB_CHILD_ID_MAX);
        return PHUB_EINVAL;
    }
    if (hub->verdict == 0) {
        snprintf(text, max, "keeper '%s' has not seen its first view settle",
                 hub->name);
        return PHUB_EAGAIN;
    }
    if (hub->forgotten) {
        snprintf(text, max, "node '%s' was forgotten; empty its state "
                 "directory, it then joins as new", hub->name);
        return PHUB_EFORGOTTEN;
    }
    if (hub->verdict != PHUB_VERDICT_CONTINUE) {
        snprintf(text, max, "the partition strategy '%s' forbids it",
                 hub->strategies[PHUB_KIND_PARTITION]->name);
        return PHUB_EPARTITIONED;
    }
    if (hub->stopping) {
        snprintf(text, max, "keeper '%s' is leaving", hub->name);
        return PHUB_EAGAIN; /* the next view has another one */
    }
    if (phub__keeper_undecided(hub)) {
        phub__hub_unknowing(hub, text, max);
        return PHUB_EAGAIN;
    }
    if (!phub__hub_in_charge(hub) ||
        phub__synced_other_keeper(hub, item->id)) {
        snprintf(text, max, "keeper '%s' may not decide before a lease has "
                 "run out", hub->name);
        return PHUB_EAGAIN;
    }
    phub__arena_init(&arena, NULL, 0, PHUB__SPEC_ARENA_MAX);
    rc = phub__spec_decode(item->spec, &spec, &arena, text, max);
    phub__arena_fini(&arena);
    if (rc != 0)
        return rc;
    phub__row_facts(hub, item->id, &row);
    if (row.live) {
        phub__hub_node_name(hub, row.home, name, sizeof name);
        snprintf(text, max, "already started; its home is %s", name);
        return PHUB_EEXIST;
    }
    local = phub__local_find(hub, item->id);
    if ((local != NULL && local->claims != 0) ||
        phub__row_holders(hub, item->id, nodes, 8) != 0 ||
        phub__row_may_linger(hub, item->id)) {
        snprintf(text, max, "an earlier instance of it is still ending");
        return PHUB_EAGAIN;
    }
    return 0;
}
