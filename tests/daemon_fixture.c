/* SPDX-License-Identifier: MIT */
/* daemon_fixture: starting and ending what a test runs.
 *
 * Check forks each test into a process group and kills the group after it.  A
 * daemon stays in that group, and has the test's process as its parent, whose
 * death kills it too (CK_FORK=no).  A guard is in a session of its own: the
 * process that outlives the tests finds it by the world's directory. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon_fixture.h"

#define LOG_SHOWN 3000 /* bytes of a log's end when a test fails */
#define NOT_RUN "this node was not run for" /* in the log of phubd */
#define LATE_MS 700u /* of a pause of ours */
#define ATTEMPTS 3

struct world world;
char phub_said[16384];

static char root[64];    /* of all worlds of this program */
static char bin[4096], library_path[4096];
static const char *build;
/* By the tests' processes, and their threads. */
static struct { atomic_bool late, not_run, aborted; } *seen;

uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void pause_ms(int ms)
{
    uint64_t from = now_ms();

    poll(NULL, 0, ms);
    if (now_ms() - from > (uint64_t)ms + LATE_MS)
        seen->late = true;
}

/* --- processes ---------------------------------------------------------------- */

int process_open(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    ck_assert_msg(fd >= 0, "no process %d: %s", (int)pid, strerror(errno));
    return fd;
}

bool process_ends(int pidfd, int ms)
{
    struct pollfd at = { .fd = pidfd, .events = POLLIN };
    int rc;

    do
        rc = poll(&at, 1, ms);
    while (rc < 0 && errno == EINTR);
    if (rc != 1)
        return false;
    close(pidfd);
    return true;
}

static size_t read_file(const char *path, char *to, size_t max, off_t from)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = 0;
    ssize_t got;

    to[0] = '\0';
    if (fd < 0)
        return 0;
    if (from != 0)
        (void)lseek(fd, from, from < 0 ? SEEK_END : SEEK_SET);
    while (size < max - 1 && (got = read(fd, to + size, max - 1 - size)) > 0)
        size += (size_t)got;
    close(fd);
    to[size] = '\0';
    return size;
}

pid_t parent_of(pid_t pid)
{
    char path[64], text[512], *name_end;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (read_file(path, text, sizeof text, 0) == 0)
        return 0;
    name_end = strrchr(text, ')');
    return name_end == NULL ? 0 : (pid_t)strtol(name_end + 4, NULL, 10);
}

/* Call found for each guard whose state directory begins with dir. */
static void each_guard(const char *dir, void (*found)(pid_t, void *),
                       void *arg)
{
    static const char argument[] = "--dir";
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    char path[300], line[4096];
    size_t size, at;

    while (proc != NULL && (entry = readdir(proc)) != NULL) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        size = read_file(path, line, sizeof line, 0);
        if (strstr(line, "phub-guard") == NULL)
            continue;
        for (at = 0; at < size; at += strlen(line + at) + 1)
            if (strcmp(line + at, argument) == 0 && at + sizeof argument < size
                && strncmp(line + at + sizeof argument, dir,
                           strlen(dir)) == 0)
                found((pid_t)strtol(entry->d_name, NULL, 10), arg);
    }
    if (proc != NULL)
        closedir(proc);
}

/* Of guard and spawner, which has the same command line: the parent. */
static void remember_guard(pid_t pid, void *arg)
{
    pid_t *guard = arg;

    if (*guard == 0 || parent_of(*guard) == pid)
        *guard = pid;
}

pid_t guard_of(const struct daemon *d)
{
    pid_t guard = 0;

    each_guard(d->state, remember_guard, &guard);
    return guard;
}

static void kill_guard(pid_t pid, void *arg)
{
    (void)arg;
    kill(pid, SIGKILL);
}

/* --- the world ------------------------------------------------------------------ */

static int remove_one(const char *path, const struct stat *s, int type,
                      struct FTW *ftw)
{
    (void)s;
    (void)type;
    (void)ftw;
    (void)remove(path);
    return 0;
}

static void find_programs(void)
{
    build = getenv("PHUB_BUILDDIR");
    if (build == NULL)
        build = ".";
    snprintf(bin, sizeof bin, "%.4000s/tools/.libs", build);
    if (access(bin, X_OK) != 0)
        snprintf(bin, sizeof bin, "%.4000s/tools", build);
    snprintf(library_path, sizeof library_path, "%.4000s/.libs", build);
    setenv("LD_LIBRARY_PATH", library_path, 1);
}

