/* SPDX-License-Identifier: MIT */
/* check_guard: a real phub-guard with real processes. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <sys/stat.h>

#include "guard_fixture.h"

START_TEST(a_child_runs_with_its_environment_and_its_output_arrives)
{
    struct fixture f;
    struct seen *s;
    char line[512];

    fixture_attach(&f);
    ck_assert(!f.found);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    s = fixture_run(&f, "echo $PHUB_CHILD_ID $PHUB_NODE $PHUB_EPOCH $PHUB_FD "
                    "$PHUB_STANDBY $PHUB_STATE_EXPECTED $GIVEN $(pwd); "
                    "echo err >&2; read x; exit 7");
    ck_assert_str_eq(s->id, "child-1");
    ck_assert_str_eq(s->note, "note");
    ck_assert_uint_eq(s->epoch.number, 7);
    read_line(s->output, line, sizeof line);
    ck_assert_str_eq(line, "child-1 a 7.9 3 0 0 yes /");
    read_line(s->output, line, sizeof line);
    ck_assert_str_eq(line, "err");
    fixture_wait(&f, s->exited);
    ck_assert(WIFEXITED(s->status));
    ck_assert_int_eq(WEXITSTATUS(s->status), 7);
    ck_assert_int_eq(s->cause, PHUB__GUARD_BY_ITSELF);
    fixture_end(&f);
}
END_TEST

START_TEST(a_child_has_no_descriptors_but_its_own)
{
    struct fixture f;
    struct seen *s;
    struct dirent *entry;
    char path[64], line[64];
    DIR *dir;
    int count = 0;

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    /* Past its own start: who loads a program has its files open. */
    s = fixture_run(&f, "sleep 1000 & echo runs; wait");
    read_line(s->output, line, sizeof line);
    snprintf(path, sizeof path, "/proc/%ld/fd", (long)s->pid);
    dir = opendir(path);
    ck_assert_ptr_nonnull(dir);
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.') {
            ck_assert_int_lt(strtol(entry->d_name, NULL, 10), 4);
            count++;
        }
    closedir(dir);
    ck_assert_int_eq(count, 4);
    ck_assert_int_eq(getpgid(s->pid), s->pid);
    fixture_end(&f);
}
END_TEST

START_TEST(a_missing_program_is_named_with_its_reason)
{
    struct fixture f;
    struct seen *s;

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    s = seen_of(&f, fixture_spawn(&f, "/no/such/program", NULL));
    fixture_wait(&f, s->failed);
    ck_assert_str_eq(s->text, "cannot start \"/no/such/program\": "
                     "No such file or directory");
    ck_assert_int_eq(s->sys_errno, ENOENT);
    s = seen_of(&f, fixture_spawn(&f, "no-such-program", NULL));
    fixture_wait(&f, s->failed);
    ck_assert_str_eq(s->text, "cannot start \"no-such-program\": "
                     "No such file or directory");
    s = seen_of(&f, fixture_spawn(&f, "/etc/passwd", NULL));
    fixture_wait(&f, s->failed);
    ck_assert_str_eq(s->text, "cannot start \"/etc/passwd\": "
                     "Permission denied");
    fixture_end(&f);
}
END_TEST

START_TEST(nothing_starts_before_a_deadline_was_given)
{
    struct fixture f;
    struct seen *s;

    fixture_attach(&f);
    s = seen_of(&f, fixture_spawn(&f, "true", NULL));
    fixture_wait(&f, s->failed);
    ck_assert_int_eq(s->sys_errno, ETIME);
    ck_assert_str_eq(s->text, "cannot start \"true\": no lease yet");
    fixture_end(&f);
}
END_TEST

START_TEST(a_signal_reaches_the_child_and_is_the_cause)
{
    struct fixture f;
    struct seen *s;

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    s = fixture_run(&f, "sleep 1000");
    ck_assert_int_eq(phub__guard_signal(f.guard, s->handle, SIGTERM), 0);
    fixture_wait(&f, s->exited);
    ck_assert(WIFSIGNALED(s->status));
    ck_assert_int_eq(WTERMSIG(s->status), SIGTERM);
    ck_assert_int_eq(s->cause, PHUB__GUARD_BY_SIGNAL);
    fixture_end(&f);
}
END_TEST

