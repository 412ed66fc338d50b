/* SPDX-License-Identifier: MIT */
/* hook_command: programs that the configuration names for events.
 *
 * The hub never waits for one.  An event becomes a line of JSON in the queue
 * of its command; a command is run for one event at a time, in their order, by
 * the runner of OS processes (the guard holds it, as it holds children), with
 * the line on its standard input, and is killed when it takes longer than
 * hook_timeout_ms.  What it writes is thrown away, and bounded: one that
 * floods is killed, too.
 *
 * A queue has hook_queue_max events and PHUB__HOOK_QUEUE_BYTES_MAX bytes.  What
 * comes when it is full is dropped, counted, said in the log, and told to the
 * command with the next event it gets ("lost"). */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/hook_command.h"
#include "wire/memory.h"

#define RETRY_MS 200u      /* the guard is busy, or not there yet */
#define NS_PER_MS 1000000ull
/* No child has such an id; its directory is where commands run. */
#define ID "\1hook"

struct waiting {
    struct waiting *next;
    struct phub_buf *line;
};

struct command {
    struct phub__hub *hub;
    const struct phub__hook_option *option;
    uint64_t handle;
    struct waiting *first, **last;
    uint32_t count;
    size_t bytes;
    uint64_t dropped;      /* since it was told */
    int running, failing, full;
};

struct phub__hook_commands {
    struct phub__timer *timer;
    int armed;
    uint64_t ran, failed, timed_out, dropped;
    uint32_t count;
    struct command commands[];
};

static void next(struct command *command);

/* --- what came of it --------------------------------------------------------- */

static void take(struct command *command)
{
    struct waiting *waiting = command->first;

    command->first = waiting->next;
    if (command->first == NULL)
        command->last = &command->first;
    command->count--;
    command->bytes -= waiting->line->size;
    phub__buf_unref(&waiting->line);
    phub__free(waiting);
}

/* Said once, until it works again. */
static void say(struct command *command, int rc, int status, const char *text)
{
    struct phub__hub *hub = command->hub;
    const struct phub_bytes *argv = command->option->argv.items;

    if (rc == 0 && command->failing)
        phub__hub_log(hub, PHUB__LOG_NOTICE, "hook command '%.*s' of %s "
                      "works again", (int)argv[0].size,
                      (const char *)argv[0].data, command->option->event);
    else if (rc != 0 && !command->failing)
        phub__hub_log(hub, PHUB__LOG_WARNING, "hook command '%.*s' of %s: "
                      "%s (status %d) %s; going on, phub status counts "
                      "further ones", (int)argv[0].size,
                      (const char *)argv[0].data, command->option->event,
                      phub_strerror(rc), status, text);
    command->failing = rc != 0;
}

static void ended(void *arg, const struct phub__command_result *result)
{
    struct command *command = arg;
    struct phub__hook_commands *all = command->hub->hook_commands;

    command->running = 0;
    all->ran++;
    all->failed += result->rc != 0;
    all->timed_out += result->rc == PHUB_ETIMEDOUT;
    say(command, result->rc, result->status,
        result->text != NULL ? result->text : "");
    next(command);
}

/* --- running ------------------------------------------------------------------- */

static void retry(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__hook_commands *all = hub->hook_commands;
    uint32_t i;

    all->armed = 0;
    for (i = 0; i < all->count; i++)
        next(&all->commands[i]);
}

static void later(struct phub__hub *hub)
{
    struct phub__hook_commands *all = hub->hook_commands;
    struct phub_env *env = hub->env;

    if (all->armed)
        return;
    all->armed = 1;
    env->timer_start(env, all->timer, env->now_ns(env) + RETRY_MS * NS_PER_MS);
}

static int run(struct command *command)
{
    struct phub__hub *hub = command->hub;
    struct phub__runner *runner = hub->env->runner(hub->env, "exec");
    struct phub__spec spec = { .runner = { (const uint8_t *)"exec", 4 } };
    struct phub__runner_start start = {
        .id = { (const uint8_t *)ID, sizeof ID - 1 }, .node = hub->node,
        .spec = &spec, .node_name = hub->name,
        .quiet = 1 };

    if (runner == NULL || runner->command == NULL)
        return PHUB_EUNSUPPORTED;
    /* The guard begins nothing without a lease; events wait for one. */
    if (!hub->attached || hub->lease_boot_ns <= hub->env->boot_ns(hub->env))
        return PHUB_EBUSY;
    return runner->command(runner, &start, &command->option->argv,
                           command->first->line,
                           (uint32_t)hub->options.hook_timeout_ms, ended,
                           command);
}

