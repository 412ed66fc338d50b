/* SPDX-License-Identifier: MIT */
/* pool: the parent's side is one loop over the workers' pipes. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/pool.h"
#include "wire/assert.h"

#define TICK_MS 100
#define SECOND UINT64_C(1000000000)

struct shared {
    uint64_t next;              /* job */
    int enough;
    struct sim_slot slots[];
};

struct head {
    uint64_t job;
    uint64_t size;
};

struct worker {
    struct sim_slot *slot;
    pid_t pid;                  /* 0: none */
    int fd;
    int killed;                 /* by us: it spins (1) or hangs (2) */
    uint8_t *bytes;             /* of the answer that is coming */
    size_t used, max;
    uint64_t begun, beat_ns;    /* as last seen */
    uint64_t cpu_ns, wall_ns;   /* when that was */
};

struct state {
    const struct sim_pool *pool;
    struct shared *shared;
    size_t shared_size;
    struct worker workers[SIM_POOL_WORKERS_MAX];
    uint32_t count, alive;
};

uint32_t sim_pool_cores(void)
{
    cpu_set_t set;
    int count;

    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    count = CPU_COUNT(&set);
    return count < 1 ? 1
        : count > (int)SIM_POOL_WORKERS_MAX ? SIM_POOL_WORKERS_MAX
                                            : (uint32_t)count;
}

/* --- in a worker ---------------------------------------------------------- */

static int all_write(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;

    while (size != 0) {
        ssize_t put = write(fd, at, size);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return -1;
        at += put;
        size -= (size_t)put;
    }
    return 0;
}

/* Gives the memory of the answer. */
static char *job_do(const struct sim_pool *pool, uint64_t job,
                    struct sim_slot *slot, size_t *size)
{
    char *text = NULL;
    FILE *answer = open_memstream(&text, size);

    phub__assert(answer != NULL);
    slot->job = job;
    slot->beat_ns = 0;
    slot->calls.depth = 0;
    slot->busy = 1;
    pool->work(pool->arg, job, slot, answer);
    phub__assert(fclose(answer) == 0);
    return text;
}

static _Noreturn void work(const struct state *state, struct sim_slot *slot,
                           int fd)
{
    struct shared *shared = state->shared;

    while (!__atomic_load_n(&shared->enough, __ATOMIC_RELAXED)) {
        uint64_t job = __atomic_fetch_add(&shared->next, 1, __ATOMIC_RELAXED);
        struct head head = { job, 0 };
        size_t size = 0;
        char *text;

        if (job >= state->pool->jobs)
            break;
        text = job_do(state->pool, job, slot, &size);
        head.size = size;
        (void)fflush(stdout);
        if (all_write(fd, &head, sizeof(head)) != 0
            || all_write(fd, text, size) != 0)
            break;
        slot->busy = 0;
        free(text);
    }
    _exit(0);
}

/* --- the parent ----------------------------------------------------------- */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts = { 0, 0 };

    (void)clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

static uint64_t cpu_ns(pid_t pid)
{
    clockid_t clock;

    return clock_getcpuclockid(pid, &clock) == 0 ? clock_ns(clock) : 0;
}

static int worker_start(struct state *state, struct worker *worker)
{
    pid_t parent = getpid();
    int fds[2];

    if (pipe(fds) != 0)
        return -1;
    (void)fflush(NULL);
    worker->slot->busy = 0;
    worker->slot->calls.depth = 0;
    worker->pid = fork();
    if (worker->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(0);
        (void)close(fds[0]);
        work(state, worker->slot, fds[1]);
    }
    (void)close(fds[1]);
    if (worker->pid < 0) {
        (void)close(fds[0]);
        worker->pid = 0;
        return -1;
    }
    worker->fd = fds[0];
    worker->killed = 0;
    worker->used = 0;
    worker->begun = worker->beat_ns = 0;
    worker->cpu_ns = 0;
    worker->wall_ns = clock_ns(CLOCK_MONOTONIC);
    state->alive++;
    return 0;
}

static void enough(struct state *state)
{
    __atomic_store_n(&state->shared->enough, 1, __ATOMIC_RELAXED);
}

/* The story of one that ended before its job did. */
static void how_told(const struct worker *worker, int status, char *text,
                     size_t text_max)
{
    const struct phub__call_note *calls = &worker->slot->calls;
    uint32_t depth = calls->depth;
    const char *what = worker->killed == 1 ? "spins"
        : worker->killed == 2 ? "hangs" : "crashed";
    char why[64] = "";

    if (!worker->killed && WIFSIGNALED(status))
        (void)snprintf(why, sizeof(why), " (%s)",
                       strsignal(WTERMSIG(status)));
    else if (!worker->killed && WIFEXITED(status))
        (void)snprintf(why, sizeof(why), " (exit %d)", WEXITSTATUS(status));
    if (depth > PHUB__CALLS_DEEP)
        depth = PHUB__CALLS_DEEP;
    if (depth == 0)
        (void)snprintf(text, text_max, "the simulator %s%s, and no plugin "
                       "was being called", what, why);
    else
        (void)snprintf(text, text_max, "plugin '%.*s' %s%s in %.*s",
                       (int)PHUB__CALL_NAME_MAX,
                       calls->calls[depth - 1].name, what, why,
                       (int)sizeof(calls->calls[0].op) - 1,
                       calls->calls[depth - 1].op);
}

