/* SPDX-License-Identifier: MIT */
/* child: the model of a program that runs under phub. */
#include "config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "env/sim/guard.h"

#define STATE_MAGIC UINT64_C(0x7068756273696d31)
#define STATE_WORDS (1 + PHUB__SIM_CLIENTS_MAX)
#define READY_DELAY (300 * PHUB__SIM_US)
#define PUT_LATE (100 * PHUB__SIM_MS)   /* of one that is early ready */
#define VERB_WORK (30 * PHUB__SIM_US)
#define STOP_DELAY (400 * PHUB__SIM_US)
#define KILL_DELAY (150 * PHUB__SIM_US)
#define FLOOD_PERIOD (100 * PHUB__SIM_MS)
#define NOISE_BYTES 40u

/* --- manner --------------------------------------------------------------- */

/* Words that stand alone, and those with a number. */
static const struct {
    const char *word;
    uint32_t can;
    size_t flag;               /* an int of the manner, or 0 */
} words_alone[] = {
    { "state", PHUB__CAN_STATE, 0 },
    { "freeze", PHUB__CAN_FREEZE, 0 },
    { "consent", PHUB__CAN_CONSENT, 0 },
    { "role", PHUB__CAN_ROLE, 0 },
    { "never-state", 0, offsetof(struct phub__sim_manner, never_state) },
    { "early-ready", 0, offsetof(struct phub__sim_manner, early_ready) },
    { "refuse-freeze", 0, offsetof(struct phub__sim_manner, refuse_freeze) },
    { "silent", 0, offsetof(struct phub__sim_manner, silent) },
    { "twice", 0, offsetof(struct phub__sim_manner, twice) },
    { "ignore-stop", 0, offsetof(struct phub__sim_manner, ignore_stop) },
    { "crash-loop", 0, offsetof(struct phub__sim_manner, crash_loop) },
    { "fail-start", 0, offsetof(struct phub__sim_manner, fail_start) },
    { "no-channel", 0, offsetof(struct phub__sim_manner, no_channel) },
    { "no-ready", 0, offsetof(struct phub__sim_manner, no_ready) }
};
static const struct {
    const char *word;
    uint64_t unit;
    size_t number;             /* a uint64_t of the manner */
} words_numbered[] = {
    { "slow-ready=", PHUB__SIM_MS,
      offsetof(struct phub__sim_manner, slow_ready_ns) },
    { "late-freeze=", PHUB__SIM_MS,
      offsetof(struct phub__sim_manner, late_freeze_ns) },
    { "late-state=", PHUB__SIM_MS,
      offsetof(struct phub__sim_manner, late_state_ns) },
    { "hang-up=", PHUB__SIM_MS,
      offsetof(struct phub__sim_manner, hang_up_ns) },
    { "late-identify=", PHUB__SIM_MS,
      offsetof(struct phub__sim_manner, late_identify_ns) },
    { "slow-stop=", PHUB__SIM_MS,
      offsetof(struct phub__sim_manner, slow_stop_ns) },
    { "crash-after=", PHUB__SIM_MS,
      offsetof(struct phub__sim_manner, crash_after_ns) },
    { "exit-after=", PHUB__SIM_MS,
      offsetof(struct phub__sim_manner, exit_after_ns) },
    { "slow-exec=", PHUB__SIM_MS,
      offsetof(struct phub__sim_manner, slow_exec_ns) },
    { "garbage=", PHUB__SIM_MS,
      offsetof(struct phub__sim_manner, garbage_ns) },
    { "flood=", 1, offsetof(struct phub__sim_manner, flood) },
    { "agree=", PHUB__SIM_MS, offsetof(struct phub__sim_manner, agree_ns) },
    { "defer=", 1, offsetof(struct phub__sim_manner, defer) },
    { "version=", 1, offsetof(struct phub__sim_manner, version) },
    { "checkpoint=", 1, offsetof(struct phub__sim_manner, checkpoint_ms) },
    { "old-on=", 1, offsetof(struct phub__sim_manner, old_on) },
    { "state-size=", 1, offsetof(struct phub__sim_manner, state_size) }
};
#define ALONE (sizeof(words_alone) / sizeof(words_alone[0]))
#define NUMBERED (sizeof(words_numbered) / sizeof(words_numbered[0]))
#define NUMBER_DIGITS_MAX 9u

/* 1, or 0 if it is no number. */
static int number(const uint8_t *text, size_t size, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return 0;
        *value = *value * 10 + (uint64_t)(text[i] - '0');
    }
    return size != 0 && size <= NUMBER_DIGITS_MAX;
}

