/* SPDX-License-Identifier: MIT */
/* hub: life of one node: identity, start, stop; the map is in hub.h.
 *
 * Identity.  The file "node" of the state directory holds the node id, the
 * boot number and an epoch number that is ahead of all given ones.  The new
 * boot number is on the disk before the first word is said, so it is never
 * used twice, and with it no (author, sequence) of the registry.  Without a
 * state directory every start is a new node. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/addresses.h"
#include "hub/conf.h"
#include "hub/confirm.h"
#include "hub/departed.h"
#include "hub/drain.h"
#include "hub/forget.h"
#include "hub/hook_command.h"
#include "hub/handover.h"
#include "hub/gather.h"
#include "hub/host.h"
#include "hub/hub.h"
#include "hub/linger.h"
#include "hub/local.h"
#include "hub/message.h"
#include "hub/move.h"
#include "hub/peer.h"
#include "hub/place.h"
#include "hub/redistribute.h"
#include "hub/report.h"
#include "hub/request.h"
#include "hub/rows.h"
#include "hub/store.h"
#include "hub/strategies.h"
#include "hub/subscribe.h"
#include "hub/synced.h"
#include "hub/undo.h"
#include "hub/watch.h"
#include "wire/memory.h"
#include "wire/messages.h"

#define IDENTITY_FILE "node"
#define EPOCH_BLOCK (1ull << 20)   /* epochs reserved on the disk at once */
#define ROUND_MS 5000u             /* level-triggered look at everything */
#define SEEDS_AGAIN_MS 10000u
#define NS_PER_MS 1000000ull

struct identity {
    uint64_t node, boot, epoch;
};

static PHUB__SCHEMA(identity_schema, struct identity,
    PHUB__U64(1, struct identity, node, PHUB__REQUIRED),
    PHUB__U64(2, struct identity, boot, PHUB__REQUIRED),
    PHUB__U64(3, struct identity, epoch));

/* Seeds as configured, and what names among them resolved to. */
struct phub__seeds {
    struct phub__hub *hub;
    char *endpoints[PHUB__SEEDS_MAX];
    uint32_t count;
    int owed;             /* the cluster did not take them */
    uint32_t asked;       /* names whose addresses are being looked up */
};

struct phub_view *phub__hub_view(const struct phub__hub *hub)
{
    return phub__cluster_view(hub->cluster);
}

int phub__hub_in_charge(const struct phub__hub *hub)
{
    return hub->verdict == PHUB_VERDICT_CONTINUE &&
           !phub__synced_stale(hub) && phub__hub_settled_in(hub) &&
           phub__confirm_epochs(hub) &&
           hub->lease_boot_ns > hub->env->boot_ns(hub->env);
}

int phub__hub_why_not(const struct phub__hub *hub)
{
    return hub->verdict != 0 &&
                   hub->verdict != PHUB_VERDICT_CONTINUE ? PHUB_EPARTITIONED
                                                 : PHUB_EAGAIN;
}

/* Synced in this very view: a node that was away for a while has its old rows
 * and may get a lease before it hears who runs its children now. */
int phub__hub_may_run(const struct phub__hub *hub)
{
    return hub->attached && !hub->stopping && !hub->draining &&
           phub__synced_complete(hub) && phub__hub_in_charge(hub);
}

int phub__hub_decode(struct phub__hub *hub, const struct phub__schema *schema,
                     struct phub_buf *body, void *out)
{
    int rc = phub__decode(schema, phub__buf_bytes(body), out,
                          &hub->decode_arena, NULL);

    if (rc != 0) {
        hub->counters.bodies_malformed++;
        phub__arena_reset(&hub->decode_arena);
    }
    return rc;
}

void phub__hub_decoded(struct phub__hub *hub)
{
    phub__arena_reset(&hub->decode_arena);
}

/* --- identity and epochs -------------------------------------------------------------- */

static int identity_write(struct phub__hub *hub,
                          void (*done)(void *arg, int rc))
{
    struct identity identity = { hub->node, hub->boot,
                                 hub->lamport_reserved };
    struct phub__builder builder;
    int rc;

    phub__builder_init(&builder, 256);
    rc = phub__encode(&identity_schema, &identity, &builder);
    if (rc == 0)
        rc = hub->env->file_do(hub->env, PHUB__FILE_REPLACE, IDENTITY_FILE,
                               builder.data, builder.size, done, hub);
    phub__builder_fini(&builder);
    return rc;
}

