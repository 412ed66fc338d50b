/* SPDX-License-Identifier: MIT */
/* host: the host table of <phub/plugin.h> on this hub.
 *
 * Each strategy has a struct phub_ctx of its own.  Nothing here calls into a
 * strategy: what is to be told waits in a queue and is told from the loop, so
 * a strategy is never entered twice. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/host_private.h"
#include "hub/keeper.h"
#include "hub/local.h"
#include "hub/move.h"
#include "hub/redistribute.h"
#include "hub/replica.h"
#include "hub/rows.h"
#include "hub/synced.h"
#include "wire/memory.h"
#include "wire/messages.h"

/* --- telling ------------------------------------------------------------------- */

static struct phub_ctx *ctx_of(const struct phub__host *host, uint32_t who)
{
    uint32_t slot;

    for (slot = 0; slot < PHUB__SLOTS; slot++)
        if (host->slots[slot] != NULL && host->slots[slot]->who == who)
            return host->slots[slot];
    return NULL;
}

/* Who waits for an answer has no limit of time for it: there is one, also when
 * there is no memory. */
static void told_free(struct phub__host *host, struct phub__told *told)
{
    phub__buf_unref(&told->buf);
    if (host->spare_count == PHUB__TOLD_SPARE) {
        phub__free(told);
        return;
    }
    told->next = host->spare;
    host->spare = told;
    host->spare_count++;
}

int phub__host_spare(struct phub__host *host)
{
    while (host->spare_count < PHUB__TOLD_SPARE) {
        struct phub__told *told = phub__calloc(1, sizeof *told);

        if (told == NULL)
            return PHUB_ENOMEM;
        told_free(host, told);
    }
    return 0;
}

static struct phub__told *told_new(struct phub__host *host)
{
    struct phub__told *told = phub__calloc(1, sizeof *told);

    if (told != NULL || host->spare == NULL)
        return told;
    told = host->spare;
    host->spare = told->next;
    host->spare_count--;
    *told = (struct phub__told){ .next = NULL };
    return told;
}

static void flush(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__host *host = hub->host;
    struct phub__told *told = host->first, *next;

    host->first = NULL;
    host->last = &host->first;
    host->scheduled = 0;
    for (; told != NULL; told = next) {
        const struct phub_ctx *ctx = ctx_of(host, told->who);
        struct phub_result result = { .size = sizeof result,
                                      .value = told->value,
                                      .count = told->count,
                                      .buf = told->buf };

        next = told->next;
        result.text = (struct phub_bytes){ (const uint8_t *)told->text,
                                           strlen(told->text) };
        if (ctx != NULL)
            phub__call_completed(ctx->strategy, told->token, told->rc,
                                 &result);
        told_free(host, told);
    }
}

static void schedule(struct phub__hub *hub)
{
    struct phub__host *host = hub->host;

    if (host->first != NULL && !host->scheduled &&
        hub->env->defer(hub->env, flush, hub) == 0)
        host->scheduled = 1;
}

void phub__host_round(struct phub__hub *hub)
{
    schedule(hub);
}

void phub__host_complete(struct phub__hub *hub, uint32_t who,
                         uint64_t token, int rc, uint64_t value,
                         const char *text)
{
    phub__host_complete_buf(hub, who, token, rc, value, NULL, text);
}

void phub__host_complete_buf(struct phub__hub *hub, uint32_t who,
                             uint64_t token, int rc, uint64_t value,
                             struct phub_buf *buf, const char *text)
{
    if (phub__host_tell(hub, who, token, rc, value, buf, text) != 0)
        phub__hub_log(hub, PHUB__LOG_ERROR,
                      "out of memory: a strategy waits for an answer");
}

void phub__host_complete_counts(struct phub__hub *hub, uint32_t who,
                                uint64_t token, int rc,
                                const struct phub__told_counts *counts,
                                const char *text)
{
    struct phub__host *host = hub->host;
    struct phub__told **last = host->last;

    phub__host_complete(hub, who, token, rc, counts->value, text);
    if (*last != NULL)
        (*last)->count = counts->count;
}