START_TEST(a_group_dies_with_its_child)
{
    struct fixture f;
    struct seen *s;
    char line[64];
    int helper;

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    s = fixture_run(&f, "sleep 1000 & echo $!; cat <&3 >&3");
    read_line(s->output, line, sizeof line);
    helper = pidfd_of((pid_t)strtol(line, NULL, 10));
    ck_assert_int_eq(phub__guard_signal(f.guard, s->handle, SIGKILL), 0);
    wait_end(helper);
    fixture_wait(&f, s->exited);
    /* Also when it ends by itself. */
    s = fixture_run(&f, "sleep 1000 & echo $!; read x <&3");
    read_line(s->output, line, sizeof line);
    helper = pidfd_of((pid_t)strtol(line, NULL, 10));
    ck_assert_int_eq(send(s->channel, "\n", 1, 0), 1);
    fixture_wait(&f, s->exited);
    wait_end(helper);
    fixture_end(&f);
}
END_TEST

START_TEST(children_end_when_the_deadline_passes)
{
    struct fixture f;
    struct seen *a, *b, *late;
    char line[64];
    int helper;

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    /* An earlier stamp does not shorten what was granted. */
    phub__guard_deadline(f.guard, boot_now() + 1 * MILLIS);
    a = fixture_run(&f, "sleep 1000 & echo $!; wait");
    read_line(a->output, line, sizeof line);
    ck_assert(!a->exited);
    fixture_end(&f);

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + LEASE);
    a = fixture_run(&f, "sleep 1000 & echo $!; wait");
    b = fixture_run(&f, "trap '' TERM; sleep 1000");
    read_line(a->output, line, sizeof line);
    helper = pidfd_of((pid_t)strtol(line, NULL, 10));
    fixture_wait(&f, a->exited && b->exited);
    wait_end(helper);
    ck_assert_int_eq(a->cause, PHUB__GUARD_BY_DEADLINE);
    ck_assert_int_eq(b->cause, PHUB__GUARD_BY_DEADLINE);
    ck_assert_int_eq(WTERMSIG(b->status), SIGKILL);
    late = seen_of(&f, fixture_spawn(&f, "true", NULL));
    fixture_wait(&f, late->failed);
    ck_assert_str_eq(late->text, "cannot start \"true\": the lease has passed");
    fixture_end(&f);
}
END_TEST

START_TEST(a_stale_renewal_revives_nothing_and_a_new_one_allows_new_starts)
{
    struct fixture f;
    struct seen *a, *b;
    uint64_t stamp;

    fixture_attach(&f);
    stamp = boot_now() + LEASE;
    phub__guard_deadline(f.guard, stamp);
    a = fixture_run(&f, "sleep 1000");
    fixture_wait(&f, a->exited);
    ck_assert_int_eq(a->cause, PHUB__GUARD_BY_DEADLINE);
    /* Decided before, written after: it is still in the past. */
    phub__guard_deadline(f.guard, stamp + 1);
    b = seen_of(&f, fixture_spawn(&f, "true", NULL));
    fixture_wait(&f, b->failed);
    ck_assert_int_eq(b->sys_errno, ETIME);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    b = fixture_run(&f, "exit 0");
    fixture_wait(&f, b->exited);
    ck_assert_int_eq(b->cause, PHUB__GUARD_BY_ITSELF);
    fixture_end(&f);
}
END_TEST