static int identity_read(struct phub__hub *hub, char *error,
                         size_t error_max)
{
    struct phub_buf *file = NULL;
    struct identity identity;
    int rc = hub->env->file_read(hub->env, IDENTITY_FILE, &file);

    if (rc == PHUB_ENOTFOUND || rc == PHUB_EUNSUPPORTED) {
        while (hub->node == 0)
            hub->node = hub->env->random(hub->env);
        hub->boot = 1;
        hub->lamport_reserved = EPOCH_BLOCK;
        return 0;
    }
    if (rc == 0)
        rc = phub__decode(&identity_schema, phub__buf_bytes(file), &identity,
                          NULL, NULL);
    phub__buf_unref(&file);
    if (rc != 0) {
        snprintf(error, error_max,
                 "file 'node' of the state directory cannot be used: %s; "
                 "restore it, or remove the directory to become a new node",
                 phub_strerror(rc));
        return rc;
    }
    hub->node = identity.node;
    hub->boot = identity.boot + 1;
    hub->lamport = identity.epoch;
    hub->lamport_reserved = identity.epoch + EPOCH_BLOCK;
    return 0;
}

static void reserved(void *arg, int rc)
{
    struct phub__hub *hub = arg;

    if (rc != 0 && rc != PHUB_EUNSUPPORTED)
        hub->reserve_owed = 1; /* a round tries again */
}

/* Keep the number on the disk ahead of what is given out. */
static void reserve(struct phub__hub *hub)
{
    int rc = 0;

    if (hub->lamport + EPOCH_BLOCK / 2 <= hub->lamport_reserved)
        return;
    hub->lamport_reserved = hub->lamport + EPOCH_BLOCK;
    if (hub->started)
        rc = identity_write(hub, reserved);
    if (rc != 0)
        reserved(hub, rc);
}

static void reserve_round(struct phub__hub *hub)
{
    if (!hub->reserve_owed)
        return;
    hub->reserve_owed = 0;
    hub->lamport_reserved = hub->lamport;
    reserve(hub);
}

struct phub_epoch phub__hub_epoch(struct phub__hub *hub)
{
    hub->lamport++;
    reserve(hub);
    phub__confirm_epoch_used(hub);
    return (struct phub_epoch){ hub->lamport, hub->node };
}

void phub__hub_epoch_seen(struct phub__hub *hub, uint64_t number)
{
    /* A number that nobody can have reached is somebody's mistake. */
    if (number <= hub->lamport || number > UINT64_MAX / 2)
        return;
    hub->lamport = number;
    reserve(hub);
    phub__confirm_epoch_used(hub);
}

/* --- the cluster ------------------------------------------------------------------------ */

void phub__hub_arm_cluster(struct phub__hub *hub)
{
    struct phub_env *env = hub->env;
    uint64_t deadline = phub__cluster_deadline(hub->cluster);
    uint64_t boot = env->boot_ns(env), now;

    if (deadline == hub->cluster_armed_ns && deadline > boot)
        return;
    hub->cluster_armed_ns = deadline;
    if (deadline > UINT64_MAX / 2) { /* never; a sum would wrap to the past */
        env->timer_stop(env, hub->cluster_timer);
        return;
    }
    now = env->now_ns(env);
    env->timer_start(env, hub->cluster_timer,
                     deadline > boot ? now + (deadline - boot) : now);
}

static void cluster_tick(void *arg)
{
    struct phub__hub *hub = arg;

    hub->cluster_armed_ns = 0;
    phub__cluster_tick(hub->cluster, hub->env->boot_ns(hub->env));
    phub__hub_arm_cluster(hub);
}

static uint64_t cluster_random(void *arg)
{
    struct phub__hub *hub = arg;

    return hub->env->random(hub->env);
}

static void lease_refresh(void *arg)
{
    struct phub__hub *hub = arg;

    if (!hub->lease_stale)
        return;
    hub->lease_stale = 0;
    phub__hub_lease_mode(hub);
}

