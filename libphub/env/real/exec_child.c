/* SPDX-License-Identifier: MIT */
/* exec_child: the channel and the output of one OS child.
 *
 * The channel speaks the child protocol (child/channel.h); here its verbs
 * become the runner's and back.  A child that does not say READY itself is
 * ready when it has said HELLO and, where a state is to come, has taken that,
 * or has been committed and cannot have one.
 * A state whose version nobody said is given as of the version of HELLO, and
 * waits for that.
 *
 * Output is read a bounded amount a turn, and not at all while its log has no
 * room: the child then waits in write(2), and nobody else notices.  What a
 * child said and wrote before its end is handed over before the end is, room
 * or not: nobody reads that pipe later. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <phub/child.h>
#include <phub/error.h>

#include "env/real/exec_private.h"

#define READ_TURN_MAX 16384u /* bytes of output */
#define DRAIN_TURNS_MAX 64   /* of channel and output, after the end */
#define PUT_NOW_MAX 1048576u /* bytes of a state that are copied at once */
_Static_assert(DRAIN_TURNS_MAX * READ_TURN_MAX >= PHUB__EXEC_LOG_LAST_MAX,
               "a full pipe is drained");
/* Unlike any ref of the supervisor, which count from 1. */
#define IDENTIFY_REF UINT64_MAX

_Static_assert(PHUB__CAN_FREEZE == PHUB_CHILD_CAN_FREEZE &&
               PHUB__CAN_STATE == PHUB_CHILD_CAN_STATE &&
               PHUB__CAN_CONSENT == PHUB_CHILD_CAN_CONSENT &&
               PHUB__CAN_ROLE == PHUB_CHILD_CAN_ROLE,
               "capabilities pass through");
#define CAPABILITIES                                                          \
    (PHUB__CAN_FREEZE | PHUB__CAN_STATE | PHUB__CAN_CONSENT | PHUB__CAN_ROLE)

struct phub__exec_child *phub__exec_child_new(struct phub__exec *exec,
                                              uint64_t handle,
                                              struct phub_bytes id)
{
    struct phub__exec_child *child = phub__calloc(1, sizeof *child + id.size);

    if (child == NULL)
        return NULL;
    child->exec = exec;
    child->handle = handle;
    child->output = -1;
    child->id_size = id.size;
    memcpy(child->id, id.data, id.size);
    child->log = phub__exec_log_open(exec, id);
    if (child->log == NULL)
        phub__free(child);
    return child->log != NULL ? child : NULL;
}

/* --- from the child ------------------------------------------------------ */

static void tell(struct phub__exec_child *child,
                 const struct phub__verb_message *message)
{
    const struct phub__exec *exec = child->exec;

    if (exec->events != NULL)
        exec->events->received(exec->arg, child->handle, message);
}

struct mapping {
    void *data;
    size_t size;
};

static void unmap(void *arg)
{
    struct mapping *mapping = arg;

    munmap(mapping->data, mapping->size);
    phub__free(mapping);
}

/* The body as a buffer; a memfd is mapped, not copied.  NULL if it has none,
 * or if it cannot be had: rc says so then. */
static struct phub_buf *body_of(const struct phub__childmsg *message, int *rc)
{
    struct mapping *mapping;
    struct phub_buf *buf;
    void *data;

    *rc = 0;
    if (message->fd < 0 && message->body.size == 0)
        return NULL;
    if (message->fd < 0) {
        buf = phub__buf_copy(message->body.data, message->body.size);
        *rc = buf == NULL ? PHUB_ENOMEM : 0;
        return buf;
    }
    if (message->fd_size == 0)
        return NULL;
    *rc = PHUB_ENOMEM;
    data = mmap(NULL, message->fd_size, PROT_READ, MAP_SHARED, message->fd, 0);
    if (data == MAP_FAILED)
        return NULL;
    mapping = phub__malloc(sizeof *mapping);
    if (mapping == NULL) {
        munmap(data, message->fd_size);
        return NULL;
    }
    *mapping = (struct mapping){ data, message->fd_size };
    buf = phub__buf_wrap(data, message->fd_size, unmap, mapping);
    if (buf == NULL)
        unmap(mapping);
    else
        *rc = 0;
    return buf;
}

static void tell_ready(struct phub__exec_child *child)
{
    struct phub__verb_message message = { .verb = PHUB__VERB_READY };

    if (child->ready_given)
        return;
    child->ready_given = true;
    tell(child, &message);
}

