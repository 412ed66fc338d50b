/* SPDX-License-Identifier: MIT */
/* presend: states that go ahead of their child; the store is handover.c.
 *
 * Checkpoints.  While an instance with checkpoint_ms runs here, its state is
 * asked for that often and streamed to where it would go if this node were
 * lost.  One at a time per child; the next one is due an interval after the
 * last has ended, well or not.
 *
 * Leaving.  What a drain could not move is ended by the node's stop, and would
 * be started elsewhere without its state.  The migration strategy says for
 * which of them that must not be; one that has no word for it means all.  Each
 * is frozen, if it can, its state is taken and sent to its next home, all of
 * them at once and under one deadline.  A child that does not answer costs
 * itself only: its next home is told that the state is missing, which is not an
 * empty state.  One that is beginning with a state is asked when it runs; and
 * none begins any more, for what it acknowledged would go nowhere.  Moves that
 * are under way are waited for: what one fails to take along is sent.
 *
 * A move may have been decided, and its target leave or refuse, when all that
 * is over.  Then the child comes back to a node that starts nothing any more.
 * It has the state, and the home: it sends the state on, and the home after it.
 * Who asks it to run the child waits for that. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/handover.h"
#include "hub/keeper.h"
#include "hub/move.h"
#include "hub/rows.h"
#include "strategy/caller.h"
#include "wire/memory.h"

#define NS_PER_MS 1000000ull
#define CHECKPOINT_TIMEOUT_MS 30000u  /* to take one, and to send it */
#define CHECKPOINT_TTL_TIMES 4u       /* intervals that one is kept, */
#define CHECKPOINT_TTL_MS 60000u      /* and this much more */
#define PRESEND_MS 5000u              /* of a stop at most */
#define TELL_MS 500u                  /* for the news that a state is missing */
#define MOVES_MS 20u                   /* between looks at moves under way */
#define AGAIN_MS 250u  /* until what came back is sent to the next one */

/* Where the child would go without this node; *node 0: nowhere, or nothing may
 * be placed.  An error: that is not known, ask again. */
static int next_home(struct phub__hub *hub, struct phub_bytes id,
                     uint64_t *node)
{
    struct phub_view *others =
        phub__view_without(hub, phub__hub_view(hub), hub->node);
    char text[256];
    int rc = others == NULL ? PHUB_ENOMEM : 0;

    *node = 0;
    if (rc == 0 && hub->verdict == PHUB_VERDICT_CONTINUE &&
        phub__view_count(others) != 0)
        rc = phub__keeper_place(hub, others, &id, NULL, 1, PHUB_CAUSE_DRAIN,
                                node, text, sizeof text);
    phub__view_unref(&others);
    if (rc != 0)
        *node = 0;
    return rc == PHUB_ENOPLACE ? 0 : rc;
}

/* --- checkpoints --------------------------------------------------------------- */

struct phub__checkpoint {
    struct phub__local *local;
    struct phub__timer *timer;
    struct phub__state_out *stream;
    uint64_t serial;              /* of the question under way */
    uint64_t interval_ms;
    void (*done)(void *arg, int rc, const char *text);  /* of a strategy's */
    void *arg;
};

/* A question outlives what asked it. */
struct asked {
    struct phub__hub *hub;
    uint64_t serial;
    uint32_t id_size;
    char id[PHUB_CHILD_ID_MAX];
};

static void again(struct phub__checkpoint *c)
{
    struct phub_env *env = c->local->hub->env;

    c->serial = 0;
    env->timer_start(env, c->timer,
                     env->now_ns(env) + c->interval_ms * NS_PER_MS);
}

/* Whoever gave it hears how it went. */
static void checkpoint_told(struct phub__checkpoint *c, int rc,
                            const char *text)
{
    void (*done)(void *arg, int rc, const char *text) = c->done;

    c->done = NULL;
    if (done != NULL)
        done(c->arg, rc, text);
}

static void checkpoint_sent(void *arg, int rc, const char *text)
{
    struct phub__checkpoint *c = arg;
    struct phub__hub *hub = c->local->hub;

    c->stream = NULL;
    checkpoint_told(c, rc, text);
    if (rc == 0)
        hub->counters.checkpoints++;
    else
        hub->counters.checkpoints_failed++;
    if (rc != 0)
        phub__hub_cause(hub, phub__local_id(c->local),
                        "a checkpoint was not kept: %s", text);
    again(c);
}

