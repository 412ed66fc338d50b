/* SPDX-License-Identifier: MIT */
/* message: routes messages to children and replies back; see message.h.
 *
 * Order: a sender's messages go to the home over one session, and wait there
 * in one queue, so they reach the child in the order in which they were sent.
 * After a move the origin forwards what waited there and closes with an END;
 * the target holds what comes to it directly until then (schedule 10 of the
 * design), or until the origin leaves the view.  What a sender that does not
 * know of the move yet sends to the origin after the END may be overtaken by
 * what it sends to the target next.
 * A reply goes straight back to the sender's node. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/message.h"
#include "hub/move_private.h"
#include "hub/rows.h"
#include "wire/memory.h"
#include "wire/messages.h"

#define HOPS_MAX 8u
#define CHILD_TIMEOUT_MAX_MS 3600000u  /* a call that nobody ends ends then */
#define CALL_BUCKETS 256u
#define BUSY_MS 2u
#define NS_PER_MS 1000000ull

/* A message that waits here for its child. */
struct phub__mail {
    struct phub__mail *next;
    uint64_t origin, reference, hops, timeout_ms;
    struct phub_buf *data;
};

/* A call of ours that waits for its reply. */
struct call {
    struct call *next;
    struct phub__hub *hub;
    uint64_t reference;
    phub__mail_reply *done;
    void *arg;
    struct phub__timer *timer;
};

/* A child whose mailbox is full, by name: it may be gone when we look. */
struct busy {
    struct busy *next;
    uint32_t id_size;
    uint8_t id[];
};

struct phub__mailroom {
    uint64_t last_reference;
    uint32_t waiting;
    struct busy *busy;
    struct phub__timer *busy_timer;
    struct call *calls[CALL_BUCKETS];
};

static void busy_fired(void *arg);

int phub__mail_new(struct phub__hub *hub)
{
    hub->mailroom = phub__calloc(1, sizeof *hub->mailroom);
    if (hub->mailroom == NULL)
        return PHUB_ENOMEM;
    hub->mailroom->busy_timer =
        hub->env->timer_new(hub->env, busy_fired, hub);
    return hub->mailroom->busy_timer != NULL ? 0 : PHUB_ENOMEM;
}

/* --- replies ---------------------------------------------------------------------- */

static void call_end(struct call *call, int rc, const char *text,
                     struct phub_buf *data)
{
    struct phub__hub *hub = call->hub;
    struct call **p =
        &hub->mailroom->calls[call->reference % CALL_BUCKETS];
    phub__mail_reply *done = call->done;
    void *arg = call->arg;

    while (*p != call)
        p = &(*p)->next;
    *p = call->next;
    hub->env->timer_free(hub->env, &call->timer);
    phub__free(call);
    done(arg, rc, text, data);
}

static void call_timed_out(void *arg)
{
    call_end(arg, PHUB_ETIMEDOUT, "the child did not reply in time", NULL);
}

static void reply(struct phub__hub *hub, uint64_t origin, uint64_t reference,
                  struct phub_bytes id, int rc, struct phub_buf *data)
{
    struct phub__op_message out = { .origin = hub->node,
                                    .reference = reference, .code = rc,
                                    .id = id,
                                    .data = phub__buf_bytes(data) };

    if (reference != 0)
        (void)phub__peer_send_struct(hub, origin, PHUB__MESSAGE_CHILD_REPLY,
                                     &phub__op_message_schema, &out);
}

void phub__mail_replied(struct phub__hub *hub, uint64_t from,
                        struct phub_buf *body)
{
    struct phub__op_message in;
    struct call *call;
    struct phub_buf *data;

    (void)from;
    if (phub__hub_decode(hub, &phub__op_message_schema, body, &in) != 0)
        return;
    call = hub->mailroom->calls[in.reference % CALL_BUCKETS];
    while (call != NULL && call->reference != in.reference)
        call = call->next;
    data = call != NULL ? phub__buf_copy(in.data.data, in.data.size) : NULL;
    phub__hub_decoded(hub);
    if (call != NULL)
        call_end(call, (int)in.code, phub_strerror((int)in.code), data);
    phub__buf_unref(&data);
}

