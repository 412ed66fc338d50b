/* SPDX-License-Identifier: MIT */
/* check_serve: frames of the control socket and their answers. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/control.h>
#include <phub/error.h>

#include "hub_fixture.h"
#include "wire/memory.h"

struct question {
    uint64_t reference;
    struct phub_bytes verb;
    struct phub__list ids, children;
    struct phub_bytes node, tag, state;
    uint64_t timeout_ms;
    bool rollback, no_wait;
    uint64_t count, version;
};

static PHUB__SCHEMA(pair_schema, struct phub__op_pair,
    PHUB__TEXT(1, struct phub__op_pair, key, 63),
    PHUB__TEXT(2, struct phub__op_pair, value, 1024));

#define C struct phub__command_child
static PHUB__SCHEMA(child_schema, C,
    PHUB__TEXT(PHUB_CONTROL_CHILD_ID, C, id, 65536),
    PHUB__BYTES(PHUB_CONTROL_CHILD_SPEC, C, spec, 65536),
    PHUB__LIST(PHUB_CONTROL_CHILD_METADATA, C, metadata, 64, &pair_schema),
    PHUB__TEXTS(PHUB_CONTROL_CHILD_TAGS, C, tags, 64, 63));

#define Q struct question
static PHUB__SCHEMA(question_schema, Q,
    PHUB__U64(PHUB_CONTROL_REFERENCE, Q, reference),
    PHUB__TEXT(PHUB_CONTROL_VERB, Q, verb, 1000),
    PHUB__TEXTS(PHUB_CONTROL_IDS, Q, ids, 1u << 24, 1u << 20),
    PHUB__LIST(PHUB_CONTROL_CHILDREN, Q, children, 100000, &child_schema),
    PHUB__TEXT(PHUB_CONTROL_NODE, Q, node, 1000),
    PHUB__TEXT(PHUB_CONTROL_TAG, Q, tag, 1000),
    PHUB__TEXT(PHUB_CONTROL_STATE, Q, state, 1000),
    PHUB__U64(PHUB_CONTROL_TIMEOUT_MS, Q, timeout_ms),
    PHUB__BOOL(PHUB_CONTROL_ROLLBACK, Q, rollback),
    PHUB__BOOL(PHUB_CONTROL_NO_WAIT, Q, no_wait),
    PHUB__U64(PHUB_CONTROL_COUNT, Q, count),
    PHUB__U64(PHUB_CONTROL_VERSION, Q, version));

struct record {
    struct phub_bytes id, node, state, text;
    int64_t code;
    uint64_t value;
};

#define R struct record
static PHUB__SCHEMA(record_schema, R,
    PHUB__TEXT(PHUB_CONTROL_R_ID, R, id, 65536),
    PHUB__I64(PHUB_CONTROL_R_CODE, R, code),
    PHUB__TEXT(PHUB_CONTROL_R_NODE, R, node, 255),
    PHUB__TEXT(PHUB_CONTROL_R_STATE, R, state, 63),
    PHUB__BYTES(PHUB_CONTROL_R_TEXT, R, text, 1u << 22),
    PHUB__U64(PHUB_CONTROL_R_VALUE, R, value));

struct answer {
    uint64_t reference;
    int64_t code;
    struct phub_bytes text;
    bool more;
    struct phub__list records;
};

#define A struct answer
static PHUB__SCHEMA(answer_schema, A,
    PHUB__U64(PHUB_CONTROL_REFERENCE, A, reference),
    PHUB__I64(PHUB_CONTROL_CODE, A, code),
    PHUB__TEXT(PHUB_CONTROL_TEXT, A, text, 4096),
    PHUB__BOOL(PHUB_CONTROL_MORE, A, more),
    PHUB__LIST(PHUB_CONTROL_RECORDS, A, records, 100000, &record_schema));

struct client {
    struct phub__asker asker;   /* first */
    uint32_t frames, last, records, released;
    int code, failed;
    uint64_t reference;
    char text[512];
    struct { char id[64], node[16], state[16]; int code; uint64_t value; }
        first[64];
};

static struct hubs hubs;
static struct client client;