static void checkpoint_send(struct phub__checkpoint *c,
                            struct phub_buf *state)
{
    struct phub__local *local = c->local;
    struct phub__hub *hub = local->hub;
    struct phub_bytes id = phub__local_id(local);
    struct phub__op_state as = {
        .kind = PHUB__HANDOVER_CHECKPOINT,
        /* Grows over restarts of the child in place; a daemon that restarts
         * takes a new home epoch. */
        .sequence = hub->env->now_ns(hub->env),
        .ttl_ms = c->interval_ms * CHECKPOINT_TTL_TIMES + CHECKPOINT_TTL_MS };
    struct phub__row_facts row;
    uint64_t node;

    phub__row_facts(hub, id, &row);
    if (next_home(hub, id, &node) != 0 || node == 0 || !row.live ||
        row.home != hub->node || state->size > PHUB_STATE_SIZE_MAX ||
        phub__state_send(hub, node, id, row.incarnation, row.home_epoch,
                         state, &as, CHECKPOINT_TIMEOUT_MS, checkpoint_sent,
                         c, &c->stream) != 0)
        again(c);
}

static void checkpoint_taken(void *arg, int rc, const char *text,
                             struct phub_buf *body)
{
    struct asked asked = *(struct asked *)arg;
    struct phub_bytes id = { (const uint8_t *)asked.id, asked.id_size };
    struct phub__local *local;

    (void)text;
    phub__free(arg);
    if (rc == PHUB_ECANCELLED)
        return; /* the hub ends, or the instance */
    local = phub__local_find(asked.hub, id);
    if (local == NULL || local->checkpoint == NULL ||
        local->checkpoint->serial != asked.serial)
        return;
    if (rc == 0 && body != NULL && local->move == NULL &&
        local->instance != NULL &&
        phub__instance_phase(local->instance) == PHUB__PHASE_RUNNING) {
        checkpoint_send(local->checkpoint, body);
        return;
    }
    if (rc != 0)
        asked.hub->counters.checkpoints_failed++;
    again(local->checkpoint);
}

static void checkpoint_due(void *arg)
{
    struct phub__checkpoint *c = arg;
    struct phub__local *local = c->local;
    struct phub__hub *hub = local->hub;
    struct asked *asked;

    if (local->move != NULL || hub->drain != NULL ||
        hub->on_stopped != NULL || hub->stopping ||
        local->instance == NULL || !phub__hub_in_charge(hub) ||
        phub__view_count(phub__hub_view(hub)) < 2 ||
        !(phub__instance_can(local->instance) & PHUB__CAN_STATE)) {
        again(c);
        return;
    }
    asked = phub__calloc(1, sizeof *asked);
    if (asked == NULL) {
        again(c);
        return;
    }
    asked->hub = hub;
    asked->serial = c->serial = ++hub->checkpoint_serial;
    asked->id_size = local->id_size;
    memcpy(asked->id, local->id, local->id_size);
    phub__instance_take_state(local->instance, CHECKPOINT_TIMEOUT_MS,
                              checkpoint_taken, asked);
}

int phub__checkpoint_put(struct phub__local *local, uint64_t node,
                         struct phub_buf *state, uint64_t ttl_ms,
                         void (*done)(void *arg, int rc, const char *text),
                         void *arg)
{
    struct phub__checkpoint *c = local->checkpoint;
    struct phub__hub *hub = local->hub;
    struct phub__op_state as = {
        .kind = PHUB__HANDOVER_CHECKPOINT,
        .sequence = hub->env->now_ns(hub->env), .ttl_ms = ttl_ms };
    struct phub__row_facts row;
    int rc;

    phub__row_facts(hub, phub__local_id(local), &row);
    if (!row.live || row.home != hub->node)
        return PHUB_EMOVED;
    if (c == NULL)
        return PHUB_EREFUSED;
    if (c->stream != NULL || c->serial != 0)
        return PHUB_EBUSY;
    rc = phub__state_send(hub, node, phub__local_id(local), row.incarnation,
                          row.home_epoch, state, &as, CHECKPOINT_TIMEOUT_MS,
                          checkpoint_sent, c, &c->stream);
    if (rc != 0)
        return rc;
    hub->env->timer_stop(hub->env, c->timer); /* the own one comes after it */
    c->done = done;
    c->arg = arg;
    return 0;
}