static int take_word(struct phub__sim_manner *m, struct phub_bytes word)
{
    uint64_t value;

    for (size_t i = 0; i < ALONE; i++) {
        if (word.size != strlen(words_alone[i].word)
            || memcmp(word.data, words_alone[i].word, word.size) != 0)
            continue;
        m->can |= words_alone[i].can;
        if (words_alone[i].flag != 0)
            *(int *)(void *)((char *)m + words_alone[i].flag) = 1;
        return 1;
    }
    for (size_t i = 0; i < NUMBERED; i++) {
        size_t size = strlen(words_numbered[i].word);

        if (word.size <= size
            || memcmp(word.data, words_numbered[i].word, size) != 0
            || !number(word.data + size, word.size - size, &value))
            continue;
        *(uint64_t *)(void *)((char *)m + words_numbered[i].number) =
            value * words_numbered[i].unit;
        return 1;
    }
    return 0;
}

int phub__sim_manner_knows(const char *word)
{
    struct phub__sim_manner manner;

    memset(&manner, 0, sizeof(manner));
    return take_word(&manner, (struct phub_bytes){ (const uint8_t *)word,
                                                   strlen(word) });
}

const char *phub__sim_manner_word(size_t index)
{
    if (index < ALONE)
        return words_alone[index].word;
    index -= ALONE;
    return index < NUMBERED ? words_numbered[index].word : NULL;
}

void phub__sim_manner(struct phub__sim_manner *manner,
                      const struct phub__spec *spec, int actor)
{
    const struct phub_bytes *words = spec->argv.items;
    struct phub_bytes rest = spec->argument;

    memset(manner, 0, sizeof(*manner));
    for (uint32_t i = 1; !actor && i < spec->argv.count; i++)
        (void)take_word(manner, words[i]);
    while (actor && rest.size != 0) {
        struct phub_bytes word = { rest.data, 0 };

        while (word.size < rest.size && word.data[word.size] != ' ')
            word.size++;
        (void)take_word(manner, word);
        rest.data += word.size;
        rest.size -= word.size;
        if (rest.size != 0) {
            rest.data++;
            rest.size--;
        }
    }
}

/* --- what it does later --------------------------------------------------- */

struct step {
    struct phub__sim_child *child;
    void (*fn)(struct step *step);
    enum phub__verb verb;
    uint64_t ref;
    int32_t code;
    struct phub_buf *body;
};

static void step_free(void *arg)
{
    struct step *step = arg;

    phub__buf_unref(&step->body);
    phub__sim_child_unref(step->child);
    free(step);
}

static void step_run(void *arg)
{
    struct step *step = arg;

    if (!step->child->dead)
        step->fn(step);
    step_free(step);
}

static struct step *later(struct phub__sim_child *child, uint64_t ns,
                          void (*fn)(struct step *step))
{
    struct step *step = phub__sim_alloc(1, sizeof(*step));

    step->child = child;
    child->refs++;
    step->fn = fn;
    (void)phub__sim_event(child->world, child->world->now + ns,
                          child->process, PHUB__SIM_CHILD, child->serial,
                          step_run, step_free, step);
    return step;
}

static uint64_t jitter(struct phub__sim_child *child, uint64_t mean)
{
    return mean / 2
        + phub__sim_tail(&child->world->streams[PHUB__SIM_GUARD], mean);
}

/* --- state ---------------------------------------------------------------- */

struct phub_buf *phub__sim_child_state(const struct phub__sim_child *child)
{
    size_t words = STATE_WORDS * sizeof(uint64_t);
    struct phub_buf *buf = phub__buf_new(words + child->manner.state_size);
    uint64_t magic = STATE_MAGIC;

    if (buf == NULL) /* a test lets one fail: the hub's, not a child's */
        buf = phub__buf_new(words + child->manner.state_size);
    phub__assert(buf != NULL);
    memcpy(buf->data, &magic, sizeof(magic));
    memcpy(buf->data + sizeof(magic), child->counters,
           sizeof(child->counters));
    memset(buf->data + words, 's', child->manner.state_size);
    buf->version = (uint32_t)child->manner.version;
    return buf;
}

