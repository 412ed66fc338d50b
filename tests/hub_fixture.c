/* SPDX-License-Identifier: MIT */
/* hub_fixture: see hub_fixture.h. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/rows.h"
#include "hub/synced.h"
#include "hub/strategies.h"
#include "hub_fixture.h"

struct hubs_result hubs_last;

/* A fuzz target is no test of Check's: it is told by abort(). */
static void must(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "hub_fixture: %s\n", what);
    abort();
}

/* --- the daemon ----------------------------------------------------------- */

static void *refuse(struct hubs *hubs, struct phub__hub *hub,
                    const char *error)
{
    must(hubs->may_refuse, error);
    snprintf(hubs->refused, sizeof hubs->refused, "%s", error);
    phub__hub_free(&hub);
    return NULL;
}

static void *daemon_start(void *arg, struct phub__sim_node *node,
                          struct phub_env *env)
{
    static const char *const seeds[] = { "tcp://a:7000", "tcp://b:7000" };
    struct hubs *hubs = arg;
    struct phub__hub *hub = NULL;
    char listen[64], error[512] = "";
    struct phub__hub_options o = {
        .hub_id = "check", .name = phub__sim_node_name(node),
        .listen = listen, .weight = 1000,
        .seeds = hubs->seeds != NULL ? hubs->seeds : seeds,
        .seeds_count = hubs->seeds != NULL ? hubs->seeds_count : 2,
        .drain_timeout_ms = 30000, .plugin_path = hubs->path,
        .hooks = hubs->hooks, .hooks_count = hubs->hooks_count,
        .hook_timeout_ms = 5000, .hook_queue_max = hubs->hook_queue_max };

    phub__cluster_params_init(&o.cluster);
    snprintf(listen, sizeof listen, "tcp://%s:7000", o.name);
    o.labels = phub__sim_node_index(node) % 2 == 0 ? "rack=1,disk=ssd"
                                                   : "rack=2";
    o.strategies[PHUB_KIND_DISTRIBUTION].name =
        hubs->distribution != NULL ? hubs->distribution : "consistent_hash";
    o.strategies[PHUB_KIND_DISTRIBUTION].params = hubs->distribution_params;
    o.strategies[PHUB_KIND_DISTRIBUTION].params_count =
        hubs->distribution_params_count;
    o.strategies[PHUB_KIND_REDUNDANCY].name =
        hubs->redundancy != NULL ? hubs->redundancy : "singularity";
    o.strategies[PHUB_KIND_REDUNDANCY].params = hubs->redundancy_params;
    o.strategies[PHUB_KIND_REDUNDANCY].params_count =
        hubs->redundancy_params_count;
    o.strategies[PHUB_KIND_SYNC].name =
        hubs->sync != NULL ? hubs->sync : "pubsub";
    o.strategies[PHUB_KIND_MIGRATION].name = hubs->migration;
    o.strategies[PHUB_KIND_MIGRATION].params = hubs->params;
    o.strategies[PHUB_KIND_MIGRATION].params_count = hubs->params_count;
    o.strategies[PHUB_KIND_PARTITION].name =
        hubs->partition != NULL ? hubs->partition : "divergence";
    o.strategies[PHUB_KIND_PARTITION].params = hubs->partition_params;
    o.strategies[PHUB_KIND_PARTITION].params_count =
        hubs->partition_params_count;
    if (phub__hub_new(env, &o, &hub, error, sizeof error) != 0)
        return refuse(hubs, NULL, error);
    if (hubs->made != NULL)
        hubs->made(hubs, phub__sim_node_index(node), hub);
    if (phub__hub_start(hub, error, sizeof error) != 0)
        return refuse(hubs, hub, error);
    hubs->ids[phub__sim_node_index(node)] = hub->node;
    return hub;
}

static void daemon_end(void *arg, struct phub__sim_node *node, void *self)
{
    struct phub__hub *hub = self;

    (void)arg;
    (void)node;
    phub__hub_free(&hub);
}

static int same(struct phub_bytes id, const char *text)
{
    return id.size == strlen(text) && memcmp(id.data, text, id.size) == 0;
}

static void on_acting(void *arg, const struct phub__sim_child *child,
                      int acts)
{
    struct hubs *hubs = arg;
    struct phub__sim_child_facts facts;
    char id[64];

    if (!acts || hubs->world == NULL)
        return;
    phub__sim_child_facts(child, &facts);
    snprintf(id, sizeof id, "%.*s", (int)facts.id.size,
             (const char *)facts.id.data);
    hubs->doubled += hubs_acting(hubs, id, NULL) > 1;
}

/* --- the world ------------------------------------------------------------ */

struct phub__sim_node *hubs_node(struct hubs *hubs, uint32_t node)
{
    return phub__world_node(hubs->world, node);
}

