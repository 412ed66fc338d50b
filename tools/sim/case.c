/* SPDX-License-Identifier: MIT */
/* case: building a cluster in a world, and what can be done to it. */
#include "config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sim/judge.h"
#include "wire/assert.h"

#define SEEDS 3u        /* every node has the first ones as seeds */

/* --- the daemon ----------------------------------------------------------- */

static int reaches(struct sim_case *c, uint32_t from, uint32_t to)
{
    return !phub__sim_node_frozen(sim_node(c, to))
        && !phub__world_is_cut(c->world, from, to)
        && !phub__world_is_cut(c->world, to, from);
}

/* Nobody knows a new node, and it knows none but its seeds: where none of these
 * can answer it is cut off from all others until they find it. */
static void alone(struct sim_case *c, uint32_t index)
{
    uint32_t others = 0;

    for (uint32_t i = 0; i < c->options.nodes; i++) {
        if (i == index || c->daemons[i].hub == NULL)
            continue;
        others++;
        if (i < SEEDS && reaches(c, index, i))
            return;
    }
    if (others == 0)
        return;
    sim_judges_apart(c, index, UINT32_MAX);
    if (!c->split)
        c->split_ns = phub__world_now(c->world);
    c->split = c->stranger = 1;
}

static int met_nobody(const struct phub__hub *hub)
{
    uint64_t known = phub__registry_known_next(hub->registry, 0);

    return hub->boot == 1 && (known == 0 || known == hub->node)
        && phub__registry_known_next(hub->registry, hub->node) == 0;
}

/* A node began, or went, or froze, or links were cut: that may have left new
 * ones alone. */
static void strangers(struct sim_case *c)
{
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (c->daemons[i].hub != NULL && met_nobody(c->daemons[i].hub))
            alone(c, i);
}

static void *daemon_start(void *arg, struct phub__sim_node *node,
                          struct phub_env *env)
{
    struct sim_case *c = arg;
    uint32_t index = phub__sim_node_index(node);
    struct sim_daemon *daemon = &c->daemons[index];
    char endpoints[SEEDS][40];
    const char *seeds[SEEDS];
    char listen[40];
    char error[512] = "";
    struct phub__hub_options o = {
        .hub_id = "sim", .name = phub__sim_node_name(node), .listen = listen,
        .weight = c->weights[index], .seeds = seeds, .drain_timeout_ms = 30000,
        .plugin_path = c->plugin_path };

    phub__cluster_params_init(&o.cluster);
    for (uint32_t i = 0; i < c->options.nodes && i < SEEDS; i++) {
        (void)snprintf(endpoints[i], sizeof(endpoints[i]),
                       "tcp://n%u:7000", i);
        seeds[o.seeds_count++] = endpoints[i];
    }
    (void)snprintf(listen, sizeof(listen), "tcp://%s:7000", o.name);
    memcpy(o.strategies, c->options.strategies, sizeof(o.strategies));
    daemon->c = c;
    daemon->node = node;
    daemon->hub = NULL;
    if (phub__hub_new(env, &o, &daemon->hub, error, sizeof(error)) == 0)
        sim_judges_made(c, index);
    if (daemon->hub == NULL
        || phub__hub_start(daemon->hub, error, sizeof(error)) != 0) {
        phub__world_note(c->world, node, "cannot start: %s", error);
        sim_broken(c, 0, "node %s cannot start: %s", o.name, error);
        phub__hub_free(&daemon->hub);
        return NULL;
    }
    c->node_ids[index] = daemon->hub->node;
    c->majority = (daemon->hub->strategies[PHUB_KIND_PARTITION]->flags
                   & PHUB_FLAG_MAJORITY) != 0;
    strangers(c);
    return daemon;
}

/* What was agreed on its side of a cut, and told nobody yet on the other. */
static void excuse_wishes(struct sim_case *c)
{
    for (uint32_t i = 0; i < c->options.children && c->split; i++)
        if (c->children[i].wished_ns >= c->split_ns)
            c->children[i].wish = SIM_UNKNOWN;
}

struct back {
    struct sim_case *c;
    uint32_t index;
    int empty;
};

static void come_back(void *arg)
{
    struct back back = *(struct back *)arg;

    sim_disown(arg);
    sim_start_node(back.c, back.index, back.empty);
}

