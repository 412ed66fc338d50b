/* SPDX-License-Identifier: MIT */
/* dump: all that the registry of the asked node says.
 *
 * Records come one per child, and one per instance after it (phub-control(7)).
 * Put together they are one object per child: what was asked for as "spec", in
 * the words of a file of "start", and what came of it.  Children are in the
 * order of their ids, keys in one order, so that two dumps can be compared. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "cli/tool.h"

static void take(json_t *to, const json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);

    if (value != NULL)
        json_object_set(to, key, value);
}

static bool is_row(const json_t *record)
{
    return json_object_get(record, "node_id") == NULL;
}

/* id first, as in a file. */
static json_t *spec_of(const json_t *record)
{
    json_t *spec = checked(json_object());
    json_t *said = json_object_get(record, "spec");

    take(spec, record, "id");
    if (said != NULL && json_object_update(spec, said) != 0)
        out_of_memory();
    take(spec, record, "tags");
    take(spec, record, "metadata");
    take(spec, record, "durable");
    take(spec, record, "sticky");
    return spec;
}

static json_t *child_of(const json_t *record)
{
    static const char *const keys[] = { "id", "home", "replica_nodes",
                                        "epoch", "incarnation", "version" };
    json_t *child = checked(json_object());
    size_t i;

    for (i = 0; i < sizeof keys / sizeof keys[0]; i++)
        take(child, record, keys[i]);
    json_object_set_new(child, "spec", spec_of(record));
    json_object_set_new(child, "instances", checked(json_array()));
    return child;
}

/* Array of children, by id. */
static json_t *gathered(const json_t *records)
{
    json_t *children = checked(json_array()), *list, *record, *child = NULL;
    size_t i;

    json_array_foreach(records, i, record) {
        if (is_row(record)) {
            child = child_of(record);
            json_array_append_new(children, child);
        } else if (child != NULL) {
            json_object_del(record, "id");
            json_array_append(json_object_get(child, "instances"), record);
        }
    }
    list = sorted(children);
    json_decref(children);
    return list;
}

static void print_numbers(const json_t *child)
{
    printf("  home       %s, epoch %llu; incarnation %llu, version %llu\n",
           text_in(child, "home"),
           (unsigned long long)number_in(child, "epoch"),
           (unsigned long long)number_in(child, "incarnation"),
           (unsigned long long)number_in(child, "version"));
}

static void print_instance(const json_t *instance)
{
    char published[CELL_MAX];

    pairs_text(json_object_get(instance, "published"), published);
    printf("  instance   %s: %s, %s, pid %lld, restarts %llu, epoch %llu"
           "%s%s%s%s\n", text_in(instance, "node"),
           text_in(instance, "state"), text_in(instance, "role"),
           (long long)number_in(instance, "pid"),
           (unsigned long long)number_in(instance, "restarts"),
           (unsigned long long)number_in(instance, "epoch"),
           published[0] != '\0' ? "; " : "", published,
           text_in(instance, "text")[0] != '\0' ? "; " : "",
           text_in(instance, "text"));
}

static void print_child(const json_t *child)
{
    char *spec = json_dumps(json_object_get(child, "spec"),
                            JSON_COMPACT | JSON_ENSURE_ASCII);
    const json_t *item;
    size_t i;

    if (spec == NULL)
        out_of_memory();
    print_painted(PAINT_BOLD, text_in(child, "id"));
    putchar('\n');
    print_numbers(child);
    json_array_foreach(json_object_get(child, "replica_nodes"), i, item)
        printf("  replica    on %s\n", json_string_value(item));
    json_array_foreach(json_object_get(child, "instances"), i, item)
        print_instance(item);
    printf("  spec       %s\n", spec);
    free(spec);
}

int run_dump(const struct args *args)
{
    struct question question = { .verb = "dump" };
    struct answer answer;
    int rc = ask(args, &question, &answer);
    json_t *children = gathered(answer.records);
    const json_t *child;
    size_t i;

    if (rc == EXIT_DONE && answer.code != 0)
        rc = refused(args, &answer);
    else if (rc == EXIT_DONE && args->json)
        print_json(json_incref(children));
    else if (rc == EXIT_DONE && json_array_size(children) == 0)
        puts("no children");
    else if (rc == EXIT_DONE)
        json_array_foreach(children, i, child)
            print_child(child);
    json_decref(children);
    answer_fini(&answer);
    return rc;
}
