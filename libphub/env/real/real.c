/* SPDX-License-Identifier: MIT */
/* real: making, running and ending the real environment; clocks and chance.
 *
 * The struct outlives phub__env_real_free() until the last handle is closed
 * and the last request is back from its worker: both are counted, and who
 * brings the counts to zero frees it.  With a loop of our own that happens
 * inside free, because free runs the loop for it. */
#include "config.h"


#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <phub/error.h>

#include "child/runner.h"
#include "env/real/exec.h"
#include "env/real/private.h"
#include "wire/assert.h"
#include "wire/memory.h"

#define NS_PER_S 1000000000u
#define LOG_LINE_MAX 1024u

/* --- clocks and chance --------------------------------------------------- */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t now_ns(struct phub_env *env)
{
    (void)env;
    return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t boot_ns(struct phub_env *env)
{
    (void)env;
    return clock_ns(CLOCK_BOOTTIME);
}

static uint64_t wall_ms(struct phub_env *env)
{
    (void)env;
    return clock_ns(CLOCK_REALTIME) / 1000000u;
}

/* The kernel's numbers, fetched by the page; it never fails once the machine
 * has entropy, and waits until then. */
static uint64_t random_next(struct phub_env *env)
{
    struct phub__env_real *real = phub__real_of(env);

    if (real->random_left == 0) {
        size_t have = 0;

        while (have < sizeof real->random_pool) {
            ssize_t got = getrandom((char *)real->random_pool + have,
                                    sizeof real->random_pool - have, 0);

            phub__assert(got >= 0 || errno == EINTR);
            if (got > 0)
                have += (size_t)got;
        }
        real->random_left =
            sizeof real->random_pool / sizeof real->random_pool[0];
    }
    return real->random_pool[--real->random_left];
}

/* --- people -------------------------------------------------------------- */

static void log_text(struct phub_env *env, enum phub__log_level level,
                     const char *text)
{
    struct phub__env_real *real = phub__real_of(env);

    if (real->log != NULL)
        real->log(real->log_arg, level, text);
}

void phub__real_logf(struct phub__env_real *real, enum phub__log_level level,
                     const char *format, ...)
{
    char line[LOG_LINE_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    log_text(&real->env, level, line);
}

int phub__real_fail(char *error, size_t error_max, int code,
                    const char *format, ...)
{
    va_list args;

    if (error_max > 0) {
        va_start(args, format);
        vsnprintf(error, error_max, format, args);
        va_end(args);
    }
    return code;
}

/* --- descriptors and signals --------------------------------------------- */

/* libzmq and others treat 0 to 2 as if they were always open. */
static void keep_standard_fds(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

static void raise_fd_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
        limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void ignore_sigpipe(void)
{
    struct sigaction action;

    if (sigaction(SIGPIPE, NULL, &action) == 0 &&
        (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL) {
        action.sa_handler = SIG_IGN;
        sigaction(SIGPIPE, &action, NULL);
    }
}

/* Linux gives the number as the size of the directory since 6.2. */
static uint64_t fds_open(void)
{
    struct stat status;
    uint64_t count = 0;
    DIR *dir;

    if (stat("/proc/self/fd", &status) == 0 && status.st_size > 0)
        return (uint64_t)status.st_size;
    dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return 0;
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

int phub__env_real_fds_spare(struct phub_env *env, uint32_t count)
{
    struct phub__env_real *real = phub__real_of(env);
    uint64_t need = (uint64_t)count + PHUB__FDS_RESERVE;
    struct rlimit limit;

    /* Counting costs: ask again only when it may matter. */
    if (real->fds_asked + count > 64 || real->fds_spare < need * 4) {
        uint64_t used = fds_open();

        if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
            return 0;
        real->fds_spare = limit.rlim_cur > used ? limit.rlim_cur - used : 0;
        real->fds_asked = 0;
    }
    if (real->fds_spare < need)
        return 0;
    real->fds_spare -= count;
    real->fds_asked += count;
    return 1;
}

/* --- runners ------------------------------------------------------------- */

int phub__env_real_runner_add(struct phub_env *env,
                              struct phub__runner *runner)
{
    struct phub__env_real *real = phub__real_of(env);

    if (real->runner_count == PHUB__RUNNERS_MAX)
        return PHUB_ELIMIT;
    real->runners[real->runner_count++] = runner;
    return 0;
}

static struct phub__runner *runner_of(struct phub_env *env, const char *name)
{
    struct phub__env_real *real = phub__real_of(env);

    for (uint32_t i = 0; i < real->runner_count; i++)
        if (strcmp(real->runners[i]->name, name) == 0)
            return real->runners[i];
    return NULL;
}

/* --- life ---------------------------------------------------------------- */

static void release(struct phub__env_real *real)
{
    if (!real->freed || real->handles > 0 || real->requests > 0)
        return;
    phub__real_net_fini(real);
    phub__exec_free(&real->exec);
    phub__real_files_fini(real);
    phub__real_reclaim_fini(real);
    phub__real_loop_fini(real);
    phub__free(real->state_dir);
    phub__free(real->guard_program);
    real->magic = 0;
    if (!real->loop_is_own)
        phub__free(real);
}

void phub__real_close(struct phub__env_real *real, uv_handle_t *handle,
                      void (*closed)(uv_handle_t *handle))
{
    phub__assert(real->handles > 0);
    uv_close(handle, closed);
}

void phub__real_closed(struct phub__env_real *real)
{
    phub__assert(real->handles > 0);
    real->handles--;
    release(real);
}

void phub__real_request_end(struct phub__env_real *real)
{
    phub__assert(real->requests > 0);
    real->requests--;
    release(real);
}

static int copy_text(const char *text, char **copy)
{
    *copy = NULL;
    if (text == NULL)
        return 0;
    *copy = phub__strdup(text);
    return *copy != NULL ? 0 : PHUB_ENOMEM;
}

static int take_options(struct phub__env_real *real,
                        const struct phub__env_real_options *options)
{
    real->log = options->log;
    real->log_arg = options->log_arg;
    real->control_queue_max = options->control_queue_max > 0
        ? options->control_queue_max : PHUB__NET_CONTROL_QUEUE_MAX;
    real->bulk_queue_max = options->bulk_queue_max > 0
        ? options->bulk_queue_max : PHUB__NET_BULK_QUEUE_MAX;
    real->logs_kept = options->logs_kept > 0 ? options->logs_kept
                                             : PHUB__LOGS_KEPT;
    if (copy_text(options->state_dir, &real->state_dir) != 0 ||
        copy_text(options->guard_program, &real->guard_program) != 0)
        return PHUB_ENOMEM;
    return 0;
}

static int make_parts(struct phub__env_real *real, char *error,
                      size_t error_max)
{
    int rc;

    rc = phub__real_reclaim_init(real);
    if (rc == 0)
        rc = phub__real_net_init(real);
    if (rc != 0)
        return phub__real_fail(error, error_max, rc,
                               "cannot make the environment: %s",
                               phub_strerror(rc));
    rc = phub__real_files_init(real, error, error_max);
    if (rc != 0)
        return rc;
    if (real->state_dir != NULL && real->guard_program != NULL) {
        real->exec = phub__exec_new(real);
        if (real->exec == NULL)
            return phub__real_fail(error, error_max, PHUB_ENOMEM,
                                   "out of memory");
        phub__env_real_runner_add(&real->env, real->exec);
    }
    rc = phub__real_loop_init(real);
    if (rc != 0)
        return phub__real_fail(error, error_max, rc,
                               "cannot make the event loop's handles");
    return 0;
}

int phub__env_real_new(const struct phub__env_real_options *options,
                       struct phub_env **env, char *error, size_t error_max)
{
    struct phub__env_real *real = phub__calloc(1, sizeof *real);
    int rc = PHUB_ENOMEM;

    keep_standard_fds();
    raise_fd_limit();
    ignore_sigpipe();
    if (real == NULL || take_options(real, options) != 0) {
        phub__real_fail(error, error_max, rc, "out of memory");
        goto fail;
    }
    real->magic = PHUB__REAL_MAGIC;
    real->env.now_ns = now_ns;
    real->env.boot_ns = boot_ns;
    real->env.wall_ms = wall_ms;
    real->env.random = random_next;
    real->env.log = log_text;
    real->env.runner = runner_of;
    real->env.resolve = phub__real_resolve;
    real->env.load = phub__real_load;
    real->loop = options->loop;
    if (real->loop == NULL) {
        if (uv_loop_init(&real->own_loop) != 0) {
            rc = phub__real_fail(error, error_max, PHUB_ESYS,
                                 "cannot make an event loop: %s",
                                 strerror(errno));
            goto fail;
        }
        real->loop = &real->own_loop;
        real->loop_is_own = true;
    }
    rc = make_parts(real, error, error_max);
    if (rc != 0)
        goto fail;
    *env = &real->env;
    return 0;
fail:
    if (real != NULL) {
        phub__real_net_fini(real);
        phub__exec_free(&real->exec);
        phub__real_files_fini(real);
        phub__real_reclaim_fini(real);
        if (real->loop_is_own)
            uv_loop_close(&real->own_loop);
        phub__free(real->state_dir);
        phub__free(real->guard_program);
        phub__free(real);
    }
    return rc;
}

void phub__env_real_free(struct phub_env **env)
{
    struct phub__env_real *real;

    if (*env == NULL)
        return;
    real = phub__real_of(*env);
    phub__assert(real->magic == PHUB__REAL_MAGIC);
    *env = NULL;
    if (real->exec != NULL)
        phub__exec_stop(real->exec);
    real->freed = true;
    phub__real_net_stop(real);
    phub__real_resolve_stop(real);
    phub__real_loop_stop(real);
    if (!real->loop_is_own)
        return; /* the last close callback frees it */
    while (real->magic != 0)
        uv_run(real->loop, UV_RUN_ONCE);
    /* Only handles that the program made itself may keep the loop open. */
    phub__assert(uv_loop_close(real->loop) == 0);
    phub__free(real);
}

void phub__env_real_run(struct phub_env *env)
{
    uv_run(phub__real_of(env)->loop, UV_RUN_DEFAULT);
}

void phub__env_real_stop(struct phub_env *env)
{
    uv_stop(phub__real_of(env)->loop);
}

void phub__env_real_step(struct phub_env *env)
{
    uv_run(phub__real_of(env)->loop, UV_RUN_NOWAIT);
}

int phub__env_real_fd(const struct phub_env *env)
{
    const struct phub__env_real *real = (const void *)env;

    return uv_backend_fd(real->loop);
}

int phub__env_real_wait_ms(const struct phub_env *env)
{
    const struct phub__env_real *real = (const void *)env;

    return uv_backend_timeout(real->loop);
}

uv_loop_t *phub__env_real_loop(struct phub_env *env)
{
    return phub__real_of(env)->loop;
}
