/* SPDX-License-Identifier: MIT */
/* measure: watching one case; measure.h has the words. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "sim/measure.h"
#include "wire/assert.h"

#define COLUMN_NS (100 * PHUB__SIM_MS)  /* at first */
#define SEGMENTS_MAX 4096u

/* A child, as its instances are seen. */
struct seen {
    struct phub_epoch incarnation;
    uint32_t acting;
    uint32_t node;              /* on which it acted last */
    uint64_t serial;            /* of the instance that did */
    uint64_t ceased_ns;
    int lost;                   /* that instance died with its node */
};

/* A node that did, and what ran then on it and everywhere. */
struct came {
    int so;
    uint32_t had;
    uint64_t ran;
};

struct sim_measure {
    struct sim_case *c;         /* NULL: not yet, or over */
    struct phub__sim_watch judge;
    struct sim_figures figures;
    uint32_t nodes, children;
    struct seen *seen;
    uint32_t *acting;           /* children by node */
    /* the episode since the last change */
    int open;
    uint64_t changed_ns, stirred_ns;
    struct came *came;          /* by node: in it */
    uint64_t filled;            /* forced moves that could have gone there */
    /* plots */
    uint64_t began_ns, column_ns, sampled_ns;
    struct sim_column columns[SIM_COLUMNS_MAX];
    uint32_t columns_count;
    struct sim_track *tracks;
    struct phub__sim_traffic traffic;
};

static void *zeroed(size_t count, size_t size)
{
    void *memory = calloc(count == 0 ? 1 : count, size);

    phub__assert(memory != NULL);
    return memory;
}

static uint64_t now_of(const struct sim_measure *m)
{
    return phub__world_now(m->c->world);
}

static struct sim_column *column(struct sim_measure *m)
{
    return &m->columns[m->columns_count - 1];
}

/* --- episodes ------------------------------------------------------------- */

/* It runs, though some may not hear it. */
static int up(const struct sim_measure *m, uint32_t node)
{
    const struct sim_track *track = &m->tracks[node];
    enum sim_state state = track->count == 0
        ? SIM_NODE_DOWN : track->segments[track->count - 1].state;

    return state == SIM_NODE_UP || state == SIM_NODE_CUT;
}

static uint64_t acting_count(const struct sim_measure *m)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < m->nodes; i++)
        count += m->acting[i];
    return count;
}

/* What nodes that came would have of what ran then, and of most at most, if
 * all had by weight; less what they had. */
static uint64_t room(const struct sim_measure *m, uint64_t most)
{
    uint64_t weights = 0, missing = 0;

    for (uint32_t i = 0; i < m->nodes; i++)
        weights += up(m, i) ? m->c->weights[i] : 0;
    for (uint32_t i = 0; i < m->nodes; i++)
        if (m->came[i].so && up(m, i)) {
            uint64_t ran = m->came[i].ran < most ? m->came[i].ran : most;
            uint64_t fair = ran * m->c->weights[i] / weights;

            missing += fair > m->came[i].had ? fair - m->came[i].had : 0;
        }
    return missing;
}

/* After it. */
static void changed(struct sim_measure *m, uint32_t node, int came)
{
    uint64_t ran = acting_count(m);

    m->figures.changes++;
    m->changed_ns = m->stirred_ns = now_of(m);
    m->open = 1;
    for (uint32_t i = 0; i < m->children; i++)
        ran += m->seen[i].acting == 0 && m->seen[i].lost;
    m->came[node] = (struct came){ came, m->acting[node], ran };
}

static void forced(struct sim_measure *m)
{
    m->figures.least++;
    if (m->filled < room(m, UINT64_MAX))
        m->filled++;
}

static void quiet_note(struct sim_measure *m)
{
    uint64_t missing = room(m, acting_count(m));

    m->figures.least += missing > m->filled ? missing - m->filled : 0;
    m->filled = 0;
    memset(m->came, 0, m->nodes * sizeof(*m->came));
}

