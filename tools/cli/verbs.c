/* SPDX-License-Identifier: MIT */
/* verbs: what phub does, one function each, and the table of them. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <phub/error.h>

#include "cli/tool.h"

#define IDS_MAX 1000000u

/* --- cells ---------------------------------------------------------------------- */

#define TEXT_CELL(name, key)                                                  \
    static enum paint name(const json_t *record, char *text)                  \
    {                                                                         \
        snprintf(text, CELL_MAX, "%s", text_in(record, key));                 \
        return PAINT_NONE;                                                    \
    }
#define NUMBER_CELL(name, key)                                                \
    static enum paint name(const json_t *record, char *text)                  \
    {                                                                         \
        snprintf(text, CELL_MAX, "%llu",                                      \
                 (unsigned long long)number_in(record, key));                 \
        return number_in(record, key) == 0 ? PAINT_FAINT : PAINT_NONE;        \
    }

TEXT_CELL(cell_id, "id")
TEXT_CELL(cell_zone, "zone")
TEXT_CELL(cell_text, "text")
TEXT_CELL(cell_name, "node")
NUMBER_CELL(cell_restarts, "restarts")
NUMBER_CELL(cell_value, "value")
NUMBER_CELL(cell_weight, "weight")

static enum paint cell_state(const json_t *record, char *text)
{
    snprintf(text, CELL_MAX, "%s", text_in(record, "state"));
    return paint_of_state(text);
}

/* Where it runs; its home if it does not. */
static enum paint cell_node(const json_t *record, char *text)
{
    const char *node = text_in(record, "node");
    const char *home = text_in(record, "home");

    snprintf(text, CELL_MAX, "%s", node[0] != '\0' ? node : home);
    return node[0] != '\0' ? PAINT_NONE : PAINT_FAINT;
}

static enum paint cell_pid(const json_t *record, char *text)
{
    if (number_in(record, "pid") == 0)
        snprintf(text, CELL_MAX, "-");
    else
        snprintf(text, CELL_MAX, "%lld",
                 (long long)number_in(record, "pid"));
    return PAINT_NONE;
}

static enum paint cell_rtt(const json_t *record, char *text)
{
    uint64_t us = number_in(record, "rtt_us");

    if (us == 0)
        snprintf(text, CELL_MAX, "-");
    else if (us < 10000)
        snprintf(text, CELL_MAX, "%llu us", (unsigned long long)us);
    else
        snprintf(text, CELL_MAX, "%llu ms", (unsigned long long)us / 1000);
    return PAINT_NONE;
}

static enum paint cell_tags(const json_t *record, char *text)
{
    const json_t *tag;
    size_t i, n = 0;

    text[0] = '\0';
    json_array_foreach(json_object_get(record, "tags"), i, tag)
        if (n < CELL_MAX)
            n += (size_t)snprintf(text + n, CELL_MAX - n, "%s%s",
                                  i != 0 ? "," : "", json_string_value(tag));
    return PAINT_NONE;
}

static void pairs_text(json_t *pairs, char *text)
{
    const char *key;
    json_t *value;
    size_t n = 0;

    text[0] = '\0';
    json_object_foreach(pairs, key, value)
        if (n < CELL_MAX)
            n += (size_t)snprintf(text + n, CELL_MAX - n, "%s%s=%s",
                                  n != 0 ? " " : "", key,
                                  json_string_value(value));
}

static enum paint cell_published(const json_t *record, char *text)
{
    pairs_text(json_object_get(record, "published"), text);
    return PAINT_NONE;
}

/* What is as it was asked to be has not failed. */
static bool is_done(int64_t code)
{
    return code == 0 || code == PHUB_EREPEATED;
}

static enum paint cell_outcome(const json_t *record, char *text)
{
    int64_t code = (int64_t)number_in(record, "code");

    snprintf(text, CELL_MAX, "%s",
             code == 0 ? "ok" : phub_strerror((int)code));
    return is_done(code) ? PAINT_GOOD : PAINT_BAD;
}

/* --- common ------------------------------------------------------------------------ */

