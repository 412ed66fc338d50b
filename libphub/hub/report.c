/* SPDX-License-Identifier: MIT */
/* report: records, pieces and flows; see report.h.
 *
 * Whoever carries pieces to an asker bounds what waits to be read, and closes
 * who lets too much wait (env/real/control.h).  So a long list is made no
 * faster than it is read, and between two pieces it holds no more than its
 * place in the registry, or the request that it tells of.  A flow whose asker
 * does read goes on at a later turn, so that other work has its turns. */
#include "config.h"

#include <string.h>

#include <phub/control.h>
#include <phub/error.h>

#include "hub/report.h"
#include "wire/assert.h"
#include "wire/memory.h"
#include "wire/session.h"

struct phub__flow {
    struct phub__flow *next, *prev; /* of the hub */
    struct phub__report *report;    /* NULL: it has ended */
    int (*fill)(void *state, struct phub__report *report);
    void (*drop)(void *state);
    void *state;
    struct phub__timer *timer;      /* once it was needed */
    struct phub__hub *hub;
    struct phub__asker *asker;
    int held;                       /* until the asker has read */
};

PHUB__SCHEMA(phub__record_pair_schema, struct phub__record_pair,
    PHUB__TEXT(1, struct phub__record_pair, key, 63, PHUB__REQUIRED),
    PHUB__TEXT(2, struct phub__record_pair, value, 1024));

#define R struct phub__record
static PHUB__SCHEMA(record_schema, R,
    PHUB__TEXT(PHUB_CONTROL_R_ID, R, id, 65536),
    PHUB__I64(PHUB_CONTROL_R_CODE, R, code),
    PHUB__TEXT(PHUB_CONTROL_R_NODE, R, node, 255),
    PHUB__TEXT(PHUB_CONTROL_R_STATE, R, state, 63),
    PHUB__I64(PHUB_CONTROL_R_PID, R, pid),
    PHUB__U64(PHUB_CONTROL_R_RESTARTS, R, restarts),
    PHUB__BYTES(PHUB_CONTROL_R_TEXT, R, text, PHUB__FRAME_MAX),
    PHUB__TEXTS(PHUB_CONTROL_R_TAGS, R, tags, PHUB_TAGS_MAX, 63),
    PHUB__LIST(PHUB_CONTROL_R_METADATA, R, metadata, PHUB_METADATA_MAX,
               &phub__record_pair_schema),
    PHUB__LIST(PHUB_CONTROL_R_PUBLISHED, R, published, PHUB_METADATA_MAX,
               &phub__record_pair_schema),
    PHUB__U64(PHUB_CONTROL_R_EPOCH, R, epoch),
    PHUB__U64(PHUB_CONTROL_R_INCARNATION, R, incarnation),
    PHUB__U64(PHUB_CONTROL_R_VALUE, R, value),
    PHUB__U64(PHUB_CONTROL_R_TIME_MS, R, time_ms),
    PHUB__U64(PHUB_CONTROL_R_NODE_ID, R, node_id),
    PHUB__U64(PHUB_CONTROL_R_BOOT, R, boot),
    PHUB__U64(PHUB_CONTROL_R_WEIGHT, R, weight),
    PHUB__TEXT(PHUB_CONTROL_R_ZONE, R, zone, 63),
    PHUB__U64(PHUB_CONTROL_R_RTT_US, R, rtt_us),
    PHUB__BOOL(PHUB_CONTROL_R_DURABLE, R, durable),
    PHUB__TEXT(PHUB_CONTROL_R_KEEPER, R, keeper, 255),
    PHUB__TEXT(PHUB_CONTROL_R_HOME, R, home, 255),
    PHUB__U64(PHUB_CONTROL_R_VERSION, R, version),
    PHUB__TEXT(PHUB_CONTROL_R_ROLE, R, role, 7),
    PHUB__U64(PHUB_CONTROL_R_REPLICAS, R, replicas),
    PHUB__BYTES(PHUB_CONTROL_R_SPEC, R, spec, PHUB__SPEC_SIZE_MAX),
    PHUB__TEXTS(PHUB_CONTROL_R_REPLICA_NODES, R, replica_nodes,
                PHUB__REPLICAS_MAX, 255),
    PHUB__BOOL(PHUB_CONTROL_R_STICKY, R, sticky));

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
    PHUB__LIST(PHUB_CONTROL_RECORDS, A, records, PHUB__RECORDS_MAX,
               &record_schema));