int phub__host_tell(struct phub__hub *hub, uint32_t who,
                    uint64_t token, int rc, uint64_t value,
                    struct phub_buf *buf, const char *text)
{
    struct phub__host *host = hub->host;
    struct phub__told *told = told_new(host);

    if (told == NULL)
        return PHUB_ENOMEM;
    told->who = who;
    told->token = token;
    told->rc = rc;
    told->value = value;
    told->buf = phub__buf_ref(buf);
    snprintf(told->text, sizeof told->text, "%s", text);
    *host->last = told;
    host->last = &told->next;
    schedule(hub);
    return 0;
}

void phub__host_received(struct phub__hub *hub, uint64_t from,
                         struct phub_buf *body)
{
    struct phub__op_plugin message;
    struct phub_ctx *ctx = NULL;

    if (phub__hub_decode(hub, &phub__op_plugin_schema, body, &message) != 0)
        return;
    ctx = phub__host_find(hub, message.kind, message.name, NULL);
    if (ctx == NULL)
        hub->counters.frames_unknown++;
    for (; ctx != NULL;
         ctx = phub__host_find(hub, message.kind, message.name, ctx))
        phub__call_received(ctx->strategy, from, &message.data);
    phub__hub_decoded(hub);
    if (message.kind == PHUB_KIND_SYNC)
        phub__synced_rows_applied(hub);
}

struct phub_ctx *phub__host_find(struct phub__hub *hub, uint64_t kind,
                                 struct phub_bytes name,
                                 const struct phub_ctx *after)
{
    uint32_t slot;

    for (slot = after != NULL ? after->slot + 1 : 0; slot < PHUB__SLOTS;
         slot++) {
        struct phub_ctx *ctx = hub->host->slots[slot];

        if (hub->host->kinds[slot] == kind && ctx != NULL &&
            name.size == strlen(ctx->strategy->name) &&
            memcmp(name.data, ctx->strategy->name, name.size) == 0)
            return ctx;
    }
    return NULL;
}

/* --- time, chance, words ----------------------------------------------------------- */

static uint64_t host_now_ns(struct phub_ctx *ctx)
{
    return ctx->hub->env->now_ns(ctx->hub->env);
}

static uint64_t host_random(struct phub_ctx *ctx)
{
    return ctx->hub->env->random(ctx->hub->env);
}

void phub__host_timer_free(struct phub__host_timer *timer)
{
    struct phub__host_timer **p = &timer->ctx->timers;
    struct phub_env *env = timer->ctx->hub->env;

    while (*p != timer)
        p = &(*p)->next;
    *p = timer->next;
    timer->ctx->timers_count--;
    env->timer_free(env, &timer->timer);
    phub__free(timer);
}

static void host_timer_fired(void *arg)
{
    struct phub__host_timer *timer = arg;
    struct phub_ctx *ctx = timer->ctx;
    uint64_t token = timer->token;

    phub__host_timer_free(timer);
    phub__host_complete(ctx->hub, ctx->who, token, 0, 0, "");
}

static int host_timer(struct phub_ctx *ctx, uint64_t delay_ns, uint64_t token)
{
    struct phub_env *env = ctx->hub->env;
    struct phub__host_timer *timer;

    if (ctx->timers_count >= PHUB_PLUGIN_TIMERS_MAX)
        return PHUB_ELIMIT;
    timer = phub__calloc(1, sizeof *timer);
    if (timer == NULL)
        return PHUB_ENOMEM;
    timer->timer = env->timer_new(env, host_timer_fired, timer);
    if (timer->timer == NULL) {
        phub__free(timer);
        return PHUB_ENOMEM;
    }
    timer->ctx = ctx;
    timer->token = token;
    timer->next = ctx->timers;
    ctx->timers = timer;
    ctx->timers_count++;
    env->timer_start(env, timer->timer, env->now_ns(env) + delay_ns);
    return 0;
}

static int host_timer_cancel(struct phub_ctx *ctx, uint64_t token)
{
    struct phub__host_timer *timer = ctx->timers;

    while (timer != NULL && timer->token != token)
        timer = timer->next;
    if (timer == NULL)
        return PHUB_ENOTFOUND;
    phub__host_timer_free(timer);
    return 0;
}