static void note(char *place, size_t max, struct phub_bytes text)
{
    snprintf(place, max, "%.*s", (int)text.size,
             text.size != 0 ? (const char *)text.data : "");
}

static void on_send(struct phub__asker *asker, struct phub_bytes frame)
{
    struct client *c = (struct client *)asker;
    struct phub__arena arena;
    struct answer answer;
    const struct record *records;
    uint32_t i;

    c->failed |= phub__memory_failed();
    phub__memory_fail(0); /* the client has memory */
    phub__arena_init(&arena, NULL, 0, 64u << 20);
    ck_assert_int_eq(phub__decode(&answer_schema, frame, &answer, &arena,
                                  NULL), 0);
    ck_assert_uint_eq(c->last, 0);
    c->frames++;
    c->last = !answer.more;
    c->code = (int)answer.code;
    c->reference = answer.reference;
    note(c->text, sizeof c->text, answer.text);
    records = answer.records.items;
    for (i = 0; i < answer.records.count; i++, c->records++) {
        if (c->records >= 64)
            continue;
        note(c->first[c->records].id, 64, records[i].id);
        note(c->first[c->records].node, 16, records[i].node);
        note(c->first[c->records].state, 16, records[i].state);
        c->first[c->records].code = (int)records[i].code;
        c->first[c->records].value = records[i].value;
    }
    phub__arena_fini(&arena);
}

static void on_release(struct phub__asker *asker)
{
    ((struct client *)asker)->released++;
}

static void new_client(void)
{
    memset(&client, 0, sizeof client);
    client.asker.send = on_send;
    client.asker.release = on_release;
}

static void setup(void)
{
    hubs_new(&hubs, 3, "coldswap", 3);
}

static void teardown(void)
{
    hubs_free(&hubs);
}

static void give(struct phub__hub *hub, void *arg)
{
    phub__command(hub, &client.asker, *(struct phub_bytes *)arg);
}

static void encode(const struct question *q, struct phub__builder *builder)
{
    phub__builder_init(builder, 1u << 24);
    ck_assert_int_eq(phub__encode(&question_schema, q, builder), 0);
}

/* Ask node a and wait for the last frame. */
static int asked(struct question *q)
{
    struct phub__builder builder;
    struct phub_bytes frame;
    int i;

    new_client();
    q->reference = 4711;
    encode(q, &builder);
    frame = phub__builder_bytes(&builder);
    hubs_do(&hubs, 0, give, &frame);
    phub__builder_fini(&builder);
    for (i = 0; i < 30000 && !client.last; i++)
        hubs_run(&hubs, 1);
    ck_assert_uint_eq(client.last, 1);
    ck_assert_uint_eq(client.reference, 4711);
    ck_assert_uint_eq(client.asker.refs, 0);
    return client.code;
}

static int ask(const char *verb, const char *id, const char *node)
{
    struct phub_bytes name = hubs_bytes(id);
    struct question q = { .verb = hubs_bytes(verb),
                          .node = hubs_bytes(node) };

    if (id[0] != '\0')
        q.ids = (struct phub__list){ &name, 1 };
    return asked(&q);
}

static int start(const char *id, const char *tag, const char *words)
{
    struct phub_buf *spec = hubs_spec(words);
    struct phub_bytes tags[1] = { hubs_bytes(tag) };
    struct phub__command_child child = { .id = hubs_bytes(id),
                                         .spec = phub__buf_bytes(spec) };
    struct question q = { .verb = hubs_bytes("start"),
                          .children = { &child, 1 } };
    int rc;

    if (tag[0] != '\0')
        child.tags = (struct phub__list){ tags, 1 };
    rc = asked(&q);
    phub__buf_unref(&spec);
    return rc;
}

/* --- verbs ---------------------------------------------------------------- */