static void root_setup(void)
{
    const char *base = getenv("TMPDIR");
    char path[4096];

    snprintf(root, sizeof root, "%.40s/phub-real-XXXXXX",
             base != NULL ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(root));
    find_programs();
    snprintf(path, sizeof path, "%.4000s/tools/phub-guard", build);
    setenv("PHUB_GUARD", path, 1);
    snprintf(path, sizeof path, "%.4000s/plugins/.libs", build);
    setenv("PHUB_PLUGIN_PATH", path, 0);
}

/* What a test has left of its own accord ends here, whatever became of it. */
static void root_teardown(void)
{
    int tries;

    each_guard(root, kill_guard, NULL);
    for (tries = 0; tries < 200 && access(root, F_OK) == 0; tries++) {
        nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        if (tries > 0)
            pause_ms(10);
    }
}

static void world_setup(void)
{
    memset(&world, 0, sizeof world);
    snprintf(world.dir, sizeof world.dir, "%s/XXXXXX", root);
    ck_assert_ptr_nonnull(mkdtemp(world.dir));
}

static void world_teardown(void)
{
    size_t i;

    for (i = 0; i < world.count; i++)
        if (world.daemons[i].pid != 0)
            daemon_signal(&world.daemons[i], SIGKILL);
    each_guard(world.dir, kill_guard, NULL);
}

TCase *world_case(Suite *suite, const char *name, int seconds)
{
    TCase *tcase = tcase_create(name);

    tcase_add_unchecked_fixture(tcase, root_setup, root_teardown);
    tcase_add_checked_fixture(tcase, world_setup, world_teardown);
    tcase_set_timeout(tcase, seconds);
    suite_add_tcase(suite, tcase);
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (seen == MAP_FAILED)
        abort();
    return tcase;
}

