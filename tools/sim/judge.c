/* SPDX-License-Identifier: MIT */
/* judge: hands what happened to the checkers, and tells the story of what
 * broke; see judge.h.
 *
 *   lost          1  a child that people want runs
 *   doubled       2  never more instances than asked for act, and a later one
 *                    has a greater epoch
 *   state         3  no acknowledged update is missing
 *   resurrected   4  nothing runs that people stopped
 *   forgotten     4  nobody has a node in its view that was forgotten
 *   request       5  each command ends in time, with the truth
 *   drained       5  nothing acts on a node that was said to be drained
 *   registry      6  registries are equal in the end
 *   ready         7  what is published as running is ready, with its state
 *   quorum        8  the partition strategy is asked before anything moves
 *   growth        9  tables and timers return to what they were
 *   delay        10  judge_delay.c: a scene of its own
 *   cause        11  what happened has a reason that can be asked for */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/judge.h"
#include "wire/assert.h"

static const struct sim_judge *const judges[] = {
    &sim_judge_lost, &sim_judge_doubled, &sim_judge_state,
    &sim_judge_resurrected, &sim_judge_forgotten, &sim_judge_request,
    &sim_judge_drained, &sim_judge_registry, &sim_judge_ready,
    &sim_judge_quorum, &sim_judge_growth, &sim_judge_cause
};

#define JUDGES (sizeof(judges) / sizeof(judges[0]))
#define TELL(hook, ...)                                                       \
    for (size_t tell_ = 0; tell_ < JUDGES; tell_++)                           \
        if (judges[tell_]->hook != NULL)                                      \
            judges[tell_]->hook(__VA_ARGS__)

uint32_t sim_judges_count(void)
{
    return (uint32_t)JUDGES;
}

const struct sim_judge *sim_judges_at(uint32_t index)
{
    return judges[index];
}

/* --- instances ------------------------------------------------------------- */

struct sim_life *sim_life_find(struct sim_child *child, uint64_t serial)
{
    for (uint32_t i = 0; i < child->lives_count; i++)
        if (child->lives[i].serial == serial && serial != 0)
            return &child->lives[i];
    return NULL;
}

/* The oldest that has ended makes room. */
static struct sim_life *life_new(struct sim_child *child)
{
    for (uint32_t i = 0; i < SIM_LIVES_MAX; i++) {
        uint32_t at = (child->lives_next + i) % SIM_LIVES_MAX;
        struct sim_life *life = &child->lives[at];

        if (life->serial != 0 && life->ended_ns == 0
            && i + 1 < SIM_LIVES_MAX)
            continue;
        child->lives_next = (at + 1) % SIM_LIVES_MAX;
        if (at >= child->lives_count)
            child->lives_count = at + 1;
        memset(life, 0, sizeof(*life));
        return life;
    }
    return &child->lives[0];
}

void sim_judges_began(struct sim_case *c, sim_facts *facts)
{
    struct sim_child *child = sim_child_by_id(c, facts->id);
    struct sim_life *life;

    if (child == NULL) {
        sim_broken(c, 4, "an instance of unknown child %.*s begins",
                   (int)facts->id.size, (const char *)facts->id.data);
        return;
    }
    if (phub_epoch_cmp(facts->incarnation, child->incarnation) > 0) {
        child->incarnation = facts->incarnation;
        memset(child->journals, 0, sizeof(child->journals));
    }
    life = life_new(child);
    life->serial = facts->serial;
    life->node = phub__sim_node_index(facts->node);
    life->node_id = c->node_ids[life->node];
    life->pid = facts->pid;
    life->incarnation = facts->incarnation;
    life->epoch = facts->epoch;
    life->began_ns = phub__world_now(c->world);
    life->cut = sim_was_cut(c);
    life->passive = facts->passive;
    TELL(began, c, child, life, facts);
    child->last_node = life->node;
}

void sim_judges_acting(struct sim_case *c, sim_facts *facts, int acts)
{
    struct sim_child *child = sim_child_by_id(c, facts->id);
    struct sim_life *life;

    if (child == NULL)
        return;
    child->acting += acts ? 1u : UINT32_MAX;
    life = sim_life_find(child, facts->serial);
    if (life == NULL)
        return;
    life->acts = acts;
    if (acts)
        life->acted_ns = phub__world_now(c->world);
    TELL(acting, c, child, life, facts, acts);
}