START_TEST(a_child_can_be_started_seen_moved_and_stopped)
{
    char home[16], other[2] = "a";

    ck_assert_int_eq(start("c", "web", "sim state freeze"), 0);
    ck_assert_uint_eq(client.records, 1);
    ck_assert_str_eq(client.first[0].id, "c");
    ck_assert_int_eq(client.first[0].code, 0);
    hubs_run(&hubs, 500);
    ck_assert_int_eq(ask("ls", "", ""), 0);
    ck_assert_uint_eq(client.records, 1);
    ck_assert_str_eq(client.first[0].state, "running");
    snprintf(home, sizeof home, "%s", client.first[0].node);
    ck_assert_int_eq(ask("show", "c", ""), 0);
    ck_assert_uint_ge(client.records, 2);
    ck_assert_str_eq(client.first[0].id, "c");
    ck_assert_int_eq(ask("causes", "c", ""), 0);
    ck_assert_uint_ge(client.records, 1);
    other[0] = home[0] == 'a' ? 'b' : 'a';
    ck_assert_int_eq(ask("move", "c", other), 0);
    hubs_run(&hubs, 500);
    ck_assert_int_eq(ask("ls", "", other), 0);
    ck_assert_uint_eq(client.records, 1);
    ck_assert_str_eq(client.first[0].node, other);
    ck_assert_int_eq(ask("stop", "c", ""), 0);
    ck_assert_int_eq(ask("ls", "", ""), 0);
    ck_assert_uint_eq(client.records, 0);
}
END_TEST

START_TEST(metadata_is_set_by_version)
{
    struct phub__op_pair pair = { hubs_bytes("colour"), hubs_bytes("red") };
    struct phub__command_child child = { .id = hubs_bytes("c"),
                                         .metadata = { &pair, 1 } };
    struct question q = { .verb = hubs_bytes("set"),
                          .children = { &child, 1 } };
    uint64_t version;

    ck_assert_int_eq(start("c", "", "sim"), 0);
    ck_assert_int_eq(asked(&q), 0);
    ck_assert_uint_eq(client.records, 1);
    version = client.first[0].value;
    ck_assert_uint_ne(version, 0);
    q.version = version;
    ck_assert_int_eq(asked(&q), 0);
    ck_assert_int_eq(asked(&q), PHUB_EFAILED);
    ck_assert_int_eq(client.first[0].code, PHUB_EREFUSED);
    child.metadata.count = 0;
    ck_assert_int_eq(asked(&q), PHUB_EEMPTY);
    q.children.count = 0;
    ck_assert_int_eq(asked(&q), PHUB_EEMPTY);
}
END_TEST

START_TEST(nodes_and_status_tell_of_the_hub)
{
    uint32_t i, members = 0, counted = 0;

    phub__tally_add(&hubs_hub(&hubs, 0)->tallies[PHUB_KIND_SYNC], "probe", 2);
    phub__tally_add(&hubs_hub(&hubs, 0)->tallies[PHUB_KIND_SYNC], "probe", 5);
    ck_assert_int_eq(ask("nodes", "", ""), 0);
    ck_assert_uint_eq(client.records, 3);
    for (i = 0; i < 3; i++)
        ck_assert_str_eq(client.first[i].state, "alive");
    ck_assert_int_eq(ask("status", "", ""), 0);
    ck_assert_str_eq(client.first[0].node, "a");
    for (i = 1; i < client.records && i < 64; i++) {
        if (strcmp(client.first[i].id, "members") == 0)
            members = (uint32_t)client.first[i].value;
        if (strcmp(client.first[i].id, "sync.probe") == 0)
            counted = (uint32_t)client.first[i].value;
    }
    ck_assert_uint_eq(members, 3);
    ck_assert_uint_eq(counted, 7);
    ck_assert_int_eq(ask("causes", "", ""), 0);
}
END_TEST

START_TEST(a_drain_answers_what_went)
{
    uint32_t home = 9;
    char name[2] = "a";

    ck_assert_int_eq(start("c", "", "sim state freeze"), 0);
    (void)hubs_acting(&hubs, "c", &home);
    name[0] = (char)('a' + home);
    ck_assert_int_eq(ask("drain", "", name), 0);
    ck_assert_uint_eq(client.records, 1);
    ck_assert_uint_eq(client.first[0].value, 1);
    hubs_run(&hubs, 500);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    ck_assert_int_ne(name[0], 'a' + (int)home);
}
END_TEST