struct phub__hub *hubs_hub(struct hubs *hubs, uint32_t node)
{
    return phub__sim_node_self(hubs_node(hubs, node));
}

uint32_t hubs_add(struct hubs *hubs)
{
    struct phub__sim_program program = { daemon_start, daemon_end, hubs };
    char name[2] = { (char)('a' + hubs->nodes), '\0' };
    struct phub__sim_node *node;

    must(hubs->nodes < HUBS_MAX, "too many nodes");
    node = phub__sim_node_add(hubs->world, name, &program);
    phub__sim_node_start(node);
    return hubs->nodes++;
}

void hubs_new(struct hubs *hubs, uint32_t count, const char *migration,
              uint64_t seed)
{
    struct phub__world_options options;
    const char *path = getenv("PHUB_PLUGIN_PATH");

    memset(&hubs->watch, 0, sizeof hubs->watch);
    hubs->world = NULL;
    hubs->migration = migration;
    hubs->nodes = hubs->doubled = 0;
    memset(hubs->stopped, 0, sizeof hubs->stopped);
    snprintf(hubs->path, sizeof hubs->path, "%s",
             path != NULL ? path : "plugins/.libs");
    hubs->watch.acting = on_acting;
    hubs->watch.hook = hubs->hook;
    hubs->watch.arg = hubs;
    phub__world_options_init(&options, seed);
    options.watch = &hubs->watch;
    if (getenv("PHUB_SIM_TRACE") != NULL) {
        fprintf(stderr, "=== a world\n");
        options.trace = stderr;
        options.log_level = PHUB__LOG_DEBUG;
    }
    hubs->world = phub__world_new(&options);
    while (hubs->nodes < count)
        (void)hubs_add(hubs);
    hubs_settle(hubs);
}

void hubs_free(struct hubs *hubs)
{
    phub__world_free(&hubs->world);
}

void hubs_run(struct hubs *hubs, uint64_t ms)
{
    phub__world_run(hubs->world,
                    phub__world_now(hubs->world) + ms * PHUB__SIM_MS);
}

int hubs_until(struct hubs *hubs, uint64_t ms,
               int (*is)(struct hubs *hubs, const void *arg),
               const void *arg)
{
    uint64_t until = phub__world_now(hubs->world) + ms * PHUB__SIM_MS;

    while (!is(hubs, arg)) {
        if (phub__world_now(hubs->world) >= until)
            return 0;
        hubs_run(hubs, 1);
    }
    return 1;
}

int hubs_agree(struct hubs *hubs, const void *none)
{
    uint32_t i, running = 0;
    uint64_t hash = 0;

    (void)none;
    for (i = 0; i < hubs->nodes; i++)
        running += hubs_hub(hubs, i) != NULL;
    for (i = 0; i < hubs->nodes; i++) {
        struct phub__hub *hub = hubs_hub(hubs, i);
        struct phub_view *view;

        if (hub == NULL)
            continue;
        view = phub__hub_view(hub);
        if (phub__view_count(view) != running ||
            (hash != 0 && phub__view_hash(view) != hash) ||
            !phub__synced_complete(hub) ||
            (!hub->draining && !phub__hub_may_run(hub)))
            return 0;
        hash = phub__view_hash(view);
    }
    return 1;
}

void hubs_settle(struct hubs *hubs)
{
    must(hubs_until(hubs, 60000, hubs_agree, NULL),
         "the views do not agree");
    hubs_run(hubs, 1000);
}

struct turn {
    struct hubs *hubs;
    uint32_t node;
    void (*fn)(struct phub__hub *hub, void *arg);
    void *arg;
    int done;
};

static void turn_run(void *arg)
{
    struct turn *turn = arg;

    turn->fn(hubs_hub(turn->hubs, turn->node), turn->arg);
    turn->done = 1;
}

static void turn_drop(void *arg)
{
    ((struct turn *)arg)->done = -1;
}

void hubs_do(struct hubs *hubs, uint32_t node,
             void (*fn)(struct phub__hub *hub, void *arg), void *arg)
{
    struct turn turn = { hubs, node, fn, arg, 0 };

    phub__sim_node_at(hubs_node(hubs, node), phub__world_now(hubs->world),
                      turn_run, turn_drop, &turn);
    while (turn.done == 0)
        must(phub__world_step(hubs->world), "the world has ended");
    must(turn.done == 1, "its node does not run");
}

/* --- commands ------------------------------------------------------------- */

struct phub_bytes hubs_bytes(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
}

static uint32_t split(const char *text, struct phub_bytes *words,
                      uint32_t max)
{
    uint32_t count = 0;

    while (*text != '\0' && count < max) {
        size_t size = strcspn(text, " ");

        words[count++] = (struct phub_bytes){ (const uint8_t *)text, size };
        text += size + (text[size] == ' ');
    }
    return count;
}

