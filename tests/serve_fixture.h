/* SPDX-License-Identifier: MIT */
/* serve_fixture: who asks a hub as phub(1) does, without a socket. */
#ifndef PHUB_TESTS_SERVE_FIXTURE_H
#define PHUB_TESTS_SERVE_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/control.h>
#include <phub/error.h>

#include "hub/report.h"
#include "hub_fixture.h"
#include "wire/memory.h"
#include "wire/messages.h"

struct question {
    uint64_t reference;
    struct phub_bytes verb;
    struct phub__list ids, children;
    struct phub_bytes node, tag, state;
    uint64_t timeout_ms;
    bool rollback, no_wait;
    uint64_t count, version;
    struct phub__list meta;
    bool local;
};

static PHUB__SCHEMA(pair_schema, struct phub__op_pair,
    PHUB__TEXT(1, struct phub__op_pair, key, 63),
    PHUB__TEXT(2, struct phub__op_pair, value, 1024));

#define C struct phub__command_child
static PHUB__SCHEMA(child_schema, C,
    PHUB__TEXT(PHUB_CONTROL_CHILD_ID, C, id, 65536),
    PHUB__BYTES(PHUB_CONTROL_CHILD_SPEC, C, spec, 65536),
    PHUB__LIST(PHUB_CONTROL_CHILD_METADATA, C, metadata, 64, &pair_schema),
    PHUB__TEXTS(PHUB_CONTROL_CHILD_TAGS, C, tags, 64, 63));

#define Q struct question
static PHUB__SCHEMA(question_schema, Q,
    PHUB__U64(PHUB_CONTROL_REFERENCE, Q, reference),
    PHUB__TEXT(PHUB_CONTROL_VERB, Q, verb, 1000),
    PHUB__TEXTS(PHUB_CONTROL_IDS, Q, ids, 1u << 24, 1u << 20),
    PHUB__LIST(PHUB_CONTROL_CHILDREN, Q, children, 100000, &child_schema),
    PHUB__TEXT(PHUB_CONTROL_NODE, Q, node, 1000),
    PHUB__TEXT(PHUB_CONTROL_TAG, Q, tag, 1000),
    PHUB__TEXT(PHUB_CONTROL_STATE, Q, state, 1000),
    PHUB__U64(PHUB_CONTROL_TIMEOUT_MS, Q, timeout_ms),
    PHUB__BOOL(PHUB_CONTROL_ROLLBACK, Q, rollback),
    PHUB__BOOL(PHUB_CONTROL_NO_WAIT, Q, no_wait),
    PHUB__U64(PHUB_CONTROL_COUNT, Q, count),
    PHUB__U64(PHUB_CONTROL_VERSION, Q, version),
    PHUB__TEXTS(PHUB_CONTROL_META, Q, meta, 100, 100000),
    PHUB__BOOL(PHUB_CONTROL_LOCAL, Q, local));

struct record {
    struct phub_bytes id, node, state, text, spec;
    int64_t code;
    uint64_t value;
};

#define R struct record
static PHUB__SCHEMA(record_schema, R,
    PHUB__TEXT(PHUB_CONTROL_R_ID, R, id, 65536),
    PHUB__I64(PHUB_CONTROL_R_CODE, R, code),
    PHUB__TEXT(PHUB_CONTROL_R_NODE, R, node, 255),
    PHUB__TEXT(PHUB_CONTROL_R_STATE, R, state, 63),
    PHUB__BYTES(PHUB_CONTROL_R_TEXT, R, text, 1u << 22),
    PHUB__U64(PHUB_CONTROL_R_VALUE, R, value),
    PHUB__BYTES(PHUB_CONTROL_R_SPEC, R, spec, 65536));

struct answer {
    uint64_t reference;
    int64_t code;
    struct phub_bytes text;
    bool more;
    struct phub__list records;
};

#define A struct answer
static PHUB__SCHEMA(answer_schema, A,
    PHUB__U64(PHUB_CONTROL_REFERENCE, A, reference),
    PHUB__I64(PHUB_CONTROL_CODE, A, code),
    PHUB__TEXT(PHUB_CONTROL_TEXT, A, text, 4096),
    PHUB__BOOL(PHUB_CONTROL_MORE, A, more),
    PHUB__LIST(PHUB_CONTROL_RECORDS, A, records, 100000, &record_schema));

