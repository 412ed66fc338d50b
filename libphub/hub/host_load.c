/* SPDX-License-Identifier: MIT */
/* host_load: what nodes use, for strategies that weigh it.
 *
 * Nobody measures unless a strategy asks.  Then a timer has a worker read the
 * counts of the machine and of the hub's programs (env->load); the difference
 * to the measurement before is what was used since.  It goes to the nodes that
 * the strategy names, on the control lane, but not behind a full window: a
 * newer one follows soon.  What comes from others is kept while they are
 * members of the same boot. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/by_node.h"
#include "hub/host_private.h"
#include "hub/local.h"
#include "hub/move.h"
#include "wire/memory.h"
#include "wire/messages.h"

#define NS_PER_MS 1000000ull
#define PROGRAMS_MAX 16384u   /* of a node that are looked at */

struct known {
    uint64_t node;
    uint64_t at_ns;
    struct phub_load load;
};

struct want {
    uint32_t interval_ms;     /* 0: does not */
    uint32_t count;
    uint64_t due_ns;
    uint64_t *nodes;
    int watched;
    uint64_t token;
};

/* One reading on its way; the hub may end before. */
struct measure {
    struct phub__hub *hub;
    struct phub_env *env;
    struct phub__load load;
    int rc;
    uint32_t programs;
    int64_t pids[];
};

struct phub__loads {
    struct phub__hub *hub;
    struct want wants[PHUB__SLOTS];
    struct known *known;      /* by node, ascending */
    uint32_t known_count, known_room;
    struct measure *measure;
    struct phub__timer *timer;
    struct phub__load before;
    uint64_t before_ns;       /* 0: there is none */
    uint64_t serial;
    int failed;               /* and that has been said */
};

static void fire(void *arg);

int phub__host_loads_new(struct phub__hub *hub)
{
    struct phub__loads *loads = phub__calloc(1, sizeof *loads);

    if (loads == NULL)
        return PHUB_ENOMEM;
    loads->hub = hub;
    hub->host->loads = loads;
    loads->timer = hub->env->timer_new(hub->env, fire, loads);
    return loads->timer != NULL ? 0 : PHUB_ENOMEM;
}

void phub__host_loads_free(struct phub__hub *hub)
{
    struct phub__loads *loads = hub->host->loads;
    uint32_t i;

    if (loads == NULL)
        return;
    if (loads->measure != NULL)
        loads->measure->hub = NULL;
    if (loads->timer != NULL)
        hub->env->timer_free(hub->env, &loads->timer);
    for (i = 0; i < PHUB__KINDS; i++)
        phub__free(loads->wants[i].nodes);
    phub__free(loads->known);
    phub__free(loads);
    hub->host->loads = NULL;
}

/* --- what is known ----------------------------------------------------------- */

/* Where node is, or belongs. */
static uint32_t find(const struct phub__loads *loads, uint64_t node)
{
    return phub__by_node(loads->known, loads->known_count,
                         sizeof loads->known[0], node);
}

static int has(const struct phub__loads *loads, uint32_t at, uint64_t node)
{
    return at < loads->known_count && loads->known[at].node == node;
}

static struct known *known_of(struct phub__loads *loads, uint64_t node)
{
    uint32_t at = find(loads, node), room;
    struct known *wide;

    if (has(loads, at, node))
        return &loads->known[at];
    if (loads->known_count == loads->known_room) {
        room = loads->known_room != 0 ? loads->known_room * 2 : 8;
        wide = phub__realloc(loads->known, room * sizeof *wide);
        if (wide == NULL)
            return NULL;
        loads->known = wide;
        loads->known_room = room;
    }
    memmove(&loads->known[at + 1], &loads->known[at],
            (loads->known_count - at) * sizeof loads->known[0]);
    loads->known_count++;
    loads->known[at] = (struct known){ .node = node };
    return &loads->known[at];
}