/* The hub refused the whole. */
static int refused(const struct args *args, const struct answer *answer)
{
    const char *why = phub_strerror(answer->code);

    if (answer->text == NULL || answer->text[0] == '\0')
        return fail(args, EXIT_FAILED, answer->code, "%s: %s",
                    args->verb->name, why);
    return fail(args, EXIT_FAILED, answer->code, "%s: %s", args->verb->name,
                answer->text);
}

static int by_id(const void *left, const void *right)
{
    const json_t *const *a = left, *const *b = right;
    const char *key = json_object_get(*a, "id") != NULL ? "id" : "node";

    return strverscmp(text_in(*a, key), text_in(*b, key));
}

/* "web-2" before "web-10". */
static json_t *sorted(const json_t *records)
{
    size_t count = json_array_size(records), i;
    json_t **items = calloc(count + 1, sizeof *items);
    json_t *list = checked(json_array());

    if (items == NULL)
        out_of_memory();
    for (i = 0; i < count; i++)
        items[i] = json_array_get(records, i);
    qsort(items, count, sizeof *items, by_id);
    for (i = 0; i < count; i++)
        json_array_append(list, items[i]);
    free(items);
    return list;
}

/* --- start, stop, move, drain ---------------------------------------------------------- */

static int print_outcomes(const struct args *args, struct answer *answer)
{
    static const struct column columns[] = {
        { "CHILD", cell_id, false }, { "OUTCOME", cell_outcome, false },
        { "NODE", cell_node, false }, { "PID", cell_pid, true },
        { "", cell_text, false } };
    json_t *records = sorted(answer->records);
    const json_t *record;
    size_t i, failed = 0;

    json_array_foreach(records, i, record)
        failed += !is_done((int64_t)number_in(record, "code"));
    if (args->json)
        print_json(json_incref(records));
    else if (json_array_size(records) != 0)
        print_table(columns, 5, records);
    if (failed != 0 && !args->json)
        fprintf(stderr, "phub: %s: %zu of %zu failed\n", args->verb->name,
                failed, json_array_size(records));
    json_decref(records);
    return failed != 0 ? EXIT_FAILED : EXIT_DONE;
}

static int operate(const struct args *args, const struct question *question)
{
    struct answer answer;
    int rc = ask(args, question, &answer);

    if (rc == EXIT_DONE && answer.code != 0 &&
        json_array_size(answer.records) == 0)
        rc = refused(args, &answer);
    else if (rc == EXIT_DONE)
        rc = print_outcomes(args, &answer);
    answer_fini(&answer);
    return rc;
}

static int run_start(const struct args *args)
{
    const char *on_failure = args_text(args, "on-failure");
    struct question question = {
        .verb = "start", .no_wait = args_flag(args, "no-wait"),
        .timeout_ms = args_number(args, "timeout", 0),
        .rollback = on_failure != NULL };
    struct spec_batch batch = { .count = 0 };
    int rc;

    if (on_failure != NULL && strcmp(on_failure, "rollback") != 0)
        return fail(args, EXIT_USAGE, PHUB_EINVAL, "--on-failure \"%s\": "
                    "\"rollback\" is allowed", on_failure);
    rc = spec_read(args, &batch);
    question.children = batch.children;
    question.children_count = batch.count;
    if (rc == EXIT_DONE)
        rc = operate(args, &question);
    spec_fini(&batch);
    return rc;
}

/* The ids of those with a tag. */
static int ids_of_tag(const struct args *args, const char *tag, json_t *ids)
{
    struct question question = { .verb = "ls", .tag = tag };
    struct answer answer;
    int rc = ask(args, &question, &answer);
    const json_t *record;
    size_t i;

    if (rc == EXIT_DONE && answer.code != 0)
        rc = refused(args, &answer);
    json_array_foreach(answer.records, i, record)
        json_array_append(ids, json_object_get(record, "id"));
    answer_fini(&answer);
    return rc;
}