static void next(struct command *command)
{
    struct phub__hub *hub = command->hub;
    int rc = 0;

    while (!command->running && command->first != NULL) {
        rc = run(command);
        if (rc == PHUB_EBUSY) {
            later(hub);
            return;
        }
        command->running = rc == 0;
        take(command);
        if (rc == 0)
            continue;
        hub->hook_commands->ran++;
        hub->hook_commands->failed++;
        say(command, rc, 0, "");
    }
    if (command->first == NULL && command->full) {
        command->full = 0;
        phub__hub_log(hub, PHUB__LOG_NOTICE, "hook command of %s has caught "
                      "up", command->option->event);
    }
}

/* --- events ---------------------------------------------------------------------- */

static void drop(struct command *command)
{
    struct phub__hub *hub = command->hub;

    command->dropped++;
    hub->hook_commands->dropped++;
    if (!command->full)
        phub__hub_log(hub, PHUB__LOG_WARNING, "hook command of %s is too "
                      "slow: %u events wait, dropping further ones",
                      command->option->event, command->count);
    command->full = 1;
}

static void on_event(void *arg, const struct phub_hook_event *event)
{
    struct command *command = arg;
    struct phub__hub *hub = command->hub;
    struct phub__builder line;
    struct waiting *waiting = NULL;
    int rc;

    if (command->count >= hub->options.hook_queue_max) {
        drop(command);
        return;
    }
    phub__builder_init(&line,
                       PHUB__HOOK_QUEUE_BYTES_MAX - command->bytes);
    rc = phub__hook_json(hub, event, command->dropped, &line);
    if (rc == 0)
        rc = phub__builder_append(&line, "\n", 1);
    if (rc == 0)
        waiting = phub__calloc(1, sizeof *waiting);
    if (waiting != NULL)
        rc = phub__builder_take(&line, &waiting->line);
    phub__builder_fini(&line);
    if (waiting == NULL || rc != 0) {
        phub__free(waiting);
        drop(command);
        return;
    }
    command->dropped = 0;
    *command->last = waiting;
    command->last = &waiting->next;
    command->count++;
    command->bytes += waiting->line->size;
    next(command);
}

/* --- life -------------------------------------------------------------------------- */

int phub__hook_commands_new(struct phub__hub *hub)
{
    const struct phub__hub_options *o = &hub->options;
    struct phub__hook_commands *all =
        phub__calloc(1, sizeof *all + o->hooks_count * sizeof all->commands[0]);
    uint32_t i;
    int rc = 0;

    hub->hook_commands = all;
    if (all == NULL)
        return PHUB_ENOMEM;
    all->timer = hub->env->timer_new(hub->env, retry, hub);
    if (all->timer == NULL)
        return PHUB_ENOMEM;
    for (i = 0; i < o->hooks_count && rc == 0; i++) {
        struct command *command = &all->commands[all->count++];

        command->hub = hub;
        command->option = &o->hooks[i];
        command->last = &command->first;
        rc = phub__hooks_add(hub->hooks, command->option->event, 0, on_event,
                             command, &command->handle);
    }
    return rc;
}

void phub__hook_commands_free(struct phub__hub *hub)
{
    struct phub__hook_commands *all = hub->hook_commands;
    uint32_t i;

    if (all == NULL)
        return;
    for (i = 0; i < all->count; i++)
        while (all->commands[i].first != NULL)
            take(&all->commands[i]);
    if (all->timer != NULL)
        hub->env->timer_free(hub->env, &all->timer);
    for (i = 0; i < all->count; i++)
        (void)phub__hooks_cancel(hub->hooks, all->commands[i].handle);
    phub__free(all);
    hub->hook_commands = NULL;
}

int phub__hook_commands_busy(const struct phub__hub *hub)
{
    const struct phub__hook_commands *all = hub->hook_commands;
    uint32_t i;

    for (i = 0; i < all->count; i++)
        if (all->commands[i].running || all->commands[i].first != NULL)
            return 1;
    return 0;
}

void phub__hook_commands_tell(struct phub__hub *hub,
                              void (*counter)(void *arg, const char *name,
                                              uint64_t value), void *arg)
{
    const struct phub__hook_commands *all = hub->hook_commands;

    counter(arg, "hook_commands_run", all->ran);
    counter(arg, "hook_commands_failed", all->failed);
    counter(arg, "hook_commands_timed_out", all->timed_out);
    counter(arg, "hook_events_dropped", all->dropped);
}