static void remember(struct phub__loads *loads, uint64_t node,
                     const struct phub_load *load)
{
    struct phub__hub *hub = loads->hub;
    struct known *known = known_of(loads, node);
    uint32_t slot;

    if (known == NULL)
        return; /* the next one, then */
    known->load = *load;
    known->at_ns = hub->env->now_ns(hub->env);
    for (slot = 0; slot < PHUB__SLOTS; slot++)
        if (loads->wants[slot].watched) {
            loads->wants[slot].watched = 0;
            phub__host_complete(hub, hub->host->slots[slot]->who,
                                loads->wants[slot].token, 0, node, "");
        }
}

void phub__host_node_gone(struct phub__hub *hub, uint64_t node)
{
    struct phub__loads *loads = hub->host->loads;
    uint32_t at = find(loads, node);

    if (!has(loads, at, node))
        return;
    loads->known_count--;
    memmove(&loads->known[at], &loads->known[at + 1],
            (loads->known_count - at) * sizeof loads->known[0]);
}

void phub__host_load_received(struct phub__hub *hub, uint64_t from,
                              struct phub_buf *body)
{
    struct phub__op_load in;
    struct phub_load load = { .size = sizeof load };

    if (phub__hub_decode(hub, &phub__op_load_schema, body, &in) != 0)
        return;
    phub__hub_decoded(hub);
    load.cpus = (uint32_t)in.cpus;
    load.host = in.host;
    load.serial = in.serial;
    load.memory_bytes = in.memory_bytes;
    load.memory_free_bytes = in.memory_free_bytes;
    load.node_memory_bytes = in.node_memory_bytes;
    load.cpu_permille = (uint32_t)in.cpu_permille;
    load.node_cpu_permille = (uint32_t)in.node_cpu_permille;
    load.queue_milli = (uint32_t)in.queue_milli;
    load.children = (uint32_t)in.children;
    load.moving = (uint32_t)in.moving;
    load.interval_ms = (uint32_t)in.interval_ms;
    load.flags = (uint32_t)in.flags;
    remember(hub->host->loads, from, &load);
}

/* --- measuring --------------------------------------------------------------- */

static void arm(struct phub__loads *loads)
{
    struct phub_env *env = loads->hub->env;
    uint64_t at = UINT64_MAX;
    uint32_t slot;

    for (slot = 0; slot < PHUB__SLOTS; slot++)
        if (loads->wants[slot].interval_ms != 0 &&
            loads->wants[slot].due_ns < at)
            at = loads->wants[slot].due_ns;
    if (at == UINT64_MAX)
        env->timer_stop(env, loads->timer);
    else
        env->timer_start(env, loads->timer, at);
}

static uint32_t permille(uint64_t part, uint64_t whole)
{
    if (whole == 0 || part == 0)
        return 0;
    if (part > UINT64_MAX / 1000)
        return 1000;
    part = part * 1000 / whole;
    return part < UINT32_MAX ? (uint32_t)part : UINT32_MAX;
}

