/* SPDX-License-Identifier: MIT */
/* caller: typed, checked calls into strategies.
 *
 * One call at a time per strategy (entered), so a plugin never sees itself
 * on the stack twice; the hub guarantees that by completing later, and an
 * assertion here says so when it does not. */
#include "config.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "strategy/caller.h"
#include "strategy/note.h"
#include "strategy/param.h"
#include "wire/assert.h"

#define DISTINCT_SMALL 16u  /* up to here comparing all pairs is cheaper */

#define FAULT(strategy, error, error_max, ...)                                \
    ((strategy)->faults++,                                                    \
     phub__strategy_error(error, error_max, PHUB_EPLUGIN, __VA_ARGS__))

static void enter(struct phub__strategy *strategy, uint32_t kind,
                  const char *op)
{
    phub__assert(strategy->kind == kind);
    phub__assert(strategy->self != NULL);
    phub__assert(strategy->entered == 0);
    strategy->entered = 1;
    phub__note_begin(strategy->note, kind, strategy->name, op);
    strategy->failed[0] = '\0';
}

static void leave(struct phub__strategy *strategy)
{
    phub__assert(strategy->entered == 1);
    phub__note_end(strategy->note);
    strategy->entered = 0;
}

/* What a plugin returned instead of an answer. */
static int declined(struct phub__strategy *strategy, int rc, const char *what,
                    char *error, size_t error_max)
{
    char code[PHUB__CODE_TEXT_MAX];
    const char *text = strategy->failed[0] != '\0'
                           ? strategy->failed
                           : phub__strategy_code(rc, code);

    if (rc > 0 || phub_errname(rc) == NULL)
        rc = PHUB_EPLUGIN;
    return phub__strategy_error(error, error_max, rc, "plugin '%s': %s: %s",
                                strategy->name, what, text);
}

static uint32_t view_members(const struct phub__strategy *strategy,
                             const struct phub_view *view)
{
    return strategy->host->view_count(view);
}

/* --- distribution -------------------------------------------------------- */

static int u64_cmp(const void *a, const void *b)
{
    uint64_t left, right;

    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return (left > right) - (left < right);
}

/* Find a node that is named twice; false if there is none. */
static int twice_find(const uint64_t *nodes, uint32_t count, uint64_t *node,
                      bool *found)
{
    uint64_t *sorted;
    uint32_t i, j;

    *found = false;
    if (count <= DISTINCT_SMALL) {
        for (i = 1; i < count; i++)
            for (j = 0; j < i; j++)
                if (nodes[i] == nodes[j]) {
                    *node = nodes[i];
                    *found = true;
                }
        return 0;
    }
    sorted = malloc(count * sizeof *sorted);
    if (sorted == NULL)
        return PHUB_ENOMEM;
    memcpy(sorted, nodes, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, u64_cmp);
    for (i = 1; i < count; i++)
        if (sorted[i] == sorted[i - 1]) {
            *node = sorted[i];
            *found = true;
        }
    free(sorted);
    return 0;
}

static int shown_size(const struct phub_bytes *child)
{
    return (int)(child->size < PHUB_CHILD_ID_MAX ? child->size
                                                 : PHUB_CHILD_ID_MAX);
}

static int assign_check(struct phub__strategy *strategy,
                        const struct phub_view *view,
                        const struct phub_bytes *child, uint32_t factor,
                        const uint64_t *nodes, uint32_t count, char *error,
                        size_t error_max)
{
    uint64_t node = 0;
    bool twice;
    uint32_t i;

    if (count > factor)
        return FAULT(strategy, error, error_max,
            "plugin '%s' gave child '%.*s' %u nodes, %u asked for",
            strategy->name, shown_size(child), (const char *)child->data,
            count, factor);
    for (i = 0; i < count; i++)
        if (!strategy->host->view_has(view, nodes[i]))
            return FAULT(strategy, error, error_max,
                "plugin '%s' gave child '%.*s' to node %016" PRIx64
                ", which is not in the view", strategy->name,
                shown_size(child), (const char *)child->data, nodes[i]);
    if (twice_find(nodes, count, &node, &twice) != 0)
        return phub__strategy_error(error, error_max, PHUB_ENOMEM,
                                    "out of memory");
    if (twice)
        return FAULT(strategy, error, error_max,
            "plugin '%s' gave child '%.*s' to node %016" PRIx64 " twice",
            strategy->name, shown_size(child), (const char *)child->data,
            node);
    return 0;
}