struct client {
    struct phub__asker asker;   /* first */
    uint32_t frames, last, records, released;
    uint32_t lasts, lasts_max;   /* 0: one */
    uint32_t unread, unread_max; /* records; 0: all may wait to be read */
    uint8_t *seen;               /* how often each "cN" came, or NULL */
    int code, failed;
    uint64_t reference;
    char text[512];
    struct { char id[64], node[24], state[16]; int code; uint64_t value;
             size_t spec; }
        first[64];
};

static struct hubs hubs;
static struct client client;

static inline void note(char *place, size_t max, struct phub_bytes text)
{
    snprintf(place, max, "%.*s", (int)text.size,
             text.size != 0 ? (const char *)text.data : "");
}

static inline void on_send(struct phub__asker *asker, struct phub_bytes frame)
{
    struct client *c = (struct client *)asker;
    struct phub__arena arena;
    struct answer answer;
    const struct record *records;
    uint32_t i;

    c->failed |= phub__memory_failed();
    phub__memory_fail(0); /* the client has memory */
    phub__arena_init(&arena, NULL, 0, 64u << 20);
    ck_assert_int_eq(phub__decode(&answer_schema, frame, &answer, &arena,
                                  NULL), 0);
    ck_assert_uint_le(c->lasts, c->lasts_max);
    c->frames++;
    c->unread += answer.records.count;
    c->last = !answer.more;
    c->lasts += c->last;
    c->code = (int)answer.code;
    c->reference = answer.reference;
    note(c->text, sizeof c->text, answer.text);
    records = answer.records.items;
    for (i = 0; i < answer.records.count; i++, c->records++) {
        if (c->seen != NULL && records[i].id.size > 1)
            c->seen[strtoul((const char *)records[i].id.data + 1, NULL,
                            10)]++;
        if (c->records >= 64)
            continue;
        note(c->first[c->records].id, 64, records[i].id);
        note(c->first[c->records].node, 24, records[i].node);
        note(c->first[c->records].state, 16, records[i].state);
        c->first[c->records].code = (int)records[i].code;
        c->first[c->records].value = records[i].value;
        c->first[c->records].spec = records[i].spec.size;
    }
    phub__arena_fini(&arena);
}

static inline int is_full(struct phub__asker *asker)
{
    const struct client *c = (const struct client *)asker;

    return c->unread_max != 0 && c->unread >= c->unread_max;
}

static inline void on_release(struct phub__asker *asker)
{
    ((struct client *)asker)->released++;
}

static inline void new_client(void)
{
    memset(&client, 0, sizeof client);
    client.asker.send = on_send;
    client.asker.full = is_full;
    client.asker.release = on_release;
}

static inline void setup(void)
{
    hubs_new(&hubs, 3, "coldswap", 3);
}

static inline void teardown(void)
{
    hubs_free(&hubs);
}

static inline void give(struct phub__hub *hub, void *arg)
{
    phub__command(hub, &client.asker, *(struct phub_bytes *)arg);
}

static inline void encode(const struct question *q, struct phub__builder *builder)
{
    phub__builder_init(builder, 1u << 24);
    ck_assert_int_eq(phub__encode(&question_schema, q, builder), 0);
}

/* Ask node a. */
static inline void pose(const struct question *q)
{
    struct phub__builder builder;
    struct phub_bytes frame;

    encode(q, &builder);
    frame = phub__builder_bytes(&builder);
    hubs_do(&hubs, 0, give, &frame);
    phub__builder_fini(&builder);
}

/* The same, and wait for the last frame. */
static inline int asked(struct question *q)
{
    int i;

    new_client();
    q->reference = 4711;
    pose(q);
    for (i = 0; i < 30000 && !client.last; i++)
        hubs_run(&hubs, 1);
    ck_assert_uint_eq(client.last, 1);
    ck_assert_uint_eq(client.reference, 4711);
    ck_assert_uint_eq(client.asker.refs, 0);
    return client.code;
}

static inline int ask(const char *verb, const char *id, const char *node)
{
    struct phub_bytes name = hubs_bytes(id);
    struct question q = { .verb = hubs_bytes(verb),
                          .node = hubs_bytes(node) };

    if (id[0] != '\0')
        q.ids = (struct phub__list){ &name, 1 };
    return asked(&q);
}

/* --- without memory ------------------------------------------------------ */

struct poor {
    struct phub_bytes frame;
    uint64_t nth;
    int failed;
};

static inline void give_poor(struct phub__hub *hub, void *arg)
{
    struct poor *poor = arg;

    phub__memory_fail(poor->nth);
    phub__command(hub, &client.asker, poor->frame);
    poor->failed = phub__memory_failed() || client.failed;
    phub__memory_fail(0);
}

#endif