/* --- giving it to the child --------------------------------------------------------- */

/* Who waits for the instance's answer. */
struct delivery {
    struct phub__hub *hub;
    uint64_t origin, reference;
    uint32_t id_size;
    char id[PHUB_CHILD_ID_MAX];
};

static void answered(void *arg, int rc, const char *text,
                     struct phub_buf *body)
{
    struct delivery *d = arg;

    (void)text;
    reply(d->hub, d->origin, d->reference,
          (struct phub_bytes){ (const uint8_t *)d->id, d->id_size }, rc,
          body);
    phub__free(d);
}

/* Must what comes from this node wait for the origin's END? */
static int held_back(struct phub__local *local, uint64_t from)
{
    const struct phub_view_node *node;

    if (local->mail_origin != 0) {
        node = phub__view_find(phub__hub_view(local->hub),
                               local->mail_origin);
        if (node == NULL || node->boot != local->mail_origin_boot)
            local->mail_origin = 0; /* what waited there is gone with it */
    }
    return local->mail_origin != 0 && local->mail_origin != from;
}

static int takes(const struct phub__local *local)
{
    return local->instance != NULL && local->arrival == NULL &&
           !local->replica &&
           phub__instance_phase(local->instance) == PHUB__PHASE_RUNNING &&
           (local->move == NULL || !local->move->may_be_frozen) &&
           (local->move == NULL || !local->move->ending);
}

/* It is leaving, and what waits here has not been forwarded yet. */
static int collects(const struct phub__local *local)
{
    return local != NULL && local->move != NULL &&
           local->move->phase != PHUB__MOVE_FINISHING;
}

/* PHUB_EBUSY: it waits on, if nobody waits for a reply to it. */
static int give(struct phub__local *local, const struct phub__mail *mail)
{
    struct phub__hub *hub = local->hub;
    struct delivery *d = NULL;

    if (mail->reference != 0) {
        d = phub__calloc(1, sizeof *d);
        if (d == NULL) {
            reply(hub, mail->origin, mail->reference, phub__local_id(local),
                  PHUB_ENOMEM, NULL);
            return 0;
        }
        d->hub = hub;
        d->origin = mail->origin;
        d->reference = mail->reference;
        d->id_size = local->id_size;
        memcpy(d->id, local->id, local->id_size);
    }
    return phub__instance_message(local->instance, mail->data,
                                  mail->timeout_ms - 1 < CHILD_TIMEOUT_MAX_MS
                                      ? (uint32_t)mail->timeout_ms
                                      : CHILD_TIMEOUT_MAX_MS,
                                  d != NULL ? answered : NULL, d);
}

/* Look again soon; without memory for that, at the child's next change. */
static void give_again(struct phub__local *local)
{
    struct phub__hub *hub = local->hub;
    struct phub__mailroom *room = hub->mailroom;
    struct busy *busy;

    if (local->mail_busy)
        return;
    busy = phub__malloc(sizeof *busy + local->id_size);
    if (busy == NULL)
        return;
    busy->id_size = local->id_size;
    memcpy(busy->id, local->id, local->id_size);
    if (room->busy == NULL)
        hub->env->timer_start(hub->env, room->busy_timer,
                              hub->env->now_ns(hub->env) +
                                  BUSY_MS * NS_PER_MS);
    busy->next = room->busy;
    room->busy = busy;
    local->mail_busy = 1;
}

static void busy_fired(void *arg)
{
    struct phub__hub *hub = arg;
    struct busy *all = hub->mailroom->busy, *busy;
    struct phub__local *local;

    hub->mailroom->busy = NULL;
    while ((busy = all) != NULL) {
        all = busy->next;
        local = phub__local_find(
            hub, (struct phub_bytes){ busy->id, busy->id_size });
        phub__free(busy);
        if (local == NULL)
            continue;
        local->mail_busy = 0;
        phub__mail_child_changed(hub, local);
        phub__local_drop(&local);
    }
}