struct phub_buf *hubs_spec(const char *text)
{
    struct phub_bytes words[16];
    struct phub__spec spec = { .runner = hubs_bytes("exec"),
                               .ready = strstr(text, "no-channel") == NULL &&
                                        strstr(text, "no-ready") == NULL,
                               .ready_timeout_ms = 3000,
                               .stop_timeout_ms = 1000,
                               .state_timeout_ms = 2000 };
    struct phub__builder builder;
    struct phub_buf *buf = NULL;

    spec.argv.items = words;
    spec.argv.count = split(text, words, 16);
    if (strstr(text, "checkpoint=") != NULL)
        spec.checkpoint_ms = strtoull(strstr(text, "checkpoint=") +
                                          strlen("checkpoint="), NULL, 10);
    if (strstr(text, "temporary") != NULL)
        spec.restart = PHUB__RESTART_TEMPORARY;
    phub__builder_init(&builder, PHUB__SPEC_SIZE_MAX);
    must(phub__encode(&phub__spec_schema, &spec, &builder) == 0 &&
         phub__builder_take(&builder, &buf) == 0, "a spec");
    phub__builder_fini(&builder);
    return buf;
}

void hubs_done(void *arg, struct phub__request *request)
{
    struct hubs_result *result = arg;
    uint32_t i;

    result->done++;
    result->count = request->count;
    for (i = 0; i < request->count && i < HUBS_RESULTS_MAX; i++) {
        const struct phub__request_item *item = &request->items[i];

        result->codes[i] = item->code;
        if (i == 0) {
            result->node = item->answered_by;
            result->pid = item->pid;
            result->value = item->value;
        }
        if (i == 0 || (item->code != 0 && result->bad == 0))
            snprintf(result->text, sizeof result->text, "%s",
                     item->text != NULL ? item->text : "");
        result->bad += item->code != 0;
    }
}

struct command {
    const char *ids, *words;
    uint64_t target;
    enum phub__op op;
    struct hubs_result *result;
};

static void give(struct phub__hub *hub, void *arg)
{
    struct command *command = arg;
    struct phub_bytes *ids = calloc(HUBS_RESULTS_MAX, sizeof *ids);
    struct phub__command_child *children =
        calloc(HUBS_RESULTS_MAX, sizeof *children);
    struct phub_buf *spec = NULL;
    uint32_t i, count = split(command->ids, ids, HUBS_RESULTS_MAX);
    int rc;

    memset(command->result, 0, sizeof *command->result);
    if (command->op == PHUB__OP_START) {
        spec = hubs_spec(command->words);
        for (i = 0; i < count; i++) {
            children[i].id = ids[i];
            children[i].spec = phub__buf_bytes(spec);
            children[i].durable = strstr(command->words, "durable") != NULL;
        }
        rc = phub__command_start(hub, children, count,
                                 strstr(command->words, "rollback") != NULL,
                                 HUBS_TIMEOUT_MS, hubs_done,
                                 command->result);
    } else if (command->op == PHUB__OP_STOP) {
        rc = phub__command_stop(hub, ids, count, HUBS_TIMEOUT_MS, hubs_done,
                                command->result);
    } else {
        rc = phub__command_move(hub, ids, count, command->target,
                                hubs_replica, HUBS_TIMEOUT_MS, hubs_done, command->result);
    }
    must(rc == 0, "a command was refused");
    phub__buf_unref(&spec);
    free(ids);
    free(children);
}

void hubs_start_send(struct hubs *hubs, uint32_t node, const char *ids,
                     const char *words, struct hubs_result *result)
{
    struct command command = { ids, words, 0, PHUB__OP_START, result };

    hubs_do(hubs, node, give, &command);
}

void hubs_stop_send(struct hubs *hubs, uint32_t node, const char *ids,
                    struct hubs_result *result)
{
    struct command command = { ids, "", 0, PHUB__OP_STOP, result };

    hubs_do(hubs, node, give, &command);
}

void hubs_move_send(struct hubs *hubs, uint32_t node, const char *ids,
                    uint32_t target, struct hubs_result *result)
{
    struct command command = { ids, "", hubs->ids[target], PHUB__OP_MOVE,
                               result };

    hubs_do(hubs, node, give, &command);
}

static int is_done(struct hubs *hubs, const void *arg)
{
    (void)hubs;
    return ((const struct hubs_result *)arg)->done != 0;
}

void hubs_wait(struct hubs *hubs, const struct hubs_result *result)
{
    must(hubs_until(hubs, HUBS_TIMEOUT_MS + 5000, is_done, result),
         "a request did not end");
    hubs_run(hubs, 10);
    must(result->done == 1, "a request ended twice");
}