int phub__sim_child_load(struct phub__sim_child *child,
                         const struct phub_buf *state)
{
    uint64_t magic;

    if (state == NULL || state->size < STATE_WORDS * sizeof(uint64_t))
        return PHUB_EPROTO;
    memcpy(&magic, state->data, sizeof(magic));
    if (magic != STATE_MAGIC)
        return PHUB_EPROTO;
    if (state->version > child->manner.version)
        return PHUB_EVERSION;
    for (size_t i = STATE_WORDS * sizeof(uint64_t); i < state->size; i++)
        if (state->data[i] != 's')
            return PHUB_ECHECKSUM; /* the padding is as good as the rest */
    memcpy(child->counters, state->data + sizeof(magic),
           sizeof(child->counters));
    return 0;
}

/* --- acting --------------------------------------------------------------- */

/* One that is ready before its state does not act without it, but is told to
 * by COMMIT. */
static int waits_for_state(const struct phub__sim_child *child)
{
    return (child->manner.early_ready || child->manner.no_ready)
        && child->state_expected && !child->state_put && !child->committed;
}

void phub__sim_child_judge(struct phub__sim_child *child)
{
    const struct phub__sim_watch *watch = child->world->options.watch;
    int acts = !child->dead && child->ready && !child->frozen
        && (!child->standby || child->committed) && !child->passive
        && !waits_for_state(child)
        && (child->process == NULL || !child->process->frozen);

    if (acts == child->acts)
        return;
    child->acts = acts;
    phub__world_note(child->world, child->node, "child %s/%lld %s", child->id,
                     (long long)child->pid, acts ? "acts" : "acts no more");
    if (watch != NULL && watch->acting != NULL)
        watch->acting(watch->arg, child, acts);
}

/* --- noise ---------------------------------------------------------------- */

/* The channel lets only text pass. */
static struct phub_buf *noise_bytes(struct phub__sim_child *child)
{
    struct phub_buf *buf = phub__buf_new(NOISE_BYTES);
    uint64_t draw = 0;

    if (buf == NULL)
        return NULL;
    for (uint32_t i = 0; i < NOISE_BYTES; i++) {
        if (i % 8 == 0)
            draw = phub__world_random(child->world, PHUB__SIM_GUARD);
        buf->data[i] = (uint8_t)('a' + (draw & 0xff) % 26);
        draw >>= 8;
    }
    return buf;
}

static void say_nonsense(struct step *step)
{
    struct phub__sim_child *child = step->child;
    struct phub_buf *buf = noise_bytes(child);
    uint64_t dice = phub__world_below(child->world, PHUB__SIM_GUARD, 5);
    uint64_t ref = phub__world_random(child->world, PHUB__SIM_GUARD)
        % (dice == 0 ? UINT64_MAX : 100);

    if (dice < 2)
        phub__sim_tell(child, PHUB__VERB_DONE, ref, 0, buf);
    else if (dice == 2)
        phub__sim_tell(child, PHUB__VERB_DONE, ref, PHUB_EPROTO, NULL);
    else if (dice == 3 && child->ready)
        phub__sim_tell(child, PHUB__VERB_READY, 0, 0, NULL);
    else if (dice == 3)
        phub__sim_tell(child, PHUB__VERB_HELLO, 0,
                       (int32_t)child->manner.can, NULL);
    else
        phub__sim_tell_news(child, "noise", buf);
    phub__buf_unref(&buf);
    (void)later(child, jitter(child, child->manner.garbage_ns),
                say_nonsense);
}

static void flood(struct step *step)
{
    struct phub__sim_child *child = step->child;

    for (uint64_t i = 0; i < child->manner.flood; i++) {
        struct phub_buf *buf = noise_bytes(child);

        phub__sim_tell_news(child, "flood", buf);
        phub__buf_unref(&buf);
    }
    (void)later(child, FLOOD_PERIOD, flood);
}

/* --- getting ready -------------------------------------------------------- */

static void get_ready(struct step *step)
{
    struct phub__sim_child *child = step->child;
    const struct phub__sim_watch *watch = child->world->options.watch;

    child->ready = 1;
    if (watch != NULL && watch->ready != NULL)
        watch->ready(watch->arg, child);
    if (!child->manner.no_channel)
        phub__sim_tell(child, PHUB__VERB_READY, 0, 0, NULL);
    phub__sim_child_judge(child);
}

/* Once: it has its state, or works and cannot have one. */
static void get_ready_soon(struct phub__sim_child *child)
{
    if (child->readying)
        return;
    child->readying = 1;
    (void)later(child, child->manner.slow_ready_ns
                + jitter(child, READY_DELAY), get_ready);
}