/* Its process is there until this turn ends. */
static void ended(struct sim_case *c, uint32_t index)
{
    enum sim_leaving leaving = c->leaving[index];
    struct back *back;

    c->leaving[index] = SIM_STAYS;
    if (leaving != SIM_RETURNS && leaving != SIM_RETURNS_EMPTY)
        return;
    back = sim_own(c, sizeof(*back));
    *back = (struct back){ c, index, leaving == SIM_RETURNS_EMPTY };
    phub__world_at(c->world, phub__world_now(c->world), come_back, back);
}

static void daemon_end(void *arg, struct phub__sim_node *node, void *self)
{
    struct sim_daemon *daemon = self;

    (void)node;
    excuse_wishes(arg);
    sim_judges_gone(arg, phub__sim_node_index(daemon->node));
    phub__hub_free(&daemon->hub);
    if (daemon->c->broken)
        return;
    strangers(daemon->c);
    ended(daemon->c, phub__sim_node_index(daemon->node));
}

/* --- making --------------------------------------------------------------- */

void sim_options_init(struct sim_options *options, uint64_t seed)
{
    memset(options, 0, sizeof(*options));
    options->seed = seed;
    options->nodes = 3;
    options->children = 9;
    options->clients = 2;
    options->strategies[PHUB_KIND_DISTRIBUTION].name = "consistent_hash";
    options->strategies[PHUB_KIND_REDUNDANCY].name = "singularity";
    options->strategies[PHUB_KIND_SYNC].name = "pubsub";
    options->strategies[PHUB_KIND_MIGRATION].name = "hotswap";
    options->strategies[PHUB_KIND_PARTITION].name = "divergence";
    options->faults = SIM_FAULTS_ALL;
    options->gap_ms = SIM_GAP_MS;
    options->operators = 1;
    options->log_level = PHUB__LOG_DEBUG;
    if (getenv("PHUB_SIM_TRACE") != NULL)
        options->trace = stderr;
}

void sim_plugin_path(const char *path, char *text, size_t text_max)
{
    char *here = path == NULL && getenv("PHUB_PLUGIN_PATH") == NULL
        ? realpath("plugins/.libs", NULL) : NULL;

    (void)snprintf(text, text_max, "%s", path != NULL ? path
                   : here != NULL ? here : "");
    free(here);
}

static void *array(uint32_t count, size_t size)
{
    void *memory = calloc((size_t)count + 1, size);

    phub__assert(memory != NULL);
    return memory;
}

struct sim_case *sim_case_new(const struct sim_options *options)
{
    struct sim_case *c = calloc(1, sizeof(*c));
    struct phub__world_options world;
    struct phub__sim_program program = { daemon_start, daemon_end, c };
    char name[16];

    phub__assert(c != NULL);
    phub__assert(options->nodes <= SIM_NODES_MAX);
    phub__assert(options->children <= SIM_CHILDREN_MAX);
    c->options = *options;
    sim_plugin_path(options->plugin_path, c->plugin_path,
                    sizeof(c->plugin_path));
    c->daemons = array(options->nodes, sizeof(*c->daemons));
    c->node_ids = array(options->nodes, sizeof(*c->node_ids));
    c->present = array(options->nodes, sizeof(*c->present));
    c->dropped = array(options->nodes, sizeof(*c->dropped));
    c->forgotten = array(options->nodes, sizeof(*c->forgotten));
    c->told = array(options->nodes, sizeof(*c->told));
    c->stray = array(options->nodes, sizeof(*c->stray));
    c->leaving = array(options->nodes, sizeof(*c->leaving));
    c->weights = array(options->nodes, sizeof(*c->weights));
    c->children = array(options->children, sizeof(*c->children));
    phub__world_options_init(&world, options->seed);
    world.trace = options->trace;
    world.calls = options->calls;
    world.log_level = options->log_level;
    (void)sim_judges_new(c);
    sim_senders_init(c);
    world.watch = &c->watch;
    c->world = phub__world_new(&world);
    for (uint32_t i = 0; i < options->nodes; i++) {
        (void)snprintf(name, sizeof(name), "n%u", i);
        (void)phub__sim_node_add(c->world, name, &program);
        c->weights[i] = SIM_WEIGHT;
    }
    for (uint32_t i = 0; i < options->children; i++) {
        (void)snprintf(c->children[i].id, sizeof(c->children[i].id), "c%u",
                       i);
        (void)snprintf(c->children[i].argv, sizeof(c->children[i].argv),
                       "sim state freeze");
        c->children[i].last_node = UINT32_MAX;
    }
    return c;
}