void sim_judges_taken(struct sim_case *c, sim_facts *facts)
{
    struct sim_child *child = sim_child_by_id(c, facts->id);
    struct sim_life *life = child == NULL
        ? NULL : sim_life_find(child, facts->serial);

    if (life == NULL)
        return;
    life->state_taken = 1;
    memcpy(life->taken, facts->counters, sizeof(life->taken));
    TELL(taken, c, child, life, facts);
}

void sim_judges_ended(struct sim_case *c, sim_facts *facts,
                      enum phub__sim_end why)
{
    struct sim_child *child = sim_child_by_id(c, facts->id);
    struct sim_life *life = child == NULL
        ? NULL : sim_life_find(child, facts->serial);

    if (life == NULL)
        return;
    life->ended_ns = phub__world_now(c->world);
    life->acts = 0;
    TELL(ended, c, child, life, facts, why);
}

static void world_began(void *arg, const struct phub__sim_child *instance)
{
    struct phub__sim_child_facts facts;

    phub__sim_child_facts(instance, &facts);
    sim_judges_began(arg, &facts);
}

static void world_acting(void *arg, const struct phub__sim_child *instance,
                         int acts)
{
    struct phub__sim_child_facts facts;

    phub__sim_child_facts(instance, &facts);
    sim_judges_acting(arg, &facts, acts);
}

static void world_state(void *arg, const struct phub__sim_child *instance,
                        int put, uint64_t size)
{
    struct phub__sim_child_facts facts;

    (void)size;
    if (put)
        return;
    phub__sim_child_facts(instance, &facts);
    sim_judges_taken(arg, &facts);
}

static void world_ended(void *arg, const struct phub__sim_child *instance,
                        enum phub__sim_end why)
{
    struct phub__sim_child_facts facts;

    phub__sim_child_facts(instance, &facts);
    sim_judges_ended(arg, &facts, why);
}

/* --- people and clients ---------------------------------------------------- */

void sim_judges_answered(struct sim_case *c, struct sim_child *child,
                         const struct sim_answer *answer)
{
    TELL(answered, c, child, answer);
}

void sim_judges_acked(struct sim_case *c, struct sim_child *child,
                      uint32_t client, uint64_t number, uint64_t held)
{
    TELL(acked, c, child, client, number, held);
}

void sim_judges_gap(struct sim_case *c, struct sim_child *child,
                    uint32_t client, uint64_t held, sim_facts *facts)
{
    TELL(gap, c, child, client, held, facts);
}

void sim_judges_published(struct sim_case *c, struct sim_child *child,
                          const struct sim_published *published,
                          sim_facts *facts)
{
    TELL(published, c, child, published, facts);
}

/* --- daemons and their strategies ------------------------------------------- */

static uint32_t index_of(const struct sim_daemon *daemon)
{
    return phub__sim_node_index(daemon->node);
}

static void view_changed(void *arg, const struct phub_view *view)
{
    struct sim_daemon *daemon = arg;
    struct sim_node_model *node = &daemon->c->judges->nodes[index_of(daemon)];

    node->view_open = 1;
    (void)view;
    TELL(view_changed, daemon->c, index_of(daemon));
}

static void judged(void *arg, const struct phub_judge *judge,
                   uint32_t verdict)
{
    struct sim_daemon *daemon = arg;
    struct sim_node_model *node = &daemon->c->judges->nodes[index_of(daemon)];
    uint64_t now = phub__world_now(daemon->c->world);

    /* While one strategy follows another both are asked, and the sterner one
     * has its way. */
    if (node->judged_ns == now && node->verdict > verdict)
        verdict = node->verdict;
    node->judged_ns = now;
    node->view_open = 0;
    if (node->verdict != verdict)
        node->verdict_ns = now;
    if (node->verdict == PHUB_VERDICT_STOP && verdict != PHUB_VERDICT_STOP)
        node->stop_over_ns = now;
    node->verdict = verdict;
    TELL(judged, daemon->c, index_of(daemon), judge, verdict);
}

