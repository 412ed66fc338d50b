/* SPDX-License-Identifier: MIT */
/* check_cluster: real daemons that find, refuse, lose and leave each other. */
#include "config.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon_click.h"
#include "daemon_fixture.h"

#define COUNTERS 6

/* --- membership ------------------------------------------------------------------ */

/* A port that was free a moment ago. */
static void free_endpoint(char *endpoint, size_t max)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    close(fd);
    snprintf(endpoint, max, "tcp://127.0.0.1:%u", ntohs(at.sin_port));
}

START_TEST(two_daemons_that_seed_each_other_and_start_at_once_merge)
{
    struct daemon *a = daemon_new("a"), *b = daemon_new("b");
    char first[64], second[64];

    free_endpoint(first, sizeof first);
    free_endpoint(second, sizeof second);
    daemon_start(a, "--listen", first, "--seeds", second, NULL);
    daemon_start(b, "--listen", second, "--seeds", first, NULL);
    await(SOON, members(a, 2));
    await(SOON, members(b, 2));
    must_phub(a, "start", "--count", "4", "--ready", "counter-%d", "--",
              helper("counter"), NULL);
    settle(4);
}
END_TEST

START_TEST(a_hub_of_one_node_starts_shows_and_stops)
{
    struct row row;

    hub_start(1);
    counter_start(&world.daemons[0], "alone");
    ck_assert(runs_on(&world.daemons[0], "alone", "a"));
    ck_assert_int_eq(counter_say(&world.daemons[0], "alone", "inc"), 1);
    must_phub(&world.daemons[0], "show", "alone", NULL);
    ck_assert_ptr_nonnull(strstr(phub_said, "running"));
    must_phub(&world.daemons[0], "logs", "alone", NULL);
    ck_assert_ptr_nonnull(strstr(phub_said, "port "));
    ck_assert(row_of(&world.daemons[0], "alone", &row));
    must_phub(&world.daemons[0], "stop", "alone", NULL);
    ck_assert_int_eq(kill((pid_t)row.pid, 0), -1);
    ck_assert(running(&world.daemons[0], 0));
}
END_TEST

static uint64_t boot_of(const struct daemon *viewer, const struct daemon *d)
{
    static struct reply reply;
    size_t i;

    ask(viewer, &reply, "nodes", NULL);
    for (i = 0; i < reply.count; i++)
        if (strcmp(reply.rows[i].node, d->name) == 0
            && strcmp(reply.rows[i].state, "alive") == 0)
            return reply.rows[i].boot;
    return 0;
}

START_TEST(a_daemon_restarted_faster_than_detection_is_a_new_start_of_its_node)
{
    struct daemon *a, *b;
    uint64_t boot;

    hub_start(2);
    a = &world.daemons[0];
    b = &world.daemons[1];
    must_phub(a, "start", "--count", "4", "--ready", "counter-%d", "--",
              helper("counter"), NULL);
    boot = boot_of(a, b);
    ck_assert_uint_ne(boot, 0);
    daemon_signal(b, SIGKILL);
    daemon_start_wait(b, "--seeds", a->endpoint, NULL);
    await(SOON, boot_of(a, b) > boot);
    await(SOON, boot_of(b, b) == boot_of(a, b));
    await(SOON, members(a, 2) && members(b, 2));
    settle(4);
    counter_start(b, "later");
    must_phub(a, "stop", "later", NULL);
}
END_TEST

static int has_addresses(const struct daemon *d)
{
    char path[512];

    snprintf(path, sizeof path, "%s/addresses", d->state);
    return access(path, R_OK) == 0;
}

START_TEST(daemons_that_start_again_without_seeds_find_whom_they_knew)
{
    struct daemon *a, *b;
    char endpoint[64];

    hub_start(2);
    a = &world.daemons[0];
    b = &world.daemons[1];
    await(SOON, has_addresses(b));
    snprintf(endpoint, sizeof endpoint, "%s", a->endpoint);
    daemon_signal(b, SIGKILL);
    daemon_signal(a, SIGKILL);
    daemon_start_wait(a, "--listen", endpoint, NULL);
    daemon_start_wait(b, NULL);
    await(SOON, members(a, 2));
    await(SOON, members(b, 2));
}
END_TEST

/* --- refusals -------------------------------------------------------------------- */

struct refusal {
    const char *flag, *value;    /* of the second daemon */
    const char *mine, *others;   /* said by both logs */
};

static const struct refusal refusals[] = {
    { "--id", "other", "\"demo\" at \"a\"", "\"other\" at \"b\"" },
    { "--distribution", "lowest", "\"consistent_hash\" at \"a\"",
      "\"lowest\" at \"b\"" },
    { "--param", "distribution.consistent_hash.virtual_nodes=128",
      "parameters of distribution strategy \"consistent_hash\" differ",
      "at \"b\"" },
    { "--lease-ms", "3000", "2000 ms at \"a\"", "3000 ms at \"b\"" },
};