struct sim_owned {
    _Alignas(max_align_t) struct sim_owned *next;
    struct sim_owned **link;   /* what points to this one */
};

void sim_case_free(struct sim_case **where)
{
    struct sim_case *c = *where;
    struct phub__world *world;

    if (c == NULL)
        return;
    *where = NULL;
    world = c->world;
    if (c->options.watcher.over != NULL)
        c->options.watcher.over(c->options.watcher.arg, c);
    c->broken = 1;  /* what the end of the world does is nobody's fault */
    phub__world_free(&world);
    while (c->owned != NULL)
        sim_disown(c->owned + 1);
    free(c->daemons);
    free(c->node_ids);
    free(c->present);
    free(c->dropped);
    free(c->forgotten);
    free(c->told);
    free(c->stray);
    free(c->leaving);
    free(c->weights);
    free(c->children);
    sim_judges_free(c);
    free(c);
}

void *sim_own(struct sim_case *c, size_t size)
{
    struct sim_owned *owned = calloc(1, sizeof(*owned) + size);

    phub__assert(owned != NULL);
    owned->next = c->owned;
    owned->link = &c->owned;
    if (owned->next != NULL)
        owned->next->link = &owned->next;
    c->owned = owned;
    return owned + 1;
}

void sim_disown(void *memory)
{
    struct sim_owned *owned = (struct sim_owned *)memory - 1;

    *owned->link = owned->next;
    if (owned->next != NULL)
        owned->next->link = owned->link;
    free(owned);
}

/* --- looking -------------------------------------------------------------- */

struct phub__sim_node *sim_node(struct sim_case *c, uint32_t index)
{
    return phub__world_node(c->world, index);
}

struct sim_daemon *sim_daemon(struct sim_case *c, uint32_t index)
{
    return phub__sim_node_self(sim_node(c, index));
}

struct sim_child *sim_child_by_id(struct sim_case *c, struct phub_bytes id)
{
    uint32_t index = 0;

    if (id.size < 2 || id.size > 6 || id.data[0] != 'c')
        return NULL;
    for (size_t i = 1; i < id.size; i++)
        index = index * 10 + (uint32_t)(id.data[i] - '0');
    return index < c->options.children ? &c->children[index] : NULL;
}

struct phub__sim_child *sim_instance_next(struct sim_case *c,
                                          const struct sim_child *child,
                                          struct phub__sim_child *instance)
{
    struct phub_bytes id = { (const uint8_t *)child->id, strlen(child->id) };

    return phub__sim_child_named(c->world, id, instance);
}

uint32_t sim_node_by_id(struct sim_case *c, uint64_t node)
{
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (c->node_ids[i] == node)
            return i;
    return UINT32_MAX;
}

uint64_t sim_below(struct sim_case *c, enum phub__sim_stream stream,
                   uint64_t count)
{
    return phub__world_below(c->world, stream, count);
}

struct sim_daemon *sim_any(struct sim_case *c, enum phub__sim_stream stream)
{
    uint32_t start = (uint32_t)sim_below(c, stream, c->options.nodes);

    for (uint32_t i = 0; i < c->options.nodes; i++) {
        uint32_t index = (start + i) % c->options.nodes;

        if (sim_daemon(c, index) != NULL
            && !phub__sim_node_frozen(sim_node(c, index)))
            return sim_daemon(c, index);
    }
    return NULL;
}

/* --- running -------------------------------------------------------------- */

void sim_look(struct sim_case *c)
{
    if (c->options.beat_ns != NULL)
        *c->options.beat_ns = phub__world_now(c->world);
    if (c->options.watcher.step != NULL)
        c->options.watcher.step(c->options.watcher.arg, c);
    if (c->split && c->cuts == 0
        && c->half_open_ns <= phub__world_now(c->world)
        && sim_members_agree(c)) {
        if (c->stranger)
            excuse_wishes(c);
        c->split = c->stranger = 0;
        c->healed_ns = phub__world_now(c->world);
        for (uint32_t i = 0; i < c->options.nodes; i++)
            c->stray[i] = sim_daemon(c, i) == NULL && c->node_ids[i] != 0;
    }
    sim_judges_tick(c);
}