/* The fullest, by weight. */
static void balance_note(struct sim_measure *m)
{
    uint64_t sum = 0, most = 0, weights = 0;

    for (uint32_t i = 0; i < m->nodes; i++) {
        uint64_t weighed = 1000 * SIM_WEIGHT * (uint64_t)m->acting[i]
            / m->c->weights[i];

        if (!up(m, i))
            continue;
        weights += m->c->weights[i];
        sum += m->acting[i];
        if (weighed > most)
            most = weighed;
    }
    if (sum != 0)
        sim_samples_add(&m->figures.balance,
                        most * weights / (sum * SIM_WEIGHT));
}

static void settled(struct sim_measure *m)
{
    m->open = 0;
    quiet_note(m);
    sim_samples_add(&m->figures.settle_ns, m->stirred_ns - m->changed_ns);
    balance_note(m);
}

/* --- instances ------------------------------------------------------------ */

static uint32_t index_of(const struct sim_measure *m, struct phub_bytes id)
{
    const struct sim_child *child = sim_child_by_id(m->c, id);

    return child == NULL ? UINT32_MAX : (uint32_t)(child - m->c->children);
}

/* It stops and starts for reasons of its own. */
static int restless(const struct sim_measure *m, uint32_t child)
{
    return strstr(m->c->children[child].argv, "crash-") != NULL;
}

static void arrived(struct sim_measure *m, struct seen *seen,
                    const struct phub__sim_child_facts *facts)
{
    uint32_t node = phub__sim_node_index(facts->node);
    uint64_t gap = now_of(m) - seen->ceased_ns;

    /* A second one beside the first is a cut's, and no move. */
    if (seen->node == UINT32_MAX || seen->node == node || seen->acting != 0
        || phub_epoch_cmp(seen->incarnation, facts->incarnation) != 0)
        return;
    if (seen->lost || !up(m, seen->node)
        || m->c->leaving[seen->node] != SIM_STAYS)
        forced(m);
    if (seen->lost) {
        m->figures.losses++;
        column(m)->losses++;
        sim_samples_add(&m->figures.outage_ns, gap);
    } else {
        m->figures.moves++;
        column(m)->moves++;
        sim_samples_add(&m->figures.blackout_ns, gap);
    }
}

static void acting(void *arg, const struct phub__sim_child *instance,
                   int acts)
{
    struct sim_measure *m = arg;
    struct phub__sim_child_facts facts;
    uint32_t index, node;
    struct seen *seen;

    if (m->judge.acting != NULL)
        m->judge.acting(m->judge.arg, instance, acts);
    phub__sim_child_facts(instance, &facts);
    index = index_of(m, facts.id);
    if (index == UINT32_MAX)
        return;
    seen = &m->seen[index];
    node = phub__sim_node_index(facts.node);
    if (m->c->children[index].commands == 0 && !restless(m, index))
        m->stirred_ns = now_of(m);
    if (!acts) {
        m->acting[node]--;
        if (--seen->acting == 0)
            seen->ceased_ns = now_of(m);
        return;
    }
    if (!restless(m, index))
        arrived(m, seen, &facts);
    m->acting[node]++;
    seen->acting++;
    seen->node = node;
    seen->serial = facts.serial;
    seen->incarnation = facts.incarnation;
    seen->lost = 0;
}

static void ended(void *arg, const struct phub__sim_child *instance,
                  enum phub__sim_end why)
{
    struct sim_measure *m = arg;
    struct phub__sim_child_facts facts;
    uint32_t index;

    if (m->judge.ended != NULL)
        m->judge.ended(m->judge.arg, instance, why);
    phub__sim_child_facts(instance, &facts);
    index = index_of(m, facts.id);
    if (index != UINT32_MAX && facts.serial == m->seen[index].serial)
        m->seen[index].lost = why != PHUB__SIM_END_ASKED;
}

static void began(void *arg, const struct phub__sim_child *instance)
{
    struct sim_measure *m = arg;

    if (m->judge.began != NULL)
        m->judge.began(m->judge.arg, instance);
}

