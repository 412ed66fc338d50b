/* SPDX-License-Identifier: MIT */
/* sweep: many children are looked at, or ended, one after the other. */
#include "config.h"

#include <string.h>

#include "hub/local.h"
#include "hub/rows.h"

/* What changed may be any of them: one could not be noted. */
void phub__reconcile_all(struct phub__hub *hub)
{
    struct phub__query query = { .by = PHUB__BY_ALL };
    struct phub__row_view views[PHUB__LOCALS_AHEAD];
    struct phub_bytes ids[PHUB__LOCALS_AHEAD];
    char copies[PHUB__LOCALS_AHEAD][PHUB_CHILD_ID_MAX];
    uint64_t cursor = 0;
    uint32_t count, i;

    do {
        count = phub__registry_query(hub->registry, &query, &cursor, 1024,
                                     views, PHUB__LOCALS_AHEAD);
        for (i = 0; i < count; i++) {
            ids[i] = (struct phub_bytes){
                (const uint8_t *)copies[i], views[i].id.size };
            memcpy(copies[i], views[i].id.data, ids[i].size);
        }
        for (i = 0; i < count; i++)
            phub__reconcile(hub, ids[i]);
    } while (cursor != 0);
}

static void reconcile_those(struct phub__hub *hub,
                            int (*is)(const struct phub__local *local))
{
    struct phub__local *local, *next;
    char copy[PHUB_CHILD_ID_MAX];
    struct phub_bytes id;

    for (local = phub__locals_first(hub->locals); local != NULL;
         local = next) {
        next = local->next;
        if (!is(local))
            continue;
        id = phub__local_id(local);
        memcpy(copy, id.data, id.size);
        id.data = (const uint8_t *)copy;
        phub__reconcile(hub, id);
    }
}

static int is_adopted(const struct phub__local *local)
{
    return local->instance != NULL && phub__instance_adopted(local->instance);
}

/* What was adopted and may have to go: its home may be another node. */
void phub__reconcile_adopted(struct phub__hub *hub)
{
    reconcile_those(hub, is_adopted);
}

static int is_replica(const struct phub__local *local)
{
    return local->replica;
}

void phub__reconcile_replicas(struct phub__hub *hub)
{
    reconcile_those(hub, is_replica);
}

void phub__locals_end_all(struct phub__hub *hub, int hard, const char *why)
{
    struct phub__local *local, *next;

    for (local = phub__locals_first(hub->locals); local != NULL;
         local = next) {
        next = local->next;
        if (local->instance == NULL)
            continue;
        phub__hub_cause(hub, phub__local_id(local), "stop here: %s", why);
        phub__instance_stop(local->instance, hard, why);
    }
}
