/* SPDX-License-Identifier: MIT */
/* actor: the steps of one actor, on whatever thread has it; see actor.h. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "child/actor_private.h"
#include "wire/memory.h"

/* What a function of the behaviour said during its step. */
struct phub__step {
    const struct phub__letter *letter;
    struct phub__letters *results;
    struct phub_buf *reply;
    struct phub_buf *state;
    int replied, takes_state;
};

void phub__letter_free(struct phub__letter *letter)
{
    phub__buf_unref(&letter->body);
    phub__free(letter->text_owned);
    if (letter->result != PHUB__RESULT_EXITED)
        phub__free(letter); /* EXITED is part of its actor */
}

void phub__letters_free(struct phub__letters *list)
{
    struct phub__letter *letter;

    while ((letter = phub__letters_take(list)) != NULL)
        phub__letter_free(letter);
}

/* --- run queue ------------------------------------------------------------ */

int phub__actor_queue(struct phub_actor *actor)
{
    struct phub__actors *actors = actor->actors;

    if (actor->queued || actor->closed)
        return 0;
    actor->queued = 1;
    actor->run_next = NULL;
    if (actors->run_last != NULL)
        actors->run_last->run_next = actor;
    else
        actors->run_first = actor;
    actors->run_last = actor;
    return 1;
}

struct phub_actor *phub__actors_next(struct phub__actors *actors)
{
    struct phub_actor *actor = actors->run_first;

    if (actor != NULL) {
        actors->run_first = actor->run_next;
        if (actors->run_first == NULL)
            actors->run_last = NULL;
    }
    return actor;
}

/* --- steps ---------------------------------------------------------------- */

static void answer(struct phub__step *step, struct phub__letter *letter,
                   int code, const char *text, struct phub_buf *body)
{
    phub__buf_unref(&letter->body);
    if (letter->ref == 0) {
        phub__buf_unref(&body);
        phub__letter_free(letter);
        return;
    }
    letter->result = PHUB__RESULT_DONE;
    letter->code = code;
    letter->text = text;
    letter->body = body;
    phub__letters_append(step->results, letter);
}

static int past_deadline(const struct phub_actor *actor)
{
    struct phub__actors *actors = actor->actors;
    uint64_t deadline = atomic_load(&actors->deadline);

    return atomic_load(&actor->expired) ||
           (deadline != 0 && actors->env->boot_ns(actors->env) >= deadline);
}

static void do_start(struct phub_actor *actor, struct phub__step *step,
                     struct phub__letter *letter)
{
    const struct phub_behaviour *b = &actor->behaviour->is;
    struct phub_bytes argument = phub__buf_bytes(letter->body);
    int rc = 0;

    if (b->init != NULL)
        rc = b->init(actor->self, actor, argument.data, argument.size);
    phub__buf_unref(&letter->body);
    letter->code = rc;
    letter->text = rc != 0 ? "init refused" : "";
    letter->result =
        (uint8_t)(rc != 0 ? PHUB__RESULT_FAILED : PHUB__RESULT_STARTED);
    phub__letters_append(step->results, letter);
    if (rc != 0)
        return;
    actor->live = 1;
    if ((actor->standby || actor->passive) && b->role != NULL)
        b->role(actor->self, actor, 0);
}

static void do_message(struct phub_actor *actor, struct phub__step *step,
                       struct phub__letter *letter)
{
    const struct phub_behaviour *b = &actor->behaviour->is;
    struct phub_bytes data = phub__buf_bytes(letter->body);

    if (b->handle == NULL) {
        answer(step, letter, PHUB_EUNSUPPORTED, "it takes no messages", NULL);
        return;
    }
    step->letter = letter;
    b->handle(actor->self, actor, data.data, data.size);
    step->letter = NULL;
    if (step->replied)
        answer(step, letter, 0, "", step->reply);
    else
        answer(step, letter, PHUB_EFAILED, "the child gave no reply", NULL);
    step->reply = NULL;
    step->replied = 0;
}

static void do_take_state(struct phub_actor *actor, struct phub__step *step,
                          struct phub__letter *letter)
{
    const struct phub_behaviour *b = &actor->behaviour->is;
    int rc = PHUB_EUNSUPPORTED;

    if (b->get_state != NULL) {
        step->takes_state = 1;
        rc = b->get_state(actor->self, actor);
        step->takes_state = 0;
        if (rc == 0 && step->state == NULL)
            step->state = phub__buf_new(0);
        if (rc == 0 && step->state == NULL)
            rc = PHUB_ENOMEM;
    }
    if (rc != 0)
        phub__buf_unref(&step->state);
    answer(step, letter, rc, rc != 0 ? phub_strerror(rc) : "", step->state);
    step->state = NULL;
}