/* The first word of a child, before it answers anything. */
static void introduce(struct phub__sim_child *child)
{
    if (child->introduced)
        return;
    child->introduced = 1;
    phub__sim_tell(child, PHUB__VERB_HELLO, 0, (int32_t)child->manner.can,
                   NULL);
}

static void say_hello(struct step *step)
{
    struct phub__sim_child *child = step->child;

    introduce(child);
    if (child->manner.garbage_ns != 0)
        (void)later(child, jitter(child, child->manner.garbage_ns),
                    say_nonsense);
    if (child->manner.flood != 0)
        (void)later(child, FLOOD_PERIOD, flood);
    if (!child->state_expected || child->state_put
        || child->manner.early_ready)
        get_ready_soon(child);
}

static void end_self(struct step *step)
{
    phub__sim_child_end(step->child, step->code, PHUB__SIM_END_SELF);
}

void phub__sim_child_crash(struct phub__sim_child *child, int status)
{
    if (!child->dead)
        phub__sim_child_end(child, status, PHUB__SIM_END_SELF);
}

/* --- verbs ---------------------------------------------------------------- */

static void done_now(struct step *step)
{
    int times = step->child->manner.twice ? 2 : 1;

    for (int i = 0; i < times; i++)
        phub__sim_tell(step->child, PHUB__VERB_DONE, step->ref, step->code,
                       step->body);
}

static void done(struct phub__sim_child *child, uint64_t ref, int32_t code,
                 struct phub_buf *body, uint64_t delay)
{
    struct step *step;

    if (ref == 0)
        return;
    step = later(child, delay + jitter(child, VERB_WORK), done_now);
    step->ref = ref;
    step->code = code;
    step->body = phub__buf_ref(body);
}

static void agree_now(struct step *step)
{
    phub__sim_tell(step->child, PHUB__VERB_AGREE, 0, 0, NULL);
}

static void consent(struct phub__sim_child *child, uint64_t ref)
{
    int refuses = child->deferred++ < child->manner.defer;

    done(child, ref, refuses ? PHUB_EAGAIN : 0, NULL, 0);
    if (refuses && child->manner.agree_ns != 0)
        (void)later(child, child->manner.agree_ns, agree_now);
}

/* With a code there is none: it begins empty. */
static void put_state(struct phub__sim_child *child, uint64_t ref,
                      int32_t code, struct phub_buf *body)
{
    const struct phub__sim_watch *watch = child->world->options.watch;
    int rc = !(child->manner.can & PHUB__CAN_STATE) ? PHUB_EUNSUPPORTED
        : code != 0 ? 0 : phub__sim_child_load(child, body);

    introduce(child);
    if (rc == 0) {
        child->state_put = 1;
        phub__sim_child_judge(child);
        if (watch != NULL && watch->state != NULL)
            watch->state(watch->arg, child, 1,
                         body != NULL ? body->size : 0);
    }
    done(child, ref, rc, NULL, 0);
    if (child->state_expected && rc == 0)
        get_ready_soon(child);
}

static void put_state_now(struct step *step)
{
    put_state(step->child, step->ref, step->code, step->body);
}

static void put_state_late(struct phub__sim_child *child, uint64_t ref,
                           int32_t code, struct phub_buf *body)
{
    struct step *step = later(child, PUT_LATE, put_state_now);

    step->ref = ref;
    step->code = code;
    step->body = phub__buf_ref(body);
}

static void take_state(struct phub__sim_child *child, uint64_t ref)
{
    const struct phub__sim_watch *watch = child->world->options.watch;
    struct phub_buf *state;

    if (!(child->manner.can & PHUB__CAN_STATE)) {
        done(child, ref, PHUB_EUNSUPPORTED, NULL, 0);
        return;
    }
    state = phub__sim_child_state(child);
    if (watch != NULL && watch->state != NULL)
        watch->state(watch->arg, child, 0, state->size);
    if (!child->manner.never_state)
        done(child, ref, 0, state, child->manner.late_state_ns);
    phub__buf_unref(&state);
}

static void set_frozen(struct phub__sim_child *child, uint64_t ref, int frozen)
{
    if (!(child->manner.can & PHUB__CAN_FREEZE)
        || (frozen && child->manner.refuse_freeze)) {
        done(child, ref, PHUB_EUNSUPPORTED, NULL, 0);
        return;
    }
    child->frozen = frozen;
    phub__sim_child_judge(child);
    done(child, ref, 0, NULL, frozen ? child->manner.late_freeze_ns : 0);
}