void phub__checkpoint_free(struct phub__local *local)
{
    struct phub__checkpoint *c = local->checkpoint;

    if (c == NULL)
        return;
    local->checkpoint = NULL;
    phub__state_cancel(&c->stream);
    checkpoint_told(c, PHUB_ECANCELLED, "its instance is over");
    local->hub->env->timer_free(local->hub->env, &c->timer);
    phub__free(c);
}

void phub__checkpoint_changed(struct phub__local *local)
{
    struct phub__hub *hub = local->hub;
    struct phub__checkpoint *c = local->checkpoint;
    uint64_t interval_ms = 0;

    if (local->instance != NULL && local->arrival == NULL &&
        phub__instance_phase(local->instance) == PHUB__PHASE_RUNNING)
        interval_ms = phub__instance_spec(local->instance)->checkpoint_ms;
    if (interval_ms == 0) {
        phub__checkpoint_free(local);
        return;
    }
    if (c != NULL)
        return;
    c = phub__calloc(1, sizeof *c);
    if (c == NULL)
        return; /* its next change tries again */
    c->timer = hub->env->timer_new(hub->env, checkpoint_due, c);
    if (c->timer == NULL) {
        phub__free(c);
        return;
    }
    c->local = local;
    c->interval_ms = interval_ms;
    local->checkpoint = c;
    again(c);
}

/* --- leaving ------------------------------------------------------------------- */

/* One child whose state goes ahead. */
struct sending {
    struct sending *next;
    struct phub__hub *hub;
    uint64_t serial;
    uint64_t target;
    struct phub_epoch incarnation, epoch;
    struct phub__state_out *stream;
    void (*done)(void *arg, int rc, const char *text);  /* NULL: nobody's */
    void *arg;
    int code;                     /* there is no state, and this is why */
    int told;                     /* there, or given up */
    int begins;                   /* it is asked when it runs, */
    int nowhere;                  /* or when a home for it is known */
    uint32_t id_size;
    char id[PHUB_CHILD_ID_MAX];
};

struct phub__presend {
    struct sending *first;
    struct phub__timer *timer;
    uint32_t left;
    uint64_t deadline_ns;
    int late;                     /* the deadline has passed */
    void (*done)(struct phub__hub *hub);
};

void phub__presend_free(struct phub__hub *hub)
{
    struct phub__presend *p = hub->presend;
    struct sending *s;

    if (p == NULL)
        return;
    hub->presend = NULL;
    while ((s = p->first) != NULL) {
        p->first = s->next;
        phub__state_cancel(&s->stream);
        if (!s->told && s->done != NULL)
            s->done(s->arg, PHUB_ETIMEDOUT, "the node's time is up");
        phub__free(s);
    }
    hub->env->timer_free(hub->env, &p->timer);
    phub__free(p);
}

static void presend_over(struct phub__hub *hub)
{
    void (*done)(struct phub__hub *hub) = hub->presend->done;

    phub__presend_free(hub);
    done(hub);
}

static void told(struct sending *s, int rc, const char *text)
{
    struct phub__presend *p = s->hub->presend;

    s->told = 1;
    if (s->done != NULL)
        s->done(s->arg, rc != 0 ? rc : s->code, text);
    if (--p->left == 0) /* from the loop: we may be inside its start */
        s->hub->env->timer_start(s->hub->env, p->timer,
                                 s->hub->env->now_ns(s->hub->env));
}

/* It came back to us, who are stopping: as its home we give it to the one who
 * has its state now.  If we may not, the keeper does when we have left. */
static void follow(const struct sending *s, struct phub_bytes id)
{
    struct phub__hub *hub = s->hub;
    struct phub__local *local = phub__local_find(hub, id);
    struct phub__row_facts row;
    char name[PHUB_NODE_NAME_MAX + 24];

    if (local != NULL)
        phub__local_keep(local, NULL, s->incarnation);
    phub__row_facts(hub, id, &row);
    if (!row.live || row.home != hub->node || !phub__hub_in_charge(hub) ||
        phub_epoch_cmp(row.incarnation, s->incarnation) != 0 ||
        phub_epoch_cmp(row.home_epoch, s->epoch) != 0)
        return;
    phub__hub_node_name(hub, s->target, name, sizeof name);
    phub__hub_cause(hub, id, "new home %s: this node stops, and has sent it "
                    "the state", name);
    (void)phub__row_home(hub, id, row.incarnation, s->target,
                         phub__hub_epoch(hub));
    phub__reconcile(hub, id);
}