void sim_run_to(struct sim_case *c, uint64_t until_ns)
{
    while (!c->broken && phub__world_now(c->world) < until_ns) {
        uint64_t step = phub__world_now(c->world) + 10 * PHUB__SIM_MS;

        phub__world_run(c->world, step < until_ns ? step : until_ns);
        sim_look(c);
    }
}

void sim_run(struct sim_case *c, uint64_t ms)
{
    sim_run_to(c, phub__world_now(c->world) + ms * PHUB__SIM_MS);
}

int sim_run_until(struct sim_case *c, uint64_t ms,
                  int (*fn)(struct sim_case *c))
{
    for (uint64_t i = 0; i < ms && !fn(c) && !c->broken; i += 50)
        sim_run(c, 50);
    return fn(c);
}

int sim_members_agree(struct sim_case *c)
{
    uint32_t running = 0;
    uint64_t hash = 0;

    for (uint32_t i = 0; i < c->options.nodes; i++)
        running += sim_daemon(c, i) != NULL;
    for (uint32_t i = 0; i < c->options.nodes; i++) {
        struct sim_daemon *daemon = sim_daemon(c, i);
        struct phub_view *view;

        if (daemon == NULL)
            continue;
        view = phub__hub_view(daemon->hub);
        if (phub__view_count(view) != running
            || (hash != 0 && phub__view_hash(view) != hash))
            return 0;
        hash = phub__view_hash(view);
    }
    return 1;
}

/* What a node that was away when a cut ended has lived through on its side is
 * merged only now; its stop may win over what people were told since. */
static void stray_returns(struct sim_case *c, uint32_t index)
{
    if (!c->stray[index])
        return;
    c->stray[index] = 0;
    for (unsigned kind = 1; kind < PHUB__KINDS; kind++)
        c->chosen[kind].known = 0;
    sim_judges_apart(c, index, UINT32_MAX);
    for (uint32_t i = 0; i < c->options.children && !c->majority; i++)
        if (c->children[i].told_in_cut)
            c->children[i].wish = SIM_UNKNOWN;
    c->split = 1;
    c->split_ns = phub__world_now(c->world);
}

void sim_start_node(struct sim_case *c, uint32_t index, int empty)
{
    if (c->leaving[index] != SIM_STAYS) {
        c->leaving[index] = empty ? SIM_RETURNS_EMPTY : SIM_RETURNS;
        return;
    }
    if (phub__sim_node_env(sim_node(c, index)) != NULL)
        return;
    if (empty) {
        phub__sim_node_wipe(sim_node(c, index));
        sim_judges_wiped(c, index);
    }
    stray_returns(c, index);
    c->present[index] = 1;
    phub__sim_node_disk_full(sim_node(c, index), 0);
    phub__sim_node_sync_fails(sim_node(c, index), 0);
    phub__sim_node_start(sim_node(c, index));
}

void sim_boot(struct sim_case *c, uint32_t first, uint32_t last)
{
    for (uint32_t i = first; i < last; i++)
        sim_start_node(c, i, 0);
}

/* --- faults --------------------------------------------------------------- */

static void disturbed(struct sim_case *c, uint32_t node)
{
    c->disturbed_ns = phub__world_now(c->world);
    sim_judges_disturbed(c, node);
}

void sim_disturbed(struct sim_case *c)
{
    disturbed(c, UINT32_MAX);
}

static void count_cuts(struct sim_case *c)
{
    uint32_t cuts = 0;

    for (uint32_t i = 0; i < c->options.nodes; i++)
        for (uint32_t j = 0; j < c->options.nodes; j++)
            cuts += phub__world_is_cut(c->world, i, j) != 0;
    sim_judges_cut(c);
    if (cuts != 0 && !c->split) {
        c->split = 1;
        c->split_ns = phub__world_now(c->world);
    }
    c->cuts = cuts;
    sim_disturbed(c);
    strangers(c);
}

void sim_cut(struct sim_case *c, const uint32_t *groups, int held)
{
    char text[SIM_NODES_MAX + 1];
    uint32_t i;

    for (i = 0; i < c->options.nodes; i++)
        text[i] = (char)('0' + groups[i]);
    text[i] = '\0';
    phub__world_note(c->world, NULL, "partition %s%s", text,
                     held ? ", held" : "");
    phub__world_partition(c->world, groups, held);
    count_cuts(c);
}