static void ready(void *arg, const struct phub__sim_child *instance)
{
    struct sim_measure *m = arg;

    if (m->judge.ready != NULL)
        m->judge.ready(m->judge.arg, instance);
}

static void state(void *arg, const struct phub__sim_child *instance, int put,
                  uint64_t size)
{
    struct sim_measure *m = arg;

    if (m->judge.state != NULL)
        m->judge.state(m->judge.arg, instance, put, size);
}

static void message(void *arg, const struct phub__sim_child *instance,
                    struct phub_bytes data)
{
    struct sim_measure *m = arg;

    if (m->judge.message != NULL)
        m->judge.message(m->judge.arg, instance, data);
}

/* --- nodes, and the plots ------------------------------------------------- */

static enum sim_state state_of(const struct sim_measure *m, uint32_t node)
{
    if (sim_daemon(m->c, node) == NULL)
        return SIM_NODE_DOWN;
    if (phub__sim_node_frozen(sim_node(m->c, node)))
        return SIM_NODE_FROZEN;
    for (uint32_t i = 0; m->c->cuts != 0 && i < m->nodes; i++)
        if (phub__world_is_cut(m->c->world, node, i)
            || phub__world_is_cut(m->c->world, i, node))
            return SIM_NODE_CUT;
    return SIM_NODE_UP;
}

static void track(struct sim_measure *m, uint32_t node)
{
    struct sim_track *t = &m->tracks[node];
    enum sim_state state = state_of(m, node);
    int was, first;

    if (t->count != 0 && t->segments[t->count - 1].state == state)
        return;
    if (t->count == t->max) {
        t->max = t->max == 0 ? 8 : t->max * 2;
        t->segments = realloc(t->segments, t->max * sizeof(*t->segments));
        phub__assert(t->segments != NULL);
    }
    was = up(m, node);
    first = t->count == 0;
    if (t->count == SEGMENTS_MAX)
        t->count--;             /* the last one tells the state */
    t->segments[t->count++] = (struct sim_segment){ now_of(m), state };
    if (!first || state != SIM_NODE_DOWN)
        changed(m, node, !was && up(m, node));
}

static void merge(struct sim_column *to, const struct sim_column *from)
{
    to->moves += from->moves;
    to->losses += from->losses;
    to->frames += from->frames;
    to->bytes += from->bytes;
    to->node_ns += from->node_ns;
    if (from->nodes_sum == 0)
        return;
    if (to->nodes_sum == 0 || from->children_min < to->children_min)
        to->children_min = from->children_min;
    if (from->children_max > to->children_max)
        to->children_max = from->children_max;
    to->children_sum += from->children_sum;
    to->nodes_sum += from->nodes_sum;
}

/* Half as many of twice the length. */
static void thin_out(struct sim_measure *m)
{
    for (uint32_t i = 0; i < SIM_COLUMNS_MAX / 2; i++) {
        struct sim_column two = m->columns[2 * i];

        merge(&two, &m->columns[2 * i + 1]);
        m->columns[i] = two;
    }
    memset(m->columns + SIM_COLUMNS_MAX / 2, 0,
           sizeof(m->columns) / 2);
    m->columns_count = SIM_COLUMNS_MAX / 2;
    m->column_ns *= 2;
}

static void column_for_now(struct sim_measure *m)
{
    uint64_t index = (now_of(m) - m->began_ns) / m->column_ns;

    while (index >= SIM_COLUMNS_MAX) {
        thin_out(m);
        index = (now_of(m) - m->began_ns) / m->column_ns;
    }
    if (index >= m->columns_count)
        m->columns_count = (uint32_t)index + 1;
}