static void sent(void *arg, int rc, const char *text)
{
    struct sending *s = arg;
    struct phub_bytes id = { (const uint8_t *)s->id, s->id_size };

    s->stream = NULL;
    if (rc == 0)
        s->hub->counters.states_presented++;
    else
        phub__hub_cause(s->hub, id, "its state could not be sent ahead: %s",
                        text);
    if (rc == 0 && s->hub->stopping)
        follow(s, id);
    told(s, rc, text);
}

/* The state, or with code the news that there is none. */
static void send(struct sending *s, struct phub_buf *state, int code)
{
    struct phub__op_state as = { .kind = PHUB__HANDOVER_PRESENT,
                                 .ttl_ms = PHUB__HANDOVER_TTL_MS,
                                 .code = code };
    struct phub_buf *none = NULL;
    struct phub__hub *hub = s->hub;
    uint64_t now = hub->env->now_ns(hub->env);
    uint64_t left_ms = s->hub->presend->deadline_ns > now
        ? (s->hub->presend->deadline_ns - now) / NS_PER_MS : 0;

    s->code = code;
    if (state == NULL)
        state = none = phub__buf_copy("", 0);
    if (state == NULL || state->size > PHUB_STATE_SIZE_MAX ||
        phub__state_send(hub, s->target,
                         (struct phub_bytes){ (const uint8_t *)s->id,
                                              s->id_size },
                         s->incarnation, s->epoch, state, &as,
                         (uint32_t)left_ms + TELL_MS, sent, s,
                         &s->stream) != 0)
        told(s, PHUB_EFAILED, "its state could not be sent");
    phub__buf_unref(&none);
}

static struct sending *sending_of(struct asked *asked)
{
    struct sending *s = asked->hub->presend != NULL
                            ? asked->hub->presend->first : NULL;

    while (s != NULL && s->serial != asked->serial)
        s = s->next;
    return s != NULL && !s->told && s->stream == NULL ? s : NULL;
}

static void taken(void *arg, int rc, const char *text, struct phub_buf *body)
{
    struct asked asked = *(struct asked *)arg;
    struct sending *s;

    (void)text;
    phub__free(arg);
    if (rc == PHUB_ECANCELLED || (s = sending_of(&asked)) == NULL)
        return;
    send(s, rc == 0 ? body : NULL,
         rc != 0 ? rc : body == NULL ? PHUB_EFAILED : 0);
}

static uint32_t time_left(const struct phub__hub *hub)
{
    uint64_t now = hub->env->now_ns(hub->env);

    return hub->presend->deadline_ns > now
        ? (uint32_t)((hub->presend->deadline_ns - now) / NS_PER_MS) + 1 : 1;
}

static void froze(void *arg, int rc, const char *text, struct phub_buf *body)
{
    struct asked *asked = arg;
    struct sending *s;
    struct phub__local *local;

    (void)body;
    (void)text;
    s = rc != PHUB_ECANCELLED ? sending_of(asked) : NULL;
    local = s != NULL
        ? phub__local_find(asked->hub,
                           (struct phub_bytes){ (const uint8_t *)s->id,
                                                s->id_size }) : NULL;
    if (s == NULL) {
        phub__free(asked);
    } else if (rc != 0 || local == NULL || local->instance == NULL) {
        phub__free(asked);
        send(s, NULL, rc != 0 ? rc : PHUB_EFAILED);
    } else {
        phub__instance_take_state(local->instance, time_left(asked->hub),
                                  taken, asked);
    }
}

static void ask(struct phub__local *local, struct sending *s)
{
    struct phub__hub *hub = local->hub;
    struct asked *asked = phub__calloc(1, sizeof *asked);

    if (asked == NULL) {
        send(s, NULL, PHUB_ENOMEM);
        return;
    }
    asked->hub = hub;
    asked->serial = s->serial;
    if (phub__instance_can(local->instance) & PHUB__CAN_FREEZE)
        phub__instance_freeze(local->instance, time_left(hub), froze, asked);
    else
        phub__instance_take_state(local->instance, time_left(hub), taken,
                                  asked);
}