/* A strategy that has nothing to say may give NULL. */
static const char *said(const char *text)
{
    return text != NULL ? text : "";
}

static int host_param_uint(struct phub_ctx *ctx, const char *name,
                           uint64_t *value)
{
    return phub__strategy_param_uint(ctx->strategy, said(name), value);
}

static int host_param_text(struct phub_ctx *ctx, const char *name,
                           struct phub_bytes *value)
{
    return phub__strategy_param_text(ctx->strategy, said(name), value);
}

static void host_log(struct phub_ctx *ctx, uint32_t level, const char *text)
{
    if (level < PHUB__LOG_ERROR || level > PHUB__LOG_DEBUG)
        level = PHUB__LOG_DEBUG;
    phub__hub_log(ctx->hub, (enum phub__log_level)level, "%s '%s': %s",
                  phub__kind_name(ctx->kind), ctx->strategy->name, said(text));
}

static int host_fail(struct phub_ctx *ctx, int code, const char *text)
{
    return phub__strategy_fail(ctx->strategy, code, said(text));
}

static void host_counter_add(struct phub_ctx *ctx, const char *name,
                             uint64_t n)
{
    phub__tally_add(&ctx->hub->tallies[ctx->kind], said(name), n);
}

static void host_cause_note(struct phub_ctx *ctx,
                            const struct phub_bytes *child, const char *text)
{
    phub__hub_cause(ctx->hub, *child, "%s", said(text));
}

static void host_scored(struct phub_ctx *ctx, uint32_t count,
                        const char *text)
{
    phub__hub_hook(ctx->hub, PHUB_HOOK_scoreboard_updated, ctx->hub->node,
                   PHUB_BYTES_NONE, 0, count, said(text));
}

/* --- view ------------------------------------------------------------------------------ */

static uint64_t host_self(struct phub_ctx *ctx)
{
    return ctx->hub->node;
}

static struct phub_view *host_view(struct phub_ctx *ctx)
{
    return phub__hub_view(ctx->hub);
}

static void host_view_ref(struct phub_view *view)
{
    (void)phub__view_ref(view);
}

static void host_view_unref(struct phub_view *view)
{
    phub__view_unref(&view);
}

static uint64_t host_view_hash(const struct phub_view *view)
{
    return phub__view_hash(view);
}

static uint32_t host_view_count(const struct phub_view *view)
{
    return phub__view_count(view);
}

static int host_view_node(const struct phub_view *view, uint32_t index,
                          struct phub_view_node *node)
{
    uint32_t size = node->size;
    struct phub_view_node full;

    if (index >= phub__view_count(view))
        return PHUB_ENOTFOUND;
    full = *phub__view_at(view, index);
    full.size = size < sizeof full ? size : (uint32_t)sizeof full;
    memcpy(node, &full, full.size);
    return 0;
}

static int host_view_has(const struct phub_view *view, uint64_t node)
{
    return phub__view_index(view, node) != PHUB__VIEW_NONE;
}

/* --- bytes ------------------------------------------------------------------------------- */

static struct phub_buf *host_buf_new(struct phub_ctx *ctx, const void *data,
                                     size_t size)
{
    (void)ctx;
    return phub__buf_copy(data, size);
}

static void host_buf_ref(struct phub_buf *buf)
{
    (void)phub__buf_ref(buf);
}

static void host_buf_unref(struct phub_buf *buf)
{
    phub__buf_unref(&buf);
}

static struct phub_bytes host_buf_bytes(const struct phub_buf *buf)
{
    return phub__buf_bytes(buf);
}

/* --- children ------------------------------------------------------------------------------ */

static int host_child_info(struct phub_ctx *ctx,
                           const struct phub_bytes *child,
                           struct phub_child_info *info)
{
    struct phub__hub *hub = ctx->hub;
    const struct phub__local *local = phub__local_find(hub, *child);
    struct phub_child_info full = { .size = sizeof full };
    uint32_t size = info->size < sizeof full ? info->size
                                             : (uint32_t)sizeof full;
    struct phub__row_facts row;
    struct phub__row_view view;
    struct phub_epoch epoch;
    uint32_t can;
    int64_t pid;

