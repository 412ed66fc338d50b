/* SPDX-License-Identifier: MIT */
/* state: a child's state as a stream of chunks with credit.
 *
 * Chunks go on the bulk lane, in order; the receiver's STATE_ACK says how much
 * it has, and at most WINDOW bytes are on their way beyond that, so a gigabyte
 * never lies in a queue.  The whole is checked by XXH3-64 at the end.
 *
 * A stream without progress for its timeout fails, and in any case after
 * STALL_MS: its child is frozen, and where the target is a member because
 * others see it, and only we do not, nothing else would end that. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include <phub/error.h>

#include "hub/handover.h"
#include "hub/move.h"
#include "wire/memory.h"
#include "wire/messages.h"

#define CHUNK 262144u              /* bytes */
#define WINDOW 4194304u            /* bytes sent and not acknowledged */
#define RETRY_MS 5u                /* the lane was full */
#define STALL_MS 5000u             /* no chunk arrives: 50 kB/s is too slow */
#define NS_PER_MS 1000000ull

struct phub__state_out {
    struct phub__state_out *prev, *next;
    struct phub__hub *hub;
    uint64_t target;
    struct phub_epoch incarnation, epoch;
    uint64_t kind, sequence, ttl_ms;
    int64_t code;
    struct phub_buf *state;
    uint64_t checksum;
    uint64_t sent, acked;
    uint64_t progress_ns;
    uint32_t timeout_ms;
    int begun;
    struct phub__timer *timer;
    phub__state_sent *done;
    void *arg;
    uint32_t id_size;
    char id[PHUB_CHILD_ID_MAX];
};

void phub__state_cancel(struct phub__state_out **out)
{
    struct phub__state_out *o = *out;

    if (o == NULL)
        return;
    if (o->prev != NULL)
        o->prev->next = o->next;
    else
        o->hub->streams = o->next;
    if (o->next != NULL)
        o->next->prev = o->prev;
    o->hub->env->timer_free(o->hub->env, &o->timer);
    phub__buf_unref(&o->state);
    phub__free(o);
    *out = NULL;
}

static void finish(struct phub__state_out *out, int rc, const char *text)
{
    phub__state_sent *done = out->done;
    void *arg = out->arg;

    phub__state_cancel(&out);
    done(arg, rc, text);
}

static void arm(struct phub__state_out *out, uint64_t at_ns)
{
    out->hub->env->timer_start(out->hub->env, out->timer, at_ns);
}

static void pump(struct phub__state_out *out)
{
    struct phub__hub *hub = out->hub;
    uint64_t now = hub->env->now_ns(hub->env);
    struct phub__op_state chunk = {
        .id = { (const uint8_t *)out->id, out->id_size },
        .incarnation = out->incarnation, .epoch = out->epoch,
        .size = out->state->size, .checksum = out->checksum,
        .version = out->state->version, .kind = out->kind,
        .sequence = out->sequence, .ttl_ms = out->ttl_ms, .code = out->code,
    };
    int rc;

    while (!out->begun || (out->sent < out->state->size &&
                           out->sent - out->acked < WINDOW)) {
        uint64_t left = out->state->size - out->sent;

        chunk.offset = out->sent;
        chunk.data.data = out->state->data + out->sent;
        chunk.data.size = left < CHUNK ? left : CHUNK;
        rc = phub__peer_send_struct(hub, out->target, PHUB__MESSAGE_STATE,
                                    &phub__op_state_schema, &chunk);
        if (rc == PHUB_EBUSY) {
            arm(out, now + RETRY_MS * NS_PER_MS);
            return;
        }
        if (rc != 0) {
            finish(out, rc, "the target left the view");
            return;
        }
        out->begun = 1;
        out->sent += chunk.data.size;
    }
    arm(out, out->progress_ns + out->timeout_ms * NS_PER_MS);
}

static void fire(void *arg)
{
    struct phub__state_out *out = arg;
    struct phub_env *env = out->hub->env;

    if (phub__view_index(phub__hub_view(out->hub), out->target) ==
        PHUB__VIEW_NONE)
        finish(out, PHUB_ENODEDOWN, "the target left the view");
    else if (env->now_ns(env) - out->progress_ns >=
             out->timeout_ms * NS_PER_MS)
        finish(out, PHUB_ETIMEDOUT, "the state made no progress");
    else
        pump(out);
}