void phub__sim_child_verb(struct phub__sim_child *child, enum phub__verb verb,
                          uint64_t ref, int32_t code, struct phub_buf *body)
{
    const struct phub__sim_watch *watch = child->world->options.watch;

    if (child->dead || child->manner.no_channel
        || phub__sim_child_hung_up(child))
        return;
    if (child->manner.silent && verb != PHUB__VERB_STOP)
        return;
    switch (verb) {
    case PHUB__VERB_STOP:
        phub__sim_child_signal(child, 0);
        return;
    case PHUB__VERB_FREEZE:
        set_frozen(child, ref, 1);
        return;
    case PHUB__VERB_THAW:
        set_frozen(child, ref, 0);
        return;
    case PHUB__VERB_COMMIT:
        child->committed = 1;
        child->frozen = 0;
        phub__sim_child_judge(child);
        done(child, ref, 0, NULL, 0);
        if (!(child->manner.can & PHUB__CAN_STATE))
            get_ready_soon(child);
        return;
    case PHUB__VERB_TAKE_STATE:
        take_state(child, ref);
        return;
    case PHUB__VERB_PUT_STATE:
        if (child->manner.early_ready)
            put_state_late(child, ref, code, body);
        else
            put_state(child, ref, code, body);
        return;
    case PHUB__VERB_CONSENT:
        consent(child, ref);
        return;
    case PHUB__VERB_ROLE:
        child->passive = (child->manner.can & PHUB__CAN_ROLE) != 0
            && code == 0;
        phub__sim_child_judge(child);
        done(child, ref, 0, NULL, 0);
        return;
    case PHUB__VERB_MESSAGE:
        if (watch != NULL && watch->message != NULL)
            watch->message(watch->arg, child, phub__buf_bytes(body));
        done(child, ref, 0, body, 0);
        return;
    case PHUB__VERB_HELLO:
    case PHUB__VERB_READY:
    case PHUB__VERB_DONE:
    case PHUB__VERB_PUBLISH:
    case PHUB__VERB_AGREE:
        return;
    }
}

static void tell_all(struct step *step)
{
    struct phub__sim_child *child = step->child;
    uint32_t code = child->manner.can | PHUB__IDENTIFIED;

    code |= child->standby && !child->committed ? PHUB__WAS_STANDBY : 0;
    code |= child->frozen ? PHUB__WAS_FROZEN : 0;
    phub__sim_tell(child, PHUB__VERB_HELLO, 0, (int32_t)child->manner.can,
                   NULL);
    if (child->ready)
        phub__sim_tell(child, PHUB__VERB_READY, 0, 0, NULL);
    phub__sim_tell(child, PHUB__VERB_HELLO, 0, (int32_t)code, NULL);
}

void phub__sim_child_identify(struct phub__sim_child *child)
{
    if (!child->manner.no_channel && !child->manner.silent)
        (void)later(child, child->manner.late_identify_ns
                    + jitter(child, VERB_WORK), tell_all);
}

static void killed(struct step *step)
{
    phub__sim_child_end(step->child, step->code, PHUB__SIM_END_ASKED);
}

void phub__sim_child_signal(struct phub__sim_child *child, int hard)
{
    struct step *step;

    if (child->dead)
        return;
    if (hard) {
        step = later(child, jitter(child, KILL_DELAY), killed);
        step->code = -9;
        return;
    }
    if (child->manner.ignore_stop || child->stopped)
        return;
    child->stopped = 1;
    step = later(child, child->manner.slow_stop_ns
                 + jitter(child, STOP_DELAY), killed);
    step->code = 0;
}

/* --- clients -------------------------------------------------------------- */

enum phub__sim_answer phub__sim_child_update(struct phub__sim_child *child,
                                             uint32_t client, uint64_t number_,
                                             uint64_t *held)
{
    phub__assert(client < PHUB__SIM_CLIENTS_MAX);
    if (!child->acts || child->stopped)
        return PHUB__SIM_SILENT;
    *held = child->counters[client];
    if (number_ > child->counters[client] + 1)
        return PHUB__SIM_GAP;
    if (number_ == child->counters[client] + 1)
        child->counters[client] = number_;
    *held = child->counters[client];
    return PHUB__SIM_ACKED;
}

int phub__sim_child_hung_up(const struct phub__sim_child *child)
{
    return child->manner.hang_up_ns != 0
        && child->world->now >= child->began_ns + child->manner.hang_up_ns;
}