int world_run(Suite *suite)
{
    const char *before = getenv("PHUB_ATTEMPT");
    int attempt = before != NULL ? (int)strtol(before, NULL, 10) : 1, failed;
    SRunner *runner = srunner_create(suite);
    char next[16];

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    if (failed != 0 && seen->late && seen->not_run && !seen->aborted &&
        attempt < ATTEMPTS) {
        printf("attempt %d of %d: this machine stood still\n", attempt,
               ATTEMPTS);
        snprintf(next, sizeof next, "%d", attempt + 1);
        setenv("PHUB_ATTEMPT", next, 1);
        fflush(stdout);
        execl("/proc/self/exe", program_invocation_name, (char *)NULL);
    }
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void tell_logs(void)
{
    char text[LOG_SHOWN + 1];
    size_t i;

    for (i = 0; i < world.count; i++) {
        struct daemon *d = &world.daemons[i];

        if (read_file(d->log, text, sizeof text, -(off_t)LOG_SHOWN) == 0)
            read_file(d->log, text, sizeof text, 0);
        fprintf(stderr, "--- %s ---\n%s", d->name, text);
        if (!d->stopped && daemon_says(d, NOT_RUN))
            seen->not_run = true;
        if (daemon_says(d, "Sanitizer") || daemon_says(d, "runtime error") ||
            daemon_says(d, "assertion failed"))
            seen->aborted = true;
    }
}

const char *helper(const char *name)
{
    static char paths[4][4096];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%.3900s/tests/%.100s", build, name);
    return path;
}

/* --- daemons ----------------------------------------------------------------------- */

struct daemon *daemon_new(const char *name)
{
    struct daemon d = { .pid = 0 };
    char dir[sizeof d.dir];

    ck_assert_uint_lt(world.count, DAEMONS_MAX);
    snprintf(dir, sizeof dir, "%.90s/%.30s", world.dir, name);
    snprintf(d.name, sizeof d.name, "%s", name);
    snprintf(d.dir, sizeof d.dir, "%s", dir);
    snprintf(d.state, sizeof d.state, "%s/state", dir);
    snprintf(d.sock, sizeof d.sock, "%s/sock", dir);
    snprintf(d.log, sizeof d.log, "%s/log", dir);
    world.daemons[world.count] = d;
    return &world.daemons[world.count++];
}

static void put_flags(struct daemon *d, const char **argv, va_list flags)
{
    const char *const defaults[] = {
        "phubd", "--config", "/dev/null", "--id", "demo", "--name", d->name,
        "--listen", "tcp://127.0.0.1:0", "--state-dir", d->state,
        "--control", d->sock, "--distribution", "consistent_hash",
        "--redundancy", "singularity", "--sync", "pubsub", "--migration",
        "hotswap", "--partition", "divergence", "--drain-timeout-ms", "10000"
    };
    size_t count = sizeof defaults / sizeof defaults[0], i;
    const char *flag, *value;

    memcpy(argv, defaults, sizeof defaults);
    while ((flag = va_arg(flags, const char *)) != NULL) {
        value = va_arg(flags, const char *);
        for (i = 1; i < count && strcmp(argv[i], flag) != 0; i += 2)
            continue;
        if (i == count)
            count += 2;
        argv[i] = flag;
        argv[i + 1] = value;
    }
    argv[count] = NULL;
}

/* As the forked child: become the program, or 127. */
static void become(const char *program, const char **argv, int output)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    char path[8192];

    snprintf(path, sizeof path, "%s/%s", bin, program);
    dup2(null, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    execv(path, (char *const *)(uintptr_t)argv);
    _exit(127);
}

static void start_with(struct daemon *d, va_list flags)
{
    const char *argv[32 + FLAGS_MAX];
    pid_t test = getpid();
    int log;

    put_flags(d, argv, flags);
    (void)mkdir(d->dir, 0700);
    d->endpoint[0] = '\0';
    log = open(d->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ck_assert_int_ge(log, 0);
    d->pid = fork();
    ck_assert_int_ge(d->pid, 0);
    if (d->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == test)
            become("phubd", argv, log);
        _exit(127);
    }
    close(log);
}

void daemon_start(struct daemon *d, ...)
{
    va_list flags;

    va_start(flags, d);
    start_with(d, flags);
    va_end(flags);
}

static bool answers(struct daemon *d)
{
    static struct reply reply;

    ask(d, &reply, "status", NULL);
    if (reply.rc != 0 || reply.code != 0 || reply.count == 0)
        return false;
    snprintf(d->endpoint, sizeof d->endpoint, "%.63s", reply.rows[0].text);
    return true;
}

void daemon_start_wait(struct daemon *d, ...)
{
    va_list flags;

    va_start(flags, d);
    start_with(d, flags);
    va_end(flags);
    await(SOON, answers(d));
}

void daemon_signal(struct daemon *d, int sig)
{
    ck_assert_int_gt(d->pid, 0);
    ck_assert_int_eq(kill(d->pid, sig), 0);
    d->stopped |= sig == SIGSTOP;
    if (sig == SIGKILL) {
        waitpid(d->pid, NULL, 0);
        d->pid = 0;
    }
}

int daemon_end(struct daemon *d, int seconds)
{
    int status = 0;

    await(seconds, waitpid(d->pid, &status, WNOHANG) == d->pid);
    d->pid = 0;
    return status;
}

bool daemon_says(const struct daemon *d, const char *text)
{
    static char log[262144];

    read_file(d->log, log, sizeof log, 0);
    return strstr(log, text) != NULL;
}

void hub_start(size_t count)
{
    static const char *const names[DAEMONS_MAX] = { "a", "b", "c", "d", "e",
                                                    "f" };
    struct daemon *first = daemon_new(names[0]);
    size_t i;

    daemon_start_wait(first, NULL);
    for (i = 1; i < count; i++)
        daemon_start(daemon_new(names[i]), "--seeds", first->endpoint, NULL);
    for (i = 0; i < count; i++) {
        await(SOON, answers(&world.daemons[i]));
        await(SOON, members(&world.daemons[i], count));
    }
}

/* --- phub(1) ---------------------------------------------------------------------- */

static int phub_run(const struct daemon *d, va_list words)
{
    const char *argv[64] = { "phub" }, *word;
    size_t count = 1, size = 0;
    int pipes[2], status;
    ssize_t got;
    pid_t pid;

    while ((word = va_arg(words, const char *)) != NULL) {
        ck_assert_uint_lt(count, 60);
        argv[count++] = word;
        if (count == 2) {
            argv[count++] = "--socket";
            argv[count++] = d->sock;
        }
    }
    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        become("phub", argv, pipes[1]);
    close(pipes[1]);
    while ((got = read(pipes[0], phub_said + size,
                       sizeof phub_said - 1 - size)) > 0)
        size += (size_t)got;
    close(pipes[0]);
    phub_said[size] = '\0';
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int phub(const struct daemon *d, ...)
{
    va_list words;
    int rc;

    va_start(words, d);
    rc = phub_run(d, words);
    va_end(words);
    return rc;
}

void must_phub(const struct daemon *d, ...)
{
    va_list words;
    int rc;

    va_start(words, d);
    rc = phub_run(d, words);
    va_end(words);
    claim(rc == 0, "phub exits with %d: %s", rc, phub_said);
}