void sim_cut_one_way(struct sim_case *c, uint32_t from, uint32_t to, int held)
{
    phub__world_note(c->world, NULL, "cut n%u -> n%u", from, to);
    phub__world_cut(c->world, from, to, held);
    count_cuts(c);
}

void sim_half_open(struct sim_case *c, uint32_t from, uint32_t to,
                   uint64_t ns)
{
    uint64_t now = phub__world_now(c->world);

    phub__world_note(c->world, NULL, "half open for %llu ms n%u -> n%u",
                     (unsigned long long)(ns / PHUB__SIM_MS), from, to);
    phub__world_half_open(c->world, from, to, ns);
    if (c->half_open_ns < now + ns)
        c->half_open_ns = now + ns;
    sim_judges_apart(c, from, to);
    if (!c->split) {
        c->split = 1;
        c->split_ns = now;
    }
    sim_disturbed(c);
}

void sim_heal_one_way(struct sim_case *c, uint32_t from, uint32_t to)
{
    phub__world_note(c->world, NULL, "healed n%u -> n%u", from, to);
    phub__world_heal(c->world, from, to);
    count_cuts(c);
}

void sim_heal(struct sim_case *c)
{
    if (c->cuts == 0)
        return;
    phub__world_note(c->world, NULL, "healed");
    phub__world_heal_all(c->world);
    count_cuts(c);
}

void sim_kill(struct sim_case *c, uint32_t index)
{
    disturbed(c, index);
    phub__sim_node_kill(sim_node(c, index));
    c->present[index] = 0;
}

void sim_kill_after(struct sim_case *c, uint32_t index, uint32_t effects)
{
    disturbed(c, index);
    phub__sim_node_kill_after(sim_node(c, index), effects);
    c->present[index] = 0;
}

static void darkens(struct sim_case *c, uint32_t index)
{
    disturbed(c, index);
    c->present[index] = 0;
    c->leaving[index] = SIM_STAYS;
}

void sim_power_off(struct sim_case *c, uint32_t index)
{
    darkens(c, index);
    phub__sim_node_power_off(sim_node(c, index));
}

void sim_power_off_torn(struct sim_case *c, uint32_t index)
{
    darkens(c, index);
    phub__sim_node_power_off_torn(sim_node(c, index));
}

void sim_jump(struct sim_case *c, uint32_t index, uint64_t ns)
{
    disturbed(c, index);
    phub__sim_node_boot_jump(sim_node(c, index), ns);
}

void sim_kill_guard(struct sim_case *c, uint32_t index)
{
    disturbed(c, index);
    phub__sim_node_kill_guard(sim_node(c, index));
}

void sim_freeze(struct sim_case *c, uint32_t index)
{
    disturbed(c, index);
    phub__sim_node_freeze(sim_node(c, index));
    strangers(c);
}

void sim_thaw(struct sim_case *c, uint32_t index)
{
    disturbed(c, index);
    if (phub__sim_node_frozen(sim_node(c, index)))
        c->judges->nodes[index].thawed_ns = phub__world_now(c->world);
    phub__sim_node_thaw(sim_node(c, index));
}

/* --- leaving -------------------------------------------------------------- */

static void left(void *arg)
{
    struct sim_daemon *daemon = arg;

    sim_judges_left(daemon->c, phub__sim_node_index(daemon->node));
    phub__sim_node_exit(daemon->node);
}

struct leaving {
    struct sim_daemon *daemon;
    uint64_t deadline_ms;
};

static void leave_now(void *arg)
{
    struct leaving leaving = *(struct leaving *)arg;

    free(arg);
    phub__world_note(leaving.daemon->c->world, leaving.daemon->node,
                     "leaves");
    phub__hub_stop(leaving.daemon->hub, leaving.deadline_ms, left,
                   leaving.daemon);
}

void sim_leave(struct sim_case *c, uint32_t index, uint64_t deadline_ms)
{
    struct leaving *leaving = malloc(sizeof(*leaving));

    phub__assert(leaving != NULL);
    *leaving = (struct leaving){ sim_daemon(c, index), deadline_ms };
    c->present[index] = 0;
    c->leaving[index] = leaving->daemon != NULL ? SIM_LEAVES : SIM_STAYS;
    c->disturbed_ns = phub__world_now(c->world);
    c->judges->nodes[index].leave_ms = deadline_ms;
    phub__sim_node_at(sim_node(c, index), phub__world_now(c->world),
                      leave_now, free, leaving);
}