/* Is there a state here that only this node can pass on? */
static int has_state(const struct phub__local *local,
                     const struct phub__row_facts *row)
{
    if (!row->live || row->home != local->hub->node || local->move != NULL ||
        local->arrival != NULL)
        return 0;
    if (local->instance == NULL)
        return local->kept != NULL &&
               phub_epoch_cmp(local->kept_incarnation,
                              row->incarnation) == 0;
    if (phub__instance_given(local->instance) != NULL)
        return 1;
    return phub__instance_phase(local->instance) == PHUB__PHASE_RUNNING &&
           !phub__instance_adopted(local->instance) &&
           (phub__instance_can(local->instance) & PHUB__CAN_STATE) != 0;
}

/* Is it known where it goes? */
static int finds_home(struct sending *s)
{
    struct phub__hub *hub = s->hub;
    struct phub_bytes id = { (const uint8_t *)s->id, s->id_size };

    if (s->nowhere)
        s->nowhere = next_home(hub, id, &s->target) != 0;
    if (s->target == 0 && (!s->nowhere || hub->presend->late))
        told(s, PHUB_ENOPLACE, "no node can take it");
    return s->target != 0;
}

/* Those that were beginning: what they have now.  1 if one begins still. */
static int look_at_beginners(struct phub__hub *hub)
{
    struct sending *s;
    int more = 0;

    for (s = hub->presend->first; s != NULL; s = s->next) {
        struct phub__local *local = s->begins && !s->told
            ? phub__local_find(hub, (struct phub_bytes){
                                        (const uint8_t *)s->id, s->id_size })
            : NULL;
        struct phub__instance *instance =
            local != NULL ? local->instance : NULL;

        if (!s->begins || s->told)
            continue;
        if (!finds_home(s)) {
            more |= !s->told;
            continue;
        }
        if (instance != NULL && phub__instance_given(instance) != NULL &&
            !hub->presend->late) {
            more = 1;
            continue;
        }
        s->begins = 0;
        if (instance != NULL && phub__instance_given(instance) != NULL)
            send(s, phub__instance_given(instance), 0);
        else if (instance != NULL)
            ask(local, s);
        else
            send(s, local != NULL ? local->kept : NULL,
                 local != NULL && local->kept != NULL ? 0 : PHUB_EFAILED);
    }
    return more;
}

int phub__presend_child(struct phub__hub *hub, struct phub_bytes id,
                        void (*done)(void *arg, int rc, const char *text),
                        void *arg)
{
    struct phub__local *local = phub__local_find(hub, id);
    struct phub__presend *p = hub->presend;
    struct phub_env *env = hub->env;
    struct phub__row_facts row;
    struct sending *s;
    uint64_t target;
    int nowhere;

    if (p == NULL || p->late)
        return PHUB_EINVAL;
    phub__row_facts(hub, id, &row);
    if (local == NULL || !has_state(local, &row))
        return PHUB_ENOTFOUND;
    nowhere = next_home(hub, id, &target) != 0;
    if (target == 0 && !nowhere)
        return PHUB_ENOPLACE;
    s = phub__calloc(1, sizeof *s);
    if (s == NULL)
        return PHUB_ENOMEM;
    s->hub = hub;
    s->target = target;
    s->done = done;
    s->arg = arg;
    s->serial = ++hub->checkpoint_serial;
    s->incarnation = row.incarnation;
    s->epoch = row.home_epoch;
    s->id_size = local->id_size;
    memcpy(s->id, local->id, local->id_size);
    s->next = p->first;
    p->first = s;
    p->left++;
    s->nowhere = nowhere;
    s->begins = nowhere || (local->instance != NULL &&
                            phub__instance_given(local->instance) != NULL);
    env->timer_start(env, p->timer, env->now_ns(env));
    if (s->begins)
        return 0;
    if (local->instance != NULL)
        ask(local, s);
    else
        send(s, local->kept, 0);
    return 0;
}

