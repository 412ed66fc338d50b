/* SPDX-License-Identifier: MIT */
/* message: routes messages to children and replies back; see message.h.
 *
 * What waits for a child waits in one queue, that of one sender in the order
 * of sending.  After a move the origin forwards what waited there and closes
 * with an END, which says what the child was given; the target gives nothing
 * until then (schedule 10 of the design), or until the origin leaves the view.
 * What takes other ways, before and after that, is put in order by its marks:
 * see order.c.  A reply goes straight back to the sender's node. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/message.h"
#include "hub/move_private.h"
#include "hub/order.h"
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
    uint64_t since_ns;             /* it is here */
    struct phub__mark mark;
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
    uint64_t last_reference, last_number;
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
    hub->mailroom->last_reference = phub__hub_numbers(hub);
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

/* Must all wait for the origin's END? */
static int held_back(struct phub__local *local)
{
    struct phub_env *env = local->hub->env;
    const struct phub_view_node *node;

    if (local->mail_origin != 0) {
        node = phub__view_find(phub__hub_view(local->hub),
                               local->mail_origin);
        if (node == NULL || node->boot != local->mail_origin_boot ||
            env->now_ns(env) - local->mail_since_ns >=
                PHUB__ORDER_HOLD_MS * NS_PER_MS)
            local->mail_origin = 0; /* what waited there is gone with it */
    }
    return local->mail_origin != 0;
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

/* To the node by the way that the row names, or nowhere. */
static int post(struct phub__hub *hub, struct phub_bytes id, uint64_t node,
                struct phub__op_message *out)
{
    struct phub__row_view row;
    int rc;

    if (phub__registry_get(hub->registry, id, &row) != 0)
        return PHUB_ENOTFOUND;
    if (out->mark.number != 0)
        phub__order_link(hub, out->origin, &row, node, &out->mark);
    rc = phub__peer_send_struct(hub, node, PHUB__MESSAGE_CHILD_MESSAGE,
                                &phub__op_message_schema, out);
    if (rc == 0 && out->mark.number != 0)
        phub__order_sent(hub, out->origin, &row, node, &out->mark);
    return rc;
}

static void drop(struct phub__hub *hub, struct phub_bytes id,
                 const struct phub__mail *mail, int rc)
{
    hub->counters.messages_dropped++;
    reply(hub, mail->origin, mail->reference, id, rc, NULL);
}

static void pass_on(struct phub__hub *hub, struct phub_bytes id,
                    const struct phub__mail *mail, uint64_t node)
{
    struct phub__op_message out = {
        .origin = mail->origin, .reference = mail->reference,
        .hops = mail->hops + 1, .timeout_ms = mail->timeout_ms, .id = id,
        .data = phub__buf_bytes(mail->data), .mark = mail->mark };
    int rc = mail->hops >= HOPS_MAX ? PHUB_EVIEW : post(hub, id, node, &out);

    if (rc != 0)
        drop(hub, id, mail, rc);
}

/* The one behind before, or the first. */
static struct phub__mail *take_behind(struct phub__local *local,
                                      struct phub__mail *before)
{
    struct phub__mail **p = before != NULL ? &before->next
                                           : &local->mail_first;
    struct phub__mail *mail = *p;

    *p = mail->next;
    if (mail->next == NULL)
        local->mail_last = before;
    local->hub->mailroom->waiting--;
    local->mail_count--;
    return mail;
}

static struct phub__mail *take(struct phub__local *local)
{
    return take_behind(local, NULL);
}

static void mail_free(struct phub__mail *mail)
{
    phub__buf_unref(&mail->data);
    phub__free(mail);
}

/* Give what may be given. */
static void give_all(struct phub__local *local)
{
    struct phub__mail *mail, *before = NULL;
    enum phub__order order;

    while (takes(local) && !held_back(local)) {
        mail = before != NULL ? before->next : local->mail_first;
        if (mail == NULL)
            break;
        order = phub__order_judge(local, mail->origin, &mail->mark,
                                  mail->since_ns);
        if (order == PHUB__ORDER_WAIT) {
            before = mail;
            continue;
        }
        if (order == PHUB__ORDER_LATE)
            drop(local->hub, phub__local_id(local), mail, PHUB_EAGAIN);
        else if (give(local, mail) == PHUB_EBUSY)
            break;
        else
            phub__order_given(local, mail->origin, &mail->mark);
        mail_free(take_behind(local, before));
    }
    if (local->mail_first != NULL && takes(local))
        give_again(local);
}

void phub__mail_child_changed(struct phub__hub *hub,
                              struct phub__local *local)
{
    struct phub__row_facts row;
    struct phub__mail *mail;

    give_all(local);
    if (local->mail_first == NULL || takes(local))
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
    struct phub__op_message end = { .origin = hub->node, .end = 1,
                                    .id = phub__local_id(local) };
    struct phub__op_heard *heard;
    struct phub__mail *mail;

    if (target == hub->node)
        return;
    if (held_back(local)) {
        end.mark.via = local->mail_origin;
        end.mark.via_boot = local->mail_origin_boot;
    }
    while (local->mail_first != NULL) {
        mail = take(local);
        pass_on(hub, phub__local_id(local), mail, target);
        mail_free(mail);
    }
    heard = phub__calloc(PHUB__MEMBERS_MAX, sizeof *heard);
    if (heard != NULL)
        end.heard = (struct phub__list){ heard,
                                         phub__order_heard(local, heard) };
    (void)phub__peer_send_struct(hub, target, PHUB__MESSAGE_CHILD_MESSAGE,
                                 &phub__op_message_schema, &end);
    phub__free(heard);
}

void phub__mail_comes(struct phub__local *local, uint64_t origin,
                      uint64_t origin_boot)
{
    struct phub_env *env = local->hub->env;

    local->mail_origin = origin;
    local->mail_origin_boot = origin_boot;
    local->mail_since_ns = env->now_ns(env);
}

/* Of its sender's the last one that was sent before it, NULL if none waits,
 * and in *before the one of all after which it has to stand. */
static struct phub__mail *place(const struct phub__local *local,
                                const struct phub__mail *mail,
                                struct phub__mail **before)
{
    struct phub__mail *m, *last = NULL;

    *before = NULL;
    for (m = local->mail_first; m != NULL; m = m->next) {
        if (m->origin == mail->origin && m->mark.boot == mail->mark.boot) {
            if (m->mark.number > mail->mark.number)
                return last;
            last = m;
        }
        *before = m;
    }
    return last;
}

static void queue(struct phub__local *local, const struct phub__mail *mail)
{
    struct phub__hub *hub = local->hub;
    struct phub__mail *copy, *before = local->mail_last, *earlier;

    copy = hub->mailroom->waiting < PHUB__MAIL_WAITING_MAX &&
                   local->mail_count < PHUB__MAIL_OF_CHILD_MAX
               ? phub__calloc(1, sizeof *copy) : NULL;
    if (copy == NULL) {
        drop(hub, phub__local_id(local), mail, PHUB_EBUSY);
        return;
    }
    *copy = *mail;
    copy->data = phub__buf_ref(mail->data);
    if (!phub__order_queued(local, copy->origin, &copy->mark)) {
        earlier = place(local, copy, &before);
        if (earlier != NULL)
            phub__order_behind(hub, earlier->mark.number, &copy->mark);
    }
    copy->next = before != NULL ? before->next : local->mail_first;
    *(before != NULL ? &before->next : &local->mail_first) = copy;
    if (copy->next == NULL)
        local->mail_last = copy;
    hub->mailroom->waiting++;
    local->mail_count++;
}

/* The origin has forwarded all; and this is what the child was given there.
 * If it went on before it had the END of its own origin, that is still to
 * come, by way of it. */
static void ended(struct phub__hub *hub, struct phub__op_message *end)
{
    struct phub__local *local = phub__local_find(hub, end->id);
    uint64_t home = phub__hub_home(hub, end->id);

    if (local != NULL && (home == hub->node || collects(local) ||
                          local->arrival != NULL)) {
        phub__order_told(local, end->heard.items, end->heard.count);
        if (local->mail_origin == end->origin) {
            local->mail_origin = end->mark.via;
            local->mail_origin_boot = end->mark.via_boot;
        }
        phub__mail_child_changed(hub, local);
    } else if (home != 0 && end->hops++ < HOPS_MAX)
        (void)phub__peer_send_struct(hub, home, PHUB__MESSAGE_CHILD_MESSAGE,
                                     &phub__op_message_schema, end);
}

static void arrived(struct phub__hub *hub, struct phub_bytes id,
                    struct phub__mail *mail)
{
    struct phub__local *local = phub__local_find(hub, id);
    int taken = local != NULL && takes(local);
    struct phub__row_view row;
    uint64_t home = 0;

    if (phub__registry_get(hub->registry, id, &row) == 0 && row.live) {
        home = row.home;
        /* One before it may have been passed on from here. */
        phub__order_link(hub, mail->origin, &row, hub->node, &mail->mark);
    }
    if (taken && local->mail_first == NULL && !held_back(local) &&
        phub__order_judge(local, mail->origin, &mail->mark,
                          mail->since_ns) == PHUB__ORDER_NOW &&
        give(local, mail) != PHUB_EBUSY) {
        phub__order_given(local, mail->origin, &mail->mark);
        return;
    }
    if (taken || home == hub->node || collects(local) ||
        (home != 0 && local != NULL && local->mail_first != NULL)) {
        local = phub__local_get(hub, id);
        if (local == NULL) {
            drop(hub, id, mail, PHUB_ENOMEM);
            return;
        }
        queue(local, mail);
        if (taken || home != hub->node)
            phub__mail_child_changed(hub, local);
    } else if (home != 0)
        pass_on(hub, id, mail, home);
    else
        drop(hub, id, mail, PHUB_ENOTFOUND);
}

void phub__mail_received(struct phub__hub *hub, uint64_t from,
                         struct phub_buf *body)
{
    struct phub__op_message in;
    struct phub__mail mail = { .next = NULL };

    if (phub__hub_decode(hub, &phub__op_message_schema, body, &in) != 0)
        return;
    (void)from;
    if (in.end) {
        ended(hub, &in);
        phub__hub_decoded(hub);
        return;
    }
    mail.origin = in.origin;
    mail.reference = in.reference;
    mail.hops = in.hops;
    mail.timeout_ms = in.timeout_ms;
    mail.since_ns = hub->env->now_ns(hub->env);
    mail.mark = in.mark;
    mail.data = phub__buf_copy(in.data.data, in.data.size);
    if (mail.data == NULL)
        drop(hub, in.id, &mail, PHUB_ENOMEM);
    else
        arrived(hub, in.id, &mail);
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
                                    .data = data,
                                    .mark = { .boot = hub->boot } };
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
    out.mark.number = ++hub->mailroom->last_number;
    rc = post(hub, id, home, &out);
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
    phub__order_sent_free(&hub->order_sent);
    phub__free(hub->mailroom);
    hub->mailroom = NULL;
}