int phub__call_assign(struct phub__strategy *strategy,
                      const struct phub_view *view,
                      const struct phub_assign_item *items, uint32_t count,
                      uint32_t factor, uint64_t *nodes, uint32_t *counts,
                      char *error, size_t error_max)
{
    uint32_t i;
    int rc;

    if (count == 0)
        return 0;
    phub__assert(factor > 0);
    enter(strategy, PHUB_KIND_DISTRIBUTION, "assign");
    rc = strategy->ops.distribution.assign(strategy->self, view, items, count,
                                           sizeof *items, factor, nodes,
                                           counts);
    leave(strategy);
    if (rc != 0)
        return declined(strategy, rc, "assign", error, error_max);
    for (i = 0; i < count; i++) {
        rc = assign_check(strategy, view, &items[i].id, factor,
                          nodes + (size_t)i * factor, counts[i], error,
                          error_max);
        if (rc != 0)
            return rc;
    }
    if (strategy->watch != NULL && strategy->watch->assigned != NULL)
        strategy->watch->assigned(strategy->watch->arg, items, count);
    return 0;
}

/* --- redundancy ---------------------------------------------------------- */

int phub__call_factor(struct phub__strategy *strategy,
                      const struct phub_view *view, uint32_t *factor,
                      char *error, size_t error_max)
{
    uint32_t members = view_members(strategy, view), answer = 0;
    int rc;

    enter(strategy, PHUB_KIND_REDUNDANCY, "factor");
    rc = strategy->ops.redundancy.factor(strategy->self, view, &answer);
    leave(strategy);
    if (rc != 0)
        return declined(strategy, rc, "factor", error, error_max);
    if (answer == 0)
        return FAULT(strategy, error, error_max,
            "plugin '%s' wants 0 copies, at least 1 is needed",
            strategy->name);
    if (answer > members)
        answer = members > 0 ? members : 1;
    *factor = answer;
    return 0;
}

int phub__call_plan(struct phub__strategy *strategy,
                    const struct phub_view *view,
                    const struct phub_bytes *child, const uint64_t *nodes,
                    uint32_t count, uint32_t *roles, char *error,
                    size_t error_max)
{
    bool active = count == 0;
    uint32_t i;
    int rc;

    for (i = 0; i < count; i++)
        roles[i] = UINT32_MAX;
    enter(strategy, PHUB_KIND_REDUNDANCY, "plan");
    rc = strategy->ops.redundancy.plan(strategy->self, view, child, nodes,
                                       count, roles);
    leave(strategy);
    if (rc != 0)
        return declined(strategy, rc, "plan", error, error_max);
    for (i = 0; i < count; i++) {
        if (roles[i] != PHUB_ROLE_PASSIVE && roles[i] != PHUB_ROLE_ACTIVE)
            return FAULT(strategy, error, error_max,
                "plugin '%s' gave child '%.*s' on node %016" PRIx64
                " role %" PRIu32 ", 0 or 1 expected", strategy->name,
                shown_size(child), (const char *)child->data, nodes[i],
                roles[i]);
        active = active || roles[i] == PHUB_ROLE_ACTIVE;
    }
    if (!active)
        return FAULT(strategy, error, error_max,
            "plugin '%s' made no instance of child '%.*s' active",
            strategy->name, shown_size(child), (const char *)child->data);
    return 0;
}

