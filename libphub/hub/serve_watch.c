/* SPDX-License-Identifier: MIT */
/* serve_watch: events for who asks "watch" on the control socket, until it
 * goes.
 *
 * Each event is an answer of its own, with more to come.  As long as the asker
 * is full none is taken from the watch, which then loses what it cannot hold
 * and says how many: the hub waits for nobody. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/control.h>
#include <phub/error.h>

#include "hub/command.h"
#include "hub/watch.h"
#include "wire/memory.h"

#define LOOK_MS 100u           /* at an asker that reads slowly, or goes */
#define ARENA_MAX (64u << 20)
#define NS_PER_MS 1000000ull

struct watch_question {
    uint64_t reference;
    struct phub__list ids, events;
    struct phub_bytes node, tag;
};

#define Q struct watch_question
static PHUB__SCHEMA(question_schema, Q,
    PHUB__U64(PHUB_CONTROL_REFERENCE, Q, reference),
    PHUB__TEXTS(PHUB_CONTROL_IDS, Q, ids, PHUB_BATCH_MAX, 65536),
    PHUB__TEXT(PHUB_CONTROL_NODE, Q, node, 255),
    PHUB__TEXT(PHUB_CONTROL_TAG, Q, tag, 255),
    PHUB__TEXTS(PHUB_CONTROL_EVENTS, Q, events, 255, 63));

struct watch_record {
    struct phub_bytes id, node, text, event, about;
    int64_t code;
    uint64_t value, time_ms, lost;
    struct phub__list children;
};

#define R struct watch_record
static PHUB__SCHEMA(record_schema, R,
    PHUB__TEXT(PHUB_CONTROL_R_ID, R, id, PHUB_CHILD_ID_MAX),
    PHUB__I64(PHUB_CONTROL_R_CODE, R, code),
    PHUB__TEXT(PHUB_CONTROL_R_NODE, R, node, 255),
    PHUB__BYTES(PHUB_CONTROL_R_TEXT, R, text, 511),
    PHUB__U64(PHUB_CONTROL_R_VALUE, R, value),
    PHUB__U64(PHUB_CONTROL_R_TIME_MS, R, time_ms),
    PHUB__TEXT(PHUB_CONTROL_R_EVENT, R, event, 63),
    PHUB__TEXT(PHUB_CONTROL_R_ABOUT, R, about, 255),
    PHUB__U64(PHUB_CONTROL_R_LOST, R, lost),
    PHUB__TEXTS(PHUB_CONTROL_R_CHILDREN, R, children, PHUB__WATCH_IDS_MAX,
                PHUB_CHILD_ID_MAX));

struct watch_reply {
    uint64_t reference;
    int64_t code;
    struct phub_bytes text;
    bool more;
    struct phub__list records;
};

#define A struct watch_reply
static PHUB__SCHEMA(reply_schema, A,
    PHUB__U64(PHUB_CONTROL_REFERENCE, A, reference),
    PHUB__I64(PHUB_CONTROL_CODE, A, code),
    PHUB__TEXT(PHUB_CONTROL_TEXT, A, text, 4096),
    PHUB__BOOL(PHUB_CONTROL_MORE, A, more),
    PHUB__LIST(PHUB_CONTROL_RECORDS, A, records, 1, &record_schema));

struct watcher {
    struct phub__hub *hub;
    struct phub__asker *asker;
    uint64_t reference;
    struct phub__watch *watch;
    struct phub__timer *timer;
};

static void send(struct phub__asker *asker, const struct watch_reply *reply)
{
    struct phub__builder builder;

    phub__builder_init(&builder, 1u << 20);
    if (phub__encode(&reply_schema, reply, &builder) != 0)
        phub__asker_poor(asker, reply->reference);
    else if (!asker->gone)
        asker->send(asker, phub__builder_bytes(&builder));
    phub__builder_fini(&builder);
}

static void refuse(struct phub__asker *asker, uint64_t reference, int code,
                   const char *text)
{
    struct watch_reply reply = {
        .reference = reference, .code = code,
        .text = { (const uint8_t *)text, strlen(text) } };

    send(asker, &reply);
}

static void watcher_free(struct watcher *watcher)
{
    struct phub__asker *asker = watcher->asker;

    phub__watch_close(&watcher->watch);
    watcher->hub->env->timer_free(watcher->hub->env, &watcher->timer);
    phub__free(watcher);
    if (--asker->refs == 0 && asker->gone)
        asker->release(asker);
}

