/* SPDX-License-Identifier: MIT */
/* check_serve: frames of the control socket and their answers. */
#include "config.h"

#include "serve_fixture.h"

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
    char home[24], other[2] = "a";

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

static int set(const char *id, const char *key, const char *value)
{
    struct phub__op_pair pair = { hubs_bytes(key), hubs_bytes(value) };
    struct phub__command_child child = { .id = hubs_bytes(id),
                                         .metadata = { &pair, 1 } };
    struct question q = { .verb = hubs_bytes("set"),
                          .children = { &child, 1 } };

    return asked(&q);
}

/* How many children ls finds by these. */
static uint32_t with_meta(const char *first, const char *second)
{
    struct phub_bytes meta[2] = { hubs_bytes(first), hubs_bytes(second) };
    struct question q = { .verb = hubs_bytes("ls"),
                          .meta = { meta, second[0] != '\0' ? 2 : 1 } };

    ck_assert_int_eq(asked(&q), 0);
    return client.records;
}

START_TEST(ls_finds_by_metadata)
{
    struct phub_bytes many[17];
    struct question q = { .verb = hubs_bytes("ls"), .meta = { many, 17 } };
    struct phub_bytes id = hubs_bytes("c");
    uint32_t i;

    ck_assert_int_eq(start("c", "", "sim"), 0);
    ck_assert_int_eq(start("d", "web", "sim"), 0);
    ck_assert_int_eq(start("e", "web", "sim"), 0);
    ck_assert_int_eq(set("c", "colour", "red"), 0);
    ck_assert_int_eq(set("d", "colour", "red=ish"), 0);
    ck_assert_int_eq(set("d", "shape", "round"), 0);
    ck_assert_uint_eq(with_meta("colour", ""), 2);
    ck_assert_uint_eq(with_meta("colour=red", ""), 1);
    ck_assert_str_eq(client.first[0].id, "c");
    ck_assert_uint_eq(with_meta("colour=red=ish", ""), 1);
    ck_assert_str_eq(client.first[0].id, "d");
    ck_assert_uint_eq(with_meta("colour=", ""), 0);
    ck_assert_uint_eq(with_meta("colou", ""), 0);
    ck_assert_uint_eq(with_meta("", ""), 0);
    ck_assert_uint_eq(with_meta("colour", "shape=round"), 1);
    ck_assert_uint_eq(with_meta("colour=red", "shape=round"), 0);
    for (i = 0; i < 17; i++)
        many[i] = hubs_bytes("colour");
    ck_assert_int_eq(asked(&q), PHUB_ELIMIT);
    q.meta.count = 16;
    ck_assert_int_eq(asked(&q), 0);
    ck_assert_uint_eq(client.records, 2);
    q.ids = (struct phub__list){ &id, 1 };
    ck_assert_int_eq(asked(&q), 0);
    ck_assert_uint_eq(client.records, 1);
    q.ids.count = 0;
    q.tag = hubs_bytes("web");
    ck_assert_int_eq(asked(&q), 0);
    ck_assert_uint_eq(client.records, 1);
    ck_assert_str_eq(client.first[0].id, "d");
}
END_TEST

START_TEST(ls_of_one_node_tells_what_runs_there)
{
    struct question q = { .verb = hubs_bytes("ls"), .local = true };
    char id[16];
    uint32_t i, at, here = 0;

    for (i = 0; i < 12; i++) {
        snprintf(id, sizeof id, "c%u", i);
        ck_assert_int_eq(start(id, "", "sim"), 0);
    }
    hubs_run(&hubs, 500);
    for (i = 0; i < 12; i++) {
        snprintf(id, sizeof id, "c%u", i);
        ck_assert_uint_eq(hubs_acting(&hubs, id, &at), 1);
        here += at == 0;
    }
    ck_assert_uint_gt(here, 0);
    ck_assert_uint_lt(here, 12);
    ck_assert_int_eq(asked(&q), 0);
    ck_assert_uint_eq(client.records, here);
    for (i = 0; i < here; i++)
        ck_assert_str_eq(client.first[i].node, "a");
    q.state = hubs_bytes("running");
    ck_assert_int_eq(asked(&q), 0);
    ck_assert_uint_eq(client.records, here);
    q.state = hubs_bytes("failed");
    ck_assert_int_eq(asked(&q), 0);
    ck_assert_uint_eq(client.records, 0);
}
END_TEST

START_TEST(a_dump_has_each_child_and_its_instances)
{
    struct phub_buf *spec = hubs_spec("sim");
    uint32_t i, rows = 0, halves = 0;
    char id[16];

    ck_assert_int_eq(ask("dump", "", ""), 0);
    ck_assert_uint_eq(client.records, 0);
    for (i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "c%u", i);
        ck_assert_int_eq(start(id, "", "sim"), 0);
    }
    ck_assert_int_eq(ask("stop", "c7", ""), 0);
    hubs_run(&hubs, 500);
    ck_assert_int_eq(ask("dump", "", ""), 0);
    ck_assert_uint_eq(client.records, 38);
    ck_assert_uint_ge(client.frames, 2);
    for (i = 0; i < 38; i++) {
        ck_assert_str_ne(client.first[i].id, "c7");
        if (client.first[i].spec != 0) {
            ck_assert_uint_eq(client.first[i].spec,
                              phub__buf_bytes(spec).size);
            rows++;
        } else {
            ck_assert_str_eq(client.first[i].id, client.first[i - 1].id);
            ck_assert_str_eq(client.first[i].state, "running");
            halves++;
        }
    }
    ck_assert_uint_eq(rows, 19);
    ck_assert_uint_eq(halves, 19);
    phub__buf_unref(&spec);
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

START_TEST(without_memory_a_verb_is_answered_once)
{
    static const char *const verbs[] = { "ls", "show", "nodes", "status",
                                         "causes", "dump", "stop", "move",
                                         "drain" };
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
    tcase_add_test(tc, ls_finds_by_metadata);
    tcase_add_test(tc, ls_of_one_node_tells_what_runs_there);
    tcase_add_test(tc, a_dump_has_each_child_and_its_instances);
    tcase_add_test(tc, ls_filters_by_tag_node_and_state);
    tcase_add_test(tc, no_wait_is_answered_at_once);
    tcase_add_test(tc, what_is_wrong_is_named);
    tcase_add_test(tc, too_many_and_too_long_are_refused_whole);
    tcase_add_test(tc, every_truncated_frame_is_answered_and_counted);
    tcase_add_test(tc, whoever_goes_before_the_answer_is_released_once);
    tcase_add_test(tc, a_hub_that_ends_answers_whoever_waits);
    tcase_add_loop_test(tc,
        without_memory_a_verb_is_answered_once, 0, 9);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
