/* SPDX-License-Identifier: MIT */
/* daemon: phubd: flags, log, readiness and signals around one node.
 *
 * SIGTERM and SIGINT move the children away within [hub] drain_timeout_ms;
 * the second one ends what is left at once.  SIGHUP changes nothing: a
 * configuration is read at start. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <uv.h>

#include <phub/daemon.h>
#include <phub/error.h>
#include <phub/phub.h>

#include "env/real/lines.h"
#include "env/real/real.h"
#include "hub/crash.h"
#include "hub/node.h"

#define EXIT_USAGE 2
#define ERROR_MAX 2048u
#define SIGNALS 3u
#define NOTIFY_US 500000  /* at most, for who does not read */

struct daemon {
    struct phub__config config;
    struct phub__node *node;
    struct phub__lines log;
    uint64_t log_level;
    int log_syslog;     /* levels as systemd reads them, no time */
    int signalled;
    uv_signal_t signals[SIGNALS];
};

/* --- the log ------------------------------------------------------------ */

static void log_line(void *arg, enum phub__log_level level, const char *text)
{
    static const struct {
        int priority;   /* syslog(3)'s */
        const char *name;
    } levels[] = {
        [PHUB__LOG_ERROR] = { 3, "error" },
        [PHUB__LOG_WARNING] = { 4, "warning" },
        [PHUB__LOG_NOTICE] = { 5, "notice" },
        [PHUB__LOG_DEBUG] = { 7, "debug" },
    };
    struct daemon *d = arg;
    struct timespec now;
    struct tm local;
    char stamp[16] = "", line[LINE_MAX];

    if ((uint64_t)level > d->log_level)
        return;
    if (d->log_syslog) {
        snprintf(line, sizeof line, "<%d>%s", levels[level].priority, text);
        phub__lines_write(&d->log, STDERR_FILENO, line);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    if (localtime_r(&now.tv_sec, &local) != NULL)
        strftime(stamp, sizeof stamp, "%H:%M:%S", &local);
    snprintf(line, sizeof line, "%s.%03ld %s: %s", stamp,
             now.tv_nsec / 1000000, levels[level].name, text);
    phub__lines_write(&d->log, STDERR_FILENO, line);
}

/* --- readiness, sd_notify(3) -------------------------------------------- */

static void notify(const char *state)
{
    const struct timeval patience = { .tv_usec = NOTIFY_US };
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    size_t size;
    int fd;

    if (path == NULL || (path[0] != '/' && path[0] != '@'))
        return;
    size = strlen(path);
    if (size >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, size);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* the abstract namespace */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL,
                 (const struct sockaddr *)&to,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
    close(fd);
}

static void on_ready(void *arg)
{
    struct daemon *d = arg;
    struct phub__hub *hub = phub__node_hub(d->node);
    char text[512];

    snprintf(text, sizeof text,
             "node '%s' of hub '%s' listens on %s, control socket %s",
             hub->name, hub->hub_id, hub->endpoint, d->config.hub.control);
    log_line(d, PHUB__LOG_NOTICE, text);
    notify("READY=1\n");
}

/* --- signals ------------------------------------------------------------ */

static void on_signal(uv_signal_t *handle, int signal)
{
    struct daemon *d = handle->data;
    char text[160];

    if (signal == SIGHUP) {
        log_line(d, PHUB__LOG_NOTICE, "SIGHUP is ignored: the configuration "
                 "is read at start; restart to change it");
        return;
    }
    if (d->signalled) {
        log_line(d, PHUB__LOG_WARNING, "asked twice: ending at once");
        phub__node_quit(d->node);
        return;
    }
    d->signalled = 1;
    snprintf(text, sizeof text,
             "%s: moving children away for at most %llu ms, then leaving",
             signal == SIGTERM ? "SIGTERM" : "SIGINT",
             (unsigned long long)d->config.hub.drain_timeout_ms);
    log_line(d, PHUB__LOG_NOTICE, text);
    notify("STOPPING=1\n");
    phub__node_stop(d->node, d->config.hub.drain_timeout_ms);
}

static int signals_open(struct daemon *d)
{
    static const int numbers[SIGNALS] = { SIGTERM, SIGINT, SIGHUP };
    uv_loop_t *loop = phub__env_real_loop(phub__node_env(d->node));
    uint32_t i;
    int rc;

    for (i = 0; i < SIGNALS; i++) {
        d->signals[i].data = d;
        rc = uv_signal_init(loop, &d->signals[i]);
        if (rc == 0)
            rc = uv_signal_start(&d->signals[i], on_signal, numbers[i]);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static void signals_close(struct daemon *d)
{
    uint32_t i;

    for (i = 0; i < SIGNALS; i++)
        if (d->signals[i].loop != NULL)
            uv_close((uv_handle_t *)&d->signals[i], NULL);
}

/* --- main --------------------------------------------------------------- */

static const char *guard_program(void)
{
    const char *path = secure_getenv("PHUB_GUARD");

    return path != NULL && path[0] != '\0' ? path
                                           : PHUB_LIBEXEC_DIR "/phub-guard";
}

/* Complain and choose: what was asked wrongly is the caller's to mend. */
static int failed(int code, const char *text)
{
    fprintf(stderr, "phubd: %s\n", text);
    return code == PHUB_ECONFIG || code == PHUB_EPLUGIN || code == PHUB_EINVAL
               ? EXIT_USAGE : EXIT_FAILURE;
}

static int run(struct daemon *d)
{
    static struct phub__call_note calls;
    struct phub__node_options options = {
        .config = &d->config, .guard_program = guard_program(),
        .calls = &calls,
        .log = log_line, .log_arg = d, .ready = on_ready, .ready_arg = d };
    char error[ERROR_MAX] = "";
    int rc, stayed;

    if (access(options.guard_program, X_OK) != 0) {
        snprintf(error, sizeof error, "guard '%s': %s; it comes with phub, "
                 "and PHUB_GUARD may name another", options.guard_program,
                 strerror(errno));
        return failed(PHUB_ESYS, error);
    }
    phub__crash_watch(&calls, d->log_syslog);
    rc = phub__node_new(&options, &d->node, error, sizeof error);
    if (rc != 0)
        return failed(rc, error);
    rc = signals_open(d);
    if (rc != 0) {
        snprintf(error, sizeof error, "cannot take signals: %s",
                 uv_strerror(rc));
        rc = PHUB_ESYS;
    } else {
        rc = phub__node_start(d->node, error, sizeof error);
    }
    if (rc == 0)
        phub__node_run(d->node);
    signals_close(d);
    stayed = phub__node_hub(d->node)->stop_given_up;
    phub__node_free(&d->node);
    if (rc != 0)
        return failed(rc, error);
    return stayed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int print_check(struct daemon *d)
{
    char error[ERROR_MAX] = "";
    int rc = phub__node_check(&d->config, error, sizeof error);

    if (rc != 0)
        return failed(PHUB_ECONFIG, error);
    phub__config_print(&d->config, stdout);
    return EXIT_SUCCESS;
}

int phub_daemon_main(int argc, char **argv)
{
    struct phub__config_errors errors = { .used = 0 };
    struct phub__config_cli cli;
    struct daemon d = { .signalled = 0 };
    int rc;

    phub__config_init(&d.config);
    rc = phub__config_from_args(&d.config, argc, argv, &cli, &errors);
    if (rc != 0) {
        fputs(errors.text, stderr);
        if (errors.used == 0)
            fprintf(stderr, "phubd: %s\n", phub_strerror(rc));
        if (rc == PHUB_EINVAL)
            fputs("phubd: --help shows the flags\n", stderr);
        rc = rc == PHUB_ENOMEM ? EXIT_FAILURE : EXIT_USAGE;
    } else if (cli.help) {
        phub__config_help(stdout);
    } else if (cli.version) {
        printf("phubd %s\n", PHUB_VERSION);
    } else if (cli.check) {
        rc = print_check(&d);
    } else {
        d.log_level = d.config.hub.log_level;
        d.log_syslog = getenv("JOURNAL_STREAM") != NULL &&
                       !isatty(STDERR_FILENO);
        rc = run(&d);
        phub__lines_close(&d.log);
    }
    phub__config_fini(&d.config);
    return rc;
}