static void cluster_event(void *arg, const struct phub__cluster_event *event)
{
    struct phub__hub *hub = arg;
    int could;

    switch (event->kind) {
    case PHUB__CLUSTER_VIEW_CHANGED:
        phub__redistribution_view_changed(hub, event->change);
        return;
    case PHUB__CLUSTER_VIEW_SETTLED:
        hub->lease_stale = 1;
        phub__redistribution_view_settled(hub, event->change);
        (void)hub->env->defer(hub->env, lease_refresh, hub); /* or a round */
        return;
    case PHUB__CLUSTER_SELF_STALLED:
        hub->overslept |=
            hub->lease_boot_ns <= hub->env->boot_ns(hub->env);
        phub__hub_log(hub, PHUB__LOG_WARNING,
                      "this node was not run for %llu ms",
                      (unsigned long long)(event->value / NS_PER_MS));
        return;
    case PHUB__CLUSTER_JOIN_REFUSED:
        phub__hub_log(hub, PHUB__LOG_ERROR, "join with %s refused: %s",
                      event->endpoint, event->text);
        if (event->value == 0)
            phub__hub_refused(hub, event->code);
        return;
    case PHUB__CLUSTER_IDENTITY:
        phub__hub_log(hub, PHUB__LOG_ERROR, "%s", event->text);
        return;
    case PHUB__CLUSTER_MEMBER:
        phub__hub_log(hub, PHUB__LOG_NOTICE, "node '%s': %s",
                      event->member->name, event->text);
        phub__addresses_changed(hub, event->member->node);
        return;
    case PHUB__CLUSTER_LEASE:
        could = phub__hub_in_charge(hub);
        if (hub->lease_boot_ns <= hub->env->boot_ns(hub->env))
            phub__synced_restart(hub); /* it lapsed: others may have acted */
        hub->lease_boot_ns = event->value;
        phub__supervisor_deadline(hub->supervisor, event->value);
        if (!could) /* else the next round is early enough */
            phub__redistribution_ready(hub);
        return;
    }
}

static int cluster_make(struct phub__hub *hub, char *error, size_t error_max)
{
    struct phub__cluster_strategy offered[PHUB__KINDS - 1];
    const struct phub__hub_options *o = &hub->options;
    struct phub__cluster_self self = {
        .node = hub->node, .boot = hub->boot, .weight = o->weight,
        .protocol_min = PHUB__PROTOCOL_MIN, .protocol_max = PHUB__PROTOCOL,
        .hub_id = hub->hub_id, .name = hub->name, .endpoint = hub->endpoint,
        .zone = o->zone, .labels = o->labels, .strategies = offered,
        .strategies_count = PHUB__KINDS - 1 };
    struct phub__cluster_io io = { hub, cluster_random,
                                   phub__peer_cluster_send, cluster_event,
                                   phub__forget_admits, phub__peer_ahead };

    phub__strategies_offers(hub, offered);
    return phub__cluster_new(&self, &o->cluster, &io,
                             hub->env->boot_ns(hub->env), &hub->cluster,
                             error, error_max);
}

/* --- seeds -------------------------------------------------------------------------------- */

static void seeds_use(struct phub__hub *hub)
{
    const char *all[PHUB__SEEDS_MAX];
    uint32_t i, count = 0;

    for (i = 0; i < hub->options.seeds_count && count < PHUB__SEEDS_MAX; i++)
        if (strncmp(hub->options.seeds[i], "dns:", 4) != 0 &&
            strncmp(hub->options.seeds[i], "file:", 5) != 0)
            all[count++] = hub->options.seeds[i];
    for (i = 0; i < hub->seeds->count && count < PHUB__SEEDS_MAX; i++)
        all[count++] = hub->seeds->endpoints[i];
    hub->seeds->owed =
        phub__cluster_start(hub->cluster, all, count,
                            hub->env->boot_ns(hub->env)) != 0;
    phub__hub_arm_cluster(hub);
}

static void seeds_again(struct phub__hub *hub)
{
    struct phub_env *env = hub->env;

    env->timer_start(env, hub->seeds_timer,
                     env->now_ns(env) + SEEDS_AGAIN_MS * NS_PER_MS);
}