/* A daemon in its own process: starts a child, says its pid, then waits. */
static pid_t
fork_daemon(uint64_t lease_ns, pid_t *child, pid_t *guard)
{
    pid_t says[2];
    int pair[2];
    pid_t pid;

    ck_assert_int_eq(pipe(pair), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct fixture f;

        fixture_attach(&f);
        phub__guard_deadline(f.guard, boot_now() + lease_ns);
        says[0] = fixture_run(&f, "exec cat <&3 >&3")->pid;
        says[1] = phub__guard_pid(f.guard);
        if (write(pair[1], says, sizeof says) != sizeof says)
            _exit(1);
        for (;;)
            fixture_turn(&f);
    }
    close(pair[1]);
    ck_assert_int_eq(read(pair[0], says, sizeof says), sizeof says);
    close(pair[0]);
    *child = says[0];
    *guard = says[1];
    return pid;
}

START_TEST(a_killed_daemons_children_end_by_the_deadline_and_the_guard_too)
{
    pid_t child, guard, daemon = fork_daemon(LEASE, &child, &guard);
    int child_end = pidfd_of(child), guard_end = pidfd_of(guard);

    kill(daemon, SIGKILL);
    waitpid(daemon, NULL, 0);
    wait_end(child_end);
    wait_end(guard_end);
}
END_TEST

START_TEST(a_stopped_daemons_children_end_by_the_deadline)
{
    pid_t child, guard, daemon = fork_daemon(LEASE, &child, &guard);
    int child_end = pidfd_of(child), guard_end = pidfd_of(guard);

    kill(daemon, SIGSTOP);
    wait_end(child_end);
    ck_assert_int_eq(kill(daemon, 0), 0);
    kill(daemon, SIGKILL);
    waitpid(daemon, NULL, 0);
    wait_end(guard_end);
}
END_TEST

START_TEST(the_next_daemon_adopts_the_same_processes_with_working_channels)
{
    pid_t child, guard, daemon = fork_daemon(60 * SECONDS, &child, &guard);
    struct fixture f;
    struct pollfd at = { .events = POLLIN };
    char bytes[16];

    kill(daemon, SIGKILL);
    waitpid(daemon, NULL, 0);
    fixture_attach(&f);
    ck_assert(f.found);
    ck_assert_int_eq(phub__guard_pid(f.guard), guard);
    ck_assert_uint_eq(f.count, 1);
    ck_assert(f.seen[0].adopted);
    ck_assert_int_eq(f.seen[0].pid, child);
    ck_assert_str_eq(f.seen[0].id, "child-1");
    ck_assert_str_eq(f.seen[0].note, "note");
    ck_assert_uint_eq(f.seen[0].epoch.node, 9);
    ck_assert_uint_gt(f.deadline_ns, boot_now());
    ck_assert_int_eq(send(f.seen[0].channel, "hello", 5, 0), 5);
    at.fd = f.seen[0].channel;
    ck_assert_int_eq(poll(&at, 1, -1), 1);
    ck_assert_int_eq(recv(at.fd, bytes, sizeof bytes, 0), 5);
    fixture_end(&f);
    ck_assert(f.seen[0].exited);
    ck_assert_int_eq(f.seen[0].cause, PHUB__GUARD_BY_QUIT);
}
END_TEST

START_TEST(an_exit_while_no_daemon_was_there_is_told_to_the_next)
{
    struct fixture f;
    struct seen *s;
    int channel, end;

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    s = fixture_run(&f, "read x <&3; exit 5");
    channel = dup(s->channel);
    end = pidfd_of(s->pid);
    fixture_drop(&f);
    ck_assert_int_eq(send(channel, "\n", 1, 0), 1);
    close(channel);
    wait_end(end);
    fixture_attach(&f);
    ck_assert(f.found);
    fixture_wait(&f, f.count == 1 && f.seen[0].exited);
    ck_assert_int_eq(WEXITSTATUS(f.seen[0].status), 5);
    fixture_end(&f);
}
END_TEST

START_TEST(a_guard_without_daemon_and_children_ends)
{
    struct fixture f;
    struct seen *s;
    int end;

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    s = fixture_run(&f, "exit 0");
    fixture_wait(&f, s->exited);
    end = pidfd_of(phub__guard_pid(f.guard));
    fixture_drop(&f);
    wait_end(end);
}
END_TEST