    phub__row_facts(hub, *child, &row);
    if (!row.live)
        return PHUB_ENOTFOUND;
    full.home = row.home;
    full.home_epoch = row.home_epoch;
    full.incarnation = row.incarnation;
    if (row.sticky)
        full.flags |= PHUB_CHILD_STICKY;
    if (local != NULL && local->instance != NULL) {
        can = phub__instance_can(local->instance);
        if (can & PHUB__CAN_FREEZE)
            full.flags |= PHUB_CHILD_CAN_FREEZE;
        if (can & PHUB__CAN_STATE)
            full.flags |= PHUB_CHILD_CAN_STATE;
        if (can & PHUB__CAN_CONSENT)
            full.flags |= PHUB_CHILD_CAN_CONSENT;
        full.local_state =
            phub__row_state_on(hub, *child, hub->node, &epoch, &pid);
    }
    if (local != NULL && local->move != NULL)
        full.flags |= PHUB_CHILD_MOVING;
    if (phub__registry_get(hub->registry, *child, &view) == 0)
        full.instances_count = view.instances_count;
    full.size = size;
    memcpy(info, &full, size);
    return 0;
}

static int host_child_instance(struct phub_ctx *ctx,
                               const struct phub_bytes *child, uint32_t index,
                               struct phub_instance *instance)
{
    struct phub_instance full = { .size = sizeof full };
    uint32_t size = instance->size < sizeof full ? instance->size
                                                 : (uint32_t)sizeof full;
    struct phub__row_view view;
    struct phub__half_view half;

    if (phub__registry_get(ctx->hub->registry, *child, &view) != 0 ||
        index >= view.instances_count)
        return PHUB_ENOTFOUND;
    phub__row_half_at(&view, index, &half);
    full.size = size;
    full.state = half.state;
    full.node = half.node;
    full.epoch = half.epoch;
    memcpy(instance, &full, size);
    return 0;
}

static int host_children_of(struct phub_ctx *ctx, uint64_t node,
                            uint64_t *cursor, struct phub_bytes *ids,
                            uint32_t ids_max, uint32_t *count)
{
    *count = phub__rows_of(ctx->hub, node, cursor, ids, ids_max);
    return *count != 0 ? 0 : PHUB_EEMPTY;
}

static int host_assign_for(struct phub_ctx *ctx,
                           const struct phub_bytes *child, uint32_t cause,
                           uint64_t *nodes, uint32_t nodes_max,
                           uint32_t *count)
{
    struct phub__hub *hub = ctx->hub;
    struct phub__row_facts row;
    struct phub_view *view = phub__hub_view(hub), *others = NULL;
    uint32_t members = phub__view_count(view);
    char text[256];
    int rc;

    if (ctx->kind == PHUB_KIND_DISTRIBUTION)
        return PHUB_EINVAL; /* it would ask itself */
    if (cause == PHUB_CAUSE_NODE_JOINED &&
        (!phub__redistribution_settled(hub) ||
         hub->verdict != PHUB_VERDICT_CONTINUE))
        return PHUB_EAGAIN;
    phub__row_facts(hub, *child, &row);
    if (cause == PHUB_CAUSE_DRAIN || cause == PHUB_CAUSE_RETRY) {
        others = phub__view_without(hub, view, hub->node);
        view = others;
        members = view != NULL ? phub__view_count(view) : 0;
    }
    if (members == 0) {
        phub__view_unref(&others);
        return PHUB_ENOPLACE;
    }
    rc = phub__keeper_places(hub, view, child, &row.home, NULL, 1,
                             nodes_max < members ? nodes_max : members,
                             (enum phub_cause)cause, nodes, count, text,
                             sizeof text);
    phub__view_unref(&others);
    return rc;
}

struct consent {
    struct phub__hub *hub;
    uint32_t who;
    uint64_t token;
    uint32_t id_size;
    char id[PHUB_CHILD_ID_MAX];
};

static void consented(void *arg, int rc, const char *text,
                      struct phub_buf *body)
{
    struct consent *consent = arg;
    struct phub__local *local = phub__local_find(
        consent->hub, (struct phub_bytes){ (const uint8_t *)consent->id,
                                           consent->id_size });