static int run_stop(const struct args *args)
{
    json_t *ids = checked(json_copy(args->operands));
    const json_t *tags = json_object_get(args->given, "tag"), *tag;
    struct question question = {
        .verb = "stop", .ids = ids, .no_wait = args_flag(args, "no-wait"),
        .timeout_ms = args_number(args, "timeout", 0) };
    size_t i;
    int rc = EXIT_DONE;

    if (tags == NULL && json_array_size(ids) == 0)
        rc = fail(args, EXIT_USAGE, PHUB_EEMPTY,
                  "name the children to stop, or a --tag of theirs");
    json_array_foreach(tags, i, tag)
        if (rc == EXIT_DONE)
            rc = ids_of_tag(args, json_string_value(tag), ids);
    if (rc == EXIT_DONE && json_array_size(ids) == 0)
        rc = fail(args, EXIT_FAILED, PHUB_ENOTFOUND,
                  "no child has that tag; phub ls shows the tags");
    if (rc == EXIT_DONE)
        rc = operate(args, &question);
    json_decref(ids);
    return rc;
}

static int run_move(const struct args *args)
{
    json_t *ids = checked(json_copy(args->operands));
    size_t last = json_array_size(ids) - 1;
    struct question question = {
        .verb = "move", .ids = ids, .node = args_operand(args, last),
        .no_wait = args_flag(args, "no-wait"),
        .timeout_ms = args_number(args, "timeout", 0) };
    int rc;

    json_array_remove(ids, last);
    rc = operate(args, &question);
    json_decref(ids);
    return rc;
}

static int run_drain(const struct args *args)
{
    struct question question = {
        .verb = "drain", .node = args_operand(args, 0),
        .timeout_ms = args_number(args, "timeout", 0) };
    struct answer answer;
    const json_t *record;
    int rc = ask(args, &question, &answer);

    record = json_array_get(answer.records, 0);
    if (rc == EXIT_DONE && (record == NULL ||
                            (answer.code != 0 && record == NULL))) {
        rc = refused(args, &answer);
    } else if (rc == EXIT_DONE) {
        bool failed = number_in(record, "code") != 0;

        if (args->json)
            print_json(json_incref((json_t *)(uintptr_t)record));
        else if (!failed)
            printf("node '%s' is drained: %s\n", text_in(record, "node"),
                   text_in(record, "text"));
        else
            fprintf(stderr, "phub: drain of '%s': %s: %s\n",
                    question.node != NULL ? question.node : "this node",
                    phub_strerror((int)number_in(record, "code")),
                    text_in(record, "text"));
        rc = failed ? EXIT_FAILED : EXIT_DONE;
    }
    answer_fini(&answer);
    return rc;
}

/* --- ls, nodes ----------------------------------------------------------------------- */

static int print_list(const struct args *args,
                      const struct question *question,
                      const struct column *columns, size_t count,
                      const char *none)
{
    struct answer answer;
    int rc = ask(args, question, &answer);

    if (rc == EXIT_DONE && answer.code != 0) {
        rc = refused(args, &answer);
    } else if (rc == EXIT_DONE) {
        json_t *records = sorted(answer.records);

        if (args->json)
            print_json(json_incref(records));
        else if (json_array_size(records) == 0)
            printf("%s\n", none);
        else
            print_table(columns, count, records);
        json_decref(records);
    }
    answer_fini(&answer);
    return rc;
}

static int run_ls(const struct args *args)
{
    static const struct column columns[] = {
        { "CHILD", cell_id, false }, { "NODE", cell_node, false },
        { "STATE", cell_state, false }, { "PID", cell_pid, true },
        { "RESTARTS", cell_restarts, true }, { "TAGS", cell_tags, false },
        { "PUBLISHED", cell_published, false } };
    const json_t *tags = json_object_get(args->given, "tag");
    struct question question = {
        .verb = "ls", .node = args_text(args, "node"),
        .ids = json_array_size(args->operands) != 0 ? args->operands : NULL,
        .state = args_text(args, "state"),
        .tag = json_string_value(json_array_get(tags, 0)) };

    if (json_array_size(tags) > 1)
        return fail(args, EXIT_USAGE, PHUB_EINVAL,
                    "ls looks for one --tag at a time");
    if (question.tag != NULL && question.ids != NULL)
        return fail(args, EXIT_USAGE, PHUB_EINVAL,
                    "ls looks for ids or for a --tag");
    return print_list(args, &question, columns, 7, "no children");
}

