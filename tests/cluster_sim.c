/* SPDX-License-Identifier: MIT */
/* cluster_sim: a few clusters in one process, for the tests of libphub/cluster. */
#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/message.h"
#include "cluster_sim.h"

struct sim_message {
    uint64_t at_ns;
    uint64_t order;
    uint32_t from, to;
    struct phub__cluster_from sender;
    enum phub__cluster_type type;
    size_t size;
    uint8_t body[];
};

uint64_t sim_random(struct sim *sim)
{
    uint64_t z = (sim->seed += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t sim_below(struct sim *sim, uint64_t n)
{
    return n == 0 ? 0 : sim_random(sim) % n;
}

static bool before(const struct sim_message *a, const struct sim_message *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void queue_put(struct sim *sim, struct sim_message *m)
{
    uint32_t i = sim->queued++;

    if (sim->queued > sim->capacity) {
        sim->capacity = sim->capacity == 0 ? 256 : sim->capacity * 2;
        sim->queue = realloc(sim->queue, sim->capacity * sizeof *sim->queue);
        assert(sim->queue != NULL);
    }
    while (i > 0 && before(m, sim->queue[(i - 1) / 2])) {
        sim->queue[i] = sim->queue[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    sim->queue[i] = m;
}

static struct sim_message *queue_take(struct sim *sim)
{
    struct sim_message *first = sim->queue[0];
    struct sim_message *last = sim->queue[--sim->queued];
    uint32_t i = 0;

    while (2 * i + 1 < sim->queued) {
        uint32_t child = 2 * i + 1;

        if (child + 1 < sim->queued
            && before(sim->queue[child + 1], sim->queue[child]))
            child++;
        if (!before(sim->queue[child], last))
            break;
        sim->queue[i] = sim->queue[child];
        i = child;
    }
    sim->queue[i] = last;
    return first;
}

uint64_t sim_local_ns(const struct sim_node *node)
{
    uint64_t t = node->sim->now_ns;

    return node->offset_ns + t
         + (uint64_t)((int64_t)(t / 1000000) * node->rate_ppm);
}

/* The first moment at which the node's clock shows local. */
static uint64_t global_ns(const struct sim_node *node, uint64_t local)
{
    double t = (double)(local - node->offset_ns)
             / (1.0 + (double)node->rate_ppm / 1e6);
    uint64_t global = (uint64_t)t + 1100000;

    return local <= node->offset_ns ? 0 : global;
}

static uint64_t on_random(void *arg)
{
    return sim_random(((struct sim_node *)arg)->sim);
}

/* The hash of a member list, 0: it is something else. */
static uint64_t list_of(enum phub__cluster_type type, const uint8_t *body,
                        size_t size)
{
    static struct phub__message m;

    return type == PHUB__CLUSTER_SYNC
        && phub__message_decode(&m, type, body, size) == 0 ? m.list : 0;
}

static bool is_at(const struct sim_node *n, const char *endpoint)
{
    return strcmp(n->endpoint, endpoint) == 0
        || (n->alias != NULL && strcmp(n->alias, endpoint) == 0);
}

static void on_send(void *arg, const struct phub__cluster_to *to,
                    enum phub__cluster_type type, const uint8_t *body,
                    size_t size)
{
    struct sim_node *n = arg;
    struct sim *sim = n->sim;
    struct sim_message *m;
    uint64_t at = sim->now_ns, list = list_of(type, body, size);
    uint32_t i = 0;

    n->sent++;
    n->lists += type == PHUB__CLUSTER_SYNC && list == 0;
    n->list = list != 0 ? list : n->list;
    n->joins += type == PHUB__CLUSTER_JOIN;
    while (i < sim->count && !is_at(&sim->nodes[i], to->endpoint))
        i++;
    if (i == sim->count)
        return;
    if (n->thaw_ns > at)
        at = n->thaw_ns;  /* frozen on the way to the socket */
    if (sim_below(sim, 1000) < sim->loss_permille)
        return;
    m = malloc(sizeof *m + size);
    assert(m != NULL);
    *m = (struct sim_message){
        .at_ns = at + sim->delay_min_ns
               + sim_below(sim, sim->delay_max_ns - sim->delay_min_ns + 1),
        .order = sim->order++, .from = n->index, .to = i,
        .sender = { n->self.node, n->self.boot, to->node, to->boot,
                    phub__view_hash(phub__cluster_view(n->cluster)) },
        .type = type, .size = size,
    };
    memcpy(m->body, body, size);
    queue_put(sim, m);
}

static void on_event(void *arg, const struct phub__cluster_event *e)
{
    struct sim_node *n = arg;

    switch (e->kind) {
    case PHUB__CLUSTER_VIEW_CHANGED:
        n->views++;
        n->joined += e->change->joined_count;
        n->lost += e->change->lost_count;
        n->left += e->change->left_count;
        break;
    case PHUB__CLUSTER_VIEW_SETTLED:
        n->settled++;
        n->s_joined = e->change->joined_count;
        n->s_lost = e->change->lost_count;
        n->s_left = e->change->left_count;
        break;
    case PHUB__CLUSTER_SELF_STALLED:
        n->stalled++;
        break;
    case PHUB__CLUSTER_JOIN_REFUSED:
        n->refused++;
        snprintf(n->refusal, sizeof n->refusal, "%s", e->text);
        break;
    case PHUB__CLUSTER_IDENTITY:
        n->identity++;
        snprintf(n->identity_text, sizeof n->identity_text, "%s", e->text);
        break;
    case PHUB__CLUSTER_MEMBER:
        if (n->sim->trace)
            fprintf(stderr, "%8.3f %s: %s is %d: %s\n",
                    (double)n->sim->now_ns / 1e9, n->name, e->member->name,
                    (int)e->member->state, e->text);
        break;
    case PHUB__CLUSTER_LEASE:
        if (n->guard_ns <= sim_local_ns(n))
            n->lapsed_ns = n->sim->now_ns;
        n->guard_ns = e->value;
        break;
    }
}

void sim_init(struct sim *sim, uint64_t seed, uint32_t count)
{
    assert(count <= SIM_NODES_MAX);
    memset(sim, 0, sizeof *sim);
    sim->seed = seed;
    sim->now_ns = 1000 * SIM_S;
    sim->count = count;
    sim->delay_min_ns = SIM_MS / 10;
    sim->delay_max_ns = 2 * SIM_MS;
    for (uint32_t i = 0; i < count; i++) {
        struct sim_node *n = &sim->nodes[i];

        n->sim = sim;
        n->index = i;
        snprintf(n->name, sizeof n->name, "n%u", i);
        snprintf(n->endpoint, sizeof n->endpoint, "sim://%u", i);
        phub__cluster_params_init(&n->params);
        n->self = (struct phub__cluster_self){
            .node = 100 + i, .boot = 0, .protocol_min = 1, .protocol_max = 1,
            .hub_id = "h", .name = n->name, .endpoint = n->endpoint,
        };
    }
}

void sim_fini(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->count; i++)
        phub__cluster_free(&sim->nodes[i].cluster);
    while (sim->queued > 0)
        free(queue_take(sim));
    free(sim->queue);
}

/* A mask has 32 bits, and begins anew for those behind. */
static bool in_mask(uint32_t mask, uint32_t i)
{
    return (mask >> i % 32 & 1) != 0;
}

void sim_boot(struct sim *sim, uint32_t i, uint32_t seeds_mask)
{
    struct sim_node *n = &sim->nodes[i];
    struct phub__cluster_io io = { n, on_random, on_send, on_event, NULL,
                                   NULL };
    const char *seeds[SIM_NODES_MAX];
    char error[128];
    uint32_t count = 0;
    int rc;

    assert(n->cluster == NULL);
    for (uint32_t k = 0; k < sim->count; k++)
        if (in_mask(seeds_mask, k))
            seeds[count++] = sim->nodes[k].alias != NULL
                           ? sim->nodes[k].alias : sim->nodes[k].endpoint;
    n->self.boot++;
    n->thaw_ns = 0;
    rc = phub__cluster_new(&n->self, &n->params, &io, sim_local_ns(n),
                           &n->cluster, error, sizeof error);
    assert(rc == 0);
    if (n->remembers != NULL)
        rc = phub__cluster_remember(n->cluster, 999, n->remembers);
    assert(rc == 0);
    rc = phub__cluster_start(n->cluster, seeds, count, sim_local_ns(n));
    assert(rc == 0);
}

void sim_crash(struct sim *sim, uint32_t i)
{
    phub__cluster_free(&sim->nodes[i].cluster);
}

void sim_freeze(struct sim *sim, uint32_t i, uint64_t for_ns)
{
    sim->nodes[i].thaw_ns = sim->now_ns + for_ns;
}

void sim_leave(struct sim *sim, uint32_t i)
{
    struct sim_node *n = &sim->nodes[i];

    phub__cluster_leave(n->cluster, sim_local_ns(n));
    phub__cluster_free(&n->cluster);
}

void sim_cut(struct sim *sim, uint32_t from, uint32_t to, bool cut)
{
    sim->cut[from][to] = cut;
}

void sim_partition(struct sim *sim, uint32_t mask, bool cut)
{
    for (uint32_t i = 0; i < sim->count; i++)
        for (uint32_t k = 0; k < sim->count; k++)
            if (in_mask(mask, i) != in_mask(mask, k))
                sim->cut[i][k] = cut;
}

static void deliver(struct sim *sim, struct sim_message *m)
{
    struct sim_node *n = &sim->nodes[m->to];

    if (n->cluster == NULL || sim->cut[m->from][m->to]) {
        free(m);
    } else if (n->thaw_ns > sim->now_ns) {
        m->at_ns = n->thaw_ns + 1;
        queue_put(sim, m);
    } else {
        phub__cluster_receive(n->cluster, &m->sender, m->type, m->body,
                              m->size, sim_local_ns(n));
        free(m);
    }
}

/* When the node's timer fires. */
static uint64_t timer_ns(const struct sim *sim, const struct sim_node *n)
{
    uint64_t at;

    if (n->cluster == NULL)
        return UINT64_MAX;
    at = phub__cluster_deadline(n->cluster);
    if (at == UINT64_MAX)
        return at;
    at = global_ns(n, at);
    if (at < n->thaw_ns)
        at = n->thaw_ns;
    return at < sim->now_ns ? sim->now_ns : at;
}

static void step(struct sim *sim, uint64_t end_ns)
{
    struct sim_node *next = NULL;
    uint64_t at = end_ns;

    for (uint32_t i = 0; i < sim->count; i++) {
        uint64_t t = timer_ns(sim, &sim->nodes[i]);

        if (t < at) {
            at = t;
            next = &sim->nodes[i];
        }
    }
    if (sim->queued > 0 && sim->queue[0]->at_ns < at) {
        sim->now_ns = sim->queue[0]->at_ns > sim->now_ns
                    ? sim->queue[0]->at_ns : sim->now_ns;
        deliver(sim, queue_take(sim));
    } else {
        sim->now_ns = at;
        if (next != NULL) {
            next->ticks++;
            phub__cluster_tick(next->cluster, sim_local_ns(next));
        }
    }
    if (sim->check != NULL)
        sim->check(sim);
}

void sim_run(struct sim *sim, uint64_t for_ns)
{
    uint64_t end = sim->now_ns + for_ns;

    while (sim->now_ns < end)
        step(sim, end);
}

bool sim_agreed(struct sim *sim)
{
    uint32_t running = 0;

    for (uint32_t i = 0; i < sim->count; i++)
        running += sim->nodes[i].cluster != NULL;
    for (uint32_t i = 0; i < sim->count; i++) {
        struct phub_view *view;

        if (sim->nodes[i].cluster == NULL)
            continue;
        view = phub__cluster_view(sim->nodes[i].cluster);
        if (phub__view_count(view) != running)
            return false;
        for (uint32_t k = 0; k < sim->count; k++) {
            const struct phub_view_node *node;

            if (sim->nodes[k].cluster == NULL)
                continue;
            node = phub__view_find(view, sim->nodes[k].self.node);
            if (node == NULL || node->boot != sim->nodes[k].self.boot)
                return false;
        }
    }
    return true;
}

uint64_t sim_run_until_agreed(struct sim *sim, uint64_t at_most_ns)
{
    uint64_t start = sim->now_ns, end = start + at_most_ns;

    while (sim->now_ns < end) {
        if (sim_agreed(sim))
            return sim->now_ns - start;
        step(sim, end);
    }
    return sim_agreed(sim) ? sim->now_ns - start : UINT64_MAX;
}

bool sim_join_all(struct sim *sim, uint64_t seed, uint32_t count,
                  uint64_t at_most_ns)
{
    sim_init(sim, seed, count);
    for (uint32_t i = 0; i < count; i++)
        sim_boot(sim, i, 1);
    return sim_run_until_agreed(sim, at_most_ns) != UINT64_MAX;
}

enum phub__member_state sim_state(struct sim *sim, uint32_t of, uint32_t at)
{
    const struct phub__member *m;

    m = phub__cluster_member(sim->nodes[at].cluster, sim->nodes[of].self.node);
    return m == NULL ? (enum phub__member_state)0 : m->state;
}