START_TEST(a_join_that_does_not_fit_is_refused_and_both_logs_name_both_values)
{
    const struct refusal *r = &refusals[_i];
    struct daemon *a = daemon_new("a"), *b = daemon_new("b");
    char path[8192];

    snprintf(path, sizeof path, "%s:%s", getenv("PHUB_PLUGIN_PATH"),
             helper(".libs"));
    daemon_start_wait(a, NULL);
    daemon_start_wait(b, "--plugin-path", path, "--seeds", a->endpoint,
                      r->flag, r->value, NULL);
    await(SOON, daemon_says(a, r->mine) && daemon_says(a, r->others));
    await(SOON, daemon_says(b, r->mine) && daemon_says(b, r->others));
    ck_assert(members(a, 1));
    ck_assert(members(b, 1));
    ck_assert_uint_gt(counter_of(a, "cluster_joins_refused"), 0);
    counter_start(a, "here");
}
END_TEST

START_TEST(a_state_directory_in_use_is_refused_naming_who_has_it)
{
    struct daemon *a, *b = NULL;
    char pid[32];
    int status;

    hub_start(1);
    a = &world.daemons[0];
    b = daemon_new("b");
    daemon_start(b, "--state-dir", a->state, NULL);
    status = daemon_end(b, SOON);
    claim(WIFEXITED(status) && WEXITSTATUS(status) == 1, "status %x", status);
    snprintf(pid, sizeof pid, "%d", (int)a->pid);
    claim(daemon_says(b, a->state) && daemon_says(b, pid),
          "it does not name directory and pid %s", pid);
    must_phub(a, "status", NULL);
}
END_TEST

/* --- leaving, moving --------------------------------------------------------------- */

START_TEST(sigterm_moves_the_children_with_their_state_and_exits_0)
{
    struct daemon *a, *b;
    struct row row;
    char id[32];
    int status, i, j;

    hub_start(2);
    a = &world.daemons[0];
    b = &world.daemons[1];
    must_phub(a, "start", "--count", "6", "--ready", "counter-%d", "--",
              helper("counter"), NULL);
    phub(a, "move", "counter-1", "b", NULL); /* if it is not there already */
    ck_assert(runs_on(a, "counter-1", "b"));
    for (i = 1; i <= COUNTERS; i++) {
        snprintf(id, sizeof id, "counter-%d", i);
        await(SOON, counter_say(a, id, "get") == 0);
        for (j = 1; j <= i; j++)
            ck_assert_int_eq(counter_say(a, id, "inc"), j);
    }
    daemon_signal(b, SIGTERM);
    status = daemon_end(b, SOON + 5);
    claim(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
    settle(COUNTERS);
    for (i = 1; i <= COUNTERS; i++) {
        snprintf(id, sizeof id, "counter-%d", i);
        ck_assert(row_of(a, id, &row));
        ck_assert_str_eq(row.node, "a");
        await(SOON, counter_say(a, id, "get") == i);
    }
    ck_assert(members(a, 1));
}
END_TEST

START_TEST(no_acknowledged_increment_is_lost_by_moves)
{
    struct daemon *a;
    struct click click;
    const char *to;
    struct row row;
    uint64_t seen;
    int i;

    hub_start(2);
    a = &world.daemons[0];
    counter_start(a, "clicked");
    click_start(&click, a, "clicked");
    await(SOON, atomic_load(&click.acked) > 20);
    for (i = 0; i < 2; i++) {
        ck_assert(row_of(a, "clicked", &row));
        to = strcmp(row.node, "a") == 0 ? "b" : "a";
        must_phub(a, "move", "clicked", to, NULL);
        await(SOON, runs_on(a, "clicked", to));
        seen = atomic_load(&click.acked);
        await(SOON, atomic_load(&click.acked) > seen + 20);
    }
    click_end(&click);
    claim(atomic_load(&click.wrong) == 0, "%u of %u answers are wrong",
          (unsigned)atomic_load(&click.wrong),
          (unsigned)atomic_load(&click.acked));
    await(SOON, counter_say(a, "clicked", "get") >= click.last);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster");
    TCase *tcase = world_case(suite, "cluster", 60);

    tcase_add_test(tcase,
                   two_daemons_that_seed_each_other_and_start_at_once_merge);
    tcase_add_test(tcase, a_hub_of_one_node_starts_shows_and_stops);
    tcase_add_test(
        tcase,
        a_daemon_restarted_faster_than_detection_is_a_new_start_of_its_node);
    tcase_add_test(tcase,
        daemons_that_start_again_without_seeds_find_whom_they_knew);
    tcase_add_loop_test(
        tcase,
        a_join_that_does_not_fit_is_refused_and_both_logs_name_both_values, 0,
        (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(tcase, a_state_directory_in_use_is_refused_naming_who_has_it);
    tcase_add_test(tcase,
                   sigterm_moves_the_children_with_their_state_and_exits_0);
    tcase_add_test(tcase, no_acknowledged_increment_is_lost_by_moves);
    return world_run(suite);
}