static int run_nodes(const struct args *args)
{
    static const struct column columns[] = {
        { "NODE", cell_name, false }, { "STATE", cell_state, false },
        { "CHILDREN", cell_value, true }, { "WEIGHT", cell_weight, true },
        { "ZONE", cell_zone, false }, { "RTT", cell_rtt, true },
        { "ENDPOINT", cell_text, false } };
    struct question question = { .verb = "nodes" };

    return print_list(args, &question, columns, 7, "no nodes");
}

/* --- show, why -------------------------------------------------------------------------- */

static enum paint cell_time(const json_t *record, char *text)
{
    uint64_t ms = number_in(record, "time_ms");
    time_t seconds = (time_t)(ms / 1000);
    struct tm local;
    char stamp[32] = "";

    if (localtime_r(&seconds, &local) != NULL)
        strftime(stamp, sizeof stamp, "%F %T", &local);
    snprintf(text, CELL_MAX, "%s.%03u", stamp, (unsigned)(ms % 1000));
    return PAINT_FAINT;
}

static bool is_cause(const json_t *record)
{
    return json_object_get(record, "time_ms") != NULL;
}

static void print_causes(const json_t *records)
{
    const json_t *record;
    char text[CELL_MAX];
    size_t i;

    json_array_foreach(records, i, record) {
        if (!is_cause(record))
            continue;
        cell_time(record, text);
        fputs("  ", stdout);
        print_painted(PAINT_FAINT, text);
        printf("  %-8s %s\n", text_in(record, "node"),
               text_in(record, "text"));
    }
}

static void print_pair(const char *name, const char *text)
{
    if (text[0] != '\0')
        printf("%-12s %s\n", name, text);
}

static void print_child(const json_t *child, const json_t *records)
{
    const json_t *record;
    char text[CELL_MAX];
    size_t i;

    print_painted(PAINT_BOLD, text_in(child, "id"));
    fputs("  ", stdout);
    print_painted(paint_of_state(text_in(child, "state")),
                  text_in(child, "state"));
    putchar('\n');
    print_pair("node", text_in(child, "node"));
    print_pair("home", text_in(child, "home"));
    print_pair("keeper", text_in(child, "keeper"));
    cell_pid(child, text);
    print_pair("pid", text);
    printf("%-12s %llu\n", "restarts",
           (unsigned long long)number_in(child, "restarts"));
    printf("%-12s %llu\n", "epoch",
           (unsigned long long)number_in(child, "epoch"));
    print_pair("durable", json_is_true(json_object_get(child, "durable"))
                              ? "yes" : "");
    cell_tags(child, text);
    print_pair("tags", text);
    pairs_text(json_object_get(child, "metadata"), text);
    print_pair("metadata", text);
    cell_published(child, text);
    print_pair("published", text);
    print_pair("said", text_in(child, "text"));
    json_array_foreach(records, i, record)
        if (i > 0 && !is_cause(record))
            printf("%-12s on %s: %s, pid %lld %s\n", "instance",
                   text_in(record, "node"), text_in(record, "state"),
                   (long long)number_in(record, "pid"),
                   text_in(record, "text"));
}

static int run_show(const struct args *args)
{
    struct question question = {
        .verb = "show", .ids = args->operands,
        .count = args_number(args, "causes", 0) };
    struct answer answer;
    int rc = ask(args, &question, &answer);

    if (rc == EXIT_DONE && answer.code != 0) {
        rc = answer.code == PHUB_ENOTFOUND
                 ? fail(args, EXIT_FAILED, answer.code, "no child is called "
                        "'%s'; phub ls shows all", args_operand(args, 0))
                 : refused(args, &answer);
    } else if (rc == EXIT_DONE && args->json) {
        json_t *object = checked(json_object()), *record;
        json_t *causes = checked(json_array());
        json_t *instances = checked(json_array());
        size_t i;

        json_array_foreach(answer.records, i, record)
            if (i > 0)
                json_array_append(is_cause(record) ? causes : instances,
                                  record);
        json_object_set(object, "child", json_array_get(answer.records, 0));
        json_object_set_new(object, "instances", instances);
        json_object_set_new(object, "causes", causes);
        print_json(object);
    } else if (rc == EXIT_DONE) {
        print_child(json_array_get(answer.records, 0), answer.records);
        fputs("why\n", stdout);
        print_causes(answer.records);
    }
    answer_fini(&answer);
    return rc;
}