START_TEST(children_die_with_a_killed_guard)
{
    struct fixture f;
    struct seen *s;
    int end;

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    s = fixture_run(&f, "sleep 1000");
    end = pidfd_of(s->pid);
    kill(phub__guard_pid(f.guard), SIGKILL);
    wait_end(end);
    while (!f.lost)
        fixture_turn(&f);
    ck_assert_str_eq(f.why, "the guard is gone");
    fixture_end(&f);
}
END_TEST

START_TEST(what_a_killed_guards_children_left_is_ended_before_anything_starts)
{
    struct fixture f;
    struct seen *s;
    char line[64], kept[64];
    int helper, other;
    uint64_t first;
    pid_t stranger;

    fixture_attach(&f);
    first = f.guard_id;
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    s = fixture_run(&f, "sleep 1000 & echo $!; sh -c 'echo $$; sleep 1000'");
    read_line(s->output, line, sizeof line);
    read_line(s->output, kept, sizeof kept);
    helper = pidfd_of((pid_t)strtol(line, NULL, 10));
    other = pidfd_of((pid_t)strtol(kept, NULL, 10));
    stranger = fork();
    if (stranger == 0)
        for (;;)
            pause();
    kill(phub__guard_pid(f.guard), SIGKILL);
    while (!f.lost)
        fixture_turn(&f);
    fixture_end(&f);
    fixture_attach(&f);
    ck_assert(!f.found);
    ck_assert_uint_ne(f.guard_id, first);
    wait_end(helper);
    wait_end(other);
    ck_assert_int_eq(waitpid(stranger, NULL, WNOHANG), 0);
    kill(stranger, SIGKILL);
    fixture_end(&f);
}
END_TEST

/* Write a list as an earlier guard would have, about pid. */
static void
write_list(pid_t pid, unsigned long long start)
{
    char path[128], boot[64] = "";
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(boot, 37, file));
    fclose(file);
    snprintf(path, sizeof path, "%s/guard.children", state_dir);
    file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "phub-guard 1 %s 0123456789abcdef 999999\n%ld %llu\n"
            "garbage\n-5 7\n1 1\n0 0\n", boot, (long)pid, start);
    fclose(file);
}

static unsigned long long
start_of(pid_t pid)
{
    char path[64], text[1024], *at;
    FILE *file;
    size_t size;

    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = 0;
    at = strrchr(text, ')');
    for (int field = 2; field < 22; field++)
        at = strchr(at, ' ') + 1;
    return strtoull(at, NULL, 10);
}

START_TEST(a_listed_pid_with_another_start_time_is_left_alone)
{
    struct fixture f;
    unsigned long long start;
    pid_t process = fork();

    ck_assert_int_ge(process, 0);
    if (process == 0) {
        setpgid(0, 0);
        for (;;)
            pause();
    }
    setpgid(process, process);
    start = start_of(process);
    write_list(process, start + 1);
    fixture_attach(&f);
    ck_assert_int_eq(waitpid(process, NULL, WNOHANG), 0);
    fixture_end(&f);
    /* And with the right one it is ended: the check above could see it. */
    write_list(process, start);
    fixture_attach(&f);
    ck_assert_int_eq(waitpid(process, NULL, 0), process);
    fixture_end(&f);
}
END_TEST

/* The pid of a guard's spawner, 0 if there is none. */
static pid_t
find_spawner(pid_t guard, pid_t unlike)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;

    while (found == 0 && (entry = readdir(proc)) != NULL) {
        char path[300], line[512] = "";
        long pid = strtol(entry->d_name, NULL, 10), parent = 0;
        FILE *file;

        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        file = pid > 0 ? fopen(path, "re") : NULL;
        if (file == NULL)
            continue;
        if (fgets(line, sizeof line, file) != NULL
            && strstr(line, "(phub-spawner)") != NULL
            && sscanf(strrchr(line, ')') + 1, " %*c %ld", &parent) == 1
            && parent == guard && pid != unlike)
            found = (pid_t)pid;
        fclose(file);
    }
    closedir(proc);
    return found;
}

