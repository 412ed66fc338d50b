/* SPDX-License-Identifier: MIT */
/* registry_fixture: registries of several nodes and what passes between them,
 * in memory, by a seed. */
#ifndef PHUB__TESTS_REGISTRY_FIXTURE_H
#define PHUB__TESTS_REGISTRY_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/internal.h"

#define DELTA_ROOM (4u << 20)

static inline uint64_t random_next(uint64_t *seed)
{
    uint64_t x = *seed += 0x9e3779b97f4a7c15ull;  /* SplitMix64 */

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

static inline uint64_t random_below(uint64_t *seed, uint64_t below)
{
    return random_next(seed) % below;
}

static inline struct phub_bytes text(const char *s)
{
    return (struct phub_bytes){ (const uint8_t *)s, strlen(s) };
}

static inline struct phub_epoch epoch(uint64_t number, uint64_t node)
{
    return (struct phub_epoch){ number, node };
}

static inline struct phub__registry *
registry_new(uint64_t node, uint64_t boot,
             const struct phub__registry_events *events, void *arg)
{
    struct phub__registry_options options = {
        .node = node, .boot = boot, .events = events, .events_arg = arg,
    };
    struct phub__registry *registry = NULL;

    ck_assert_int_eq(phub__registry_new(&options, &registry), 0);
    return registry;
}

/* Next Lamport epoch of a node. */
static inline struct phub_epoch next_epoch(const struct phub__registry *r)
{
    return epoch(phub__registry_epoch_max(r) + 1, r->node);
}

static inline int start(struct phub__registry *r, const char *id,
                        struct phub_epoch incarnation, uint64_t home)
{
    struct phub__life life = {
        .incarnation = incarnation, .spec = text("spec"),
    };

    return phub__registry_spec_put(r, text(id), &life, home, incarnation);
}

static inline int publish(struct phub__registry *r, const char *id,
                          uint32_t state, struct phub_epoch at)
{
    struct phub__half half = {
        .state = state, .epoch = at, .incarnation = at, .pid = 42,
    };

    return phub__registry_instance_put(r, text(id), &half);
}

static inline bool is_live(const struct phub__registry *r, const char *id)
{
    struct phub__row_view view;

    return phub__registry_get(r, text(id), &view) == 0 && view.live;
}

/* --- passing on -------------------------------------------------------------- */

static inline struct phub__builder summary_of(struct phub__registry *r)
{
    struct phub__builder b;

    phub__builder_init(&b, DELTA_ROOM);
    ck_assert_int_eq(phub__registry_summary(r, &b), 0);
    return b;
}

static inline bool equal(struct phub__registry *a, struct phub__registry *b)
{
    struct phub__builder s = summary_of(b);
    bool is_equal = false;

    ck_assert_int_eq(phub__registry_equal(a, phub__builder_bytes(&s),
                                          &is_equal), 0);
    phub__builder_fini(&s);
    return is_equal;
}

/* b gives a what a lacks; gives the number of pieces. */
static inline uint32_t pull(struct phub__registry *a, struct phub__registry *b,
                            size_t size_max)
{
    uint32_t pieces = 0;
    bool more = true;

    while (more) {
        struct phub__builder s = summary_of(a), delta;
        int rc;

        more = false;
        phub__builder_init(&delta, DELTA_ROOM);
        rc = phub__registry_missing(b, phub__builder_bytes(&s), size_max,
                                    &delta, &more);
        if (rc == 0) {
            int applied = phub__registry_apply(a, phub__builder_bytes(&delta));

            ck_assert_msg(applied == 0 || applied == PHUB_EAGAIN, "apply %d",
                          applied);
            pieces++;
            ck_assert_uint_lt(pieces, 100000);
        } else {
            ck_assert_int_eq(rc, PHUB_EEMPTY);
        }
        phub__builder_fini(&s);
        phub__builder_fini(&delta);
    }
    return pieces;
}

static inline void exchange(struct phub__registry *a, struct phub__registry *b)
{
    (void)pull(a, b, 1u << 16);
    (void)pull(b, a, 1u << 16);
}

/* Entries of own stream above from; applied at b. */
static inline int push(struct phub__registry *a, struct phub__registry *b,
                       uint64_t from)
{
    struct phub__builder delta;
    uint64_t next = 0;
    int rc;

    phub__builder_init(&delta, DELTA_ROOM);
    rc = phub__registry_delta(a, from, 1u << 20, &delta, &next);
    if (rc == 0)
        rc = phub__registry_apply(b, phub__builder_bytes(&delta));
    phub__builder_fini(&delta);
    return rc;
}

/* --- comparing by eye: everything that counts, as text ------------------------- */

static inline int line_cmp(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline char *dump(const struct phub__registry *r)
{
    struct phub__query query = { .by = PHUB__BY_ALL };
    struct phub__row_view view;
    uint64_t cursor = 0;
    char **lines = NULL, *all;
    size_t count = 0, i, size = 1;

    do {
        char line[4096];
        size_t at;

        if (phub__registry_query(r, &query, &cursor, 3, &view, 1) == 0)
            continue;
        at = (size_t)snprintf(line, sizeof line, "%.*s", (int)view.id.size,
                              (const char *)view.id.data);
        if (view.live)
            at += (size_t)snprintf(line + at, sizeof line - at,
                " %llu.%llu edit %llu.%llu home %llu@%llu.%llu spec %.*s",
                (unsigned long long)view.incarnation.number,
                (unsigned long long)view.incarnation.node,
                (unsigned long long)view.edit.number,
                (unsigned long long)view.edit.node,
                (unsigned long long)view.home,
                (unsigned long long)view.home_epoch.number,
                (unsigned long long)view.home_epoch.node,
                (int)view.spec.size, (const char *)view.spec.data);
        size_t bare = at;
        for (uint32_t h = 0; h < view.instances_count; h++) {
            struct phub__half_view half;

            phub__row_half_at(&view, h, &half);
            if (half.state != PHUB_INSTANCE_GONE)
                at += (size_t)snprintf(line + at, sizeof line - at,
                    " [%llu/%llu %u %llu]", (unsigned long long)half.node,
                    (unsigned long long)half.boot, half.state,
                    (unsigned long long)half.epoch.number);
        }
        if (!view.live && at == bare)
            continue;  /* records only: dropped when they may be */
        lines = realloc(lines, (count + 1) * sizeof *lines);
        lines[count] = strdup(line);
        size += strlen(lines[count++]) + 1;
    } while (cursor != 0);
    if (count > 0)
        qsort(lines, count, sizeof *lines, line_cmp);
    all = calloc(1, size);
    for (i = 0, size = 0; i < count; i++) {
        size_t n = strlen(lines[i]);

        memcpy(all + size, lines[i], n);
        all[size + n] = '\n';
        size += n + 1;
        free(lines[i]);
    }
    free(lines);
    return all;
}

static inline void assert_same_rows(const struct phub__registry *a,
                                    const struct phub__registry *b)
{
    char *x = dump(a), *y = dump(b);

    ck_assert_str_eq(x, y);
    free(x);
    free(y);
}

#endif
