/* SPDX-License-Identifier: MIT */
/* check_hostile: what children and commands may do wrong to a real daemon.
 *
 * Each has its named answer and its bound, and beside it another child goes on
 * answering.  Frames from outside are in check_garbage. */
#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <phub/cbor.h>
#include <phub/control.h>
#include <phub/error.h>

#include "daemon_fixture.h"

static int64_t witnessed;

/* A hub with a counter that must not notice anything. */
static struct daemon *witness_start(size_t nodes)
{
    hub_start(nodes);
    counter_start(&world.daemons[0], "witness");
    witnessed = 0;
    return &world.daemons[0];
}

static void witness_answers(void)
{
    int64_t count = counter_say(&world.daemons[0], "witness", "inc");

    claim(count == ++witnessed, "the witness says %lld, not %lld",
          (long long)count, (long long)witnessed);
}

static void said(const char *text)
{
    claim(strstr(phub_said, text) != NULL, "no \"%s\" in: %s", text,
          phub_said);
}

/* --- children ---------------------------------------------------------------------- */

START_TEST(a_child_that_never_gets_ready_is_refused_after_its_timeout)
{
    struct daemon *a = witness_start(1);
    struct row row;

    ck_assert_int_eq(phub(a, "start", "--ready", "--ready-timeout", "300ms",
                          "silent", "--", helper("hostile"), "silent", NULL),
                     1);
    said("not ready after 300 ms");
    witness_answers();
    await(SOON, !row_of(a, "silent", &row)
                    || strcmp(row.state, "running") != 0);
    ck_assert(running(a, 1));
}
END_TEST

START_TEST(a_child_that_ignores_stop_is_killed_after_its_timeout)
{
    struct daemon *a = witness_start(1);
    struct row row;
    int process;

    must_phub(a, "start", "--ready", "--stop-timeout", "300ms", "deaf", "--",
              helper("hostile"), "deaf", NULL);
    ck_assert(row_of(a, "deaf", &row));
    process = process_open((pid_t)row.pid);
    must_phub(a, "stop", "deaf", NULL);
    claim(process_ends(process, 0), "stopped is said while it lives");
    witness_answers();
    ck_assert(running(a, 1));
}
END_TEST

START_TEST(a_child_that_floods_its_channel_delays_nobody)
{
    struct daemon *a = witness_start(1);
    int i;

    must_phub(a, "start", "flood", "--", helper("hostile"), "flood", NULL);
    for (i = 0; i < 20; i++)
        witness_answers();
    must_phub(a, "stop", "flood", NULL);
    witness_answers();
    ck_assert(running(a, 1));
}
END_TEST

START_TEST(a_child_that_sends_garbage_loses_its_channel_and_is_named)
{
    struct daemon *a = witness_start(1);

    must_phub(a, "start", "garbage", "--", helper("hostile"), "garbage", NULL);
    await(SOON, daemon_says(a, "child \"garbage\" sends garbage"));
    witness_answers();
    must_phub(a, "stop", "garbage", NULL);
    witness_answers();
}
END_TEST

static const char *other_than(const char *node)
{
    return strcmp(node, "a") == 0 ? "b" : "a";
}

START_TEST(a_state_that_comes_too_late_ends_the_move_and_the_child_stays)
{
    struct daemon *a = witness_start(2);
    struct row before, after;

    must_phub(a, "start", "--ready", "--state-timeout", "300ms", "late", "--",
              helper("hostile"), "late", NULL);
    ck_assert(row_of(a, "late", &before));
    ck_assert_int_eq(phub(a, "move", "late", other_than(before.node), NULL),
                     1);
    said("no answer in time");
    witness_answers();
    await(SOON, runs_on(a, "late", before.node));
    ck_assert(row_of(a, "late", &after));
    claim(after.pid == before.pid, "it was restarted");
    settle(2);
    witness_answers();
}
END_TEST

START_TEST(a_state_that_comes_twice_counts_once)
{
    struct daemon *a = witness_start(2);
    struct row row;

    must_phub(a, "start", "--ready", "twice", "--", helper("hostile"),
              "twice", NULL);
    ck_assert(row_of(a, "twice", &row));
    must_phub(a, "move", "twice", other_than(row.node), NULL);
    await(SOON, runs_on(a, "twice", other_than(row.node)));
    witness_answers();
    settle(2);
}
END_TEST

START_TEST(a_child_that_ends_at_once_again_and_again_fails_visibly)
{
    struct daemon *a = witness_start(1);
    struct row row;

    phub(a, "start", "--restarts-max", "3", "--backoff", "10ms", "loop", "--",
         "/bin/sh", "-c", "exit 7", NULL);
    await(SOON, row_of(a, "loop", &row) && strcmp(row.state, "failed") == 0);
    claim(strstr(row.text, "status 7") != NULL
          && strstr(row.text, "limit") != NULL, "it says: %s", row.text);
    witness_answers();
    must_phub(a, "stop", "loop", NULL);
    ck_assert(running(a, 1));
}
END_TEST

/* --- commands ------------------------------------------------------------------------ */