static void assigned(void *arg, const struct phub_assign_item *items,
                     uint32_t count)
{
    struct sim_daemon *daemon = arg;

    if (count != 0)
        TELL(assigned, daemon->c, index_of(daemon), items[0].cause);
}

static void begun(void *arg, const struct phub_plan_item *items,
                  uint32_t count)
{
    struct sim_daemon *daemon = arg;

    if (count != 0)
        TELL(begun, daemon->c, index_of(daemon), items[0].cause);
}

/* What a hub says of an instance of its own the moment that it runs. */
static void started(void *arg, const struct phub_hook_event *event)
{
    struct sim_daemon *daemon = arg;
    struct sim_child *child = sim_child_by_id(
        daemon->c, (struct phub_bytes){ (const uint8_t *)event->child,
                                        strlen(event->child) });
    struct sim_published p = { .reader = index_of(daemon),
                               .node = index_of(daemon) };
    struct phub__sim_child *instance;
    struct phub__sim_child_facts facts;
    struct phub__row_view row;
    struct phub__half_view half;

    if (child == NULL
        || phub__registry_get(daemon->hub->registry, sim_child_bytes(child),
                              &row) != 0
        || !phub__row_half_of(&row, daemon->hub->node, &half))
        return;
    instance = phub__sim_child_find(daemon->node, half.pid);
    if (instance == NULL)
        return;
    p.pid = half.pid;
    p.state = half.state;
    p.epoch = half.epoch;
    phub__sim_child_facts(instance, &facts);
    sim_judges_published(daemon->c, child, &p, &facts);
}

const struct phub__call_watch sim_judges_calls = {
    .view_changed = view_changed, .judged = judged, .assigned = assigned,
    .begun = begun
};

void sim_judges_made(struct sim_case *c, uint32_t node)
{
    struct sim_daemon *daemon = &c->daemons[node];
    struct sim_node_model *model = &c->judges->nodes[node];
    uint64_t left = model->left_ns, leave_ms = model->leave_ms;
    uint64_t ended = model->ended_ns, handle;

    daemon->calls = sim_judges_calls;
    daemon->calls.arg = daemon;
    for (unsigned kind = 1; kind < PHUB__KINDS; kind++)
        if (kind == PHUB_KIND_PARTITION || kind == PHUB_KIND_DISTRIBUTION
            || kind == PHUB_KIND_MIGRATION)
            daemon->hub->strategies[kind]->watch = &daemon->calls;
    if (phub__hooks_add(daemon->hub->hooks, "child_started", 0, started,
                        daemon, &handle) != 0)
        phub__world_note(c->world, daemon->node, "nobody watches starts");
    memset(model, 0, sizeof(*model));
    model->began_ns = phub__world_now(c->world);
    model->left_ns = left;
    model->leave_ms = leave_ms;
    model->ended_ns = ended;
    model->disturbed_ns = model->began_ns;
}

void sim_judges_gone(struct sim_case *c, uint32_t node)
{
    c->judges->nodes[node].ended_ns = phub__world_now(c->world);
    TELL(gone, c, node);
}

void sim_judges_wiped(struct sim_case *c, uint32_t node)
{
    TELL(wiped, c, node);
}

void sim_judges_left(struct sim_case *c, uint32_t node)
{
    c->judges->nodes[node].left_ns = phub__world_now(c->world);
}

void sim_judges_disturbed(struct sim_case *c, uint32_t node)
{
    c->judges->fault_ns = phub__world_now(c->world);
    if (node < c->options.nodes)
        c->judges->nodes[node].disturbed_ns = c->judges->fault_ns;
}

static void set_apart(struct sim_case *c, uint32_t a, uint32_t b)
{
    c->judges->apart[(size_t)a * c->options.nodes + b] = 1;
    c->judges->apart[(size_t)b * c->options.nodes + a] = 1;
}

static void apart_begins(struct sim_case *c)
{
    if (!sim_was_cut(c))
        memset(c->judges->apart, 0,
               (size_t)c->options.nodes * c->options.nodes);
}

