/* SPDX-License-Identifier: MIT */
/* check_spec: defaults, ranges, and the text of every refusal. */
#include "config.h"

#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <phub/control.h>
#include <phub/error.h>

#include "child/spec.h"
#include "wire/memory.h"

static struct phub__builder builder;
static struct phub__arena arena;
static char error[256];
static struct phub_bytes words[2];

static struct phub_bytes bytes(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
}

static struct phub__spec good(void)
{
    struct phub__spec spec = { .runner = bytes("exec") };

    words[0] = bytes("/bin/true");
    words[1] = bytes("x");
    spec.argv = (struct phub__list){ words, 2 };
    return spec;
}

static void setup(void)
{
    phub__builder_init(&builder, 1u << 20);
    phub__arena_init(&arena, NULL, 0, PHUB__SPEC_ARENA_MAX);
    memset(error, 0, sizeof error);
}

static void teardown(void)
{
    phub__builder_fini(&builder);
    phub__arena_fini(&arena);
}

static int decode(const struct phub__spec *in, struct phub__spec *out)
{
    phub__builder_reset(&builder);
    phub__arena_reset(&arena);
    ck_assert_int_eq(phub__encode(&phub__spec_schema, in, &builder), 0);
    return phub__spec_decode(phub__builder_bytes(&builder), out, &arena,
                             error, sizeof error);
}

static void refused(const struct phub__spec *in, const char *text)
{
    struct phub__spec out;

    ck_assert_int_eq(decode(in, &out), PHUB_EINVAL);
    ck_assert_str_eq(error, text);
}

START_TEST(the_table_is_sound)
{
    ck_assert_ptr_null(phub__schema_fault(&phub__spec_schema));
}
END_TEST

START_TEST(what_is_left_out_gets_its_default)
{
    struct phub__spec in = good(), out;

    ck_assert_int_eq(decode(&in, &out), 0);
    ck_assert_uint_eq(out.restart, PHUB__RESTART_PERMANENT);
    ck_assert_uint_eq(out.restarts_max, 10);
    ck_assert_uint_eq(out.restart_window_ms, 60000);
    ck_assert_uint_eq(out.backoff_ms, 100);
    ck_assert_uint_eq(out.backoff_max_ms, 10000);
    ck_assert_uint_eq(out.ready, 0);
    ck_assert_uint_eq(out.ready_timeout_ms, 30000);
    ck_assert_uint_eq(out.stop_timeout_ms, 5000);
    ck_assert_uint_eq(out.stop_signal, 0);
    ck_assert_uint_eq(out.state_timeout_ms, 30000);
    ck_assert_uint_eq(out.health_interval_ms, 1000);
    ck_assert_uint_eq(out.checkpoint_ms, 0);
    ck_assert_uint_eq(out.argv.count, 2);
}
END_TEST