/* The name of a node, or its number. */
static struct phub_bytes name_of(struct phub__hub *hub, uint64_t node,
                                 char number[24])
{
    const char *name = phub__hub_name_of(hub, node);

    if (node == 0)
        return PHUB_BYTES_NONE;
    if (name[0] == '\0') {
        snprintf(number, 24, "%016llx", (unsigned long long)node);
        name = number;
    }
    return (struct phub_bytes){ (const uint8_t *)name, strlen(name) };
}

static void tell(struct watcher *watcher, const struct phub__event *event,
                 uint64_t lost)
{
    char node[24], about[24];
    struct watch_record record = {
        .id = event->id, .node = name_of(watcher->hub, event->node, node),
        .text = event->text, .event = event->event,
        .about = name_of(watcher->hub, event->about, about),
        .code = event->code, .value = event->count,
        .time_ms = event->time_ms, .lost = lost, .children = event->ids };
    struct watch_reply reply = { .reference = watcher->reference,
                                 .more = true, .records = { &record, 1 } };

    send(watcher->asker, &reply);
}

static int is_behind(struct phub__asker *asker)
{
    return asker->full != NULL && asker->full(asker);
}

/* What there is, as far as it is read. */
static void look(void *arg)
{
    struct watcher *watcher = arg;
    struct phub_env *env = watcher->hub->env;
    struct phub__event event;
    uint64_t lost;

    if (watcher->asker->gone) {
        watcher_free(watcher);
        return;
    }
    while (!is_behind(watcher->asker) &&
           phub__watch_take(watcher->watch, &event, &lost) == 0)
        tell(watcher, &event, lost);
    env->timer_start(env, watcher->timer,
                     env->now_ns(env) + LOOK_MS * NS_PER_MS);
}

/* The hub ends; its watches are gone already. */
static void over(void *arg)
{
    struct watcher *watcher = arg;

    watcher->watch = NULL;
    refuse(watcher->asker, watcher->reference, PHUB_ESHUTDOWN,
           "the hub is shutting down");
    watcher_free(watcher);
}

static void begin(struct phub__hub *hub, struct phub__asker *asker,
                  const struct watch_question *q)
{
    struct phub__watch_ask ask = { .events = q->events, .ids = q->ids,
                                   .tag = q->tag, .node = q->node };
    struct watch_reply reply = { .reference = q->reference, .more = true };
    struct watcher *watcher = phub__calloc(1, sizeof *watcher);
    int rc = PHUB_ENOMEM;

    if (watcher != NULL) {
        watcher->hub = hub;
        watcher->asker = asker;
        watcher->reference = q->reference;
        watcher->timer = hub->env->timer_new(hub->env, look, watcher);
        if (watcher->timer != NULL)
            rc = phub__watch_open(hub, &ask, look, over, watcher,
                                  &watcher->watch);
    }
    if (rc == 0) {
        asker->refs++;
        send(asker, &reply); /* it looks on from now */
        look(watcher);
        return;
    }
    if (watcher != NULL && watcher->timer != NULL)
        hub->env->timer_free(hub->env, &watcher->timer);
    phub__free(watcher);
    refuse(asker, q->reference, rc, rc == PHUB_EBUSY
               ? "too many look on already" : phub_strerror(rc));
}

void phub__serve_watch(struct phub__hub *hub, struct phub__asker *asker,
                       struct phub_bytes frame)
{
    const struct phub_bytes *names;
    struct phub__arena arena;
    struct watch_question q = { .reference = 0 };
    char text[160] = "";
    uint32_t i;
    int rc;

    phub__arena_init(&arena, NULL, 0, ARENA_MAX);
    rc = phub__decode(&question_schema, frame, &q, &arena, NULL);
    if (rc != 0)
        snprintf(text, sizeof text, "the request is malformed");
    names = q.events.items;
    for (i = 0; rc == 0 && i < q.events.count; i++) {
        if (phub__hook_by_name((const char *)names[i].data,
                               names[i].size) != PHUB_HOOK_COUNT)
            continue;
        rc = PHUB_EINVAL;
        snprintf(text, sizeof text, "event '%.*s' is not known; "
                 "phub_hook_add(3) lists them", (int)names[i].size,
                 (const char *)names[i].data);
    }
    if (rc == 0 && q.ids.count > PHUB__WATCH_IDS_MAX) {
        rc = PHUB_ELIMIT;
        snprintf(text, sizeof text, "%u children are named: at most %u, or "
                 "a tag", q.ids.count, PHUB__WATCH_IDS_MAX);
    }
    if (rc != 0)
        refuse(asker, q.reference, rc, text);
    else
        begin(hub, asker, &q);
    phub__arena_fini(&arena);
}