void sim_judges_apart(struct sim_case *c, uint32_t a, uint32_t b)
{
    apart_begins(c);
    if (b != UINT32_MAX)
        set_apart(c, a, b);
    for (b = b == UINT32_MAX ? 0 : c->options.nodes; b < c->options.nodes;
         b++)
        set_apart(c, a, b);
}

void sim_judges_cut(struct sim_case *c)
{
    apart_begins(c);
    for (uint32_t i = 0; i < c->options.nodes; i++)
        for (uint32_t k = 0; k < c->options.nodes; k++)
            if (phub__world_is_cut(c->world, i, k))
                set_apart(c, i, k);
}

void sim_judges_tick(struct sim_case *c)
{
    uint64_t now = phub__world_now(c->world);
    struct phub__sim_traffic traffic;

    if (now < c->judges->tick_ns)
        return;
    c->judges->tick_ns = now + SIM_TICK_NS;
    phub__world_traffic(c->world, &traffic);
    if (traffic.lost != c->judges->lost)
        c->judges->fault_ns = now;
    c->judges->lost = traffic.lost;
    TELL(ticked, c);
}

void sim_judges_given_up(struct sim_case *c)
{
    TELL(given_up, c);
}

/* --- quiet ------------------------------------------------------------------ */

static const struct sim_judge *unwell(struct sim_case *c, int late,
                                      const struct sim_child **child,
                                      char *text, size_t text_max)
{
    for (size_t i = 0; i < JUDGES; i++)
        if (judges[i]->quiet != NULL && (late || !judges[i]->late)
            && !judges[i]->quiet(c, child, text, text_max))
            return judges[i];
    return NULL;
}

static int promptly_well(struct sim_case *c)
{
    const struct sim_child *child = NULL;

    return sim_members_agree(c) && unwell(c, 0, &child, NULL, 0) == NULL;
}

int sim_all_well(struct sim_case *c)
{
    const struct sim_child *child = NULL;

    return sim_members_agree(c) && unwell(c, 1, &child, NULL, 0) == NULL;
}

void sim_judge_quiet(struct sim_case *c)
{
    const struct sim_child *child = NULL;
    const struct sim_judge *judge;
    uint64_t began = phub__world_now(c->world);
    char text[300] = "";

    if ((sim_run_until(c, SIM_QUIET_NS / PHUB__SIM_MS, promptly_well)
         && sim_run_until(c, SIM_LATE_NS / PHUB__SIM_MS, sim_all_well))
        || c->broken)
        return;
    if (!sim_members_agree(c)) {
        sim_broken(c, 6, "the members do not agree about the view");
        return;
    }
    judge = unwell(c, 1, &child, text, sizeof(text));
    if (judge == NULL)
        return;
    sim_broken_child(c, judge->promise, child, "%u s after the last fault %s",
                     (unsigned)((phub__world_now(c->world) - began)
                                / PHUB__SIM_S), text);
}

/* --- life ------------------------------------------------------------------- */

int sim_judges_new(struct sim_case *c)
{
    struct sim_judges *j = calloc(1, sizeof(*j));
    uint32_t nodes = c->options.nodes;

    phub__assert(j != NULL);
    c->judges = j;
    j->nodes = calloc(nodes, sizeof(*j->nodes));
    j->apart = calloc(nodes, nodes);
    j->on_disk = calloc((c->options.children + 1) * (size_t)nodes,
                        sizeof(*j->on_disk));
    j->ended_bad = calloc(nodes, 1);
    j->on_disks_alone = calloc(c->options.children + 1, 1);
    phub__assert(j->nodes != NULL && j->apart != NULL
                 && j->on_disk != NULL && j->ended_bad != NULL
                 && j->on_disks_alone != NULL);
    c->watch = (struct phub__sim_watch){ .began = world_began,
        .acting = world_acting, .state = world_state, .ended = world_ended,
        .arg = c };
    return 0;
}

void sim_judges_free(struct sim_case *c)
{
    if (c->judges == NULL)
        return;
    free(c->judges->nodes);
    free(c->judges->apart);
    free(c->judges->on_disk);
    free(c->judges->ended_bad);
    free(c->judges->on_disks_alone);
    free(c->judges);
    c->judges = NULL;
}