static void put_failed(struct phub__exec_child *child, uint64_t ref, int rc)
{
    struct phub__verb_message message = {
        .verb = PHUB__VERB_DONE, .ref = ref, .code = rc, .unsent = 1
    };

    tell(child, &message);
}

static void put_state_now(struct phub__exec_child *child)
{
    struct phub__verb_message message = {
        .verb = PHUB__VERB_PUT_STATE, .ref = child->state_ref,
        .code = child->state_code, .body = child->state,
        .version = child->state_version,
    };
    int rc;

    child->state_waits = false;
    rc = phub__exec_child_send(child, &message);
    phub__buf_unref(&child->state);
    if (rc != 0)
        put_failed(child, child->state_ref, rc);
}

static void on_hello(struct phub__exec_child *child,
                     const struct phub__childmsg *message)
{
    struct phub__real_poll *poll = child->channel_poll;
    struct phub__verb_message hello = {
        .verb = PHUB__VERB_HELLO,
        .code = (int32_t)(message->capabilities & CAPABILITIES),
        .version = message->state_version,
    };

    child->ready_by_hello =
        (message->capabilities & PHUB_CHILD_CAN_DEFER_READY) == 0;
    child->hello = true;
    child->capabilities = message->capabilities & CAPABILITIES;
    child->state_version = message->state_version;
    tell(child, &hello);
    if (poll->owner != NULL && child->state_waits)
        put_state_now(child);
    if (poll->owner != NULL && child->ready_by_hello &&
        !child->state_expected)
        tell_ready(child);
}

/* PHUB_META_KEY=value for the commands; letters are made capital, all else in
 * the key becomes "_". */
static void keep_meta(struct phub__exec_child *child, struct phub_bytes key,
                      struct phub_bytes value)
{
    size_t name = strlen("PHUB_META_") + key.size + 1;
    char *text = phub__malloc(name + value.size + 1);
    uint32_t at;

    if (text == NULL)
        return;
    memcpy(text, "PHUB_META_", strlen("PHUB_META_"));
    for (size_t i = 0; i < key.size; i++) {
        char c = (char)key.data[i];

        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        else if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9'))
            c = '_';
        text[strlen("PHUB_META_") + i] = c;
    }
    text[name - 1] = '=';
    if (value.size > 0)
        memcpy(text + name, value.data, value.size);
    text[name + value.size] = '\0';
    for (at = 0; at < child->meta_count; at++)
        if (strncmp(child->meta[at], text, name) == 0)
            break;
    if (at < child->meta_count) {
        phub__free(child->meta[at]);
        child->meta[at] = child->meta[--child->meta_count];
    }
    if (value.size > 0 && child->meta_count < PHUB__EXEC_META_MAX &&
        memchr(value.data, 0, value.size) == NULL)
        child->meta[child->meta_count++] = text;
    else
        phub__free(text);
}

static void on_publish(struct phub__exec_child *child,
                       const struct phub__childmsg *message)
{
    struct phub__real_poll *poll = child->channel_poll;
    struct phub_bytes key;
    struct phub_bytes value;
    size_t at = 0;

    while (poll->owner != NULL &&
           phub__childmsg_publish_next(&message->body, &at, &key,
                                       &value) == 1) {
        struct phub__verb_message publish = { .verb = PHUB__VERB_PUBLISH,
                                              .text = key };

        keep_meta(child, key, value);
        if (value.size > 0) {
            publish.body = phub__buf_copy(value.data, value.size);
            if (publish.body == NULL)
                return;
        }
        tell(child, &publish);
        phub__buf_unref(&publish.body);
    }
}

/* An adopted child has said all that its first daemon knew. */
static void tell_identity(struct phub__exec_child *child,
                          const struct phub__childmsg *message)
{
    struct phub__real_poll *poll = child->channel_poll;
    struct phub__verb_message hello = {
        .verb = PHUB__VERB_HELLO,
        .code = (int32_t)(child->capabilities | PHUB__IDENTIFIED
            | ((message->value & PHUB_CHILD_IS_STANDBY) != 0
               ? PHUB__WAS_STANDBY : 0)
            | ((message->value & PHUB_CHILD_IS_FROZEN) != 0
               ? PHUB__WAS_FROZEN : 0)),
    };

    if ((message->value & PHUB_CHILD_IS_READY) != 0)
        tell_ready(child);
    if (poll->owner != NULL)
        tell(child, &hello);
}