uint32_t phub__call_signals(struct phub__strategy *strategy)
{
    const uint32_t all = 1u << PHUB_ROLE_PASSIVE | 1u << PHUB_ROLE_ACTIVE;
    uint32_t roles = 0;
    int rc;

    if (strategy->ops.redundancy.signals == NULL)
        return all;
    enter(strategy, PHUB_KIND_REDUNDANCY, "signals");
    rc = strategy->ops.redundancy.signals(strategy->self, &roles);
    leave(strategy);
    return rc == 0 ? roles & all : all;
}

/* --- partition ----------------------------------------------------------- */

int phub__call_judge(struct phub__strategy *strategy,
                     const struct phub_judge *judge, uint32_t *verdict,
                     char *error, size_t error_max)
{
    uint32_t answer = 0;
    int rc;

    enter(strategy, PHUB_KIND_PARTITION, "judge");
    rc = strategy->ops.partition.judge(strategy->self, judge, &answer);
    leave(strategy);
    if (rc != 0)
        return declined(strategy, rc, "judge", error, error_max);
    if (answer < PHUB_VERDICT_CONTINUE || answer > PHUB_VERDICT_STOP)
        return FAULT(strategy, error, error_max,
            "plugin '%s' gave verdict %" PRIu32 ", 1..3 expected",
            strategy->name, answer);
    *verdict = answer;
    if (strategy->watch != NULL && strategy->watch->judged != NULL)
        strategy->watch->judged(strategy->watch->arg, judge, answer);
    return 0;
}

int phub__call_electorate(struct phub__strategy *strategy,
                          const struct phub_view *view, uint32_t *count,
                          char *error, size_t error_max)
{
    uint32_t members = view_members(strategy, view), answer = 0;
    int rc;

    if (strategy->ops.partition.electorate == NULL) {
        *count = members;
        return 0;
    }
    enter(strategy, PHUB_KIND_PARTITION, "electorate");
    rc = strategy->ops.partition.electorate(strategy->self, view, &answer);
    leave(strategy);
    if (rc != 0)
        return declined(strategy, rc, "electorate", error, error_max);
    *count = answer > members ? answer : members;
    return 0;
}

int phub__call_reset(struct phub__strategy *strategy,
                     const struct phub_view *view, char *error,
                     size_t error_max)
{
    int rc;

    if (strategy->ops.partition.reset == NULL) {
        snprintf(error, error_max, "strategy '%s' remembers no number of "
                 "nodes", strategy->name);
        return PHUB_EUNSUPPORTED;
    }
    enter(strategy, PHUB_KIND_PARTITION, "reset");
    rc = strategy->ops.partition.reset(strategy->self, view);
    leave(strategy);
    return rc != 0 ? declined(strategy, rc, "reset", error, error_max) : 0;
}

void phub__call_forget(struct phub__strategy *strategy, uint64_t node)
{
    if (strategy->ops.partition.forget == NULL)
        return;
    enter(strategy, PHUB_KIND_PARTITION, "forget");
    strategy->ops.partition.forget(strategy->self, node);
    leave(strategy);
}

int phub__call_may_leave(struct phub__strategy *strategy,
                         uint32_t deadline_ms)
{
    int rc;

    if (strategy->ops.partition.leave == NULL)
        return 1;
    enter(strategy, PHUB_KIND_PARTITION, "leave");
    rc = strategy->ops.partition.leave(strategy->self, deadline_ms);
    leave(strategy);
    return rc != PHUB_EAGAIN;
}