static void seeds_resolved(void *arg, const struct phub__resolved *r)
{
    struct phub__hub *hub = arg;
    struct phub__seeds *seeds = hub->seeds;
    uint32_t i, k;

    for (i = 0; r->rc == 0 && i < r->count; i++) {
        for (k = 0; k < seeds->count; k++)
            if (strcmp(seeds->endpoints[k], r->endpoints[i]) == 0)
                break;
        if (k < seeds->count)
            continue;
        if (seeds->count == PHUB__SEEDS_MAX) {
            phub__free(seeds->endpoints[0]);
            memmove(seeds->endpoints, seeds->endpoints + 1,
                    (PHUB__SEEDS_MAX - 1) * sizeof seeds->endpoints[0]);
            seeds->count--;
        }
        seeds->endpoints[seeds->count] = phub__strdup(r->endpoints[i]);
        if (seeds->endpoints[seeds->count] != NULL)
            seeds->count++;
    }
    if (r->rc != 0)
        phub__hub_log(hub, PHUB__LOG_WARNING,
                      "cannot resolve a seed: %s; trying again in %u s",
                      phub_strerror(r->rc), SEEDS_AGAIN_MS / 1000);
    seeds_use(hub);
    if (--seeds->asked == 0)
        seeds_again(hub);
}

/* A resolver may take longer than until the next time: it is asked again when
 * it has answered. */
static void seeds_resolve(void *arg)
{
    struct phub__hub *hub = arg;
    uint32_t i, names = 0;

    for (i = 0; i < hub->options.seeds_count; i++) {
        const char *seed = hub->options.seeds[i];

        if (strncmp(seed, "dns:", 4) != 0 && strncmp(seed, "file:", 5) != 0)
            continue;
        names++;
        if (hub->env->resolve(hub->env, seed, seeds_resolved, hub) == 0)
            hub->seeds->asked++;
    }
    if (names != 0 && hub->seeds->asked == 0)
        seeds_again(hub);
}

/* --- start ----------------------------------------------------------------------------------- */

static void identity_written(void *arg, int rc);

static void round_fired(void *arg)
{
    struct phub__hub *hub = arg;

    if (!hub->started) {
        int rc = identity_write(hub, identity_written); /* it may work now */

        if (rc != 0)
            identity_written(hub, rc);
        return;
    }
    if (phub__hub_round_waits(hub))
        return;
    if (hub->seeds != NULL && hub->seeds->owed) /* no memory for them */
        seeds_use(hub);
    lease_refresh(hub);
    if (!phub__redistribution_settled(hub) && phub__hub_settled_in(hub) &&
        phub__view_count(phub__hub_view(hub)) == 1) {
        phub__cluster_settle_alone(hub->cluster, hub->env->boot_ns(hub->env));
        phub__hub_arm_cluster(hub);
    }
    if (hub->dirty_lost && hub->attached) {
        hub->dirty_lost = 0;
        phub__reconcile_all(hub);
    }
    if (hub->attached)
        phub__redistribution_ready(hub);
    phub__peers_round(hub);
    phub__host_round(hub);
    phub__synced_round(hub);
    phub__handover_round(hub);
    phub__strategies_round(hub);
    phub__drain_round(hub);
    hub->round_lamport = hub->lamport;
    hub->head_before = hub->round_head;
    hub->round_head = phub__registry_head(hub->registry);
    reserve_round(hub);
    phub__store_round(hub);
    phub__hub_hook(hub, PHUB_HOOK_reconcile_round, hub->node, PHUB_BYTES_NONE,
                   0, phub__locals_count(hub->locals), "");
    (void)phub__registry_stable(hub->registry, 4096);
    phub__hub_round_in(hub, phub__synced_complete(hub)
                                ? ROUND_MS : PHUB__ROUND_AGAIN_MS);
}

