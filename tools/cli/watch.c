/* SPDX-License-Identifier: MIT */
/* watch: the events of the whole hub, a line each, until somebody ends it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <phub/cbor.h>
#include <phub/client.h>
#include <phub/control.h>
#include <phub/error.h>

#include "cli/tool.h"

#define QUESTION_BYTES_MAX 65536u
#define SEND_MS 15000u

static void put_list(struct phub_cbor_writer *w, uint32_t key,
                     const json_t *list)
{
    const json_t *item;
    size_t i;

    if (json_array_size(list) == 0)
        return;
    phub_cbor_write_uint(w, key);
    phub_cbor_write_array(w, json_array_size(list));
    json_array_foreach(list, i, item)
        phub_cbor_write_text(w, json_string_value(item),
                             json_string_length(item));
}

static void put_text(struct phub_cbor_writer *w, uint32_t key,
                     const char *text)
{
    if (text == NULL)
        return;
    phub_cbor_write_uint(w, key);
    phub_cbor_write_cstr(w, text);
}

static bool put_question(struct phub_cbor_writer *w, const struct args *args,
                         const char *tag)
{
    const json_t *events = json_object_get(args->given, "event");
    const char *node = args_text(args, "node");

    phub_cbor_write_map(w, 2u + (json_array_size(args->operands) != 0) +
                               (node != NULL) + (tag != NULL) +
                               (json_array_size(events) != 0));
    phub_cbor_write_uint(w, PHUB_CONTROL_REFERENCE);
    phub_cbor_write_uint(w, 1);
    put_text(w, PHUB_CONTROL_VERB, "watch");
    put_list(w, PHUB_CONTROL_IDS, args->operands);
    put_text(w, PHUB_CONTROL_NODE, node);
    put_text(w, PHUB_CONTROL_TAG, tag);
    put_list(w, PHUB_CONTROL_EVENTS, events);
    return phub_cbor_writer_ok(w);
}

/* What is said must not steer the terminal. */
static void print_tame(const char *text)
{
    for (; *text != '\0'; text++)
        putchar((unsigned char)*text < ' ' || *text == 127 ? '?' : *text);
}

static void print_children(const json_t *record)
{
    const json_t *children = json_object_get(record, "children"), *id;
    size_t i;

    json_array_foreach(children, i, id) {
        putchar(' ');
        print_tame(json_string_value(id));
    }
    if (number_in(record, "value") > json_array_size(children) &&
        json_array_size(children) != 0)
        printf(" ... (%llu)",
               (unsigned long long)number_in(record, "value"));
}

static void print_event(const json_t *record)
{
    uint64_t ms = number_in(record, "time_ms");
    time_t seconds = (time_t)(ms / 1000);
    int code = (int)number_in(record, "code");
    struct tm local;
    char stamp[32] = "";

    if (number_in(record, "lost") != 0) {
        printf("%llu events lost\n",
               (unsigned long long)number_in(record, "lost"));
        return;
    }
    if (localtime_r(&seconds, &local) != NULL)
        strftime(stamp, sizeof stamp, "%T", &local);
    printf("%s.%03u  %-8s %s", stamp, (unsigned)(ms % 1000),
           text_in(record, "node"), text_in(record, "event"));
    if (text_in(record, "id")[0] != '\0') {
        putchar(' ');
        print_tame(text_in(record, "id"));
    }
    print_children(record);
    if (text_in(record, "about")[0] != '\0' &&
        strcmp(text_in(record, "about"), text_in(record, "node")) != 0)
        printf(" (%s)", text_in(record, "about"));
    if (text_in(record, "text")[0] != '\0') {
        fputs(": ", stdout);
        print_tame(text_in(record, "text"));
    }
    if (code < 0)
        printf(" [%s]", phub_errname(code) != NULL ? phub_errname(code) : "?");
    putchar('\n');
}

/* False: nobody reads it any more. */
static bool print_all(const struct args *args, const json_t *records)
{
    const json_t *record;
    size_t i;

    json_array_foreach(records, i, record) {
        if (!args->json) {
            print_event(record);
            continue;
        }
        if (json_dumpf(record, stdout, JSON_COMPACT) != 0)
            return false;
        putchar('\n');
    }
    return fflush(stdout) == 0;
}

static int listen_on(const struct args *args, struct phub_client *client)
{
    uint64_t limit = args_number(args, "limit", 0), seen = 0;
    struct phub_bytes body;
    struct answer answer;
    bool more = true;
    int rc = EXIT_DONE;

    while (more && rc == EXIT_DONE && (limit == 0 || seen < limit)) {
        rc = phub_client_receive(client, PHUB_CLIENT_FOREVER, &body);
        if (rc != 0)
            return ask_broken(args, rc, "listening to it");
        memset(&answer, 0, sizeof answer);
        answer.records = checked(json_array());
        if (!answer_read(body, &answer, &more))
            rc = fail(args, EXIT_FAILED, PHUB_EPROTO, "what answers at '%s' "
                      "is not a hub of this version", args->socket);
        else if (answer.code != 0)
            rc = refused(args, &answer);
        else if (!print_all(args, answer.records))
            rc = EXIT_FAILED;
        seen += json_array_size(answer.records);
        answer_fini(&answer);
    }
    return rc;
}

int run_watch(const struct args *args)
{
    const json_t *tags = json_object_get(args->given, "tag");
    uint8_t bytes[QUESTION_BYTES_MAX];
    struct phub_client *client = NULL;
    struct phub_cbor_writer w;
    int rc;

    if (json_array_size(tags) > 1)
        return fail(args, EXIT_USAGE, PHUB_EINVAL,
                    "watch looks for one --tag at a time");
    phub_cbor_writer_init(&w, bytes, sizeof bytes);
    if (!put_question(&w, args, json_string_value(json_array_get(tags, 0))))
        return fail(args, EXIT_USAGE, PHUB_ELIMIT, "more than %u bytes",
                    QUESTION_BYTES_MAX);
    rc = ask_open(args, &client);
    if (rc != EXIT_DONE)
        return rc;
    rc = phub_client_send(client, (struct phub_bytes){ bytes, w.size },
                          SEND_MS);
    rc = rc != 0 ? ask_broken(args, rc, "asking it") : listen_on(args, client);
    phub_client_close(&client);
    return rc;
}