static void pass_on(struct phub__hub *hub, struct phub_bytes id,
                    const struct phub__mail *mail, uint64_t node)
{
    struct phub__op_message out = {
        .origin = mail->origin, .reference = mail->reference,
        .hops = mail->hops + 1, .timeout_ms = mail->timeout_ms, .id = id,
        .data = phub__buf_bytes(mail->data) };
    int rc = mail->hops >= HOPS_MAX ? PHUB_EVIEW
        : phub__peer_send_struct(hub, node, PHUB__MESSAGE_CHILD_MESSAGE,
                                 &phub__op_message_schema, &out);

    if (rc != 0) {
        hub->counters.messages_dropped++;
        reply(hub, mail->origin, mail->reference, id, rc, NULL);
    }
}

static struct phub__mail *take(struct phub__local *local)
{
    struct phub__mail *mail = local->mail_first;

    local->mail_first = mail->next;
    if (mail->next == NULL)
        local->mail_last = NULL;
    local->hub->mailroom->waiting--;
    return mail;
}

static void mail_free(struct phub__mail *mail)
{
    phub__buf_unref(&mail->data);
    phub__free(mail);
}

void phub__mail_child_changed(struct phub__hub *hub,
                              struct phub__local *local)
{
    struct phub__row_facts row;
    struct phub__mail *mail;

    while (local->mail_first != NULL && takes(local) &&
           !held_back(local, 0)) {
        if (give(local, local->mail_first) == PHUB_EBUSY) {
            give_again(local);
            return;
        }
        mail_free(take(local));
    }
    if (local->mail_first == NULL)
        return;
    phub__row_facts(hub, phub__local_id(local), &row);
    if (row.live && (row.home == hub->node || collects(local)))
        return; /* it will run here, or its move tells */
    while (local->mail_first != NULL) {
        mail = take(local);
        if (row.live)
            pass_on(hub, phub__local_id(local), mail, row.home);
        else
            reply(hub, mail->origin, mail->reference, phub__local_id(local),
                  PHUB_ESTOPPED, NULL);
        mail_free(mail);
    }
}

void phub__mail_moved(struct phub__hub *hub, struct phub__local *local,
                      uint64_t target)
{
    struct phub__mail *mail;

    struct phub__op_message end = { .origin = hub->node, .end = 1,
                                    .id = phub__local_id(local) };

    if (target == hub->node)
        return;
    while (local->mail_first != NULL) {
        mail = take(local);
        pass_on(hub, phub__local_id(local), mail, target);
        mail_free(mail);
    }
    (void)phub__peer_send_struct(hub, target, PHUB__MESSAGE_CHILD_MESSAGE,
                                 &phub__op_message_schema, &end);
}

static void queue(struct phub__local *local, const struct phub__mail *mail)
{
    struct phub__hub *hub = local->hub;
    struct phub__mail *copy;

    copy = hub->mailroom->waiting < PHUB__MAIL_WAITING_MAX
               ? phub__calloc(1, sizeof *copy) : NULL;
    if (copy == NULL) {
        hub->counters.messages_dropped++;
        reply(hub, mail->origin, mail->reference, phub__local_id(local),
              PHUB_EBUSY, NULL);
        return;
    }
    *copy = *mail;
    copy->next = NULL;
    copy->data = phub__buf_ref(mail->data);
    if (local->mail_last != NULL)
        local->mail_last->next = copy;
    else
        local->mail_first = copy;
    local->mail_last = copy;
    hub->mailroom->waiting++;
}

void phub__mail_received(struct phub__hub *hub, uint64_t from,
                         struct phub_buf *body)
{
    struct phub__op_message in;
    struct phub__mail mail = { .next = NULL };
    struct phub__local *local;
    uint64_t home;

