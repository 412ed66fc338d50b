/* SPDX-License-Identifier: MIT */
/* views: the verbs that look: ls, nodes, show, why, status, logs. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <phub/error.h>

#include "cli/tool.h"

#define META_MAX 16u   /* of a question */

/* --- ls, nodes ---------------------------------------------------------- */

/* Of those that are named; says which are not there. */
static int missing(const struct args *args, const json_t *records)
{
    json_t *found = checked(json_object());
    const json_t *item;
    int rc = EXIT_DONE;
    size_t i;

    json_array_foreach(records, i, item)
        json_object_set_new(found, text_in(item, "id"), json_true());
    json_array_foreach(args->operands, i, item)
        if (json_object_get(found, json_string_value(item)) == NULL) {
            fprintf(stderr, "phub: no child is called '%s'; phub ls shows "
                    "all\n", json_string_value(item));
            rc = EXIT_FAILED;
        }
    json_decref(found);
    return rc;
}

/* Nothing is on that node: is there such a node? */
static int node_missing(const struct args *args, const char *node)
{
    struct question question = { .verb = "nodes" };
    struct answer answer;
    int rc = ask(args, &question, &answer);
    const json_t *record;
    bool known = rc != EXIT_DONE || answer.code != 0;
    size_t i;

    json_array_foreach(answer.records, i, record)
        known = known || strcmp(text_in(record, "node"), node) == 0;
    answer_fini(&answer);
    if (!known)
        fprintf(stderr, "phub: no node is called '%s'; phub nodes shows "
                "all\n", node);
    return known ? rc : EXIT_FAILED;
}

/* A list that lacks what was named is not all that was asked for. */
static int judge_list(const struct args *args, const struct question *q,
                      const json_t *records)
{
    if (q->ids != NULL && q->node == NULL && q->state == NULL &&
        q->meta == NULL && !q->local)
        return missing(args, records);
    if (q->node != NULL && json_array_size(records) == 0)
        return node_missing(args, q->node);
    return EXIT_DONE;
}

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
        else if (json_array_size(records) != 0)
            print_table(columns, count, records);
        rc = judge_list(args, question, records);
        if (rc == EXIT_DONE && json_array_size(records) == 0 && !args->json)
            printf("%s\n", none);
        json_decref(records);
    }
    answer_fini(&answer);
    return rc;
}

static bool is_state(const char *state)
{
    static const char *const states[] = {
        "starting", "running", "frozen", "stopping", "failed", "standby",
        "waiting", "lost" };
    size_t i;

    for (i = 0; i < sizeof states / sizeof states[0]; i++)
        if (strcmp(states[i], state) == 0)
            return true;
    return false;
}

int run_ls(const struct args *args)
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
        .meta = json_object_get(args->given, "meta"),
        .local = args_flag(args, "local"),
        .tag = json_string_value(json_array_get(tags, 0)) };

    if (json_array_size(tags) > 1)
        return fail(args, EXIT_USAGE, PHUB_EINVAL,
                    "ls looks for one --tag at a time");
    if (json_array_size(question.meta) > META_MAX)
        return fail(args, EXIT_USAGE, PHUB_ELIMIT,
                    "ls looks for %u --meta at most", META_MAX);
    if (question.tag != NULL && question.ids != NULL)
        return fail(args, EXIT_USAGE, PHUB_EINVAL,
                    "ls looks for ids or for a --tag");
    if (question.state != NULL && !is_state(question.state))
        return fail(args, EXIT_USAGE, PHUB_EINVAL, "--state \"%s\": "
                    "starting, running, frozen, stopping, failed, standby, "
                    "waiting and lost are allowed", question.state);
    return print_list(args, &question, columns, 7, "no children");
}

int run_nodes(const struct args *args)
{
    static const struct column columns[] = {
        { "NODE", cell_name, false }, { "STATE", cell_state, false },
        { "CHILDREN", cell_value, true }, { "WEIGHT", cell_weight, true },
        { "ZONE", cell_zone, false }, { "RTT", cell_rtt, true },
        { "ENDPOINT", cell_text, false } };
    struct question question = { .verb = "nodes" };

    return print_list(args, &question, columns, 7, "no nodes");
}

/* Of each kind the one that counts, what is coming, and what is going. */
int run_strategies(const struct args *args)
{
    static const struct column columns[] = {
        { "KIND", cell_id, false }, { "STRATEGY", cell_text, false },
        { "STATE", cell_state, false }, { "GENERATION", cell_value, true },
        { "PARAMETERS", cell_metadata, false } };
    struct question question = { .verb = "strategy" };

    return print_list(args, &question, columns, 5, "no strategies");
}

/* --- show, why ---------------------------------------------------------- */

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
    if (number_in(child, "replicas") != 0) {
        print_pair("role", text_in(child, "role"));
        printf("%-12s %llu\n", "replicas",
               (unsigned long long)number_in(child, "replicas"));
    }
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
            printf("%-12s on %s: %s, %s, pid %lld %s\n", "instance",
                   text_in(record, "node"), text_in(record, "state"),
                   text_in(record, "role"),
                   (long long)number_in(record, "pid"),
                   text_in(record, "text"));
}

int run_show(const struct args *args)
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

int run_why(const struct args *args)
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

/* --- status, logs ------------------------------------------------------- */

int run_status(const struct args *args)
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

/* The asked node runs it: then it keeps what there is. */
static bool is_here(const struct args *args)
{
    struct question question = { .verb = "ls", .ids = args->operands,
                                 .local = true };
    struct answer answer;
    bool here = ask(args, &question, &answer) == EXIT_DONE &&
                answer.code == 0 && json_array_size(answer.records) != 0;

    answer_fini(&answer);
    return here;
}

int run_logs(const struct args *args)
{
    struct question question = {
        .verb = "logs", .ids = args->operands, .verbatim = true,
        .count = args_number(args, "lines", 0) };
    struct answer answer;
    int rc = ask(args, &question, &answer);

    if (rc == EXIT_DONE && answer.code == PHUB_ENOTFOUND && is_here(args)) {
        fprintf(stderr, "phub: '%s' has written nothing yet\n",
                args_operand(args, 0));
        answer.code = 0;
    }
    if (rc == EXIT_DONE && answer.code != 0)
        rc = fail(args, EXIT_FAILED, answer.code, "logs of '%s': %s",
                  args_operand(args, 0), answer.text != NULL
                      ? answer.text : phub_strerror(answer.code));
    else if (rc == EXIT_DONE && args->json)
        print_json(json_incref(answer.records));
    else if (rc == EXIT_DONE && answer.size != 0)
        fwrite(answer.bytes, 1, answer.size, stdout);
    answer_fini(&answer);
    return rc;
}