START_TEST(ids_have_255_bytes_at_most)
{
    struct daemon *a = witness_start(1);
    char id[257];

    memset(id, 'i', 256);
    id[256] = '\0';
    ck_assert_int_eq(phub(a, "start", id, "--", "sleep", "100", NULL), 1);
    said("id of 256 bytes: 1 to 255 are allowed");
    ck_assert_int_ne(phub(a, "show", id, NULL), 0);
    ck_assert_int_ne(phub(a, "stop", id, NULL), 0);
    id[255] = '\0';
    must_phub(a, "start", id, "--", "sleep", "100", NULL);
    ck_assert(runs_on(a, id, "a"));
    must_phub(a, "stop", id, NULL);
    witness_answers();
}
END_TEST

START_TEST(an_empty_batch_is_refused)
{
    struct daemon *a = witness_start(1);
    static const char *const verbs[] = { "start", "stop" };
    static struct reply reply;
    size_t i;

    for (i = 0; i < 2; i++) {
        ask(a, &reply, verbs[i], NULL);
        ck_assert_int_eq(reply.rc, 0);
        ck_assert_int_eq(reply.code, PHUB_EEMPTY);
        ck_assert_str_eq(reply.text, "no child is named");
    }
    ask(a, &reply, "sing", NULL);
    ck_assert_int_eq(reply.code, PHUB_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(reply.text, "verb 'sing'"));
    witness_answers();
}
END_TEST

START_TEST(a_second_start_an_unknown_id_and_a_missing_program_are_named)
{
    struct daemon *a = witness_start(1);

    ck_assert_int_eq(phub(a, "start", "witness", "--", "sleep", "1", NULL), 1);
    said("already started");
    ck_assert_int_eq(phub(a, "stop", "nobody", NULL), 1);
    said("nobody");
    said("no such child");
    ck_assert_int_eq(phub(a, "show", "nobody", NULL), 1);
    said("nobody");
    ck_assert_int_eq(phub(a, "move", "nobody", "a", NULL), 1);
    said("nobody");
    ck_assert_int_eq(phub(a, "move", "witness", "nowhere", NULL), 1);
    said("no member has that name");
    ck_assert_int_eq(phub(a, "start", "missing", "--", "/no/such/program",
                          NULL), 1);
    said("cannot start \"/no/such/program\": No such file or directory");
    ck_assert(running(a, 1));
    witness_answers();
}
END_TEST

/* --- configuration -------------------------------------------------------------------- */

static void refuses(struct daemon *d, int code, const char *text)
{
    int status = daemon_end(d, SOON);

    claim(WIFEXITED(status) && WEXITSTATUS(status) == code, "status %x",
          status);
    claim(daemon_says(d, text), "its log does not say: %s", text);
}

START_TEST(a_state_directory_that_cannot_be_is_said_once_and_there_is_no_start)
{
    struct daemon *d = daemon_new("a");
    char path[200], text[300];

    snprintf(path, sizeof path, "%s/state", d->log);
    snprintf(text, sizeof text,
             "cannot make state directory \"%s\": Not a directory", path);
    daemon_start(d, "--state-dir", path, NULL);
    refuses(d, 1, text);
}
END_TEST

static const struct {
    const char *line, *says;
} lines[] = {
    { "foo = 1", ":7: [hub] foo: unknown key" },
    { "drain_timeout_ms = soon", ":7: [hub] drain_timeout_ms" },
    { "drain_timeout_ms = 99999999999", ":7: [hub] drain_timeout_ms" },
    { "listen = nowhere", ":7: [hub] listen" },
    { "[nonsense]\nkey = 1", ":7: [nonsense]: unknown section" },
    { "[distribution consistent_hash]\nvirtual_nodes = many",
      "virtual_nodes" },
};

START_TEST(a_wrong_line_is_named_with_its_file_and_number)
{
    struct daemon *d = daemon_new("a");
    char path[200];
    FILE *file;

    snprintf(path, sizeof path, "%s/phub.conf", world.dir);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "# one\n# two\n# three\n[hub]\nid = demo\n# six\n%s\n",
            lines[_i].line);
    fclose(file);
    daemon_start(d, "--config", path, NULL);
    refuses(d, 2, lines[_i].says);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hostile");
    TCase *tcase = world_case(suite, "hostile", 60);

    tcase_add_test(tcase,
                   a_child_that_never_gets_ready_is_refused_after_its_timeout);
    tcase_add_test(tcase,
                   a_child_that_ignores_stop_is_killed_after_its_timeout);
    tcase_add_test(tcase, a_child_that_floods_its_channel_delays_nobody);
    tcase_add_test(tcase,
                   a_child_that_sends_garbage_loses_its_channel_and_is_named);
    tcase_add_test(tcase,
                   a_state_that_comes_too_late_ends_the_move_and_the_child_stays);
    tcase_add_test(tcase, a_state_that_comes_twice_counts_once);
    tcase_add_test(tcase,
                   a_child_that_ends_at_once_again_and_again_fails_visibly);
    tcase_add_test(tcase, ids_have_255_bytes_at_most);
    tcase_add_test(tcase, an_empty_batch_is_refused);
    tcase_add_test(tcase,
                   a_second_start_an_unknown_id_and_a_missing_program_are_named);
    tcase_add_test(
        tcase,
        a_state_directory_that_cannot_be_is_said_once_and_there_is_no_start);
    tcase_add_loop_test(tcase, a_wrong_line_is_named_with_its_file_and_number,
                        0, (int)(sizeof lines / sizeof lines[0]));
    return world_run(suite);
}
