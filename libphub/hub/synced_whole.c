/* SPDX-License-Identifier: MIT */
/* synced_whole: may there be a name that this registry does not know?
 *
 * Complete (synced.c) is not *whole*: those who ran through the last years may
 * all be away just now, and what is here have started since, without the rows
 * that are not durable.  A node is partial when it starts, and whole from when
 * it is complete in a view with one that is, or with all nodes that it has ever
 * known of.  Who is partial decides (settle.c bounds the wait), but does not
 * say of a child that there is none; after PATIENCE_MS it says so, and who may
 * know better. */
#include "config.h"

#include "hub/synced_private.h"

#define NS_PER_MS 1000000ull
#define PATIENCE_MS 30000u       /* with those who are away */

/* What those in the view say of theirs, each of which this one covers. */
static enum phub__partial vouched_for(struct phub__hub *hub)
{
    struct phub_view *view = phub__hub_view(hub);
    const struct phub__heard *heard;
    enum phub__partial said = PHUB__PARTIAL;
    uint32_t i;

    for (i = 0; i < phub__view_count(view); i++) {
        heard = phub__heard_now(hub, phub__view_at(view, i)->id);
        if (heard != NULL && heard->partial == PHUB__WHOLE)
            return PHUB__WHOLE;
        if (heard != NULL && heard->partial == PHUB__RESIGNED)
            said = PHUB__RESIGNED;
    }
    return said;
}

enum phub__partial phub__synced_partial(struct phub__hub *hub)
{
    struct phub__synced *synced = hub->synced;
    enum phub__partial said;

    if (synced->partial == PHUB__WHOLE || !synced->complete)
        return synced->partial;
    said = vouched_for(hub);
    if (phub__hub_majority(hub) || said == PHUB__WHOLE ||
        (phub__hub_settled_in(hub) && phub__hub_away(hub) == 0))
        synced->partial = PHUB__WHOLE;
    else if (said == PHUB__RESIGNED || hub->env->now_ns(hub->env) >=
                 hub->started_ns + PATIENCE_MS * NS_PER_MS)
        synced->partial = PHUB__RESIGNED;
    return synced->partial;
}
