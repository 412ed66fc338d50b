/* SPDX-License-Identifier: MIT */
/* verbs: the table of what phub does, and the verbs that change something. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/cbor.h>
#include <phub/control.h>
#include <phub/error.h>
#include <phub/phub.h>

#include "cli/tool.h"

#define IDS_MAX 1000000u
#define NODES_MAX 1024u
#define SET_BYTES_MAX 131072u   /* a change of 64 values fits */

/* --- start, stop, move, drain ------------------------------------------- */

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

/* From now on it stays where it is. */
static int bind(const struct args *args, const char *id)
{
    uint8_t bytes[1024];
    struct phub_cbor_writer w;
    struct spec_child child = { .cbor = bytes };
    struct question question = { .verb = "set", .children = &child,
                                 .children_count = 1, .state = "sticky" };
    struct answer answer;
    const json_t *record;
    int rc;

    phub_cbor_writer_init(&w, bytes, sizeof bytes);
    phub_cbor_write_map(&w, 1);
    phub_cbor_write_uint(&w, PHUB_CONTROL_CHILD_ID);
    phub_cbor_write_cstr(&w, id);
    child.size = w.size;
    rc = ask(args, &question, &answer);
    record = json_array_get(answer.records, 0);
    if (rc == EXIT_DONE && record == NULL)
        rc = refused(args, &answer);
    else if (rc == EXIT_DONE && number_in(record, "code") != 0)
        rc = fail(args, EXIT_FAILED, (int)number_in(record, "code"),
                  "'%s' has moved, and is not bound: %s", id,
                  text_in(record, "text"));
    answer_fini(&answer);
    return rc;
}

static int run_move(const struct args *args)
{
    json_t *ids = checked(json_copy(args->operands));
    size_t last = json_array_size(ids) - 1, i;
    struct question question = {
        .verb = "move", .ids = ids, .node = args_operand(args, last),
        .replica = args_text(args, "replica"),
        .no_wait = args_flag(args, "no-wait"),
        .timeout_ms = args_number(args, "timeout", 0) };
    int rc;

    json_array_remove(ids, last);
    rc = operate(args, &question);
    for (i = 0; rc == EXIT_DONE && args_flag(args, "sticky") && i < last; i++)
        rc = bind(args, json_string_value(json_array_get(ids, i)));
    json_decref(ids);
    return rc;
}

/* KEY=VALUE into the map at w; false if it is none. */
static bool put_change(struct phub_cbor_writer *w, const char *text)
{
    const char *sign = strchr(text, '=');

    if (sign == NULL || sign == text)
        return false;
    phub_cbor_write_map(w, 2);
    phub_cbor_write_uint(w, 1);
    phub_cbor_write_text(w, text, (size_t)(sign - text));
    phub_cbor_write_uint(w, 2);
    phub_cbor_write_cstr(w, sign + 1);
    return true;
}