/* All are there; or the deadline: who has not answered has no state. */
static void presend_fired(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__presend *p = hub->presend;
    struct phub_env *env = hub->env;
    struct sending *s;

    if ((look_at_beginners(hub) ||
         (p->left == 0 && !p->late && phub__moves_count(hub->moves) != 0)) &&
        env->now_ns(env) < p->deadline_ns) {
        /* What a move takes along is there; what it fails to take is sent. */
        env->timer_start(env, p->timer,
                         env->now_ns(env) + MOVES_MS * NS_PER_MS);
        return;
    }
    if (p->left == 0 || p->late) {
        presend_over(hub);
        return;
    }
    if (env->now_ns(env) < p->deadline_ns) {
        env->timer_start(env, p->timer, p->deadline_ns);
        return;
    }
    p->late = 1;
    env->timer_start(env, p->timer, env->now_ns(env) + TELL_MS * NS_PER_MS);
    (void)look_at_beginners(hub);
    for (s = p->first; s != NULL; s = s->next)
        if (!s->told && s->stream == NULL)
            send(s, NULL, PHUB_ETIMEDOUT);
}

uint64_t phub__presend_share(uint64_t deadline_ms)
{
    return deadline_ms / 4 < PRESEND_MS ? deadline_ms / 4 : PRESEND_MS;
}

static int presend_new(struct phub__hub *hub, uint64_t deadline_ns,
                       void (*done)(struct phub__hub *hub))
{
    struct phub__presend *p = phub__calloc(1, sizeof *p);

    if (p != NULL)
        p->timer = hub->env->timer_new(hub->env, presend_fired, hub);
    if (p == NULL || p->timer == NULL) {
        phub__free(p);
        return PHUB_ENOMEM;
    }
    p->done = done;
    p->deadline_ns = deadline_ns;
    hub->presend = p;
    return 0;
}

/* --- what comes back to one that is stopping --------------------------------- */

int phub__presend_returns(const struct phub__local *local,
                          struct phub_epoch incarnation)
{
    return local->hub->stopping && local->hub->presend_ms != 0 &&
           local->kept != NULL &&
           phub_epoch_cmp(local->kept_incarnation, incarnation) == 0;
}

static void returned_over(struct phub__hub *hub)
{
    (void)hub; /* who stops looks again */
}

static int has_returned(const struct phub__local *local)
{
    struct phub__row_facts row;

    if (local->kept == NULL)
        return 0;
    phub__row_facts(local->hub, phub__local_id(local), &row);
    return phub__presend_returns(local, row.incarnation) &&
           has_state(local, &row);
}

int phub__presend_rest(struct phub__hub *hub)
{
    uint64_t now = hub->env->now_ns(hub->env);
    struct phub__local *local = phub__locals_first(hub->locals);

    if (hub->presend != NULL || phub__moves_count(hub->moves) != 0)
        return 1;
    while (local != NULL && !has_returned(local))
        local = local->next;
    if (local == NULL)
        return 0;
    if (now < hub->presend_again_ns)
        return 1;
    hub->presend_again_ns = now + AGAIN_MS * NS_PER_MS;
    if (presend_new(hub, now + hub->presend_ms * NS_PER_MS,
                    returned_over) != 0)
        return 0;
    for (; local != NULL; local = local->next)
        if (has_returned(local))
            (void)phub__presend_child(hub, phub__local_id(local), NULL, NULL);
    if (hub->presend->left != 0)
        return 1;
    phub__presend_free(hub); /* there is nobody to take it */
    return 0;
}

void phub__presend_start(struct phub__hub *hub, uint64_t deadline_ms,
                         void (*done)(struct phub__hub *hub))
{
    struct phub_env *env = hub->env;
    struct phub__local *local;

    if (deadline_ms == 0 ||
        presend_new(hub, env->now_ns(env) + deadline_ms * NS_PER_MS,
                    done) != 0) {
        done(hub);
        return;
    }
    if (!phub__call_leave(hub->strategies[PHUB_KIND_MIGRATION],
                          (uint32_t)deadline_ms))
        for (local = phub__locals_first(hub->locals); local != NULL;
             local = local->next)
            (void)phub__presend_child(hub, phub__local_id(local), NULL, NULL);
    env->timer_start(env, hub->presend->timer, env->now_ns(env));
}
