/* SPDX-License-Identifier: MIT */
/* held: states that children could go on with, and that this node has: of a
 * move that was decided, of one that comes, of one that was given back. */
#include "config.h"

#include "hub/handover.h"
#include "hub/local.h"
#include "hub/move.h"
#include "hub/move_private.h"

/* The state that local could go on with, and for which home epoch. */
static int holds(const struct phub__local *local, struct phub__op_held *held)
{
    const struct phub__move *move = local->move;
    const struct phub__arrival *arrival = local->arrival;

    *held = (struct phub__op_held){ .id = phub__local_id(local) };
    if (move != NULL && move->phase == PHUB__MOVE_DECIDED && !move->over) {
        held->incarnation = move->incarnation;
        held->epoch = move->epoch;
        return 1;
    }
    if (arrival != NULL && phub__arrival_complete(arrival)) {
        held->incarnation = phub__arrival_incarnation(arrival);
        held->epoch = phub__arrival_base(arrival);
        return 1;
    }
    held->incarnation = local->kept_incarnation;
    held->epoch = local->given_back;
    return local->kept != NULL && local->given_back.number != 0;
}

uint32_t phub__moves_held(struct phub__hub *hub, struct phub__op_held *held,
                          uint32_t held_max)
{
    struct phub__local *local;
    struct phub__op_held one;
    uint32_t count = 0;

    for (local = phub__locals_first(hub->locals);
         local != NULL && count < held_max; local = local->next) {
        if (!holds(local, &one))
            continue;
        if (held != NULL)
            held[count] = one;
        count++;
    }
    count += phub__handover_held(hub, held != NULL ? held + count : NULL,
                                 held_max - count);
    return count;
}

int phub__moves_holds(struct phub__hub *hub, struct phub_bytes id,
                      struct phub_epoch incarnation, struct phub_epoch epoch)
{
    const struct phub__local *local = phub__local_find(hub, id);
    struct phub__op_held held;

    return local != NULL && holds(local, &held) &&
           phub_epoch_cmp(held.incarnation, incarnation) == 0 &&
           phub_epoch_cmp(held.epoch, epoch) == 0;
}