static void do_put_state(struct phub_actor *actor, struct phub__step *step,
                         struct phub__letter *letter)
{
    const struct phub_behaviour *b = &actor->behaviour->is;
    struct phub_bytes state = phub__buf_bytes(letter->body);
    int rc = PHUB_EUNSUPPORTED;

    if (letter->code != 0)
        rc = 0; /* there is none: it goes on as init() left it */
    else if (b->set_state != NULL)
        rc = b->set_state(actor->self, actor, state.data, state.size);
    answer(step, letter, rc, rc != 0 ? "set_state refused" : "", NULL);
}

static void do_role(struct phub_actor *actor, struct phub__step *step,
                    struct phub__letter *letter, int active)
{
    const struct phub_behaviour *b = &actor->behaviour->is;

    if (b->role != NULL)
        b->role(actor->self, actor, active);
    answer(step, letter, 0, "", NULL);
}

void phub__actor_terminate(struct phub_actor *actor)
{
    const struct phub_behaviour *b = &actor->behaviour->is;

    if (!actor->live)
        return;
    actor->live = 0;
    if (b->terminate != NULL)
        b->terminate(actor->self, actor);
}

/* Over: no letter is looked at any more. */
static void end(struct phub_actor *actor, struct phub__step *step, int status,
                enum phub__end_cause cause)
{
    phub__actor_terminate(actor);
    actor->last.result = PHUB__RESULT_EXITED;
    actor->last.actor = actor;
    actor->last.code = status;
    actor->last.cause = (uint8_t)cause;
    phub__letters_append(step->results, &actor->last);
}

/* 0: the actor is over. */
static int do_step(struct phub_actor *actor, struct phub__step *step,
                   struct phub__letter *letter, struct phub__letters *mine)
{
    switch (letter->verb) {
    case PHUB__VERB_START:
        do_start(actor, step, letter);
        if (!actor->live)
            return 0;
        break;
    case PHUB__VERB_STOP:
        phub__letter_free(letter);
        end(actor, step, 0, PHUB__END_SIGNAL);
        return 0;
    case PHUB__VERB_FREEZE:
        actor->frozen = 1;
        answer(step, letter, 0, "", NULL);
        break;
    case PHUB__VERB_THAW:
        actor->frozen = 0;
        phub__letters_join(&actor->held, mine);
        phub__letters_join(mine, &actor->held);
        answer(step, letter, 0, "", NULL);
        break;
    case PHUB__VERB_COMMIT:
        actor->standby = 0;
        do_role(actor, step, letter, 1);
        break;
    case PHUB__VERB_ROLE:
        do_role(actor, step, letter, letter->code);
        break;
    case PHUB__VERB_TAKE_STATE:
        do_take_state(actor, step, letter);
        break;
    case PHUB__VERB_PUT_STATE:
        do_put_state(actor, step, letter);
        break;
    case PHUB__VERB_CONSENT:
        answer(step, letter, 0, "", NULL);
        break;
    case PHUB__VERB_MESSAGE:
        do_message(actor, step, letter);
        break;
    default:
        phub__letter_free(letter); /* send() lets nothing else in */
        break;
    }
    if (!actor->exiting)
        return 1;
    end(actor, step, actor->exit_code, PHUB__END_SELF);
    return 0;
}

/* --- turns ---------------------------------------------------------------- */

static void take_some(struct phub_actor *actor, struct phub__letters *mine)
{
    uint32_t left = PHUB__ACTOR_TURN_MAX;
    struct phub__letter *letter;

    while (left-- > 0 &&
           (letter = phub__letters_take(&actor->mailbox)) != NULL)
        phub__letters_append(mine, letter);
}

/* Steps of what is in mine; gives whether it lives on.  handled counts
 * messages that left the mailbox for good. */
static int run(struct phub_actor *actor, struct phub__letters *mine,
               struct phub__letters *results, uint32_t *handled)
{
    struct phub__step step = { .results = results };
    struct phub__letter *letter;
    int lives = 1;

    actor->step = &step;
    do {
        if (atomic_load(&actor->killed)) {
            end(actor, &step, -9, PHUB__END_SIGNAL);
            lives = 0;
            break;
        }
        if (past_deadline(actor)) {
            end(actor, &step, -9, PHUB__END_DEADLINE);
            lives = 0;
            break;
        }
        letter = phub__letters_take(mine);
        if (letter == NULL)
            break;
        if (letter->verb == PHUB__VERB_MESSAGE && actor->frozen) {
            phub__letters_append(&actor->held, letter);
            continue;
        }
        *handled += letter->verb == PHUB__VERB_MESSAGE;
        lives = do_step(actor, &step, letter, mine);
    } while (lives && mine->first != NULL);
    actor->step = NULL;
    return lives;
}