static int electors_check(struct phub__strategy *strategy,
                          const struct phub_elector *electors, uint32_t count,
                          char *error, size_t error_max)
{
    uint32_t i;

    if (count > PHUB_ELECTORS_MAX)
        return FAULT(strategy, error, error_max,
            "plugin '%s' gave %" PRIu32 " electors, at most %u expected",
            strategy->name, count, PHUB_ELECTORS_MAX);
    for (i = 0; i < count; i++) {
        if (electors[i].weight > PHUB_ELECTORS_MAX ||
            electors[i].weight_next > PHUB_ELECTORS_MAX)
            return FAULT(strategy, error, error_max,
                "plugin '%s' gave node %016" PRIx64 " weights %" PRIu32
                " and %" PRIu32 ", 0..%u expected", strategy->name,
                electors[i].node, electors[i].weight,
                electors[i].weight_next, PHUB_ELECTORS_MAX);
        if (i > 0 && electors[i - 1].node >= electors[i].node)
            return FAULT(strategy, error, error_max,
                "plugin '%s' gave electors that are not sorted: node %016"
                PRIx64 " after %016" PRIx64, strategy->name, electors[i].node,
                electors[i - 1].node);
    }
    return 0;
}

int phub__call_electors(struct phub__strategy *strategy,
                        const struct phub_view *view,
                        struct phub_elector *electors, uint32_t *count,
                        uint64_t *version, char *error, size_t error_max)
{
    int rc;

    *count = 0;
    *version = 0;
    if (strategy->ops.partition.electors == NULL)
        return 0;
    enter(strategy, PHUB_KIND_PARTITION, "electors");
    rc = strategy->ops.partition.electors(strategy->self, view, electors,
                                          PHUB_ELECTORS_MAX, count, version);
    leave(strategy);
    if (rc != 0)
        return declined(strategy, rc, "electors", error, error_max);
    return electors_check(strategy, electors, *count, error, error_max);
}

/* --- sync ---------------------------------------------------------------- */

void phub__call_changed(struct phub__strategy *strategy, uint64_t head)
{
    enter(strategy, PHUB_KIND_SYNC, "changed");
    strategy->ops.sync.changed(strategy->self, head);
    leave(strategy);
}

/* --- migration ----------------------------------------------------------- */

int phub__call_begin(struct phub__strategy *strategy,
                     const struct phub_plan_item *items, uint32_t count,
                     char *error, size_t error_max)
{
    int rc;

    if (count == 0)
        return 0;
    enter(strategy, PHUB_KIND_MIGRATION, "begin");
    rc = strategy->ops.migration.begin(strategy->self, items, count,
                                       sizeof *items);
    leave(strategy);
    if (rc != 0)
        return declined(strategy, rc, "begin", error, error_max);
    if (strategy->watch != NULL && strategy->watch->begun != NULL)
        strategy->watch->begun(strategy->watch->arg, items, count);
    return 0;
}

void phub__call_cancel(struct phub__strategy *strategy,
                       const struct phub_bytes *child)
{
    if (strategy->ops.migration.cancel == NULL)
        return;
    enter(strategy, PHUB_KIND_MIGRATION, "cancel");
    strategy->ops.migration.cancel(strategy->self, child);
    leave(strategy);
}

int phub__call_leave(struct phub__strategy *strategy, uint32_t deadline_ms)
{
    if (strategy->ops.migration.leave == NULL)
        return 0;
    enter(strategy, PHUB_KIND_MIGRATION, "leave");
    strategy->ops.migration.leave(strategy->self, deadline_ms);
    leave(strategy);
    return 1;
}

/* --- every kind ---------------------------------------------------------- */

void phub__call_view_changed(struct phub__strategy *strategy,
                             const struct phub_view *view)
{
    void (*call)(void *, const struct phub_view *) = NULL;

    if (strategy->watch != NULL && strategy->watch->view_changed != NULL)
        strategy->watch->view_changed(strategy->watch->arg, view);
    switch ((enum phub_kind)strategy->kind) {
    case PHUB_KIND_DISTRIBUTION:
        call = strategy->ops.distribution.view_changed;
        break;
    case PHUB_KIND_SYNC:
        call = strategy->ops.sync.view_changed;
        break;
    case PHUB_KIND_MIGRATION:
        call = strategy->ops.migration.view_changed;
        break;
    case PHUB_KIND_PARTITION:
        call = strategy->ops.partition.view_changed;
        break;
    case PHUB_KIND_REDUNDANCY:
        call = strategy->ops.redundancy.view_changed;
        break;
    }
    if (call == NULL)
        return;
    enter(strategy, strategy->kind, "view_changed");
    call(strategy->self, view);
    leave(strategy);
}