static int run_why(const struct args *args)
{
    struct question question = {
        .verb = "causes", .count = args_number(args, "causes", 0),
        .ids = json_array_size(args->operands) != 0 ? args->operands : NULL };
    struct answer answer;
    int rc = ask(args, &question, &answer);

    if (rc == EXIT_DONE && answer.code != 0)
        rc = refused(args, &answer);
    else if (rc == EXIT_DONE && args->json)
        print_json(json_incref(answer.records));
    else if (rc == EXIT_DONE && json_array_size(answer.records) == 0)
        rc = fail(args, EXIT_FAILED, PHUB_ENOTFOUND, "no member has noted "
                  "anything about '%s' lately", args_operand(args, 0));
    else if (rc == EXIT_DONE)
        print_causes(answer.records);
    answer_fini(&answer);
    return rc;
}

/* --- status, logs ----------------------------------------------------------------------- */

static int run_status(const struct args *args)
{
    struct question question = { .verb = "status" };
    struct answer answer;
    json_t *record, *counters = checked(json_object());
    int rc = ask(args, &question, &answer);
    const char *key;
    json_t *value;
    size_t i;

    json_array_foreach(answer.records, i, record)
        if (i > 0)
            json_object_set_new(counters, text_in(record, "id"), json_integer(
                (json_int_t)number_in(record, "value")));
    record = json_array_get(answer.records, 0);
    if (rc == EXIT_DONE && (answer.code != 0 || record == NULL)) {
        rc = refused(args, &answer);
    } else if (rc == EXIT_DONE && args->json) {
        json_t *object = checked(json_object());

        json_object_set(object, "node", record);
        json_object_set(object, "counters", counters);
        if (answer.text != NULL)
            json_object_set_new(object, "refused", json_string(answer.text));
        print_json(object);
    } else if (rc == EXIT_DONE) {
        print_painted(PAINT_BOLD, text_in(record, "node"));
        printf("  %s  boot %llu  id %s\n", text_in(record, "text"),
               (unsigned long long)number_in(record, "boot"),
               text_in(record, "node_id"));
        if (answer.text != NULL)
            print_painted(PAINT_BAD, answer.text), putchar('\n');
        json_object_foreach(counters, key, value)
            printf("%-24s %lld\n", key, json_integer_value(value));
    }
    json_decref(counters);
    answer_fini(&answer);
    return rc;
}

static int run_logs(const struct args *args)
{
    struct question question = {
        .verb = "logs", .ids = args->operands,
        .count = args_number(args, "lines", 0) };
    struct answer answer;
    const json_t *record;
    int rc = ask(args, &question, &answer);
    size_t i;

    if (rc == EXIT_DONE && answer.code != 0)
        rc = fail(args, EXIT_FAILED, answer.code, "logs of '%s': %s",
                  args_operand(args, 0), answer.text != NULL
                      ? answer.text : phub_strerror(answer.code));
    else if (rc == EXIT_DONE && args->json)
        print_json(json_incref(answer.records));
    else if (rc == EXIT_DONE)
        json_array_foreach(answer.records, i, record)
            fputs(text_in(record, "text"), stdout);
    answer_fini(&answer);
    return rc;
}

const struct verb verbs[] = {
    { "start", "[ID]", 0, 1, true,
      "start a child, a number of them, or what a file says", run_start },
    { "stop", "[ID...]", 0, IDS_MAX, false, "stop children for good",
      run_stop },
    { "ls", "[ID...]", 0, IDS_MAX, false, "list the children, or those named",
      run_ls },
    { "show", "ID", 1, 1, false, "show one child, and why it is as it is",
      run_show },
    { "why", "[ID]", 0, 1, false,
      "tell the causes of a child, or of this node", run_why },
    { "nodes", "", 0, 0, false, "list the nodes", run_nodes },
    { "status", "", 0, 0, false, "show this node and its counters",
      run_status },
    { "logs", "ID", 1, 1, false, "print what a child of this node wrote",
      run_logs },
    { "move", "ID... NODE", 2, IDS_MAX, false,
      "move children and their state to a node", run_move },
    { "drain", "[NODE]", 0, 1, false,
      "move everything away from a node, else from this one", run_drain },
    { NULL, NULL, 0, 0, false, NULL, NULL },
};