void phub__actor_turn(struct phub_actor *actor)
{
    struct phub__actors *actors = actor->actors;
    struct phub__letters mine = { NULL, NULL }, results = { NULL, NULL };
    uint32_t handled = 0;
    int lives, ask = 0;

    take_some(actor, &mine);
    pthread_mutex_unlock(&actors->lock);
    lives = run(actor, &mine, &results, &handled);
    if (!lives) {
        phub__letters_free(&mine);
        phub__letters_free(&actor->held);
    }
    pthread_mutex_lock(&actors->lock);
    actor->queued = 0;
    if (lives) {
        actor->waiting -= handled;
        actors->waiting -= handled;
        if (actor->mailbox.first != NULL || atomic_load(&actor->killed) ||
            atomic_load(&actor->expired))
            (void)phub__actor_queue(actor);
    } else {
        actor->closed = 1;
        actors->waiting -= actor->waiting;
        actor->waiting = 0;
        phub__letters_free(&actor->mailbox);
    }
    /* From here on, if it is over, the hub's thread may free the actor. */
    phub__letters_join(&actors->outbox, &results);
    if (actors->outbox.first != NULL && !actors->draining_asked) {
        actors->draining_asked = 1;
        ask = 1;
    }
    if (ask && actors->threads_count != 0)
        phub__actors_ask(actors);
}

/* --- what behaviours call ---------------------------------------------------- */

static int inside(const struct phub_actor *actor)
{
    return actor != NULL && actor->magic == PHUB__ACTOR_MAGIC &&
           actor->step != NULL;
}

const char *phub_actor_id(const struct phub_actor *actor)
{
    return actor != NULL && actor->magic == PHUB__ACTOR_MAGIC ? actor->id
                                                              : "";
}

int phub_actor_reply(struct phub_actor *actor, const void *data, size_t size)
{
    struct phub__step *step;

    if (!inside(actor) || (data == NULL && size != 0) ||
        actor->step->letter == NULL)
        return PHUB_EINVAL;
    if (size > PHUB_MESSAGE_SIZE_MAX)
        return PHUB_ELIMIT;
    step = actor->step;
    if (step->replied)
        return PHUB_EREPEATED;
    if (step->letter->ref != 0) {
        step->reply = phub__buf_copy(data, size);
        if (step->reply == NULL)
            return PHUB_ENOMEM;
    }
    step->replied = 1; /* to nobody, if nobody asked */
    return 0;
}

int phub_actor_put_state(struct phub_actor *actor, const void *state,
                         size_t size)
{
    struct phub_buf *copy;

    if (!inside(actor) || (state == NULL && size != 0) ||
        !actor->step->takes_state)
        return PHUB_EINVAL;
    if (size > PHUB_STATE_SIZE_MAX)
        return PHUB_ELIMIT;
    copy = phub__buf_copy(state, size);
    if (copy == NULL)
        return PHUB_ENOMEM;
    phub__buf_unref(&actor->step->state);
    actor->step->state = copy;
    return 0;
}

int phub_actor_publish(struct phub_actor *actor, const char *key,
                       const char *value)
{
    struct phub__letter *letter;

    if (!inside(actor) || key == NULL || key[0] == '\0')
        return PHUB_EINVAL;
    if (strlen(key) > 63 || (value != NULL && strlen(value) > 1024))
        return PHUB_ELIMIT;
    if (atomic_load(&actor->actors->results) >= PHUB__ACTOR_RESULTS_MAX)
        return PHUB_EBUSY;
    letter = phub__calloc(1, sizeof *letter);
    if (letter == NULL)
        return PHUB_ENOMEM;
    letter->actor = actor;
    letter->result = PHUB__RESULT_PUBLISH;
    letter->text_owned = phub__strdup(key);
    letter->text = letter->text_owned;
    letter->body = value != NULL ? phub__buf_copy(value, strlen(value)) : NULL;
    if (letter->text == NULL || (value != NULL && letter->body == NULL)) {
        phub__letter_free(letter);
        return PHUB_ENOMEM;
    }
    atomic_fetch_add(&actor->actors->results, 1);
    phub__letters_append(actor->step->results, letter);
    return 0;
}

void phub_actor_exit(struct phub_actor *actor, int code)
{
    if (!inside(actor) || actor->exiting)
        return;
    actor->exiting = 1;
    actor->exit_code = code < 0 ? -code : code; /* a status, no signal */
}