START_TEST(a_stopped_spawner_does_not_stop_the_deadline)
{
    struct fixture f;
    struct seen *a, *b;
    pid_t spawner;

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + LEASE);
    a = fixture_run(&f, "sleep 1000");
    spawner = find_spawner(phub__guard_pid(f.guard), 0);
    ck_assert_int_gt(spawner, 0);
    kill(spawner, SIGSTOP);
    b = seen_of(&f, fixture_spawn(&f, "true", NULL));
    fixture_wait(&f, a->exited && b->failed);
    ck_assert_int_eq(a->cause, PHUB__GUARD_BY_DEADLINE);
    ck_assert_str_eq(b->text, "cannot start \"true\": the lease has passed");
    fixture_end(&f);
}
END_TEST

START_TEST(a_spawner_that_hangs_is_replaced)
{
    struct fixture f;
    struct seen *a, *b, *c;
    pid_t spawner;
    int end;

    ck_assert_int_eq(fixture_open(&f, 1000), 0);
    fixture_wait(&f, f.attached);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    a = fixture_run(&f, "sleep 1000");
    spawner = find_spawner(phub__guard_pid(f.guard), 0);
    end = pidfd_of(spawner);
    kill(spawner, SIGSTOP);
    b = seen_of(&f, fixture_spawn(&f, "true", NULL));
    /* Signals work meanwhile. */
    ck_assert_int_eq(phub__guard_signal(f.guard, a->handle, SIGKILL), 0);
    fixture_wait(&f, a->exited);
    fixture_wait(&f, b->failed);
    ck_assert_str_eq(b->text, "cannot start \"true\": the spawner did not "
                     "answer");
    wait_end(end);
    c = fixture_run(&f, "exit 3");
    fixture_wait(&f, c->exited);
    ck_assert_int_eq(WEXITSTATUS(c->status), 3);
    /* And one that dies. */
    spawner = find_spawner(phub__guard_pid(f.guard), spawner);
    ck_assert_int_gt(spawner, 0);
    end = pidfd_of(spawner);
    kill(spawner, SIGKILL);
    wait_end(end);
    c = fixture_run(&f, "exit 4");
    fixture_wait(&f, c->exited);
    fixture_end(&f);
}
END_TEST

START_TEST(a_command_uses_the_descriptors_that_it_is_given)
{
    struct fixture f;
    struct phub_bytes argv[3] = {
        text_bytes("sh"), text_bytes("-c"),
        text_bytes("cat; echo bad >&2; echo ${PHUB_FD-none}"),
    };
    int in[2], out[2], stdio[3];
    struct phub__guard_spawn spawn = {
        .id = text_bytes("child-1"), .argv = argv, .argc = 3, .stdio = stdio,
    };
    struct seen *s;
    uint64_t handle;
    char line[64];

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    ck_assert_int_eq(pipe(in), 0);
    ck_assert_int_eq(pipe(out), 0);
    stdio[0] = in[0];
    stdio[1] = out[1];
    stdio[2] = dup(out[1]);
    ck_assert_int_eq(phub__guard_spawn(f.guard, &spawn, &handle), 0);
    ck_assert_int_eq(write(in[1], "state\n", 6), 6);
    close(in[1]);
    s = seen_of(&f, handle);
    fixture_wait(&f, s->exited);
    ck_assert_int_eq(s->channel, -1);
    read_line(out[0], line, sizeof line);
    ck_assert_str_eq(line, "state");
    read_line(out[0], line, sizeof line);
    ck_assert_str_eq(line, "bad");
    read_line(out[0], line, sizeof line);
    ck_assert_str_eq(line, "none");
    fixture_end(&f);
}
END_TEST

