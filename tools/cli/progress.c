/* SPDX-License-Identifier: MIT */
/* progress: how far a move of many, or a drain, has come, on standard error.
 *
 * Said by the node that was asked, over a connection of its own: what its rows
 * say, while the answer is awaited on the other. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/tool.h"

static bool shown;

bool progress_wanted(const struct args *args, const struct question *q)
{
    if (strcmp(q->verb, "move") != 0 && strcmp(q->verb, "drain") != 0)
        return false;
    return args_flag(args, "progress") ||
           (!args->json && isatty(STDERR_FILENO));
}

/* Of the children named, those whose home is the target. */
static size_t there(const struct question *q, const json_t *records)
{
    const json_t *record;
    size_t i, count = 0;

    json_array_foreach(records, i, record)
        count += q->node != NULL &&
                 strcmp(text_in(record, "home"), q->node) == 0;
    return count;
}

/* Children whose home the drained node is. */
static unsigned long long left(const struct question *q,
                               const json_t *records)
{
    const json_t *record;
    size_t i;

    json_array_foreach(records, i, record)
        if (q->node == NULL || strcmp(text_in(record, "node"), q->node) == 0)
            return number_in(record, "value");
    return 0;
}

void progress_show(const struct args *args, const struct question *q)
{
    bool drains = strcmp(q->verb, "drain") == 0;
    struct question question = {
        .verb = !drains ? "ls" : q->node != NULL ? "nodes" : "status",
        .ids = drains ? NULL : q->ids };
    bool line = isatty(STDERR_FILENO);
    struct answer answer;

    if (ask(args, &question, &answer) == EXIT_DONE && answer.code == 0) {
        if (drains)
            fprintf(stderr, "%sdrain: %llu children left%s", line ? "\r" : "",
                    left(q, answer.records), line ? "   " : "\n");
        else
            fprintf(stderr, "%smove: %zu of %zu are there%s", line ? "\r" : "",
                    there(q, answer.records), json_array_size(q->ids),
                    line ? "   " : "\n");
        shown = line;
    }
    answer_fini(&answer);
}

void progress_end(void)
{
    if (shown)
        fputs("\r\033[K", stderr);
    shown = false;
}