START_TEST(ls_filters_by_tag_node_and_state)
{
    struct question q = { .verb = hubs_bytes("ls") };
    uint32_t i, sum = 0;

    ck_assert_int_eq(start("c", "web", "sim"), 0);
    ck_assert_int_eq(start("d", "db", "sim"), 0);
    ck_assert_int_eq(start("e", "web", "sim"), 0);
    hubs_run(&hubs, 500);
    q.tag = hubs_bytes("web");
    ck_assert_int_eq(asked(&q), 0);
    ck_assert_uint_eq(client.records, 2);
    q.tag = PHUB_BYTES_NONE;
    q.state = hubs_bytes("running");
    ck_assert_int_eq(asked(&q), 0);
    ck_assert_uint_eq(client.records, 3);
    q.state = hubs_bytes("failed");
    ck_assert_int_eq(asked(&q), 0);
    ck_assert_uint_eq(client.records, 0);
    for (i = 0; i < 3; i++) {
        ck_assert_int_eq(ask("ls", "", i == 0 ? "a" : i == 1 ? "b" : "c"), 0);
        sum += client.records;
    }
    ck_assert_uint_eq(sum, 3);
    ck_assert_int_eq(ask("ls", "", "nobody"), 0);
    ck_assert_uint_eq(client.records, 0);
}
END_TEST

START_TEST(a_long_list_comes_in_pieces)
{
    struct phub_buf *spec = hubs_spec("sim no-channel");
    struct phub__command_child *children = calloc(1300, sizeof *children);
    struct question q = { .verb = hubs_bytes("start"),
                          .children = { children, 1300 } };
    char (*ids)[8] = calloc(1300, sizeof *ids);
    uint32_t i;

    for (i = 0; i < 1300; i++) {
        snprintf(ids[i], sizeof ids[i], "c%u", i);
        children[i].id = hubs_bytes(ids[i]);
        children[i].spec = phub__buf_bytes(spec);
    }
    ck_assert_int_eq(asked(&q), 0);
    ck_assert_uint_eq(client.records, 1300);
    ck_assert_uint_ge(client.frames, 3);
    hubs_run(&hubs, 1000);
    ck_assert_int_eq(ask("ls", "", ""), 0);
    ck_assert_uint_eq(client.records, 1300);
    ck_assert_uint_ge(client.frames, 3);
    phub__buf_unref(&spec);
    free(children);
    free(ids);
}
END_TEST

START_TEST(no_wait_is_answered_at_once)
{
    struct phub_buf *spec = hubs_spec("sim slow-ready=2000");
    struct phub__command_child child = { .id = hubs_bytes("c"),
                                         .spec = phub__buf_bytes(spec) };
    struct question q = { .verb = hubs_bytes("start"), .no_wait = true,
                          .children = { &child, 1 } };
    uint64_t now = phub__world_now(hubs.world);

    ck_assert_int_eq(asked(&q), 0);
    ck_assert_uint_le(phub__world_now(hubs.world), now + 2 * PHUB__SIM_MS);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 0);
    hubs_run(&hubs, 3000);
    ck_assert(hubs_acts(&hubs, "c"));
    phub__buf_unref(&spec);
}
END_TEST

/* --- what is wrong --------------------------------------------------------- */