    (void)body;
    if (local != NULL)
        local->put_off = rc != 0;
    if (rc != 0)
        phub__hub_hook(consent->hub, PHUB_HOOK_migration_deferred,
                       consent->hub->node,
                       (struct phub_bytes){ (const uint8_t *)consent->id,
                                            consent->id_size }, rc, 1,
                       text != NULL ? text : "");
    phub__host_complete(consent->hub, consent->who, consent->token, rc, 0,
                        text);
    phub__free(consent);
}

static int host_child_consent(struct phub_ctx *ctx,
                              const struct phub_bytes *child,
                              uint32_t timeout_ms, uint64_t token)
{
    struct phub__local *local = phub__local_find(ctx->hub, *child);
    struct consent *consent;

    if (local == NULL || local->instance == NULL)
        return PHUB_ENOTFOUND;
    consent = phub__calloc(1, sizeof *consent);
    if (consent == NULL)
        return PHUB_ENOMEM;
    *consent = (struct consent){ .hub = ctx->hub, .who = ctx->who,
                                 .token = token,
                                 .id_size = (uint32_t)child->size };
    memcpy(consent->id, child->data, child->size);
    phub__instance_consent(local->instance, timeout_ms, consented, consent);
    return 0;
}

/* --- moves ------------------------------------------------------------------------------------ */

static int host_move_open(struct phub_ctx *ctx,
                          const struct phub_bytes *child, uint64_t target,
                          uint32_t cause, uint64_t *move)
{
    if (ctx->kind != PHUB_KIND_MIGRATION)
        return PHUB_EINVAL;
    return phub__move_open(ctx, child, target, cause, move);
}

static int host_move_prepare(struct phub_ctx *ctx, uint64_t move,
                             uint32_t flags, uint32_t timeout_ms,
                             uint64_t token)
{
    return phub__move_prepare(ctx->hub, move, flags, timeout_ms, token);
}

static int host_move_freeze(struct phub_ctx *ctx, uint64_t move,
                            uint32_t timeout_ms, uint64_t token)
{
    return phub__move_freeze(ctx->hub, move, timeout_ms, token);
}

static int host_move_take_state(struct phub_ctx *ctx, uint64_t move,
                                uint32_t timeout_ms, uint64_t token)
{
    return phub__move_take_state(ctx->hub, move, timeout_ms, token);
}

static int host_move_end(struct phub_ctx *ctx, uint64_t move, uint64_t token)
{
    return phub__move_end(ctx->hub, move, token);
}

static int host_move_send_state(struct phub_ctx *ctx, uint64_t move,
                                uint32_t timeout_ms, uint64_t token)
{
    return phub__move_send_state(ctx->hub, move, timeout_ms, token);
}

static int host_move_decide(struct phub_ctx *ctx, uint64_t move,
                            uint64_t token)
{
    return phub__move_decide(ctx->hub, move, token);
}

static int host_move_abort(struct phub_ctx *ctx, uint64_t move,
                           const char *why, uint64_t token)
{
    return phub__move_abort(ctx->hub, move, said(why), token);
}

static void host_move_finish(struct phub_ctx *ctx, uint64_t move)
{
    phub__move_finish(ctx->hub, move);
}

static void host_move_report(struct phub_ctx *ctx,
                             const struct phub_bytes *child, int rc,
                             const char *text)
{
    if (ctx->moving != 0)
        ctx->moving--;
    phub__redistribution_report(ctx->hub, ctx, *child, rc, said(text));
}

/* --- partition ----------------------------------------------------------- */

static void judge_again(void *arg)
{
    struct phub__hub *hub = arg;

    hub->host->judging = 0;
    phub__redistribution_judge_again(hub);
}

static void host_judge_again(struct phub_ctx *ctx)
{
    struct phub__hub *hub = ctx->hub;

    if (!hub->host->judging && ctx->kind == PHUB_KIND_PARTITION &&
        hub->env->defer(hub->env, judge_again, hub) == 0)
        hub->host->judging = 1;
}

