/* SPDX-License-Identifier: MIT */
/* stop: a hub that is stopped drains its node, ends what is left, and says
 * goodbye once the others have what it wrote.
 *
 * Whoever is told goodbye drops what still comes from that node.  So it waits,
 * not for long, until its sync strategy has had time to pass on what it wrote
 * last, and whoever it was passed on to has acknowledged it.  Members that knew
 * less than others would ask each other, in a large hub nearly each of them:
 * what two of sixty that leave six hundred had not told cost more than all
 * else in the sixty restarts.
 *
 * What was asked to end may not: a process that the kernel cannot end, a guard
 * that stands still.  Then it goes without a goodbye: the others wait until the
 * lease of what is left has passed, with which its guard ends it. */
#include "config.h"

#include "hub/drain.h"
#include "hub/handover.h"
#include "hub/hook_command.h"
#include "hub/hub.h"
#include "hub/local.h"
#include "hub/rows.h"

#define STOP_POLL_MS 20u
#define MOVES_LAST_MS 5000u   /* for decided moves, when all has ended here */
#define STUCK_MS 10000u       /* after the last SIGKILL */
#define GOODBYE_MS 150u       /* for the last frames to leave */
#define NS_PER_MS 1000000ull

static void stopped(void *arg)
{
    struct phub__hub *hub = arg;

    hub->on_stopped(hub->on_stopped_arg);
}

/* By what time all that runs here must have ended. */
static void ends_by(struct phub__hub *hub)
{
    const struct phub__local *local;
    uint64_t longest_ms = 0, ms;

    for (local = phub__locals_first(hub->locals); local != NULL;
         local = local->next) {
        if (local->instance == NULL)
            continue;
        ms = phub__instance_spec(local->instance)->stop_timeout_ms;
        longest_ms = ms > longest_ms ? ms : longest_ms;
    }
    hub->stop_end_ns = hub->env->now_ns(hub->env) +
                       (longest_ms + STUCK_MS) * NS_PER_MS;
}

static void give_up(struct phub__hub *hub, const struct phub__local *local)
{
    struct phub_bytes id = phub__local_id(local);
    uint32_t count = 0;

    for (; local != NULL; local = local->next)
        count += local->instance != NULL;
    phub__hub_log(hub, PHUB__LOG_ERROR,
                  "%u children do not end, the first of them '%.*s': "
                  "this node goes without a goodbye, and they begin elsewhere "
                  "when its lease has passed", count, (int)id.size,
                  (const char *)id.data);
    hub->stop_given_up = 1;
    stopped(hub);
}

static void stop_poll(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub_env *env = hub->env;
    struct phub__local *local;
    uint64_t now = env->now_ns(env);

    for (local = phub__locals_first(hub->locals); local != NULL;
         local = local->next)
        if (local->instance != NULL)
            break;
    if (local != NULL && now >= hub->stop_end_ns) {
        give_up(hub, local);
        return;
    }
    if (local != NULL)
        hub->stop_by_ns = 0;
    else if (hub->stop_by_ns == 0)
        hub->stop_by_ns = now + MOVES_LAST_MS * NS_PER_MS;
    if (local == NULL && ((!phub__presend_rest(hub) &&
                           !phub__hook_commands_busy(hub) &&
                           phub__rows_hand_on(hub)) ||
                          now >= hub->stop_by_ns)) {
        phub__cluster_leave(hub->cluster, env->boot_ns(env));
        hub->env->timer_free(env, &hub->stop_timer);
        hub->stop_timer = env->timer_new(env, stopped, hub);
        if (hub->stop_timer == NULL)
            stopped(hub);
        else
            env->timer_start(env, hub->stop_timer,
                             now + GOODBYE_MS * NS_PER_MS);
        return;
    }
    env->timer_start(env, hub->stop_timer, now + STOP_POLL_MS * NS_PER_MS);
}

static void stop_presented(struct phub__hub *hub)
{
    hub->stopping = 1;
    ends_by(hub);
    phub__locals_end_all(hub, 0, "its node stops");
    stop_poll(hub);
}

static void stop_drained(void *arg, int rc, uint32_t moved, uint32_t left)
{
    struct phub__hub *hub = arg;

    if (rc != 0 || left != 0)
        phub__hub_log(hub, PHUB__LOG_NOTICE,
                      "leaving: %u children moved, %u end here", moved, left);
    phub__presend_start(hub, left != 0 ? hub->presend_ms : 0, stop_presented);
}

void phub__hub_stop(struct phub__hub *hub, uint64_t deadline_ms,
                    void (*on_stopped)(void *arg), void *arg)
{
    int rc;

    if (hub->on_stopped != NULL)
        return;
    hub->on_stopped = on_stopped;
    hub->on_stopped_arg = arg;
    phub__hub_hook(hub, PHUB_HOOK_shutdown, hub->node, PHUB_BYTES_NONE, 0, 0,
                   "");
    hub->stop_timer = hub->env->timer_new(hub->env, stop_poll, hub);
    if (hub->stop_timer == NULL) {
        on_stopped(arg);
        return;
    }
    hub->presend_ms = phub__presend_share(deadline_ms);
    if (deadline_ms == 0 || !hub->started) {
        stop_drained(hub, 0, 0, 0);
        return;
    }
    rc = phub__drain_start(hub, deadline_ms - hub->presend_ms, stop_drained,
                           hub);
    if (rc != 0) /* states can still be sent ahead */
        stop_drained(hub, rc, 0, phub__locals_count(hub->locals));
}