static void on_done(struct phub__exec_child *child,
                    const struct phub__childmsg *message, uint32_t asked)
{
    struct phub__real_poll *poll = child->channel_poll;
    struct phub__verb_message done = {
        .verb = PHUB__VERB_DONE, .ref = message->ref, .code = message->code,
        .text = message->text,
    };
    int rc;

    if (asked == PHUB_CHILD_IDENTIFY) {
        tell_identity(child, message);
        return;
    }
    done.body = body_of(message, &rc);
    if (rc != 0)
        done.code = rc;
    if (done.body != NULL)
        done.body->version = message->state_version != 0
                                 ? message->state_version
                                 : child->state_version;
    tell(child, &done);
    phub__buf_unref(&done.body);
    if (poll->owner != NULL && message->code == 0 && child->ready_by_hello &&
        (asked == PHUB_CHILD_PUT_STATE || (asked == PHUB_CHILD_COMMIT &&
            !(child->capabilities & PHUB_CHILD_CAN_STATE))))
        tell_ready(child);
}

static void on_message(void *arg, const struct phub__childmsg *message,
                       uint32_t asked)
{
    struct phub__exec_child *child = arg;

    switch (message->verb) {
    case PHUB_CHILD_HELLO:
        on_hello(child, message);
        return;
    case PHUB_CHILD_READY:
        tell_ready(child);
        return;
    case PHUB_CHILD_DONE:
        on_done(child, message, asked);
        return;
    case PHUB_CHILD_PUBLISH:
        on_publish(child, message);
        return;
    case PHUB_CHILD_AGREE:
        tell(child, &(struct phub__verb_message){ .verb = PHUB__VERB_AGREE });
        return;
    default:
        return;
    }
}

static void channel_close(struct phub__exec_child *child)
{
    phub__real_poll_free(&child->channel_poll);
    phub__channel_close(&child->channel);
}