int phub__state_send(struct phub__hub *hub, uint64_t target,
                     struct phub_bytes id, struct phub_epoch incarnation,
                     struct phub_epoch epoch, struct phub_buf *state,
                     const struct phub__op_state *as, uint32_t timeout_ms,
                     phub__state_sent *done, void *arg,
                     struct phub__state_out **result)
{
    struct phub__state_out *out = phub__calloc(1, sizeof *out);

    if (out == NULL)
        return PHUB_ENOMEM;
    out->timer = hub->env->timer_new(hub->env, fire, out);
    if (out->timer == NULL) {
        phub__free(out);
        return PHUB_ENOMEM;
    }
    out->hub = hub;
    out->target = target;
    out->incarnation = incarnation;
    out->epoch = epoch;
    if (as != NULL) {
        out->kind = as->kind;
        out->sequence = as->sequence;
        out->ttl_ms = as->ttl_ms;
        out->code = as->code;
    }
    out->state = phub__buf_ref(state);
    out->checksum = XXH3_64bits(state->data, state->size);
    out->progress_ns = hub->env->now_ns(hub->env);
    out->timeout_ms = timeout_ms < STALL_MS ? timeout_ms : STALL_MS;
    out->done = done;
    out->arg = arg;
    out->id_size = (uint32_t)id.size;
    memcpy(out->id, id.data, id.size);
    out->next = hub->streams;
    if (out->next != NULL)
        out->next->prev = out;
    hub->streams = out;
    hub->counters.states_sent++;
    arm(out, out->progress_ns); /* from the loop: done is never early */
    *result = out;
    return 0;
}

/* Chunks to that node were given up when its session began anew: from the
 * start, from the loop. */
void phub__state_lost(struct phub__hub *hub, uint64_t node)
{
    struct phub__state_out *out;

    for (out = hub->streams; out != NULL; out = out->next) {
        if (out->target != node || !out->begun)
            continue;
        out->begun = 0;
        out->sent = out->acked = 0;
        arm(out, hub->env->now_ns(hub->env));
    }
}

void phub__state_received(struct phub__hub *hub, uint64_t from,
                          struct phub_buf *body)
{
    struct phub__op_state chunk;
    struct phub__op_state_ack ack;
    uint64_t received = 0;
    int rc;

    if (phub__hub_decode(hub, &phub__op_state_schema, body, &chunk) != 0)
        return;
    rc = chunk.kind == PHUB__HANDOVER_MOVE
             ? phub__arrival_chunk(hub, from, &chunk, &received)
             : phub__handover_chunk(hub, from, &chunk, &received);
    if (rc == PHUB_EAGAIN) {
        phub__hub_decoded(hub); /* its successor is asked; answered then */
        return;
    }
    ack = (struct phub__op_state_ack){ .id = chunk.id, .epoch = chunk.epoch,
                                       .received = received, .code = rc,
                                       .kind = chunk.kind };
    (void)phub__peer_send_struct(hub, from, PHUB__MESSAGE_STATE_ACK,
                                 &phub__op_state_ack_schema, &ack);
    phub__hub_decoded(hub);
}

void phub__state_acked(struct phub__hub *hub, uint64_t from,
                       struct phub_buf *body)
{
    struct phub__op_state_ack ack;
    struct phub__state_out *out;
    char text[257] = "";

    if (phub__hub_decode(hub, &phub__op_state_ack_schema, body, &ack) != 0)
        return;
    for (out = hub->streams; out != NULL; out = out->next)
        if (out->target == from && out->id_size == ack.id.size &&
            memcmp(out->id, ack.id.data, ack.id.size) == 0 &&
            phub_epoch_cmp(out->epoch, ack.epoch) == 0 &&
            out->kind == ack.kind)
            break;
    if (ack.text.size != 0)
        snprintf(text, sizeof text, "%.*s", (int)ack.text.size,
                 (const char *)ack.text.data);
    phub__hub_decoded(hub);
    if (out == NULL || ack.received > out->sent)
        return;
    if (ack.code != 0) {
        finish(out, (int)ack.code,
               text[0] != '\0' ? text : phub_strerror((int)ack.code));
        return;
    }
    if (ack.received > out->acked || out->state->size == 0) {
        out->acked = ack.received;
        out->progress_ns = hub->env->now_ns(hub->env);
    }
    if (out->acked == out->state->size)
        finish(out, 0, "");
    else
        pump(out);
}