static void sample(struct sim_measure *m)
{
    struct sim_column one = { .children_min = UINT32_MAX };
    struct phub__sim_traffic traffic;
    uint64_t passed = now_of(m) - m->sampled_ns;

    phub__world_traffic(m->c->world, &traffic);
    one.frames = traffic.frames - m->traffic.frames;
    one.bytes = traffic.bytes - m->traffic.bytes;
    for (uint32_t i = 0; i < m->nodes; i++) {
        if (!up(m, i))
            continue;
        one.nodes_sum++;
        one.children_sum += m->acting[i];
        if (m->acting[i] < one.children_min)
            one.children_min = m->acting[i];
        if (m->acting[i] > one.children_max)
            one.children_max = m->acting[i];
    }
    one.node_ns = passed * one.nodes_sum;
    merge(column(m), &one);
    m->figures.node_ns += one.node_ns;
    m->traffic = traffic;
    m->sampled_ns = now_of(m);
}

/* --- the case ------------------------------------------------------------- */

static void attach(struct sim_measure *m, struct sim_case *c)
{
    m->c = c;
    m->nodes = c->options.nodes;
    m->children = c->options.children;
    m->seen = zeroed(m->children, sizeof(*m->seen));
    m->came = zeroed(m->nodes, sizeof(*m->came));
    m->acting = zeroed(m->nodes, sizeof(*m->acting));
    m->tracks = zeroed(m->nodes, sizeof(*m->tracks));
    for (uint32_t i = 0; i < m->children; i++)
        m->seen[i].node = UINT32_MAX;
    m->began_ns = m->sampled_ns = now_of(m);
    m->column_ns = COLUMN_NS;
    m->columns_count = 1;
    m->judge = c->watch;
    c->watch = (struct phub__sim_watch){
        .began = began, .acting = acting, .ready = ready, .state = state,
        .ended = ended, .message = message, .arg = m };
}

static void step(void *arg, struct sim_case *c)
{
    struct sim_measure *m = arg;

    if (m->c == NULL)
        attach(m, c);
    column_for_now(m);
    for (uint32_t i = 0; i < m->nodes; i++)
        track(m, i);
    if (now_of(m) >= m->sampled_ns + COLUMN_NS)
        sample(m);
    if (m->open && now_of(m) >= m->stirred_ns + SIM_SETTLED_NS)
        settled(m);
}

static void over(void *arg, struct sim_case *c)
{
    struct sim_measure *m = arg;

    if (m->c == NULL)
        return;
    sample(m);
    m->figures.unsettled += (uint64_t)m->open;
    if (m->open)
        quiet_note(m);
    else
        balance_note(m);
    c->watch = m->judge;
    m->figures.cases = 1;
    m->figures.nodes = m->nodes;
    m->figures.children = m->children;
    m->figures.virtual_ns = now_of(m) - m->began_ns;
    m->figures.frames = m->traffic.frames;
    m->figures.bytes = m->traffic.bytes;
    m->c = NULL;
}

struct sim_measure *sim_measure_new(struct sim_options *options)
{
    struct sim_measure *m = zeroed(1, sizeof(*m));

    options->watcher = (struct sim_watcher){ step, over, m };
    return m;
}

void sim_measure_free(struct sim_measure **where)
{
    struct sim_measure *m = *where;

    if (m == NULL)
        return;
    *where = NULL;
    for (uint32_t i = 0; i < m->nodes; i++)
        free(m->tracks[i].segments);
    free(m->tracks);
    free(m->acting);
    free(m->came);
    free(m->seen);
    sim_figures_fini(&m->figures);
    free(m);
}

const struct sim_figures *sim_measure_figures(const struct sim_measure *m)
{
    return &m->figures;
}

uint32_t sim_measure_columns(const struct sim_measure *m,
                             const struct sim_column **columns,
                             uint64_t *column_ns)
{
    *columns = m->columns;
    *column_ns = m->column_ns;
    return m->columns_count;
}

uint64_t sim_measure_began_ns(const struct sim_measure *m)
{
    return m->began_ns;
}

uint32_t sim_measure_tracks(const struct sim_measure *m,
                            const struct sim_track **tracks)
{
    *tracks = m->tracks;
    return m->nodes;
}