const struct phub_host phub__host_table = {
    .size = sizeof phub__host_table,
    .abi_major = PHUB_PLUGIN_ABI_MAJOR,
    .abi_minor = PHUB_PLUGIN_ABI_MINOR,
    .now_ns = host_now_ns,
    .random = host_random,
    .timer = host_timer,
    .timer_cancel = host_timer_cancel,
    .param_uint = host_param_uint,
    .param_text = host_param_text,
    .log = host_log,
    .fail = host_fail,
    .counter_add = host_counter_add,
    .cause_note = host_cause_note,
    .self = host_self,
    .view = host_view,
    .view_ref = host_view_ref,
    .view_unref = host_view_unref,
    .view_hash = host_view_hash,
    .view_count = host_view_count,
    .view_node = host_view_node,
    .view_has = host_view_has,
    .buf_new = host_buf_new,
    .buf_ref = host_buf_ref,
    .buf_unref = host_buf_unref,
    .buf_bytes = host_buf_bytes,
    .peer_send = phub__host_peer_send,
    .child_info = host_child_info,
    .child_instance = host_child_instance,
    .children_of = host_children_of,
    .assign_for = host_assign_for,
    .child_consent = host_child_consent,
    .move_open = host_move_open,
    .move_prepare = host_move_prepare,
    .move_freeze = host_move_freeze,
    .move_take_state = host_move_take_state,
    .move_end = host_move_end,
    .move_send_state = host_move_send_state,
    .move_decide = host_move_decide,
    .move_abort = host_move_abort,
    .move_finish = host_move_finish,
    .move_report = host_move_report,
    .stream_head = phub__host_stream_head,
    .stream_delta = phub__host_stream_delta,
    .stream_summary = phub__host_stream_summary,
    .stream_missing = phub__host_stream_missing,
    .stream_apply = phub__host_stream_apply,
    .stream_equal = phub__host_stream_equal,
    .judge_again = host_judge_again,
    .defer = phub__host_defer,
    .work = phub__host_work,
    .lease = phub__host_lease,
    .store_put = phub__host_store_put,
    .store_get = phub__host_store_get,
    .store_drop = phub__host_store_drop,
    .store_sync = phub__host_store_sync,
    .cell_get = phub__host_cell_get,
    .cell_put = phub__host_cell_put,
    .cell_cas = phub__host_cell_cas,
    .cell_next = phub__host_cell_next,
    .cell_watch = phub__host_cell_watch,
    .view_label = phub__host_view_label,
    .peer_multicast = phub__host_peer_multicast,
    .peer_congested = phub__host_peer_congested,
    .child_role = phub__host_child_role,
    .child_stop = phub__host_child_stop,
    .child_presend = phub__host_child_presend,
    .load_publish = phub__host_load_publish,
    .load_of = phub__host_load_of,
    .load_watch = phub__host_load_watch,
    .rows_next = phub__host_rows_next,
    .row_get = phub__host_row_get,
    .row_metadata = phub__host_row_metadata,
    .instances_next = phub__host_instances_next,
    .plan_submit = phub__host_plan_submit,
    .plan_cancel = phub__host_plan_cancel,
    .hook_add = phub__host_hook_add,
    .hook_cancel = phub__host_hook_cancel,
    .request_new = phub__host_request_new,
    .request_item = phub__host_request_item,
    .request_option = phub__host_request_option,
    .request_send = phub__host_request_send,
    .request_await = phub__host_request_await,
    .request_answer = phub__host_request_answer,
    .request_cancel = phub__host_request_cancel,
    .respond = phub__host_respond,
    .ask_forward = phub__host_ask_forward,
    .ask_option = phub__host_ask_option,
    .alter_add = phub__host_alter_add,
    .alter_id = phub_alter_id,
    .alter_origin = phub_alter_origin,
    .alter_metadata = phub_alter_metadata,
    .alter_set_metadata = phub_alter_set_metadata,
    .alter_has_tag = phub_alter_has_tag,
    .alter_add_tag = phub_alter_add_tag,
    .alter_set_env = phub_alter_set_env,
    .alter_refuse = phub_alter_refuse,
    .homes_count = phub__host_homes_count,
    .child_state = phub__host_child_state,
    .handover_put = phub__host_handover_put,
    .handover_get = phub__host_handover_get,
    .handover_drop = phub__host_handover_drop,
    .scored = host_scored,
    .stream_brief = phub__host_stream_brief,
};