START_TEST(what_is_wrong_is_named)
{
    char id[PHUB_CHILD_ID_MAX + 2];

    ck_assert_int_eq(ask("fly", "", ""), PHUB_EUNSUPPORTED);
    ck_assert_str_eq(client.text,
                     "verb 'fly': " PHUB_CONTROL_VERBS " are known");
    ck_assert_int_eq(ask("start", "", ""), PHUB_EEMPTY);
    ck_assert_str_eq(client.text, "no child is named");
    ck_assert_int_eq(ask("stop", "", ""), PHUB_EEMPTY);
    ck_assert_int_eq(ask("move", "", "b"), PHUB_EEMPTY);
    ck_assert_int_eq(ask("move", "c", "nobody"), PHUB_ENOTFOUND);
    ck_assert_int_eq(ask("move", "c", ""), PHUB_ENOTFOUND);
    ck_assert_int_eq(ask("drain", "", "nobody"), PHUB_ENOTFOUND);
    ck_assert_int_eq(ask("show", "", ""), PHUB_EINVAL);
    ck_assert_int_eq(ask("show", "c", ""), PHUB_ENOTFOUND);
    ck_assert_str_eq(client.text, "no such child");
    ck_assert_int_eq(ask("logs", "c", ""), PHUB_EUNSUPPORTED);
    ck_assert_int_eq(ask("logs", "", ""), PHUB_EINVAL);
    ck_assert_int_eq(ask("stop", "c", ""), PHUB_EFAILED);
    ck_assert_str_eq(client.text, "1 of 1 failed");
    ck_assert_int_eq(client.first[0].code, PHUB_ENOTFOUND);
    memset(id, 'x', sizeof id);
    id[sizeof id - 1] = '\0';
    ck_assert_int_eq(start(id, "", "sim"), PHUB_EFAILED);
    ck_assert_int_eq(client.first[0].code, PHUB_EINVAL);
    ck_assert_int_eq(ask("stop", id, ""), PHUB_EFAILED);
    ck_assert_int_eq(client.first[0].code, PHUB_ENOTFOUND);
    ck_assert_int_eq(ask("show", id, ""), PHUB_ENOTFOUND);
}
END_TEST

START_TEST(too_many_and_too_long_are_refused_whole)
{
    char *id = malloc(70000);
    struct phub_bytes *ids = calloc(PHUB_BATCH_MAX + 1, sizeof *ids);
    struct question q = { .verb = hubs_bytes("stop"),
                          .ids = { ids, PHUB_BATCH_MAX + 1 } };
    struct phub__builder builder;
    struct phub_bytes frame;
    uint32_t i;

    for (i = 0; i <= PHUB_BATCH_MAX; i++)
        ids[i] = hubs_bytes("c");
    q.reference = 1;
    encode(&q, &builder);
    frame = phub__builder_bytes(&builder);
    new_client();
    hubs_do(&hubs, 0, give, &frame);
    ck_assert_int_eq(client.code, PHUB_ELIMIT);
    phub__builder_fini(&builder);
    memset(id, 'x', 70000);
    id[69999] = '\0';
    ids[0] = hubs_bytes(id);
    q.ids.count = 1;
    encode(&q, &builder);
    frame = phub__builder_bytes(&builder);
    new_client();
    hubs_do(&hubs, 0, give, &frame);
    ck_assert_int_eq(client.code, PHUB_ELIMIT);
    ck_assert_str_eq(client.text, "the request is malformed at key 3: over a "
                                  "fixed limit");
    phub__builder_fini(&builder);
    free(ids);
    free(id);
}
END_TEST

START_TEST(every_truncated_frame_is_answered_and_counted)
{
    struct phub_bytes name = hubs_bytes("c");
    struct question q = { .reference = 5, .verb = hubs_bytes("show"),
                          .ids = { &name, 1 }, .count = 3 };
    struct phub__hub *hub = hubs_hub(&hubs, 0);
    struct phub__builder builder;
    struct phub_bytes whole, part;
    uint64_t before = hub->counters.control_malformed;

    encode(&q, &builder);
    whole = phub__builder_bytes(&builder);
    for (part = whole, part.size = 0; part.size < whole.size; part.size++) {
        uint8_t *copy = malloc(part.size + 1);
        struct phub_bytes frame = { copy, part.size };

        memcpy(copy, whole.data, part.size);
        new_client();
        hubs_do(&hubs, 0, give, &frame);
        ck_assert_uint_eq(client.last, 1);
        ck_assert_int_eq(client.code, PHUB_EPROTO);
        ck_assert_uint_eq(client.reference, 0);
        free(copy);
    }
    ck_assert_uint_eq(hub->counters.control_malformed - before, whole.size);
    phub__builder_fini(&builder);
}
END_TEST