int hubs_start(struct hubs *hubs, uint32_t node, const char *ids,
               const char *words)
{
    hubs_start_send(hubs, node, ids, words, &hubs_last);
    hubs_wait(hubs, &hubs_last);
    return hubs_last.codes[0];
}

int hubs_stop(struct hubs *hubs, uint32_t node, const char *ids)
{
    hubs_stop_send(hubs, node, ids, &hubs_last);
    hubs_wait(hubs, &hubs_last);
    return hubs_last.codes[0];
}

uint64_t hubs_replica;

int hubs_move(struct hubs *hubs, uint32_t node, const char *ids,
              uint32_t target)
{
    hubs_move_send(hubs, node, ids, target, &hubs_last);
    hubs_wait(hubs, &hubs_last);
    return hubs_last.codes[0];
}

/* --- looking -------------------------------------------------------------- */

static uint32_t count(struct hubs *hubs, const char *id, int acting,
                      uint32_t *node, struct phub__sim_child **found)
{
    struct phub__sim_child *child = NULL;
    struct phub__sim_child_facts facts;
    uint32_t n = 0;

    while ((child = phub__sim_child_next(hubs->world, child)) != NULL) {
        phub__sim_child_facts(child, &facts);
        if (!same(facts.id, id) || (acting && !facts.acts))
            continue;
        n++;
        if (node != NULL)
            *node = phub__sim_node_index(facts.node);
        if (found != NULL)
            *found = child;
    }
    return n;
}

uint32_t hubs_acting(struct hubs *hubs, const char *id, uint32_t *node)
{
    return count(hubs, id, 1, node, NULL);
}

uint32_t hubs_instances(struct hubs *hubs, const char *id, uint32_t *node)
{
    return count(hubs, id, 0, node, NULL);
}

int hubs_acts(struct hubs *hubs, const void *id)
{
    return hubs_acting(hubs, id, NULL) == 1;
}

int hubs_is_gone(struct hubs *hubs, const void *id)
{
    return hubs_instances(hubs, id, NULL) == 0;
}

struct phub__sim_child *hubs_child(struct hubs *hubs, const char *id)
{
    struct phub__sim_child *child = NULL;

    must(count(hubs, id, 1, NULL, &child) == 1, "not exactly one acts");
    return child;
}

uint32_t hubs_home(struct hubs *hubs, uint32_t node, const char *id)
{
    uint64_t home = phub__hub_home(hubs_hub(hubs, node), hubs_bytes(id));
    uint32_t i;

    for (i = 0; i < hubs->nodes; i++)
        if (home != 0 && hubs->ids[i] == home)
            return i;
    return hubs->nodes;
}

void hubs_update(struct hubs *hubs, const char *id, uint64_t first,
                 uint64_t last)
{
    struct phub__sim_child *child = hubs_child(hubs, id);
    uint64_t held = 0;

    for (; first <= last; first++)
        must(phub__sim_child_update(child, 0, first, &held) ==
                 PHUB__SIM_ACKED, "an update was not acknowledged");
    must(held == last, "an update was lost");
}

uint64_t hubs_counter(struct hubs *hubs, const char *id)
{
    struct phub__sim_child_facts facts;

    phub__sim_child_facts(hubs_child(hubs, id), &facts);
    return facts.counters[0];
}

/* --- strategies ----------------------------------------------------------- */

struct wish {
    uint32_t kind;
    const char *name, *param;
    struct hubs_result *result;
};

static void send_wish(struct phub__hub *hub, void *arg)
{
    const struct wish *wish = arg;
    struct phub_bytes param = wish->param != NULL ? hubs_bytes(wish->param)
                                                  : PHUB_BYTES_NONE;
    struct phub__choice choice = {
        .kind = wish->kind, .name = hubs_bytes(wish->name),
        .params = { &param, wish->param != NULL } };
    struct phub__request *request =
        phub__request_new(hub, PHUB__OP_SWITCH, 1, HUBS_TIMEOUT_MS);
    struct phub__builder builder;
    uint8_t bytes[PHUB_CHILD_ID_MAX];

    phub__builder_init(&builder, PHUB__SET_SIZE_MAX);
    must(phub__encode(&phub__choice_schema, &choice, &builder) == 0,
         "a choice is too large");
    request->items[0].op.id =
        phub__request_copy(request, phub__strategies_id(bytes));
    request->items[0].op.spec = phub__request_copy(
        request, (struct phub_bytes){ builder.data, builder.size });
    phub__builder_fini(&builder);
    phub__request_send(request, hubs_done, wish->result);
}

void hubs_switch_send(struct hubs *hubs, uint32_t node, uint32_t kind,
                      const char *name, const char *param,
                      struct hubs_result *result)
{
    struct wish wish = { kind, name, param, result };

    memset(result, 0, sizeof *result);
    hubs_do(hubs, node, send_wish, &wish);
}