static const struct {
    const char *name;
    size_t offset;
    uint64_t min, max;
} ranges[] = {
#define RANGE(member, min, max)                                               \
    { #member, offsetof(struct phub__spec, member), min, max }
    RANGE(restarts_max, 1, 1000000),
    RANGE(restart_window_ms, 100, 86400000),
    RANGE(backoff_ms, 1, 3600000),
    RANGE(backoff_max_ms, 1, 86400000),
    RANGE(ready_timeout_ms, 10, 3600000),
    RANGE(stop_timeout_ms, 10, 3600000),
    RANGE(state_timeout_ms, 10, 3600000),
    RANGE(health_interval_ms, 10, 3600000),
    RANGE(checkpoint_ms, 100, 86400000),
#undef RANGE
};
#define RANGES (int)(sizeof ranges / sizeof ranges[0])

static void put(struct phub__spec *spec, int i, uint64_t value)
{
    memcpy((char *)spec + ranges[i].offset, &value, sizeof value);
}

START_TEST(a_number_at_its_limits_is_taken_and_beyond_them_refused)
{
    struct phub__spec in = good(), out;
    char text[160];

    put(&in, _i, ranges[_i].min);
    ck_assert_int_eq(decode(&in, &out), 0);
    put(&in, _i, ranges[_i].max);
    ck_assert_int_eq(decode(&in, &out), 0);
    put(&in, _i, ranges[_i].max + 1);
    snprintf(text, sizeof text, "%s = %llu: %llu to %llu are allowed",
             ranges[_i].name, (unsigned long long)ranges[_i].max + 1,
             (unsigned long long)ranges[_i].min,
             (unsigned long long)ranges[_i].max);
    refused(&in, text);
    if (ranges[_i].min == 1)
        return;
    put(&in, _i, ranges[_i].min - 1);
    snprintf(text, sizeof text, "%s = %llu: %llu to %llu are allowed",
             ranges[_i].name, (unsigned long long)ranges[_i].min - 1,
             (unsigned long long)ranges[_i].min,
             (unsigned long long)ranges[_i].max);
    refused(&in, text);
}
END_TEST

START_TEST(an_unknown_runner_is_named)
{
    struct phub__spec in = good();

    in.runner = bytes("docker");
    refused(&in, "runner = \"docker\": exec and actor are allowed");
}
END_TEST

START_TEST(an_exec_child_needs_a_program)
{
    struct phub__spec in = good();

    in.argv.count = 0;
    refused(&in, "argv is empty; an exec child needs a program");
    in = good();
    words[0] = bytes("");
    refused(&in, "argv is empty; an exec child needs a program");
}
END_TEST

START_TEST(a_relative_directory_is_refused)
{
    struct phub__spec in = good();

    in.cwd = bytes("var/x");
    refused(&in, "cwd = \"var/x\": an absolute path is allowed");
}
END_TEST

START_TEST(an_actor_needs_a_behaviour_and_no_program)
{
    struct phub__spec in = { .runner = bytes("actor") }, out;

    refused(&in, "behaviour is empty; an actor needs one");
    in.behaviour = bytes("counter");
    ck_assert_int_eq(decode(&in, &out), 0);
}
END_TEST

START_TEST(a_restart_type_beyond_the_last_is_refused)
{
    static const uint8_t spec[] = { 0xa3, 0x01, 0x64, 'e', 'x', 'e', 'c',
                                    0x02, 0x81, 0x61, 'x', 0x07, 0x03 };
    struct phub__spec out;

    ck_assert_int_lt(phub__spec_decode((struct phub_bytes){ spec,
                                           sizeof spec }, &out, &arena,
                                       error, sizeof error), 0);
    ck_assert_str_eq(error, "malformed spec at key 7: over a fixed limit");
}
END_TEST

START_TEST(garbage_is_refused_and_says_where)
{
    static const uint8_t junk[] = { 0xa1, 0x01, 0x18 };
    struct phub__spec out;

    ck_assert_int_eq(phub__spec_decode((struct phub_bytes){ junk,
                                           sizeof junk }, &out, &arena,
                                       error, sizeof error), PHUB_EPROTO);
    ck_assert_str_eq(error, "malformed spec at key 1: malformed or "
                            "unexpected bytes");
    ck_assert_int_eq(phub__spec_decode(PHUB_BYTES_NONE, &out, &arena, error,
                                       sizeof error), PHUB_EPROTO);
}
END_TEST

START_TEST(a_spec_over_its_size_limit_is_refused_unread)
{
    struct phub_bytes big = { NULL, PHUB__SPEC_SIZE_MAX + 1u };
    struct phub__spec out;

    ck_assert_int_eq(phub__spec_decode(big, &out, &arena, error,
                                       sizeof error), PHUB_ELIMIT);
    ck_assert_str_eq(error, "spec of 65537 bytes, 65536 are allowed");
}
END_TEST

static uint32_t offset_of_key(uint32_t key)
{
    uint32_t i;

    for (i = 0; i < phub__spec_schema.count; i++)
        if (phub__spec_schema.fields[i].key == key)
            return phub__spec_schema.fields[i].offset;
    return UINT32_MAX;
}

START_TEST(the_keys_are_those_of_the_control_protocol)
{
    const struct { uint32_t key; size_t offset; } keys[] = {
        { PHUB_SPEC_RUNNER, offsetof(struct phub__spec, runner) },
        { PHUB_SPEC_RESTART, offsetof(struct phub__spec, restart) },
        { PHUB_SPEC_READY, offsetof(struct phub__spec, ready) },
        { PHUB_SPEC_STATE_GET, offsetof(struct phub__spec, cmd_state_get) },
        { PHUB_SPEC_HEALTH, offsetof(struct phub__spec, cmd_health) },
        { PHUB_SPEC_HEALTH_INTERVAL_MS,
          offsetof(struct phub__spec, health_interval_ms) },
        { PHUB_SPEC_CHECKPOINT_MS,
          offsetof(struct phub__spec, checkpoint_ms) },
    };
    size_t i;

    for (i = 0; i < sizeof keys / sizeof keys[0]; i++)
        ck_assert_uint_eq(offset_of_key(keys[i].key), keys[i].offset);
}
END_TEST

START_TEST(without_memory_it_says_so)
{
    struct phub__spec in = good(), out;
    int rc;

    ck_assert_int_eq(decode(&in, &out), 0);
    phub__arena_fini(&arena);
    phub__arena_init(&arena, NULL, 0, PHUB__SPEC_ARENA_MAX);
    phub__memory_fail(1);
    rc = phub__spec_decode(phub__builder_bytes(&builder), &out, &arena,
                           error, sizeof error);
    phub__memory_fail(0);
    ck_assert_int_eq(rc, PHUB_ENOMEM);
    ck_assert_str_eq(error, "malformed spec at key 2: out of memory");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spec");
    TCase *tc = tcase_create("spec");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_table_is_sound);
    tcase_add_test(tc, what_is_left_out_gets_its_default);
    tcase_add_loop_test(tc,
        a_number_at_its_limits_is_taken_and_beyond_them_refused, 0, RANGES);
    tcase_add_test(tc, an_unknown_runner_is_named);
    tcase_add_test(tc, an_exec_child_needs_a_program);
    tcase_add_test(tc, a_relative_directory_is_refused);
    tcase_add_test(tc, an_actor_needs_a_behaviour_and_no_program);
    tcase_add_test(tc, a_restart_type_beyond_the_last_is_refused);
    tcase_add_test(tc, garbage_is_refused_and_says_where);
    tcase_add_test(tc, a_spec_over_its_size_limit_is_refused_unread);
    tcase_add_test(tc, the_keys_are_those_of_the_control_protocol);
    tcase_add_test(tc, without_memory_it_says_so);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
