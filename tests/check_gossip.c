/* SPDX-License-Identifier: MIT */
/* check_gossip: registries that lose, repeat and reorder what they tell each
 * other, that restart, and that are equal in the end. */
#include "config.h"

#include "registry_fixture.h"

#define NODES 4u
#define CHILDREN 12u
#define LETTERS_MAX 256u
#ifndef SEEDS
#define SEEDS 150u
#endif

struct letter {
    uint32_t from, to;
    uint64_t boot;           /* of the sender */
    bool is_summary;
    size_t size;
    uint8_t *bytes;
};

struct world {
    uint64_t seed;
    struct phub__registry *nodes[NODES];
    uint64_t boots[NODES];
    uint64_t pushed[NODES];
    struct phub__builder disks[NODES][CHILDREN];
    bool on_disk[NODES][CHILDREN];
    struct letter letters[LETTERS_MAX];
    uint32_t letters_count;
};

static const char *child_name(uint64_t i)
{
    static char names[CHILDREN][16];

    (void)snprintf(names[i], sizeof names[i], "child-%u", (unsigned)i);
    return names[i];
}

/* The store of a node: every durable row as it is now. */
static void disk_write(struct world *w, uint32_t n)
{
    uint32_t c;

    for (c = 0; c < CHILDREN; c++) {
        struct phub__builder *b = &w->disks[n][c];

        phub__builder_reset(b);
        w->on_disk[n][c] = phub__registry_snapshot(w->nodes[n],
                                                   text(child_name(c)),
                                                   b) == 0;
    }
}

static void letter_send(struct world *w, uint32_t from, uint32_t to,
                        bool is_summary, const struct phub__builder *b)
{
    struct letter *letter;

    if (w->letters_count == LETTERS_MAX || from == to ||
        random_below(&w->seed, 5) == 0)
        return;  /* lost */
    letter = &w->letters[w->letters_count++];
    letter->from = from;
    letter->to = to;
    letter->boot = w->boots[from];
    letter->is_summary = is_summary;
    letter->size = b->size;
    letter->bytes = malloc(b->size + 1);
    memcpy(letter->bytes, b->data, b->size);
}

static void letter_receive(struct world *w, const struct letter *letter)
{
    struct phub__registry *r = w->nodes[letter->to];
    struct phub_bytes bytes = { letter->bytes, letter->size };
    struct phub__builder delta;
    bool more;
    int rc;

    if (letter->boot != w->boots[letter->from])
        return;  /* the link has another session now */
    if (!letter->is_summary) {
        rc = phub__registry_apply(r, bytes);
        ck_assert_msg(rc == 0 || rc == PHUB_EAGAIN, "apply: %d", rc);
        disk_write(w, letter->to);
        return;
    }
    phub__builder_init(&delta, DELTA_ROOM);
    rc = phub__registry_missing(r, bytes, 200 + random_below(&w->seed, 4000),
                                &delta, &more);
    ck_assert_msg(rc == 0 || rc == PHUB_EEMPTY || rc == PHUB_ELIMIT,
                  "missing: %d", rc);
    if (rc == 0)
        letter_send(w, letter->to, letter->from, false, &delta);
    phub__builder_fini(&delta);
}

/* In any order, some twice. */
static void deliver_one(struct world *w)
{
    uint32_t at;
    struct letter letter;

    if (w->letters_count == 0)
        return;
    at = (uint32_t)random_below(&w->seed, w->letters_count);
    letter = w->letters[at];
    if (random_below(&w->seed, 10) == 0) {
        letter_receive(w, &letter);
        return;
    }
    w->letters[at] = w->letters[--w->letters_count];
    letter_receive(w, &letter);
    free(letter.bytes);
}

static void send_push(struct world *w, uint32_t n)
{
    struct phub__registry *r = w->nodes[n];
    struct phub__builder b;
    uint64_t next;
    uint32_t to;

    phub__builder_init(&b, DELTA_ROOM);
    if (phub__registry_delta(r, w->pushed[n], 100000, &b, &next) == 0) {
        w->pushed[n] = next;
        for (to = 0; to < NODES; to++)
            letter_send(w, n, to, false, &b);
    }
    phub__builder_fini(&b);
}

static void send_summary(struct world *w, uint32_t n)
{
    struct phub__builder b = summary_of(w->nodes[n]);

    letter_send(w, n, (uint32_t)random_below(&w->seed, NODES), true, &b);
    phub__builder_fini(&b);
}

static void send_rows(struct world *w, uint32_t n)
{
    struct phub_bytes ids[2] = {
        text(child_name(random_below(&w->seed, CHILDREN))),
        text(child_name(random_below(&w->seed, CHILDREN))),
    };
    struct phub__builder b;

    phub__builder_init(&b, DELTA_ROOM);
    if (phub__registry_rows(w->nodes[n], ids, 2, &b) == 0)
        letter_send(w, n, (uint32_t)random_below(&w->seed, NODES), false, &b);
    phub__builder_fini(&b);
}