START_TEST(whoever_goes_before_the_answer_is_released_once)
{
    struct phub_buf *spec = hubs_spec("sim slow-ready=500");
    struct phub__command_child child = { .id = hubs_bytes("c"),
                                         .spec = phub__buf_bytes(spec) };
    struct question q = { .verb = hubs_bytes("start"),
                          .children = { &child, 1 } };
    struct phub__builder builder;
    struct phub_bytes frame;

    new_client();
    encode(&q, &builder);
    frame = phub__builder_bytes(&builder);
    hubs_do(&hubs, 0, give, &frame);
    phub__builder_fini(&builder);
    ck_assert_uint_eq(client.asker.refs, 1);
    client.asker.gone = 1;
    hubs_run(&hubs, 2000);
    ck_assert_uint_eq(client.frames, 0);
    ck_assert_uint_eq(client.released, 1);
    ck_assert(hubs_acts(&hubs, "c"));
    phub__buf_unref(&spec);
}
END_TEST

START_TEST(a_hub_that_ends_answers_whoever_waits)
{
    struct phub_buf *spec = hubs_spec("sim slow-ready=2500");
    struct phub__command_child child = { .id = hubs_bytes("c"),
                                         .spec = phub__buf_bytes(spec) };
    struct question q = { .verb = hubs_bytes("start"),
                          .children = { &child, 1 } };
    struct phub__builder builder;
    struct phub_bytes frame;

    new_client();
    encode(&q, &builder);
    frame = phub__builder_bytes(&builder);
    hubs_do(&hubs, 0, give, &frame);
    phub__builder_fini(&builder);
    hubs_run(&hubs, 100);
    phub__sim_node_kill(hubs_node(&hubs, 0));
    hubs_run(&hubs, 1);
    ck_assert_uint_eq(client.last, 1);
    ck_assert_int_eq(client.code, PHUB_EFAILED);
    ck_assert_int_eq(client.first[0].code, PHUB_ESHUTDOWN);
    phub__buf_unref(&spec);
}
END_TEST

struct poor {
    struct phub_bytes frame;
    uint64_t nth;
    int failed;
};

static void give_poor(struct phub__hub *hub, void *arg)
{
    struct poor *poor = arg;

    phub__memory_fail(poor->nth);
    phub__command(hub, &client.asker, poor->frame);
    poor->failed = phub__memory_failed() || client.failed;
    phub__memory_fail(0);
}

START_TEST(without_memory_a_verb_is_answered_once)
{
    static const char *const verbs[] = { "ls", "show", "nodes", "status",
                                         "causes", "stop", "move", "drain" };
    struct phub_bytes name = hubs_bytes("c");
    struct question q = { .reference = 1, .verb = hubs_bytes(verbs[_i]),
                          .ids = { &name, 1 }, .node = hubs_bytes("b"),
                          .timeout_ms = 3000 };
    struct phub__builder builder;
    struct poor poor = { .failed = 1 };

    ck_assert_int_eq(start("c", "web", "sim state"), 0);
    encode(&q, &builder);
    poor.frame = phub__builder_bytes(&builder);
    for (poor.nth = 1; poor.failed; poor.nth++) {
        ck_assert_uint_lt(poor.nth, 200);
        new_client();
        hubs_do(&hubs, 0, give_poor, &poor);
        hubs_run(&hubs, 3500);
        ck_assert_uint_eq(client.asker.refs, 0);
        ck_assert_uint_eq(client.last, 1);
    }
    ck_assert_uint_gt(poor.nth, 2);
    phub__builder_fini(&builder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("serve");
    TCase *tc = tcase_create("serve");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_child_can_be_started_seen_moved_and_stopped);
    tcase_add_test(tc, metadata_is_set_by_version);
    tcase_add_test(tc, nodes_and_status_tell_of_the_hub);
    tcase_add_test(tc, a_drain_answers_what_went);
    tcase_add_test(tc, ls_filters_by_tag_node_and_state);
    tcase_add_test(tc, a_long_list_comes_in_pieces);
    tcase_add_test(tc, no_wait_is_answered_at_once);
    tcase_add_test(tc, what_is_wrong_is_named);
    tcase_add_test(tc, too_many_and_too_long_are_refused_whole);
    tcase_add_test(tc, every_truncated_frame_is_answered_and_counted);
    tcase_add_test(tc, whoever_goes_before_the_answer_is_released_once);
    tcase_add_test(tc, a_hub_that_ends_answers_whoever_waits);
    tcase_add_loop_test(tc,
        without_memory_a_verb_is_answered_once, 0, 8);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