/* The boot number is on the disk: speak. */
static void identity_written(void *arg, int rc)
{
    struct phub__hub *hub = arg;

    if (rc != 0 && rc != PHUB_EUNSUPPORTED && rc != PHUB_ENOTFOUND) {
        if (!hub->identity_failed)
            phub__hub_log(hub, PHUB__LOG_ERROR,
                          "cannot write 'node' to the state directory: %s; "
                          "not joining before this works", phub_strerror(rc));
        hub->identity_failed = 1;
        phub__hub_round_in(hub, PHUB__ROUND_AGAIN_MS);
        return;
    }
    hub->started = 1;
    hub->started_ns = hub->env->now_ns(hub->env);
    phub__strategies_started(hub);
    phub__synced_rows_applied(hub); /* the first view has nobody to ask */
    seeds_use(hub);
    seeds_resolve(hub);
    round_fired(hub);
    phub__hub_settle_in(hub);
}

/* Where others reach it: "everywhere" is themselves.  Who looks for nobody may
 * be found on its own machine. */
static int endpoint_name(struct phub__hub *hub, char *error, size_t error_max)
{
    char port[8];

    if (hub->options.seeds_count != 0) {
        snprintf(error, error_max, "it listens on all addresses (%s), and no "
                 "route says which of them others reach: give [hub] advertise "
                 "= tcp://ADDRESS:PORT, or start it when the network is up",
                 hub->endpoint);
        return PHUB_ESYS;
    }
    phub__hub_log(hub, PHUB__LOG_WARNING,
                  "it listens on all addresses, and no route says which of "
                  "them others reach: only this machine's nodes find it, "
                  "without [hub] advertise");
    snprintf(port, sizeof port, "%s", strrchr(hub->endpoint, ':') + 1);
    snprintf(hub->endpoint, sizeof hub->endpoint, "tcp://127.0.0.1:%s", port);
    return 0;
}

static int endpoint_find(struct phub__hub *hub, char *error, size_t error_max)
{
    const struct phub__hub_options *o = &hub->options;
    int rc = hub->env->net_listen(hub->env, o->listen, &phub__peers_events,
                                  hub, hub->endpoint, sizeof hub->endpoint,
                                  error, error_max);

    if (rc == 0 && o->advertise != NULL && o->advertise[0] != '\0')
        snprintf(hub->endpoint, sizeof hub->endpoint, "%s", o->advertise);
    return rc == 0 && phub__endpoint_is_any(hub->endpoint)
        ? endpoint_name(hub, error, error_max) : rc;
}

int phub__hub_start(struct phub__hub *hub, char *error, size_t error_max)
{
    static const char *const runners[] = { "exec", "actor" };
    int rc = endpoint_find(hub, error, error_max);

    if (rc == 0)
        rc = cluster_make(hub, error, error_max);
    if (rc == 0)
        rc = phub__host_open(hub, error, error_max);
    if (rc == 0)
        rc = phub__supervisor_attach(hub->supervisor, runners, 2, error,
                                     error_max);
    if (rc == 0)
        rc = phub__store_load(hub, error, error_max);
    if (rc != 0)
        return rc;
    phub__addresses_load(hub);
    phub__hub_look_around(hub);
    hub->lamport_before = hub->lamport;
    phub__hub_lease_mode(hub);
    phub__redistribution_first(hub);
    rc = identity_write(hub, identity_written);
    if (rc == PHUB_EUNSUPPORTED || rc == PHUB_ENOTFOUND) {
        identity_written(hub, rc); /* no state directory */
        rc = 0;
    }
    if (rc != 0)
        snprintf(error, error_max,
                 "cannot write 'node' to the state directory: %s",
                 phub_strerror(rc));
    return rc;
}

/* --- life ------------------------------------------------------------------------------------------- */