/* --- pieces --------------------------------------------------------------- */

static void give(struct phub__report *report, struct phub__builder *builder)
{
    if (!report->asker->gone)
        report->asker->send(report->asker, phub__builder_bytes(builder));
}

/* Errors: PHUB_ELIMIT if it is too much for a frame, PHUB_ENOMEM. */
static int send_answer(struct phub__report *report,
                       const struct answer *answer)
{
    struct phub__builder builder;
    int rc;

    phub__builder_init(&builder, PHUB__FRAME_MAX);
    rc = phub__encode(&answer_schema, answer, &builder);
    if (rc == 0)
        give(report, &builder);
    phub__builder_fini(&builder);
    return rc;
}

/* Halves of what is too much for a frame; a record that is too much alone is
 * left out, and the end says so. */
static void send_records(struct phub__report *report,
                         struct phub__record *records, uint32_t count)
{
    struct answer answer = { .reference = report->reference, .more = true,
                             .records = { records, count } };
    int rc = send_answer(report, &answer);

    if (rc == PHUB_ELIMIT && count > 1) {
        send_records(report, records, count / 2);
        send_records(report, records + count / 2, count - count / 2);
    } else if (rc != 0) {
        report->failed = rc;
    }
}

static void piece_over(struct phub__report *report)
{
    phub__free(report->records);
    report->records = NULL;
    report->count = 0;
    phub__arena_reset(&report->arena);
}

void phub__report_send(struct phub__report *report)
{
    if (report->count != 0)
        send_records(report, report->records, report->count);
    piece_over(report);
}

struct phub__record *phub__report_record(struct phub__report *report)
{
    struct phub__record *record = &report->spare;

    if (report->count == PHUB__RECORDS_MAX)
        phub__report_send(report);
    if (report->records == NULL)
        report->records = phub__malloc(PHUB__RECORDS_MAX *
                                       sizeof *report->records);
    if (report->records != NULL)
        record = &report->records[report->count++];
    else
        report->failed = PHUB_ENOMEM;
    memset(record, 0, sizeof *record);
    return record;
}

struct phub__report *phub__report_new(struct phub__hub *hub,
                                      struct phub__asker *asker,
                                      uint64_t reference)
{
    struct phub__report *report = phub__calloc(1, sizeof *report);

    if (report == NULL)
        return NULL;
    report->hub = hub;
    report->asker = asker;
    report->reference = reference;
    phub__arena_init(&report->arena, NULL, 0, PHUB__REPORT_ARENA_MAX);
    asker->refs++;
    return report;
}

static void asker_unref(struct phub__asker *asker)
{
    if (--asker->refs == 0 && asker->gone)
        asker->release(asker);
}

static void report_free(struct phub__report *report)
{
    struct phub__asker *asker = report->asker;

    piece_over(report);
    phub__arena_fini(&report->arena);
    phub__free(report);
    asker_unref(asker);
}

/* With its records, if that can be; else after them, with what some were lost
 * by. */
void phub__report_end(struct phub__report *report, int code, const char *text)
{
    struct answer answer = { .reference = report->reference, .code = code,
                             .text = phub__text_of(text),
                             .records = { report->records, report->count } };

    if (report->failed != 0 || send_answer(report, &answer) != 0) {
        phub__report_send(report);
        answer.records = (struct phub__list){ NULL, 0 };
        if (report->failed != 0)
            answer.code = report->failed;
        if (report->failed == PHUB_ENOMEM)
            answer.text = phub__text_of("out of memory");
        else if (report->failed != 0)
            answer.text = phub__text_of("the answer is too large");
        if (send_answer(report, &answer) != 0)
            phub__asker_poor(report->asker, report->reference);
    }
    report_free(report);
}