static void channel_watch(struct phub__exec_child *child)
{
    phub__real_poll_set(child->channel_poll,
                        phub__channel_wants_write(child->channel)
                        ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

static void on_channel(struct phub__real_poll *poll, int events)
{
    struct phub__exec_child *child = poll->owner;
    int rc = 0;

    if ((events & UV_WRITABLE) != 0)
        rc = phub__channel_writable(child->channel);
    if (rc == 0 && (events & UV_READABLE) != 0)
        rc = phub__channel_readable(child->channel, on_message, child);
    if (poll->owner == NULL)
        return;
    if (rc == PHUB_EPROTO)
        phub__real_logf(child->exec->real, PHUB__LOG_WARNING,
                        "child \"%.*s\" sends garbage, closing its channel",
                        (int)child->id_size, child->id);
    if (rc != 0) {
        /* The guard has it open, too, and the child would write to nobody. */
        (void)shutdown(phub__channel_fd(child->channel), SHUT_RDWR);
        channel_close(child);
    } else {
        channel_watch(child);
    }
}

/* --- output -------------------------------------------------------------- */

static void output_close(struct phub__exec_child *child)
{
    phub__real_poll_free(&child->output_poll);
    if (child->output >= 0)
        close(child->output);
    child->output = -1;
}

/* Read once.  False at the end, or if there is nothing (now). */
static bool output_read(struct phub__exec_child *child, bool last,
                        bool *ended)
{
    uint8_t data[READ_TURN_MAX];
    size_t room = phub__exec_log_room(child->log, last);
    ssize_t got;

    *ended = false;
    if (room == 0)
        return false;
    do
        got = read(child->output, data,
                   room < sizeof data ? room : sizeof data);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        phub__exec_log_write(child->log, data, (size_t)got);
    *ended = got == 0 || (got < 0 && errno != EAGAIN);
    return got > 0;
}

static void on_log_room(void *arg)
{
    struct phub__exec_child *child = arg;

    if (child->output_poll != NULL)
        phub__real_poll_set(child->output_poll, UV_READABLE);
}

static void on_output(struct phub__real_poll *poll, int events)
{
    struct phub__exec_child *child = poll->owner;
    bool ended;

    (void)events;
    output_read(child, false, &ended);
    if (ended)
        output_close(child);
    else if (phub__exec_log_room(child->log, false) == 0)
        phub__real_poll_set(poll, 0);
}

/* --- life ---------------------------------------------------------------- */

void phub__exec_child_open(struct phub__exec_child *child, int channel,
                           int output)
{
    struct phub__env_real *real = child->exec->real;

    if (channel >= 0) {
        if (phub__channel_open(&child->channel, channel) != 0)
            close(channel);
        else
            child->channel_poll = phub__real_poll_new(real, channel,
                                                      UV_READABLE, child,
                                                      on_channel);
        if (child->channel_poll == NULL)
            phub__channel_close(&child->channel);
    }
    child->output = output;
    if (output >= 0)
        child->output_poll = phub__real_poll_new(real, output, UV_READABLE,
                                                 child, on_output);
    if (child->output_poll == NULL)
        output_close(child);
    phub__exec_log_notify(child->log, on_log_room, child);
}

void phub__exec_child_identify(struct phub__exec_child *child)
{
    struct phub__childmsg message = {
        .verb = PHUB_CHILD_IDENTIFY, .ref = IDENTIFY_REF, .fd = -1,
    };

    if (child->channel == NULL)
        return;
    if (phub__channel_send(child->channel, &message) == 0)
        channel_watch(child);
}

void phub__exec_child_drain(struct phub__exec_child *child)
{
    struct phub__real_poll *poll = child->channel_poll;
    bool ended = false;

    for (int i = 0; i < DRAIN_TURNS_MAX && child->output >= 0; i++)
        if (!output_read(child, true, &ended))
            break;
    for (int i = 0; i < DRAIN_TURNS_MAX && poll != NULL &&
         poll->owner != NULL; i++) {
        struct phub__channel_counts before, after;

        phub__channel_counts(child->channel, &before);
        if (phub__channel_readable(child->channel, on_message, child) != 0 ||
            poll->owner == NULL)
            return;
        phub__channel_counts(child->channel, &after);
        if (before.received == after.received)
            return;
    }
}

/* --- a large state, which a worker prepares ------------------------------- */

struct phub__exec_put {
    struct phub__exec_child *child; /* NULL: it is gone */
    struct phub__childmsg message;
    struct phub_buf *state;
    int rc;
};

static void put_forget(struct phub__exec_child *child)
{
    if (child->put != NULL)
        child->put->child = NULL;
    child->put = NULL;
}

/* --- life ----------------------------------------------------------------- */

void phub__exec_child_free(struct phub__exec_child **child_ptr)
{
    struct phub__exec_child *child = *child_ptr;

    if (child == NULL)
        return;
    *child_ptr = NULL;
    put_forget(child);
    channel_close(child);
    output_close(child);
    phub__buf_unref(&child->state);
    phub__exec_log_forget(child->log, child);
    if (child->exec->events != NULL)
        phub__exec_log_ended(child->log);
    phub__exec_log_close(&child->log);
    for (uint32_t i = 0; i < child->meta_count; i++)
        phub__free(child->meta[i]);
    phub__free(child);
}

/* --- to the child -------------------------------------------------------- */

/* The number on the channel; 0 if a hub does not say that to a child. */
static uint32_t verb_number(enum phub__verb verb)
{
    switch (verb) {
    case PHUB__VERB_STOP:
        return PHUB_CHILD_STOP;
    case PHUB__VERB_FREEZE:
        return PHUB_CHILD_FREEZE;
    case PHUB__VERB_THAW:
        return PHUB_CHILD_THAW;
    case PHUB__VERB_COMMIT:
        return PHUB_CHILD_COMMIT;
    case PHUB__VERB_TAKE_STATE:
        return PHUB_CHILD_TAKE_STATE;
    case PHUB__VERB_PUT_STATE:
        return PHUB_CHILD_PUT_STATE;
    case PHUB__VERB_ROLE:
        return PHUB_CHILD_ROLE;
    case PHUB__VERB_CONSENT:
        return PHUB_CHILD_CONSENT;
    case PHUB__VERB_MESSAGE:
        return PHUB_CHILD_MESSAGE;
    case PHUB__VERB_HELLO:
    case PHUB__VERB_READY:
    case PHUB__VERB_DONE:
    case PHUB__VERB_PUBLISH:
    case PHUB__VERB_AGREE:
        return 0;
    }
    return 0;
}

static int hold_state(struct phub__exec_child *child,
                      const struct phub__verb_message *message)
{
    if (child->state_waits)
        return PHUB_EBUSY;
    child->state_waits = true;
    child->state_ref = message->ref;
    child->state_code = message->code;
    child->state = phub__buf_ref(message->body);
    return 0;
}

/* Who never spoke cannot do it.  Who did could, and may have a state that
 * nobody can ask it for any more: that is no child without one. */
static int no_channel(struct phub__exec_child *child, enum phub__verb verb)
{
    if (!child->hello)
        return PHUB_EUNSUPPORTED;
    if (!child->closed_told && verb != PHUB__VERB_STOP)
        phub__real_logf(child->exec->real, PHUB__LOG_WARNING,
                        "child \"%.*s\" has closed its channel or sent "
                        "garbage on it: it runs, but cannot be asked",
                        (int)child->id_size, child->id);
    child->closed_told |= verb != PHUB__VERB_STOP;
    return PHUB_EFAILED;
}

static int reach(struct phub__exec_child *child, enum phub__verb verb)
{
    if (child->channel != NULL)
        return 0;
    return child->pid != 0 ? no_channel(child, verb) : PHUB_EAGAIN;
}

static int hand_over(struct phub__exec_child *child,
                     const struct phub__childmsg *m, enum phub__verb verb)
{
    int rc = phub__channel_send(child->channel, m);

    if (rc == PHUB_ESHUTDOWN)
        return no_channel(child, verb); /* its poll closes it */
    if (rc == 0)
        channel_watch(child);
    return rc;
}

static void put_work(void *arg)
{
    struct phub__exec_put *put = arg;
    struct phub_bytes body = phub__buf_bytes(put->state);

    put->rc = phub__childmsg_memfd(body.data, body.size, &put->message.fd);
    put->message.fd_size = body.size;
}

static void put_drop(void *arg)
{
    struct phub__exec_put *put = arg;

    if (put->message.fd >= 0)
        close(put->message.fd);
    phub__buf_unref(&put->state);
    phub__free(put);
}

static void put_done(void *arg)
{
    struct phub__exec_put *put = arg;
    struct phub__exec_child *child = put->child;
    uint64_t ref = put->message.ref;
    int rc = put->rc;

    if (child != NULL) {
        child->put = NULL;
        if (rc == 0) /* it may have closed it meanwhile */
            rc = reach(child, PHUB__VERB_PUT_STATE);
        if (rc == 0)
            rc = hand_over(child, &put->message, PHUB__VERB_PUT_STATE);
    }
    put_drop(put);
    if (child != NULL && rc != 0)
        put_failed(child, ref, rc);
}

/* A gigabyte takes a second to copy, which the hub's thread has not. */
static int put_begin(struct phub__exec_child *child,
                     const struct phub__childmsg *message,
                     struct phub_buf *state)
{
    struct phub_env *env = &child->exec->real->env;
    struct phub__exec_put *put;
    int rc;

    if (child->put != NULL)
        return PHUB_EBUSY;
    put = phub__calloc(1, sizeof *put);
    if (put == NULL)
        return PHUB_ENOMEM;
    put->child = child;
    put->message = *message;
    put->message.body = put->message.text = PHUB_BYTES_NONE;
    put->state = phub__buf_ref(state);
    rc = env->work(env, put_work, put_done, put_drop, put);
    if (rc != 0)
        put_drop(put);
    else
        child->put = put;
    return rc;
}

void phub__exec_child_forget(struct phub__exec_child *child, uint64_t ref)
{
    if (child->put != NULL && child->put->message.ref == ref)
        put_forget(child);
    else if (child->channel != NULL)
        phub__channel_forget(child->channel, ref);
}

int phub__exec_child_send(struct phub__exec_child *child,
                          const struct phub__verb_message *message)
{
    struct phub__childmsg m = {
        .verb = verb_number(message->verb), .ref = message->ref, .fd = -1,
        .body = phub__buf_bytes(message->body), .text = message->text,
    };
    int rc = m.verb != 0 ? reach(child, message->verb) : PHUB_EINVAL;

    if (rc != 0)
        return rc;
    if (message->verb == PHUB__VERB_PUT_STATE) {
        m.state_version = message->version;
        if (message->version == 0 && child->hello)
            m.state_version = child->state_version;
        else if (message->version == 0)
            return hold_state(child, message);
    }
    if (message->verb == PHUB__VERB_ROLE || message->verb == PHUB__VERB_STOP)
        m.value = (uint64_t)(message->code > 0 ? message->code : 0);
    else
        m.code = message->code;
    if (message->verb == PHUB__VERB_PUT_STATE && m.body.size > PUT_NOW_MAX)
        return put_begin(child, &m, message->body);
    return hand_over(child, &m, message->verb);
}