void phub__sim_child_facts(const struct phub__sim_child *child,
                           struct phub__sim_child_facts *facts)
{
    memset(facts, 0, sizeof(*facts));
    facts->id = (struct phub_bytes){ (const uint8_t *)child->id,
                                     child->id_size };
    facts->epoch = child->epoch;
    facts->incarnation = child->incarnation;
    facts->node = child->node;
    facts->pid = child->pid;
    facts->serial = child->serial;
    facts->began_ns = child->began_ns;
    memcpy(facts->counters, child->counters, sizeof(facts->counters));
    facts->standby = child->standby && !child->committed;
    facts->state_expected = child->state_expected
        && ((child->manner.can & PHUB__CAN_STATE) != 0 || !child->committed);
    facts->state_put = child->state_put;
    facts->ready = child->ready;
    facts->frozen = child->frozen;
    facts->acts = child->acts;
    facts->passive = child->passive;
    facts->can_state = (child->manner.can & PHUB__CAN_STATE) != 0;
}

struct phub__sim_child *phub__sim_child_next(const struct phub__world *world,
                                             struct phub__sim_child *child)
{
    return child == NULL ? world->children : child->next;
}

/* --- life ----------------------------------------------------------------- */

struct phub__sim_child *
phub__sim_child_new(struct phub__sim_node *node,
                    struct phub__sim_process *process,
                    const struct phub__sim_child *like)
{
    struct phub__world *world = node->world;
    struct phub__sim_child *child =
        phub__sim_alloc(1, sizeof(*child) + like->id_size + 1);

    memcpy(child, like, sizeof(*child) + like->id_size);
    child->world = world;
    child->node = node;
    child->process = process;
    child->refs = 1;
    child->serial = ++world->serials;
    child->pid = (int64_t)(1000 + child->serial);
    child->began_ns = world->now;
    child->next = NULL;
    child->prev = world->children_tail;
    if (child->prev != NULL)
        child->prev->next = child;
    else
        world->children = child;
    world->children_tail = child;
    phub__sim_index_add(child);
    return child;
}

void phub__sim_child_begin(struct phub__sim_child *child)
{
    const struct phub__sim_watch *watch = child->world->options.watch;

    phub__world_note(child->world, child->node, "child %s/%lld begins%s%s, "
                     "epoch %llu", child->id, (long long)child->pid,
                     child->standby ? ", standby" : "",
                     child->state_expected ? ", awaits state"
                     : child->passive ? ", passive" : "",
                     (unsigned long long)child->epoch.number);
    if (watch != NULL && watch->began != NULL)
        watch->began(watch->arg, child);
    if (child->manner.crash_loop) {
        later(child, jitter(child, KILL_DELAY), end_self)->code = 1;
        return;
    }
    if (child->manner.crash_after_ns != 0)
        later(child, child->manner.crash_after_ns, end_self)->code = 1;
    if (child->manner.exit_after_ns != 0)
        (void)later(child, child->manner.exit_after_ns, end_self);
    if (child->manner.no_channel)
        (void)later(child, child->manner.slow_ready_ns, get_ready);
    else
        (void)later(child, jitter(child, READY_DELAY), say_hello);
    if (child->manner.no_ready) { /* nobody waits until it says so */
        child->readying = 1;
        (void)later(child, 0, get_ready);
    }
}

void phub__sim_child_end(struct phub__sim_child *child, int status,
                         enum phub__sim_end why)
{
    static const char *const names[] = { "", "by itself", "as asked",
        "by the lease", "with its holder", "without power" };
    struct phub__world *world = child->world;
    const struct phub__sim_watch *watch = world->options.watch;

    if (child->dead)
        return;
    child->dead = 1;
    phub__world_note(world, child->node, "child %s/%lld ends %s", child->id,
                     (long long)child->pid, names[why]);
    phub__sim_child_judge(child);
    if (watch != NULL && watch->ended != NULL)
        watch->ended(watch->arg, child, why);
    phub__sim_tell_exited(child, status,
                          why == PHUB__SIM_END_LEASE ? PHUB__END_DEADLINE
                          : why == PHUB__SIM_END_ASKED ? PHUB__END_SIGNAL
                          : PHUB__END_SELF);
    phub__sim_index_remove(child);
    if (child->prev != NULL)
        child->prev->next = child->next;
    else
        world->children = child->next;
    if (child->next != NULL)
        child->next->prev = child->prev;
    else
        world->children_tail = child->prev;
    child->prev = child->next = NULL;
    phub__sim_child_unref(child);
}

void phub__sim_child_unref(struct phub__sim_child *child)
{
    if (--child->refs == 0)
        free(child);
}