START_TEST(garbage_is_refused_and_the_guard_goes_on)
{
    struct fixture f;
    struct seen *s;
    uint8_t junk[512];
    int fd;

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    fd = phub__guard_fd(f.guard);
    for (size_t i = 0; i < sizeof junk; i++)
        junk[i] = (uint8_t)(i * 37 + 11);
    for (size_t size = 1; size < sizeof junk; size += 7)
        while (send(fd, junk, size, MSG_DONTWAIT) < 0)
            ck_assert_int_eq(errno, EAGAIN);
    ck_assert_int_eq(phub__guard_signal(f.guard, 12345, SIGKILL), 0);
    ck_assert_int_eq(phub__guard_signal(f.guard, 12345, 100000), 0);
    s = fixture_run(&f, "exit 0");
    fixture_wait(&f, s->exited);
    fixture_end(&f);
}
END_TEST

START_TEST(a_second_guard_of_a_state_directory_says_who_holds_it)
{
    struct fixture f;
    char command[4400], line[300], want[300];
    FILE *out;

    fixture_attach(&f);
    snprintf(command, sizeof command, "%s --dir %s 2>&1 3<&-",
             guard_program(), state_dir);
    out = popen(command, "r");
    ck_assert_ptr_nonnull(out);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, out));
    snprintf(want, sizeof want, "phub-guard: another guard (pid %ld) holds "
             "\"%s\"\n", (long)phub__guard_pid(f.guard), state_dir);
    ck_assert_str_eq(line, want);
    ck_assert_int_eq(WEXITSTATUS(pclose(out)), 1);
    fixture_end(&f);
}
END_TEST

START_TEST(a_state_directory_that_is_not_there_is_named)
{
    struct fixture f;
    char want[128];

    remove_state_dir();
    ck_assert_int_eq(fixture_open(&f, 0), 0);
    while (!f.lost)
        fixture_turn(&f);
    snprintf(want, sizeof want, "cannot open directory \"%s\": "
             "No such file or directory", state_dir);
    ck_assert_str_eq(f.why, want);
    fixture_end(&f);
}
END_TEST

/* A version 2 cgroup that we may make others in, or NULL. */
static const char *
find_cgroup(void)
{
    static const char *const places[] = { "/sys/fs/cgroup/unified",
                                          "/sys/fs/cgroup" };

    for (size_t i = 0; i < 2; i++) {
        char path[128];
        bool ok;

        snprintf(path, sizeof path, "%s/phub-test-%ld", places[i],
                 (long)getpid());
        if (mkdir(path, 0755) < 0)
            continue;
        snprintf(path, sizeof path, "%s/phub-test-%ld/cgroup.kill", places[i],
                 (long)getpid());
        ok = access(path, W_OK) == 0;
        *strrchr(path, '/') = 0;
        rmdir(path);
        if (ok)
            return places[i];
    }
    return NULL;
}

START_TEST(in_a_cgroup_not_even_a_session_of_its_own_survives)
{
    struct fixture f;
    struct seen *s;
    char line[64];
    int escaped;

    cgroup_dir = find_cgroup();
    if (cgroup_dir == NULL)
        return; /* none here */
    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    /* Its child ends. */
    s = fixture_run(&f, "setsid sh -c 'echo $$; exec sleep 1000' & read x <&3");
    read_line(s->output, line, sizeof line);
    escaped = pidfd_of((pid_t)strtol(line, NULL, 10));
    ck_assert_int_eq(send(s->channel, "\n", 1, 0), 1);
    fixture_wait(&f, s->exited);
    wait_end(escaped);
    /* Its guard is killed, and the next one starts. */
    s = fixture_run(&f, "setsid env -i sh -c 'echo $$; exec sleep 1000'");
    read_line(s->output, line, sizeof line);
    escaped = pidfd_of((pid_t)strtol(line, NULL, 10));
    kill(phub__guard_pid(f.guard), SIGKILL);
    while (!f.lost)
        fixture_turn(&f);
    fixture_end(&f);
    fixture_attach(&f);
    wait_end(escaped);
    /* The lease passes. */
    phub__guard_deadline(f.guard, boot_now() + LEASE);
    s = fixture_run(&f, "setsid sh -c 'echo $$; exec sleep 1000' & wait");
    read_line(s->output, line, sizeof line);
    wait_end(pidfd_of((pid_t)strtol(line, NULL, 10)));
    fixture_end(&f);
}
END_TEST