static void worker_ended(struct state *state, struct worker *worker)
{
    char how[256];
    int status = 0;

    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR)
        ;
    (void)close(worker->fd);
    worker->pid = 0;
    state->alive--;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !worker->slot->busy)
        return;
    how_told(worker, status, how, sizeof(how));
    if (state->pool->died(state->pool->arg, worker->slot, how) != 0)
        enough(state);
    else if (worker_start(state, worker) != 0)
        perror("phub-sim: cannot start another process");
}

/* Take whole answers out of what has come. */
static void answers_take(struct state *state, struct worker *worker)
{
    size_t at = 0;

    for (;;) {
        struct head head;

        if (worker->used - at < sizeof(head))
            break;
        memcpy(&head, worker->bytes + at, sizeof(head));
        if (head.size > SIM_POOL_ANSWER_MAX) {
            (void)kill(worker->pid, SIGKILL);
            break;
        }
        if (worker->used - at < sizeof(head) + head.size)
            break;
        if (state->pool->done(state->pool->arg, head.job,
                              worker->bytes + at + sizeof(head),
                              head.size) != 0)
            enough(state);
        at += sizeof(head) + head.size;
    }
    memmove(worker->bytes, worker->bytes + at, worker->used - at);
    worker->used -= at;
}

static void worker_read(struct state *state, struct worker *worker)
{
    ssize_t got;

    if (worker->max - worker->used < 65536) {
        worker->max = 2 * worker->max + 65536;
        worker->bytes = realloc(worker->bytes, worker->max);
        phub__assert(worker->bytes != NULL);
    }
    got = read(worker->fd, worker->bytes + worker->used,
               worker->max - worker->used);
    if (got < 0 && errno == EINTR)
        return;
    if (got <= 0) {
        worker_ended(state, worker);
        return;
    }
    worker->used += (size_t)got;
    answers_take(state, worker);
}

/* Does it get on? */
static void worker_watch(struct worker *worker)
{
    const struct sim_slot *slot = worker->slot;
    uint64_t cpu = cpu_ns(worker->pid);
    uint64_t wall = clock_ns(CLOCK_MONOTONIC);
    uint64_t limit_s = slot->calls.depth != 0 ? SIM_POOL_SPIN_S
                                              : SIM_POOL_STILL_S;

    if (slot->calls.begun != worker->begun
        || slot->beat_ns != worker->beat_ns || !slot->busy) {
        worker->begun = slot->calls.begun;
        worker->beat_ns = slot->beat_ns;
        worker->cpu_ns = cpu;
        worker->wall_ns = wall;
        return;
    }
    if (worker->killed)
        return;
    if (cpu > worker->cpu_ns && cpu - worker->cpu_ns > limit_s * SECOND)
        worker->killed = 1;
    else if (wall - worker->wall_ns > SIM_POOL_HANG_S * SECOND
             && cpu - worker->cpu_ns < SECOND)
        worker->killed = 2;
    if (worker->killed)
        (void)kill(worker->pid, SIGKILL);
}

static void loop(struct state *state)
{
    uint64_t ticked = 0;

    while (state->alive != 0) {
        struct pollfd fds[SIM_POOL_WORKERS_MAX];
        uint64_t now;

        for (uint32_t i = 0; i < state->count; i++)
            fds[i] = (struct pollfd){
                state->workers[i].pid != 0 ? state->workers[i].fd : -1,
                POLLIN, 0 };
        (void)poll(fds, state->count, TICK_MS);
        for (uint32_t i = 0; i < state->count; i++)
            if (fds[i].fd >= 0 && fds[i].revents != 0)
                worker_read(state, &state->workers[i]);
        now = clock_ns(CLOCK_MONOTONIC);
        if (now - ticked < (uint64_t)TICK_MS * SECOND / 1000)
            continue;
        ticked = now;
        for (uint32_t i = 0; i < state->count; i++)
            if (state->workers[i].pid != 0)
                worker_watch(&state->workers[i]);
        if (state->pool->tick != NULL)
            state->pool->tick(state->pool->arg);
    }
}

static int alone(const struct sim_pool *pool)
{
    struct sim_slot *slot = calloc(1, sizeof(*slot));
    int over = 0;

    phub__assert(slot != NULL);
    for (uint64_t job = 0; job < pool->jobs && !over; job++) {
        size_t size = 0;
        char *text = job_do(pool, job, slot, &size);

        over = pool->done(pool->arg, job, text, size);
        free(text);
    }
    free(slot);
    return 0;
}

int sim_pool_run(const struct sim_pool *pool)
{
    struct state *state;
    int rc;

    if (pool->workers == 0)
        return alone(pool);
    state = calloc(1, sizeof(*state));
    phub__assert(state != NULL);
    phub__assert(pool->workers <= SIM_POOL_WORKERS_MAX);
    state->pool = pool;
    state->count = pool->jobs < pool->workers ? (uint32_t)pool->jobs
                                              : pool->workers;
    state->shared_size = sizeof(struct shared)
        + state->count * sizeof(struct sim_slot);
    state->shared = mmap(NULL, state->shared_size, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (state->shared == MAP_FAILED) {
        perror("phub-sim: cannot share memory");
        free(state);
        return -1;
    }
    for (uint32_t i = 0; i < state->count; i++) {
        state->workers[i].slot = &state->shared->slots[i];
        if (worker_start(state, &state->workers[i]) != 0)
            perror("phub-sim: cannot start a process");
    }
    rc = state->alive != 0 || state->count == 0 ? 0 : -1;
    loop(state);
    for (uint32_t i = 0; i < state->count; i++)
        free(state->workers[i].bytes);
    (void)munmap(state->shared, state->shared_size);
    free(state);
    return rc;
}