void phub__call_event(struct phub__strategy *strategy, phub_event_fn *fn,
                      uint64_t token, const struct phub_event *event)
{
    enter(strategy, strategy->kind, "event");
    fn(strategy->self, token, event);
    leave(strategy);
}

int phub__call_alter(struct phub__strategy *strategy,
                     phub_strategy_alter_fn *fn, uint64_t token,
                     struct phub_alter *alter)
{
    int rc;

    enter(strategy, strategy->kind, "alter");
    rc = fn(strategy->self, token, alter);
    leave(strategy);
    return rc;
}

static phub_asked_fn *asked_of(const struct phub__strategy *strategy)
{
    switch ((enum phub_kind)strategy->kind) {
    case PHUB_KIND_DISTRIBUTION:
        return strategy->ops.distribution.asked;
    case PHUB_KIND_REDUNDANCY:
        return strategy->ops.redundancy.asked;
    case PHUB_KIND_SYNC:
        return strategy->ops.sync.asked;
    case PHUB_KIND_MIGRATION:
        return strategy->ops.migration.asked;
    case PHUB_KIND_PARTITION:
        return strategy->ops.partition.asked;
    }
    return NULL;
}

int phub__strategy_answers(const struct phub__strategy *strategy)
{
    return asked_of(strategy) != NULL;
}

void phub__call_asked(struct phub__strategy *strategy,
                      const struct phub_asked *asked)
{
    enter(strategy, strategy->kind, "asked");
    asked_of(strategy)(strategy->self, asked);
    leave(strategy);
}

void phub__call_completed(struct phub__strategy *strategy, uint64_t token,
                          int32_t rc, const struct phub_result *result)
{
    void (*call)(void *, uint64_t, int32_t, const struct phub_result *) = NULL;

    switch ((enum phub_kind)strategy->kind) {
    case PHUB_KIND_DISTRIBUTION:
        call = strategy->ops.distribution.completed;
        break;
    case PHUB_KIND_SYNC:
        call = strategy->ops.sync.completed;
        break;
    case PHUB_KIND_MIGRATION:
        call = strategy->ops.migration.completed;
        break;
    case PHUB_KIND_PARTITION:
        call = strategy->ops.partition.completed;
        break;
    case PHUB_KIND_REDUNDANCY:
        call = strategy->ops.redundancy.completed;
        break;
    }
    if (call == NULL)
        return;
    enter(strategy, strategy->kind, "completed");
    call(strategy->self, token, rc, result);
    leave(strategy);
}

void phub__call_received(struct phub__strategy *strategy, uint64_t node,
                         const struct phub_bytes *message)
{
    void (*call)(void *, uint64_t, const struct phub_bytes *) = NULL;

    switch ((enum phub_kind)strategy->kind) {
    case PHUB_KIND_DISTRIBUTION:
        call = strategy->ops.distribution.received;
        break;
    case PHUB_KIND_SYNC:
        call = strategy->ops.sync.received;
        break;
    case PHUB_KIND_MIGRATION:
        call = strategy->ops.migration.received;
        break;
    case PHUB_KIND_PARTITION:
        call = strategy->ops.partition.received;
        break;
    case PHUB_KIND_REDUNDANCY:
        call = strategy->ops.redundancy.received;
        break;
    }
    if (call == NULL)
        return;
    enter(strategy, strategy->kind, "received");
    call(strategy->self, node, message);
    leave(strategy);
}