START_TEST(many_children_start_and_end)
{
    struct fixture f;
    size_t ended;

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    for (int i = 0; i < SEEN_MAX; i++)
        seen_of(&f, fixture_spawn(&f, "true", NULL));
    do {
        fixture_turn(&f);
        ended = 0;
        for (size_t i = 0; i < f.count; i++)
            ended += f.seen[i].exited;
    } while (ended < SEEN_MAX);
    fixture_end(&f);
}
END_TEST

START_TEST(a_daemon_that_does_not_read_stops_neither_starts_nor_the_deadline)
{
    struct fixture f;
    struct seen *s;
    size_t exited = 0, failed = 0;
    int end;

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + LEASE);
    s = fixture_run(&f, "sleep 1000");
    end = pidfd_of(s->pid);
    /* More than the socket holds notices of. */
    for (size_t i = f.count; i < SEEN_MAX; i++)
        seen_of(&f, fixture_spawn(&f, "true", NULL));
    wait_end(end);
    do {
        fixture_turn(&f);
        exited = failed = 0;
        for (size_t i = 0; i < f.count; i++) {
            exited += f.seen[i].exited;
            failed += f.seen[i].failed;
        }
    } while (exited + failed < SEEN_MAX);
    ck_assert_int_eq(s->cause, PHUB__GUARD_BY_DEADLINE);
    fixture_end(&f);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("guard");
    TCase *tc = tcase_create("guard");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, make_state_dir, remove_state_dir);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, a_child_runs_with_its_environment_and_its_output_arrives);
    tcase_add_test(tc, a_child_has_no_descriptors_but_its_own);
    tcase_add_test(tc, a_missing_program_is_named_with_its_reason);
    tcase_add_test(tc, nothing_starts_before_a_deadline_was_given);
    tcase_add_test(tc, a_signal_reaches_the_child_and_is_the_cause);
    tcase_add_test(tc, a_group_dies_with_its_child);
    tcase_add_test(tc, children_end_when_the_deadline_passes);
    tcase_add_test(tc, a_stale_renewal_revives_nothing_and_a_new_one_allows_new_starts);
    tcase_add_test(tc, a_killed_daemons_children_end_by_the_deadline_and_the_guard_too);
    tcase_add_test(tc, a_stopped_daemons_children_end_by_the_deadline);
    tcase_add_test(tc, the_next_daemon_adopts_the_same_processes_with_working_channels);
    tcase_add_test(tc, an_exit_while_no_daemon_was_there_is_told_to_the_next);
    tcase_add_test(tc, a_guard_without_daemon_and_children_ends);
    tcase_add_test(tc, children_die_with_a_killed_guard);
    tcase_add_test(tc, what_a_killed_guards_children_left_is_ended_before_anything_starts);
    tcase_add_test(tc, a_listed_pid_with_another_start_time_is_left_alone);
    tcase_add_test(tc, a_stopped_spawner_does_not_stop_the_deadline);
    tcase_add_test(tc, a_spawner_that_hangs_is_replaced);
    tcase_add_test(tc, a_command_uses_the_descriptors_that_it_is_given);
    tcase_add_test(tc, garbage_is_refused_and_the_guard_goes_on);
    tcase_add_test(tc, a_second_guard_of_a_state_directory_says_who_holds_it);
    tcase_add_test(tc, a_state_directory_that_is_not_there_is_named);
    tcase_add_test(tc, in_a_cgroup_not_even_a_session_of_its_own_survives);
    tcase_add_test(tc, many_children_start_and_end);
    tcase_add_test(tc, a_daemon_that_does_not_read_stops_neither_starts_nor_the_deadline);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