    if (phub__hub_decode(hub, &phub__op_message_schema, body, &in) != 0)
        return;
    local = phub__local_find(hub, in.id);
    if (in.end) {
        if (local != NULL && local->mail_origin == from) {
            local->mail_origin = 0;
            phub__mail_child_changed(hub, local);
        }
        phub__hub_decoded(hub);
        return;
    }
    mail.origin = in.origin;
    mail.reference = in.reference;
    mail.hops = in.hops;
    mail.timeout_ms = in.timeout_ms;
    mail.data = phub__buf_copy(in.data.data, in.data.size);
    home = phub__hub_home(hub, in.id);
    if (mail.data == NULL)
        reply(hub, in.origin, in.reference, in.id, PHUB_ENOMEM, NULL);
    else if (local != NULL && takes(local) && !held_back(local, from) &&
             (local->mail_first == NULL || local->mail_origin == from)) {
        if (give(local, &mail) == PHUB_EBUSY) {
            queue(local, &mail);
            give_again(local);
        }
    } else if (home == hub->node || collects(local)) {
        local = phub__local_get(hub, in.id);
        if (local != NULL)
            queue(local, &mail);
    } else if (home != 0)
        pass_on(hub, in.id, &mail, home);
    else
        reply(hub, in.origin, in.reference, in.id, PHUB_ENOTFOUND, NULL);
    phub__buf_unref(&mail.data);
    phub__hub_decoded(hub);
}

/* --- sending -------------------------------------------------------------------------- */

int phub__mail_send(struct phub__hub *hub, struct phub_bytes id,
                    struct phub_bytes data, uint32_t timeout_ms,
                    phub__mail_reply *done, void *arg)
{
    struct phub__op_message out = { .origin = hub->node,
                                    .timeout_ms = timeout_ms, .id = id,
                                    .data = data };
    uint64_t home = phub__hub_home(hub, id);
    struct call *call = NULL, **bucket;
    int rc;

    if (home == 0)
        return PHUB_ENOTFOUND;
    if (collects(phub__local_find(hub, id)))
        home = hub->node; /* behind those that wait here for the move */
    if (data.size > PHUB_MESSAGE_SIZE_MAX)
        return PHUB_ELIMIT;
    if (done != NULL) {
        call = phub__calloc(1, sizeof *call);
        if (call == NULL)
            return PHUB_ENOMEM;
        call->timer = hub->env->timer_new(hub->env, call_timed_out, call);
        if (call->timer == NULL) {
            phub__free(call);
            return PHUB_ENOMEM;
        }
        call->hub = hub;
        call->reference = ++hub->mailroom->last_reference;
        call->done = done;
        call->arg = arg;
        out.reference = call->reference;
    }
    rc = phub__peer_send_struct(hub, home, PHUB__MESSAGE_CHILD_MESSAGE,
                                &phub__op_message_schema, &out);
    if (rc != 0) {
        if (call != NULL)
            hub->env->timer_free(hub->env, &call->timer);
        phub__free(call);
        return rc == PHUB_ENODEDOWN ? PHUB_EAGAIN : rc;
    }
    hub->counters.messages_sent++;
    if (call == NULL)
        return 0;
    bucket = &hub->mailroom->calls[call->reference % CALL_BUCKETS];
    call->next = *bucket;
    *bucket = call;
    hub->env->timer_start(hub->env, call->timer,
                          hub->env->now_ns(hub->env) +
                              timeout_ms * NS_PER_MS);
    return 0;
}

void phub__mail_free(struct phub__hub *hub)
{
    struct phub__local *local;
    struct busy *busy;
    uint32_t i;

    if (hub->mailroom == NULL)
        return;
    for (i = 0; i < CALL_BUCKETS; i++)
        while (hub->mailroom->calls[i] != NULL)
            call_end(hub->mailroom->calls[i], PHUB_ESHUTDOWN,
                     "the hub is shutting down", NULL);
    for (local = hub->locals != NULL ? phub__locals_first(hub->locals) : NULL;
         local != NULL; local = local->next)
        while (local->mail_first != NULL)
            mail_free(take(local));
    while ((busy = hub->mailroom->busy) != NULL) {
        hub->mailroom->busy = busy->next;
        phub__free(busy);
    }
    if (hub->mailroom->busy_timer != NULL)
        hub->env->timer_free(hub->env, &hub->mailroom->busy_timer);
    phub__free(hub->mailroom);
    hub->mailroom = NULL;
}