static void restart(struct world *w, uint32_t n)
{
    uint32_t c, i;

    phub__registry_free(&w->nodes[n]);
    w->nodes[n] = registry_new(n + 1, ++w->boots[n], NULL, NULL);
    w->pushed[n] = 0;
    for (i = 0; i < NODES; i++)
        ck_assert_int_eq(phub__registry_node_seen(w->nodes[n], i + 1), 0);
    for (c = 0; c < CHILDREN; c++) {
        if (w->on_disk[n][c])
            ck_assert_int_eq(
                phub__registry_apply(w->nodes[n],
                                     phub__builder_bytes(&w->disks[n][c])),
                0);
    }
}

static void write_something(struct world *w, uint32_t n)
{
    struct phub__registry *r = w->nodes[n];
    const char *id = child_name(random_below(&w->seed, CHILDREN));
    struct phub_epoch next = next_epoch(r);
    struct phub__row_view view;
    struct phub__life life = { .spec = text("edited") };
    int rc;

    memset(&view, 0, sizeof view);
    (void)phub__registry_get(r, text(id), &view);
    switch (random_below(&w->seed, 6)) {
    case 0:
        life.incarnation = next;
        life.durable = random_below(&w->seed, 2) == 0;
        rc = phub__registry_spec_put(r, text(id), &life,
                                     1 + random_below(&w->seed, NODES), next);
        break;
    case 1:
        life.incarnation = view.incarnation;
        life.edit = next;
        life.durable = view.durable;
        rc = phub__registry_spec_edit(r, text(id), &life);
        break;
    case 2:
        rc = phub__registry_home_set(r, text(id), view.incarnation,
                                     1 + random_below(&w->seed, NODES), NULL, next);
        break;
    case 3:
        rc = view.exists ? phub__registry_stop(r, text(id), view.incarnation,
                                               next) : 0;
        break;
    default:
        rc = publish(r, id, random_below(&w->seed, 2) ? PHUB_INSTANCE_GONE
                                                     : PHUB_INSTANCE_RUNNING,
                     next);
        break;
    }
    /* EAGAIN: the home of a later incarnation came before its life. */
    ck_assert_msg(rc == 0 || rc == PHUB_ENOTFOUND || rc == PHUB_ESTOPPED ||
                  rc == PHUB_EAGAIN, "write: %d", rc);
    disk_write(w, n);
}

static void world_init(struct world *w, uint64_t seed)
{
    uint32_t n, c;

    memset(w, 0, sizeof *w);
    w->seed = seed;
    for (n = 0; n < NODES; n++) {
        for (c = 0; c < CHILDREN; c++)
            phub__builder_init(&w->disks[n][c], DELTA_ROOM);
        restart(w, n);
    }
}

static void world_fini(struct world *w)
{
    uint32_t n, c;

    while (w->letters_count > 0)
        free(w->letters[--w->letters_count].bytes);
    for (n = 0; n < NODES; n++) {
        phub__registry_free(&w->nodes[n]);
        for (c = 0; c < CHILDREN; c++)
            phub__builder_fini(&w->disks[n][c]);
    }
}

/* Everybody with everybody, until nothing is missing. */
static void settle(struct world *w)
{
    uint32_t round, a, b;
    bool all = false;

    for (round = 0; round < 12 && !all; round++) {
        all = true;
        for (a = 0; a < NODES; a++) {
            for (b = 0; b < NODES; b++) {
                if (a == b || equal(w->nodes[a], w->nodes[b]))
                    continue;
                all = false;
                exchange(w->nodes[a], w->nodes[b]);
            }
        }
    }
    ck_assert_msg(all, "not equal after %u rounds", round);
}

static void world_run(struct world *w, uint32_t steps)
{
    uint32_t i;

    for (i = 0; i < steps; i++) {
        uint32_t n = (uint32_t)random_below(&w->seed, NODES);

        switch (random_below(&w->seed, 16)) {
        case 0: case 1: case 2: case 3:
            write_something(w, n);
            break;
        case 4: case 5:
            send_push(w, n);
            break;
        case 6: case 7:
            send_summary(w, n);
            break;
        case 8:
            send_rows(w, n);
            break;
        case 9:
            (void)phub__registry_stable(w->nodes[n], 4);
            disk_write(w, n);
            break;
        case 10:
            if (random_below(&w->seed, 20) == 0)
                restart(w, n);
            break;
        default:
            deliver_one(w);
            break;
        }
    }
}

START_TEST(rows_and_summaries_are_equal_after_any_gossip)
{
    uint64_t seed;

    for (seed = 1; seed <= SEEDS; seed++) {
        struct world *w = malloc(sizeof *w);
        uint32_t n, part;

        world_init(w, seed);
        for (part = 0; part < 4; part++) {
            world_run(w, 300);
            settle(w);
            for (n = 1; n < NODES; n++)
                assert_same_rows(w->nodes[0], w->nodes[n]);
        }
        world_fini(w);
        free(w);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gossip");
    TCase *tc = tcase_create("gossip");
    SRunner *runner;
    int failures;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, rows_and_summaries_are_equal_after_any_gossip);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures > 0;
}
