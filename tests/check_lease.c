/* SPDX-License-Identifier: MIT */
/* check_lease: what a lease is for, with real processes.
 *
 * A node's children end when its lease is over, whatever became of its daemon,
 * and only then do others start them.  Each child here (tests/exclusive.c)
 * holds a lock for as long as it lives: two at once would show in "doubles". */
#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon_fixture.h"

#define CHILDREN 8u
#define FROZEN_S 10

struct held {
    char id[32];
    pid_t pid;
    int pidfd;
};

static struct held held[CHILDREN]; /* by the victim */
static size_t held_count;

static void start_exclusives(void)
{
    char count[8];

    snprintf(count, sizeof count, "%u", CHILDREN);
    must_phub(&world.daemons[0], "start", "--count", count, "one-%d", "--",
              helper("exclusive"), world.dir, NULL);
    await(SOON, running(&world.daemons[0], CHILDREN));
}

/* Which of the daemons from first on runs most; what it runs is in held. */
static struct daemon *hold_most(size_t first)
{
    static struct reply reply;
    struct daemon *most = NULL;
    size_t i, j, count, best = 0;

    ask(&world.daemons[0], &reply, "ls", NULL);
    for (i = first; i < world.count; i++) {
        for (count = j = 0; j < reply.count; j++)
            count += strcmp(reply.rows[j].node, world.daemons[i].name) == 0;
        if (count > best) {
            best = count;
            most = &world.daemons[i];
        }
    }
    claim(most != NULL, "nothing runs on any of them");
    held_count = 0;
    for (j = 0; j < reply.count; j++) {
        struct held *h = &held[held_count];

        if (strcmp(reply.rows[j].node, most->name) != 0)
            continue;
        snprintf(h->id, sizeof h->id, "%.31s", reply.rows[j].id);
        h->pid = (pid_t)reply.rows[j].pid;
        h->pidfd = process_open(h->pid);
        held_count++;
    }
    return most;
}

static void held_end(int ms)
{
    uint64_t end = now_ms() + (uint64_t)ms;
    size_t i;

    for (i = 0; i < held_count; i++) {
        uint64_t now = now_ms();

        claim(process_ends(held[i].pidfd, now < end ? (int)(end - now) : 0),
              "%s, pid %d, lives %d ms after its daemon was gone",
              held[i].id, (int)held[i].pid, ms);
    }
}

static bool run_elsewhere(const struct daemon *viewer,
                          const struct daemon *victim)
{
    struct row row;
    size_t i;

    for (i = 0; i < held_count; i++)
        if (!row_of(viewer, held[i].id, &row)
            || strcmp(row.state, "running") != 0
            || strcmp(row.node, victim->name) == 0)
            return false;
    return running(viewer, CHILDREN);
}

static void never_two(void)
{
    char path[160];

    snprintf(path, sizeof path, "%s/doubles", world.dir);
    claim(access(path, F_OK) != 0, "a child ran twice, see doubles");
}

START_TEST(children_of_a_killed_daemon_end_and_run_elsewhere)
{
    struct daemon *victim;

    hub_start(3);
    start_exclusives();
    victim = hold_most(1);
    daemon_signal(victim, SIGKILL);
    held_end(LEASE_MS + MARGIN_MS);
    await(SOON, run_elsewhere(&world.daemons[0], victim));
    never_two();
}
END_TEST

START_TEST(children_of_a_frozen_daemon_end_and_none_runs_twice_when_it_thaws)
{
    struct daemon *victim;
    uint64_t frozen;

    hub_start(3);
    start_exclusives();
    victim = hold_most(1);
    frozen = now_ms();
    daemon_signal(victim, SIGSTOP);
    held_end(LEASE_MS + MARGIN_MS);
    await(SOON, run_elsewhere(&world.daemons[0], victim));
    await(FROZEN_S + 1, now_ms() >= frozen + FROZEN_S * 1000);
    never_two();
    daemon_signal(victim, SIGCONT);
    await(SOON, members(victim, 3));
    await(SOON, members(&world.daemons[0], 3));
    settle(CHILDREN);
    never_two();
}
END_TEST

START_TEST(a_daemon_back_within_the_lease_adopts_its_children)
{
    struct daemon *victim;
    struct row row;
    size_t i;

    hub_start(2);
    start_exclusives();
    victim = hold_most(1);
    daemon_signal(victim, SIGKILL);
    daemon_start_wait(victim, "--seeds", world.daemons[0].endpoint, NULL);
    await(SOON, members(&world.daemons[0], 2));
    await(SOON, running(victim, CHILDREN));
    await(SOON, running(&world.daemons[0], CHILDREN));
    for (i = 0; i < held_count; i++) {
        claim(!process_ends(held[i].pidfd, 0), "%s ended", held[i].id);
        claim(row_of(victim, held[i].id, &row), "%s is lost", held[i].id);
        claim(row.pid == held[i].pid, "%s: pid %d became %d", held[i].id,
              (int)held[i].pid, (int)row.pid);
    }
    never_two();
}
END_TEST

static bool held_anew(const struct daemon *viewer)
{
    struct row row;
    size_t i;

    for (i = 0; i < held_count; i++)
        if (!row_of(viewer, held[i].id, &row)
            || strcmp(row.state, "running") != 0 || row.pid == held[i].pid)
            return false;
    return running(viewer, CHILDREN);
}

START_TEST(children_of_a_killed_guard_end_with_it_and_run_again)
{
    struct daemon *victim;
    pid_t guard;

    hub_start(2);
    start_exclusives();
    victim = hold_most(0);
    guard = guard_of(victim);
    ck_assert_int_gt(guard, 0);
    claim(parent_of(held[0].pid) == guard, "%s is not of guard %d",
          held[0].id, (int)guard);
    ck_assert_int_eq(kill(guard, SIGKILL), 0);
    held_end(MARGIN_MS);
    await(SOON, held_anew(&world.daemons[0]));
    claim(guard_of(victim) != guard, "the guard lives");
    never_two();
}
END_TEST

START_TEST(children_of_a_killed_daemon_and_guard_run_elsewhere)
{
    struct daemon *victim;
    pid_t guard;

    hub_start(2);
    start_exclusives();
    victim = hold_most(1);
    guard = guard_of(victim);
    ck_assert_int_gt(guard, 0);
    daemon_signal(victim, SIGKILL);
    ck_assert_int_eq(kill(guard, SIGKILL), 0);
    held_end(MARGIN_MS);
    await(SOON, run_elsewhere(&world.daemons[0], victim));
    never_two();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lease");
    TCase *tcase = world_case(suite, "lease", 60);

    tcase_add_test(tcase,
                   children_of_a_killed_daemon_end_and_run_elsewhere);
    tcase_add_test(
        tcase,
        children_of_a_frozen_daemon_end_and_none_runs_twice_when_it_thaws);
    tcase_add_test(tcase, a_daemon_back_within_the_lease_adopts_its_children);
    tcase_add_test(tcase,
                   children_of_a_killed_guard_end_with_it_and_run_again);
    tcase_add_test(tcase, children_of_a_killed_daemon_and_guard_run_elsewhere);
    return world_run(suite);
}