static int run_set(const struct args *args)
{
    uint8_t bytes[SET_BYTES_MAX];
    struct phub_cbor_writer w;
    struct spec_child child = { .cbor = bytes };
    const char *word = args_text(args, "sticky");
    const char *state = word == NULL ? NULL
                        : strcmp(word, "yes") == 0 ? "sticky"
                        : strcmp(word, "no") == 0 ? "free" : "";
    struct question question = {
        .verb = "set", .children = &child, .children_count = 1,
        .version = args_number(args, "if-version", 0),
        .state = state,
        .no_wait = args_flag(args, "no-wait"),
        .timeout_ms = args_number(args, "timeout", 0) };
    size_t count = json_array_size(args->operands), i;

    if (state != NULL && state[0] == '\0')
        return fail(args, EXIT_USAGE, PHUB_EINVAL,
                    "--sticky \"%s\": \"yes\" or \"no\" is allowed", word);
    if (state == NULL && count < 2)
        return fail(args, EXIT_USAGE, PHUB_EEMPTY,
                    "say what to set: KEY=VALUE, or --sticky");
    phub_cbor_writer_init(&w, bytes, sizeof bytes);
    phub_cbor_write_map(&w, 2);
    phub_cbor_write_uint(&w, PHUB_CONTROL_CHILD_ID);
    phub_cbor_write_cstr(&w, args_operand(args, 0));
    phub_cbor_write_uint(&w, PHUB_CONTROL_CHILD_METADATA);
    phub_cbor_write_array(&w, count - 1);
    for (i = 1; i < count; i++)
        if (!put_change(&w, args_operand(args, i)))
            return fail(args, EXIT_USAGE, PHUB_EINVAL, "\"%s\": KEY=VALUE is "
                        "needed; KEY= takes it away", args_operand(args, i));
    if (!phub_cbor_writer_ok(&w))
        return fail(args, EXIT_USAGE, PHUB_ELIMIT, "more than %u bytes",
                    SET_BYTES_MAX);
    child.size = w.size;
    return operate(args, &question);
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

/* What was said about the whole, to whoever asked for a change of the hub. */
static int print_word(const struct args *args, const struct question *question)
{
    struct answer answer;
    int rc = ask(args, question, &answer);

    if (rc == EXIT_DONE && answer.code != 0)
        rc = refused(args, &answer);
    else if (rc == EXIT_DONE && args->json)
        print_json(checked(json_pack("{s:i,s:s}", "code", 0, "text",
                                     answer.text != NULL ? answer.text : "")));
    else if (rc == EXIT_DONE && answer.text != NULL)
        puts(answer.text);
    answer_fini(&answer);
    return rc;
}

static int run_quorum(const struct args *args)
{
    struct question question = { .verb = "quorum" };
    const char *number = args_operand(args, 1);
    char *end;

    if (strcmp(args_operand(args, 0), "reset") != 0)
        return fail(args, EXIT_USAGE, PHUB_EINVAL,
                    "\"%s\": \"reset\" is allowed", args_operand(args, 0));
    question.count = strtoull(number, &end, 10);
    if (number[0] < '1' || number[0] > '9' || *end != '\0' ||
        question.count > NODES_MAX)
        return fail(args, EXIT_USAGE, PHUB_EINVAL,
                    "\"%s\": a number of nodes, 1 to %u, is needed", number,
                    NODES_MAX);
    return print_word(args, &question);
}

static int run_forget(const struct args *args)
{
    struct question question = {
        .verb = "forget", .node = args_operand(args, 0),
        .timeout_ms = args_number(args, "timeout", 0) };

    return print_word(args, &question);
}

/* "set KIND NAME [KEY=VALUE...]": the hub takes the words as they are. */
static int run_strategy(const struct args *args)
{
    json_t *words;
    struct question question = {
        .verb = "strategy", .timeout_ms = args_number(args, "timeout", 0) };
    int rc;

    if (json_array_size(args->operands) == 0)
        return run_strategies(args);
    if (strcmp(args_operand(args, 0), "set") != 0)
        return fail(args, EXIT_USAGE, PHUB_EINVAL,
                    "\"%s\": \"set\" is allowed, or nothing",
                    args_operand(args, 0));
    if (json_array_size(args->operands) < 3)
        return fail(args, EXIT_USAGE, PHUB_EINVAL, "set is used as: phub "
                    "strategy set KIND NAME [KEY=VALUE...]");
    words = checked(json_copy(args->operands));
    json_array_remove(words, 0);
    question.ids = words;
    rc = print_word(args, &question);
    json_decref(words);
    return rc;
}

const struct verb verbs[] = {
    { "start", "[ID]", 0, 1, true,
      "start a child, a number of them, or what a file says", run_start },
    { "stop", "[ID...]", 0, IDS_MAX, false, "stop children for good",
      run_stop },
    { "ls", "[ID...]", 0, IDS_MAX, false, "list the children, or those named",
      run_ls },
    { "dump", "", 0, 0, false,
      "print all that the registry says, for comparison and safekeeping",
      run_dump },
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
    { "set", "ID [KEY=VALUE...]", 1, PHUB_METADATA_MAX + 1, false,
      "change the metadata of a child that lives", run_set },
    { "watch", "[ID...]", 0, 64, false,
      "show the events of the whole hub as they happen", run_watch },
    { "drain", "[NODE]", 0, 1, false,
      "move everything away from a node, else from this one", run_drain },
    { "forget", "NODE", 1, 1, false,
      "drop a node that is gone for good", run_forget },
    { "quorum", "reset N", 2, 2, false,
      "say that N nodes are all there are from now on", run_quorum },
    { "strategy", "[set KIND NAME [KEY=VALUE...]]", 0, 67, false,
      "show the strategies, or change one of the whole hub", run_strategy },
    { NULL, NULL, 0, 0, false, NULL, NULL },
};