/* --- flows ---------------------------------------------------------------- */

/* A report that has not ended is not told any more. */
static void flow_free(struct phub__flow *flow)
{
    struct phub__hub *hub = flow->hub;
    struct phub__asker *asker = flow->asker;

    if (flow->next != NULL)
        flow->next->prev = flow->prev;
    if (flow->prev != NULL)
        flow->prev->next = flow->next;
    else
        hub->flows = flow->next;
    if (flow->timer != NULL)
        hub->env->timer_free(hub->env, &flow->timer);
    if (flow->report != NULL)
        report_free(flow->report);
    flow->drop(flow->state);
    phub__free(flow);
    asker->flows--;
    asker_unref(asker);
}

static void flow_end(struct phub__flow *flow, int code, const char *text)
{
    struct phub__report *report = flow->report;

    flow->report = NULL;
    phub__report_end(report, code, text);
    flow_free(flow);
}

static int is_held(const struct phub__flow *flow)
{
    return !flow->hub->flows_shut && flow->asker->full != NULL &&
           flow->asker->full(flow->asker);
}

static void flow_run(void *arg)
{
    struct phub__flow *flow = arg;
    struct phub_env *env = flow->hub->env;
    uint32_t steps = 0;

    flow->held = 0;
    while (flow->hub->flows_shut || steps++ < PHUB__FLOW_STEPS_MAX) {
        if (flow->asker->gone) {
            flow_free(flow);
            return;
        }
        flow->held = is_held(flow);
        if (flow->held)
            return;
        if (!flow->fill(flow->state, flow->report)) {
            flow->report = NULL;
            flow_free(flow);
            return;
        }
        phub__report_send(flow->report);
    }
    if (flow->timer == NULL)
        flow->timer = env->timer_new(env, flow_run, flow);
    if (flow->timer == NULL)
        flow_end(flow, PHUB_ENOMEM, "out of memory");
    else
        env->timer_start(env, flow->timer, env->now_ns(env));
}

void phub__report_flow(struct phub__report *report,
                       int (*fill)(void *state, struct phub__report *report),
                       void (*drop)(void *state), void *state)
{
    struct phub__hub *hub = report->hub;
    struct phub__flow *flow = phub__calloc(1, sizeof *flow);

    if (flow == NULL) {
        phub__report_end(report, PHUB_ENOMEM, "out of memory");
        drop(state);
        return;
    }
    *flow = (struct phub__flow){ .next = hub->flows, .report = report,
                                 .fill = fill, .drop = drop, .state = state,
                                 .hub = hub, .asker = report->asker };
    if (flow->next != NULL)
        flow->next->prev = flow;
    hub->flows = flow;
    flow->asker->refs++;
    flow->asker->flows++;
    flow_run(flow);
}

void phub__asker_drained(struct phub__hub *hub, struct phub__asker *asker)
{
    struct phub__flow *flow = hub->flows;

    while (flow != NULL) {
        struct phub__flow *next = flow->next;

        if (flow->asker == asker && flow->held)
            flow_run(flow);
        flow = next;
    }
}

void phub__asker_gone(struct phub__hub *hub, struct phub__asker *asker)
{
    struct phub__flow *flow = hub->flows;

    asker->gone = 1;
    asker->refs++;
    while (flow != NULL) {
        struct phub__flow *next = flow->next;

        if (flow->asker == asker)
            flow_free(flow);
        flow = next;
    }
    asker_unref(asker);
}

void phub__reports_shut(struct phub__hub *hub)
{
    hub->flows_shut = 1;
    while (hub->flows != NULL)
        flow_end(hub->flows, PHUB_ESHUTDOWN, "the hub is shutting down");
}