static const char *keep(struct phub__hub *hub, const char *text)
{
    size_t size = text != NULL ? strlen(text) + 1 : 0;
    char *copy;

    if (text == NULL)
        return NULL;
    copy = phub__arena_alloc(&hub->arena, size, 1);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

static const char *const *keep_list(struct phub__hub *hub,
                                    const char *const *texts, uint32_t count)
{
    const char **copy =
        phub__arena_alloc(&hub->arena, count + 1, sizeof *copy);
    uint32_t i;

    if (copy == NULL)
        return NULL;
    for (i = 0; i < count; i++)
        copy[i] = keep(hub, texts[i]);
    copy[count] = NULL;
    return copy;
}

static const struct phub__hook_option *
keep_hooks(struct phub__hub *hub, const struct phub__hook_option *hooks,
           uint32_t count)
{
    struct phub__hook_option *copy =
        phub__arena_alloc(&hub->arena, count + 1u, sizeof *copy);
    uint32_t i, k;

    for (i = 0; copy != NULL && i < count; i++) {
        const struct phub_bytes *from = hooks[i].argv.items;
        struct phub_bytes *to = phub__arena_alloc(
            &hub->arena, hooks[i].argv.count + 1u, sizeof *to);

        copy[i].event = keep(hub, hooks[i].event);
        copy[i].argv = (struct phub__list){ to, hooks[i].argv.count };
        for (k = 0; to != NULL && k < hooks[i].argv.count; k++) {
            uint8_t *word = phub__arena_alloc(&hub->arena, from[k].size + 1,
                                              1);

            if (word != NULL)
                memcpy(word, from[k].data, from[k].size);
            to[k] = (struct phub_bytes){ word, from[k].size };
        }
    }
    return copy;
}

static int options_copy(struct phub__hub *hub,
                        const struct phub__hub_options *o)
{
    struct phub__hub_options *to = &hub->options;
    unsigned kind;

    *to = *o;
    to->listen = keep(hub, o->listen);
    to->advertise = keep(hub, o->advertise);
    to->zone = keep(hub, o->zone);
    to->labels = keep(hub, o->labels);
    to->plugin_path = keep(hub, o->plugin_path);
    to->seeds = keep_list(hub, o->seeds, o->seeds_count);
    to->hooks = keep_hooks(hub, o->hooks, o->hooks_count);
    for (kind = 1; kind < PHUB__KINDS; kind++) {
        to->strategies[kind].name = keep(hub, o->strategies[kind].name);
        to->strategies[kind].params =
            keep_list(hub, o->strategies[kind].params,
                      o->strategies[kind].params_count);
    }
    snprintf(hub->hub_id, sizeof hub->hub_id, "%s", o->hub_id);
    snprintf(hub->name, sizeof hub->name, "%s", o->name);
    hub->hub_hash = phub__hub_hash(
        (struct phub_bytes){ (const uint8_t *)o->hub_id, strlen(o->hub_id) });
    return hub->arena.error;
}

static void registry_retire(void *arg, void *ptr, void (*free_fn)(void *))
{
    struct phub_env *env = arg;

    env->retire(env, ptr, free_fn);
}

static int parts_new(struct phub__hub *hub)
{
    struct phub_env *env = hub->env;
    struct phub__registry_options registry = {
        .node = hub->node, .boot = hub->boot,
        .rows_max = hub->options.children_max, .retire = registry_retire,
        .retire_arg = env, .env = env, .events = &phub__rows_events,
        .events_arg = hub };
    int rc = phub__registry_new(&registry, &hub->registry);

    hub->cluster_timer = env->timer_new(env, cluster_tick, hub);
    hub->seeds_timer = env->timer_new(env, seeds_resolve, hub);
    hub->round_timer = env->timer_new(env, round_fired, hub);
    hub->seeds = phub__calloc(1, sizeof *hub->seeds);
    if (hub->cluster_timer == NULL || hub->seeds_timer == NULL ||
        hub->round_timer == NULL || hub->seeds == NULL)
        return PHUB_ENOMEM;
    if (rc == 0)
        rc = phub__rows_new(hub);
    if (rc == 0)
        rc = phub__addresses_new(hub);
    if (rc == 0)
        rc = phub__answers_new(hub);
    if (rc == 0)
        rc = phub__locals_new(hub, &hub->locals);
    if (rc == 0)
        rc = phub__moves_new(hub, &hub->moves);
    if (rc == 0)
        rc = phub__handover_new(hub);
    if (rc == 0)
        rc = phub__requests_new(hub, &hub->requests);
    if (rc == 0)
        rc = phub__peers_new(hub);
    if (rc == 0)
        rc = phub__mail_new(hub);
    if (rc == 0)
        rc = phub__gather_new(hub);
    if (rc == 0)
        rc = phub__synced_new(hub);
    if (rc == 0)
        rc = phub__confirm_new(hub);
    if (rc == 0)
        rc = phub__store_new(hub);
    if (rc == 0)
        rc = phub__lingers_new(hub);
    if (rc == 0)
        rc = phub__redistribution_new(hub);
    if (rc == 0)
        rc = phub__hook_commands_new(hub);
    if (rc == 0)
        rc = phub__watches_new(hub);
    if (rc == 0)
        rc = phub__supervisor_new(env, hub->node, hub->name,
                                  phub__hub_numbers(hub),
                                  &phub__local_events, hub,
                                  &hub->supervisor);
    return rc;
}

int phub__hub_new(struct phub_env *env, const struct phub__hub_options *o,
                  struct phub__hub **result, char *error, size_t error_max)
{
    struct phub__hub *hub = phub__calloc(1, sizeof *hub);
    int rc = PHUB_ENOMEM;

    snprintf(error, error_max, "out of memory");
    if (hub == NULL)
        return rc;
    hub->magic = PHUB__HUB_MAGIC;
    hub->env = env;
    phub__arena_init(&hub->arena, NULL, 0, SIZE_MAX / 2);
    phub__arena_init(&hub->decode_arena, NULL, 0, PHUB__FRAME_MAX * 8u);
    rc = phub__causes_new(&hub->causes);
    if (rc == 0)
        rc = phub__hooks_new(&hub->hooks);
    if (rc == 0)
        rc = options_copy(hub, o);
    if (rc == 0)
        rc = identity_read(hub, error, error_max);
    if (rc == 0)
        rc = parts_new(hub);
    if (rc == 0)
        rc = phub__host_new(hub, error, error_max);
    if (rc != 0) {
        phub__hub_free(&hub);
        return rc;
    }
    *result = hub;
    return 0;
}

void phub__hub_free(struct phub__hub **result)
{
    struct phub__hub *hub = *result;
    struct phub_env *env;
    uint32_t i;

    if (hub == NULL)
        return;
    env = hub->env;
    hub->stopping = 1; /* who is told of the end below begins nothing */
    if (hub->supervisor != NULL)
        phub__supervisor_free(&hub->supervisor);
    phub__hook_commands_free(hub);
    if (hub->locals != NULL)
        phub__locals_forget_instances(hub->locals);
    phub__lingers_close(hub);
    phub__store_close(hub);
    phub__presend_free(hub);
    phub__drain_close(hub);
    phub__reports_shut(hub);
    phub__requests_free(&hub->requests);
    phub__host_free(hub);
    phub__moves_free(&hub->moves);
    phub__mail_free(hub);
    phub__locals_free(&hub->locals);
    phub__handover_free(hub);
    phub__redistribution_free(hub);
    phub__lingers_free(hub);
    phub__undos_free(hub);
    phub__departed_free(hub);
    phub__store_free(hub);
    phub__synced_free(hub);
    phub__gather_free(hub);
    phub__confirm_free(hub);
    phub__subscriptions_free(hub);
    phub__watches_free(hub);
    phub__peers_free(hub);
    phub__answers_free(hub);
    if (hub->cluster != NULL) {
        env->net_close(env);
        phub__cluster_free(&hub->cluster);
    }
    phub__place_takers_fini(hub);
    phub__registry_free(&hub->registry);
    phub__rows_free(hub);
    for (i = 0; hub->seeds != NULL && i < hub->seeds->count; i++)
        phub__free(hub->seeds->endpoints[i]);
    phub__free(hub->seeds);
    phub__addresses_free(hub);
    if (hub->cluster_timer != NULL)
        env->timer_free(env, &hub->cluster_timer);
    if (hub->seeds_timer != NULL)
        env->timer_free(env, &hub->seeds_timer);
    if (hub->round_timer != NULL)
        env->timer_free(env, &hub->round_timer);
    if (hub->stop_timer != NULL)
        env->timer_free(env, &hub->stop_timer);
    phub__hooks_free(&hub->hooks);
    phub__causes_free(&hub->causes);
    phub__arena_fini(&hub->decode_arena);
    phub__arena_fini(&hub->arena);
    hub->magic = 0;
    phub__free(hub);
    *result = NULL;
}
