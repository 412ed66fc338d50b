/* SPDX-License-Identifier: MIT */
/* command: the commands of specs and hooks, simulated.
 *
 * They do to the simulated child, by their first word, what a real command
 * makes a real program do. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "env/sim/guard.h"

#define DELAY (900 * PHUB__SIM_US)

static uint64_t moment(struct phub__world *world)
{
    return DELAY / 2 + phub__sim_tail(&world->streams[PHUB__SIM_GUARD],
                                      DELAY);
}

struct command {
    struct phub__sim_process *process;
    char word[16];
    struct phub_buf *input;
    uint64_t epoch;
    void (*done)(void *arg, const struct phub__command_result *result);
    void *arg;
    uint32_t id_size;
    char id[];
};

static void command_free(void *arg)
{
    struct command *command = arg;

    phub__buf_unref(&command->input);
    free(command);
}

static void put_for_next(struct phub__sim_guard *guard,
                         const struct command *command)
{
    struct phub__sim_put *put =
        phub__sim_alloc(1, sizeof(*put) + command->id_size + 1);

    put->id_size = command->id_size;
    memcpy(put->id, command->id, command->id_size);
    put->state = phub__buf_ref(command->input);
    put->next = guard->puts;
    guard->puts = put;
}

static void hook_ran(const struct command *command,
                     struct phub__command_result *result)
{
    const char *word = command->word + 5;

    if (strcmp(word, "fail") == 0)
        result->rc = PHUB_EFAILED;
    else if (strcmp(word, "hang") == 0)
        result->rc = PHUB_ETIMEDOUT;
    result->status = result->rc == 0 ? 0 : 1;
}

/* The world hears of it, and it takes as long as its word says. */
static uint64_t hook_begins(const struct command *command,
                            uint32_t timeout_ms)
{
    struct phub__sim_node *node = command->process->node;
    const struct phub__sim_watch *watch = node->world->options.watch;

    if (watch != NULL && watch->hook != NULL)
        watch->hook(watch->arg, node,
                    (struct phub_bytes){ (const uint8_t *)command->word,
                                         strlen(command->word) },
                    phub__buf_bytes(command->input));
    if (strcmp(command->word, "hook-hang") == 0)
        return timeout_ms * PHUB__SIM_MS;
    return strcmp(command->word, "hook-slow") == 0 ? PHUB__SIM_S : 0;
}

static void command_ran(void *arg)
{
    struct command *command = arg;
    struct phub__sim_node *node = command->process->node;
    struct phub__command_result result = { .text = "" };
    struct phub__sim_child *child = node->world->children;

    while (child != NULL && (child->node != node || child->process != NULL
           || child->id_size != command->id_size
           || memcmp(child->id, command->id, child->id_size) != 0))
        child = child->next;
    if (strcmp(command->word, "state-put") == 0 && node->guard != NULL) {
        put_for_next(node->guard, command);
    } else if (strncmp(command->word, "hook-", 5) == 0) {
        hook_ran(command, &result);
    } else if (child == NULL || strcmp(command->word, "fail") == 0) {
        result.rc = PHUB_EFAILED;
        result.status = 1;
        result.text = "it failed";
    } else if (strcmp(command->word, "state-get") == 0) {
        result.out = phub__sim_child_state(child);
    } else if (strcmp(command->word, "freeze") == 0
               || strcmp(command->word, "thaw") == 0) {
        child->frozen = command->word[0] == 'f';
        phub__sim_child_judge(child);
    }
    command->done(command->arg, &result);
    phub__buf_unref(&result.out);
    command_free(command);
}

int phub__sim_command(struct phub__runner *base,
                      const struct phub__runner_start *start,
                      const struct phub__list *argv, struct phub_buf *input,
                      uint32_t timeout_ms,
                      void (*done)(void *arg,
                                   const struct phub__command_result *result),
                      void *arg)
{
    struct phub__sim_process *process = 
        ((struct phub__sim_runner *)base)->process;
    const struct phub_bytes *words = argv->items;
    struct command *command;
    uint64_t takes = 0;

    if (!phub__sim_effect(process))
        return 0;
    if (argv->count == 0)
        return PHUB_EINVAL;
    if (process->node->guard_busy)
        return PHUB_EBUSY;
    command = phub__sim_alloc(1, sizeof(*command) + start->id.size + 1);
    command->process = process;
    (void)snprintf(command->word, sizeof(command->word), "%.*s",
                   (int)words[0].size, (const char *)words[0].data);
    command->input = phub__buf_ref(input);
    command->done = done;
    command->arg = arg;
    command->id_size = (uint32_t)start->id.size;
    memcpy(command->id, start->id.data, start->id.size);
    if (strncmp(command->word, "hook-", 5) == 0)
        takes = hook_begins(command, timeout_ms);
    (void)phub__sim_event(process->world, process->world->now + takes
                          + moment(process->world), process,
                          PHUB__SIM_RUNNER, 3, command_ran, command_free,
                          command);
    return 0;
}