static uint64_t since(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

static void send_to(struct phub__hub *hub, uint64_t node,
                    struct phub_buf *body)
{
    if (node != hub->node && !phub__peer_congested(hub, node))
        (void)phub__peer_send(hub, node, PHUB__MESSAGE_LOAD, body);
}

static void publish(struct phub__hub *hub, const struct want *want,
                    struct phub_load *load)
{
    struct phub_view *view = phub__hub_view(hub);
    struct phub__op_load out = {
        .serial = load->serial, .host = load->host, .cpus = load->cpus,
        .memory_bytes = load->memory_bytes,
        .memory_free_bytes = load->memory_free_bytes,
        .node_memory_bytes = load->node_memory_bytes,
        .cpu_permille = load->cpu_permille,
        .node_cpu_permille = load->node_cpu_permille,
        .queue_milli = load->queue_milli, .children = load->children,
        .moving = load->moving, .interval_ms = want->interval_ms,
        .flags = load->flags };
    struct phub__builder builder;
    struct phub_buf *body = NULL;
    uint32_t i, k;

    phub__builder_init(&builder, 512);
    if (phub__encode(&phub__op_load_schema, &out, &builder) == 0)
        (void)phub__builder_take(&builder, &body);
    phub__builder_fini(&builder);
    for (i = 0; body != NULL && i < want->count; i++) {
        if (want->nodes[i] != 0)
            send_to(hub, want->nodes[i], body);
        for (k = 0; want->nodes[i] == 0 && k < phub__view_count(view); k++)
            send_to(hub, phub__view_at(view, k)->id, body);
    }
    phub__buf_unref(&body);
}

static uint32_t instances_here(const struct phub__hub *hub)
{
    const struct phub__local *local;
    uint32_t count = 0;

    for (local = phub__locals_first(hub->locals); local != NULL;
         local = local->next)
        count += local->instance != NULL;
    return count;
}

/* What was used since the reading before. */
static void measured(struct phub__loads *loads, const struct phub__load *raw)
{
    struct phub__hub *hub = loads->hub;
    uint64_t now = hub->env->now_ns(hub->env);
    const struct phub__load *before = &loads->before;
    struct phub_load load = {
        .size = sizeof load, .cpus = raw->cpus, .host = raw->host,
        .serial = ++loads->serial, .memory_bytes = raw->memory_bytes,
        .memory_free_bytes = raw->memory_free_bytes,
        .node_memory_bytes = raw->node_memory_bytes,
        .queue_milli = raw->queue_milli,
        .children = instances_here(hub),
        .moving = phub__moves_count(hub->moves),
        .flags = hub->draining || hub->stopping ? PHUB_LOAD_LEAVING : 0 };
    uint32_t slot;

    load.cpu_permille = permille(since(raw->cpu_busy, before->cpu_busy),
                                 since(raw->cpu_all, before->cpu_all));
    load.node_cpu_permille = permille(since(raw->node_cpu_ns,
                                            before->node_cpu_ns),
                                      since(now, loads->before_ns));
    for (slot = 0; slot < PHUB__SLOTS; slot++) {
        struct want *want = &loads->wants[slot];

        if (want->interval_ms == 0 || want->due_ns > now)
            continue;
        load.interval_ms = want->interval_ms;
        want->due_ns = now + want->interval_ms * NS_PER_MS;
        publish(hub, want, &load);
    }
    remember(loads, hub->node, &load);
}

static void read_load(void *arg)
{
    struct measure *m = arg;

    m->rc = m->env->load(m->env, m->pids, m->programs, &m->load);
}

static void read_done(void *arg)
{
    struct measure *m = arg;
    struct phub__loads *loads = m->hub != NULL ? m->hub->host->loads : NULL;
    uint64_t now;
    uint32_t slot;

    if (loads == NULL) {
        phub__free(m);
        return;
    }
    now = m->hub->env->now_ns(m->hub->env);
    loads->measure = NULL;
    if (m->rc != 0 && !loads->failed)
        phub__hub_log(m->hub, PHUB__LOG_WARNING,
                      "cannot tell the load of this machine: %s",
                      phub_strerror(m->rc));
    loads->failed = m->rc != 0;
    if (m->rc == 0 && loads->before_ns != 0)
        measured(loads, &m->load);
    if (m->rc == 0) {
        loads->before = m->load;
        loads->before_ns = now;
    }
    for (slot = 0; slot < PHUB__SLOTS; slot++) /* nothing to tell this time */
        if (loads->wants[slot].interval_ms != 0 &&
            loads->wants[slot].due_ns <= now)
            loads->wants[slot].due_ns =
                now + loads->wants[slot].interval_ms * NS_PER_MS;
    phub__free(m);
    arm(loads);
}

static void read_dropped(void *arg)
{
    phub__free(arg);
}

/* 0, or it is tried again at the next due time. */
static void begin(struct phub__loads *loads)
{
    struct phub__hub *hub = loads->hub;
    const struct phub__local *local;
    uint32_t room = instances_here(hub);
    struct measure *m;

    if (loads->measure != NULL)
        return;
    room = room < PROGRAMS_MAX ? room : PROGRAMS_MAX;
    m = phub__calloc(1, sizeof *m + room * sizeof m->pids[0]);
    if (m == NULL)
        return;
    m->hub = hub;
    m->env = hub->env;
    for (local = phub__locals_first(hub->locals);
         local != NULL && m->programs < room; local = local->next)
        if (local->instance != NULL &&
            phub__instance_pid(local->instance) > 0)
            m->pids[m->programs++] = phub__instance_pid(local->instance);
    if (hub->env->work(hub->env, read_load, read_done, read_dropped,
                       m) != 0) {
        phub__free(m);
        return;
    }
    loads->measure = m;
}

static void fire(void *arg)
{
    struct phub__loads *loads = arg;
    struct phub_env *env = loads->hub->env;

    begin(loads);
    if (loads->measure == NULL) /* no memory, or too much work: in a while */
        env->timer_start(env, loads->timer,
                         env->now_ns(env) +
                             PHUB_LOAD_INTERVAL_MIN_MS * NS_PER_MS);
}

/* --- the table's ------------------------------------------------------------- */

int phub__host_load_publish(struct phub_ctx *ctx, uint32_t interval_ms,
                            const uint64_t *nodes, uint32_t count)
{
    struct phub__hub *hub = ctx->hub;
    struct phub__loads *loads = hub->host->loads;
    struct want *want = &loads->wants[ctx->slot];
    uint64_t *copy = NULL;

    if (interval_ms != 0 && interval_ms < PHUB_LOAD_INTERVAL_MIN_MS)
        return PHUB_EINVAL;
    if (count > PHUB_LOAD_NODES_MAX)
        return PHUB_ELIMIT;
    if (count != 0) {
        copy = phub__calloc(count, sizeof *copy);
        if (copy == NULL)
            return PHUB_ENOMEM;
        memcpy(copy, nodes, count * sizeof *copy);
    }
    phub__free(want->nodes);
    want->nodes = copy;
    want->count = count;
    if (interval_ms != 0 && interval_ms != want->interval_ms)
        want->due_ns = hub->env->now_ns(hub->env) + interval_ms * NS_PER_MS;
    want->interval_ms = interval_ms;
    if (interval_ms != 0 && loads->before_ns == 0)
        begin(loads);
    arm(loads);
    return 0;
}

void phub__host_load_close(struct phub_ctx *ctx)
{
    struct want *want = &ctx->hub->host->loads->wants[ctx->slot];

    phub__free(want->nodes);
    *want = (struct want){ .interval_ms = 0 };
}

int phub__host_load_of(struct phub_ctx *ctx, uint64_t node,
                       struct phub_load *load)
{
    struct phub__hub *hub = ctx->hub;
    struct phub__loads *loads = hub->host->loads;
    uint32_t at = find(loads, node);
    uint32_t size = load->size < sizeof *load ? load->size
                                              : (uint32_t)sizeof *load;
    struct phub_load full;

    if (!has(loads, at, node))
        return PHUB_ENOTFOUND;
    full = loads->known[at].load;
    full.size = size;
    full.age_ns = hub->env->now_ns(hub->env) - loads->known[at].at_ns;
    memcpy(load, &full, size);
    return 0;
}

int phub__host_load_watch(struct phub_ctx *ctx, uint64_t token)
{
    struct want *want = &ctx->hub->host->loads->wants[ctx->slot];

    if (want->watched)
        return PHUB_EBUSY;
    want->watched = 1;
    want->token = token;
    return 0;
}
