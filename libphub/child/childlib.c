/* SPDX-License-Identifier: MIT */
/* childlib: the child's side of the channel, as a library.
 *
 * Everything that a child must remember is here: whether it is ready, standby
 * or frozen, and what it has published, so that IDENTIFY can be answered
 * without the program.  A call that has answered its ref by itself is not
 * answered a second time: the ref being handled is kept, and cleared by the
 * first answer. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <phub/cbor.h>
#include <phub/child.h>

#include "child/childmsg.h"

struct entry {
    char key[PHUB_CHILD_PUBLISH_KEY_MAX + 1];
    char value[PHUB_CHILD_PUBLISH_VALUE_MAX + 1];
};

struct phub_child {
    const struct phub_child_calls *calls;
    void *arg;
    int fd;
    uint32_t capabilities, state_version;
    char *id, *node, *epoch;
    bool standby, frozen, ready, state_expected;
    uint64_t answering; /* the ref of the call being made, until answered */
    uint64_t ready_ref; /* of what makes it ready, until answered with 0 */
    struct entry published[PHUB_CHILD_PUBLISH_MAX];
    size_t published_count;
    uint8_t in[PHUB_CHILD_MESSAGE_MAX];
    uint8_t out[PHUB_CHILD_MESSAGE_MAX];
};

static int
send_message(struct phub_child *child, const struct phub__childmsg *message)
{
    size_t size;
    int rc = phub__childmsg_encode(message, child->out, sizeof child->out,
                                   &size);

    if (rc != 0)
        return rc;
    return phub__childmsg_send(child->fd, child->out, size, message->fd, 0);
}

static int
say(struct phub_child *child, uint32_t verb)
{
    struct phub__childmsg m = { .verb = verb, .fd = -1 };

    return send_message(child, &m);
}

static int
say_hello(struct phub_child *child)
{
    struct phub__childmsg m = {
        .verb = PHUB_CHILD_HELLO, .fd = -1, .version = PHUB_CHILD_VERSION,
        .capabilities = child->capabilities,
        .state_version = child->state_version,
    };

    return send_message(child, &m);
}

/* Without deferring, a child is ready once it has its state, or once it is
 * committed if it cannot have one. */
static void
complete(struct phub_child *child)
{
    child->ready |= !(child->capabilities & PHUB_CHILD_CAN_DEFER_READY);
}

/* Answer a ref; the one that is being handled only once. */
static int
answer(struct phub_child *child, struct phub__childmsg *message)
{
    if (message->ref == 0)
        return PHUB_EINVAL;
    message->verb = PHUB_CHILD_DONE;
    if (child->answering == message->ref)
        child->answering = 0;
    if (child->ready_ref == message->ref) {
        child->ready_ref = 0;
        if (message->code == 0)
            complete(child);
    }
    return send_message(child, message);
}

static struct phub_bytes
bytes_of(const void *data, size_t size)
{
    return (struct phub_bytes){ data, size };
}

int
phub_child_done(struct phub_child *child, uint64_t ref, int code,
                const char *text)
{
    struct phub__childmsg m = { .ref = ref, .code = code, .fd = -1 };

    if (code > 0)
        return PHUB_EINVAL;
    if (text != NULL)
        m.text = bytes_of(text, strnlen(text, PHUB_CHILD_TEXT_MAX));
    if (!phub_cbor_utf8_ok(m.text.data, m.text.size))
        m.text.size = 0;
    return answer(child, &m);
}

int
phub_child_give_state(struct phub_child *child, uint64_t ref,
                      uint32_t state_version, const void *data, size_t size)
{
    struct phub__childmsg m = {
        .ref = ref, .state_version = state_version, .fd = -1,
        .body = bytes_of(data, size),
    };
    int fd = -1, rc;

    if (size > PHUB_CHILD_BODY_MAX) {
        rc = phub__childmsg_memfd(data, size, &fd);
        if (rc != 0)
            return rc;
    }
    m.fd = fd;
    m.fd_size = size;
    rc = answer(child, &m);
    if (fd >= 0)
        close(fd);
    return rc;
}

int
phub_child_give(struct phub_child *child, uint64_t ref, const void *data,
                size_t size)
{
    return phub_child_give_state(child, ref, 0, data, size);
}

int
phub_child_give_state_fd(struct phub_child *child, uint64_t ref,
                         uint32_t state_version, int fd, size_t size)
{
    struct phub__childmsg m = {
        .ref = ref, .state_version = state_version, .fd = fd, .fd_size = size,
    };
    int rc = phub__childmsg_seal(fd);

    if (rc == 0)
        rc = answer(child, &m);
    if (rc == 0)
        close(fd);
    return rc;
}

/* Publish entries [from, to). */
static int
say_published(struct phub_child *child, const struct entry *from, size_t count)
{
    uint8_t body[PHUB_CHILD_PUBLISH_MAX * (sizeof(struct entry) + 8)];
    struct phub__childmsg m = { .verb = PHUB_CHILD_PUBLISH, .fd = -1 };
    struct phub_cbor_writer w;

    phub_cbor_writer_init(&w, body, sizeof body);
    phub_cbor_write_map(&w, count);
    for (size_t i = 0; i < count; i++) {
        phub_cbor_write_cstr(&w, from[i].key);
        phub_cbor_write_cstr(&w, from[i].value);
    }
    m.body = bytes_of(body, w.size);
    return send_message(child, &m);
}

int
phub_child_publish(struct phub_child *child, const char *key,
                   const char *value)
{
    size_t key_size = strlen(key), value_size = strlen(value), at = 0;
    struct entry entry;

    if (key_size == 0 || !phub_cbor_utf8_ok((const uint8_t *)key, key_size)
        || !phub_cbor_utf8_ok((const uint8_t *)value, value_size))
        return PHUB_EINVAL;
    if (key_size > PHUB_CHILD_PUBLISH_KEY_MAX
        || value_size > PHUB_CHILD_PUBLISH_VALUE_MAX)
        return PHUB_ELIMIT;
    memcpy(entry.key, key, key_size + 1);
    memcpy(entry.value, value, value_size + 1);
    while (at < child->published_count
           && strcmp(child->published[at].key, key) != 0)
        at++;
    if (at == PHUB_CHILD_PUBLISH_MAX)
        return PHUB_ELIMIT;
    if (value_size > 0) {
        child->published[at] = entry;
        if (at == child->published_count)
            child->published_count++;
    } else if (at < child->published_count) {
        child->published[at] = child->published[--child->published_count];
    }
    return say_published(child, &entry, 1);
}

int
phub_child_ready(struct phub_child *child)
{
    child->ready = true;
    return say(child, PHUB_CHILD_READY);
}

int
phub_child_agree(struct phub_child *child)
{
    return say(child, PHUB_CHILD_AGREE);
}

/* Another daemon took over: tell it all that the first one knew. */
static int
identify(struct phub_child *child, uint64_t ref)
{
    struct phub__childmsg m = { .ref = ref, .fd = -1 };

    (void)say_hello(child);
    (void)say_published(child, child->published, child->published_count);
    if (child->ready)
        (void)say(child, PHUB_CHILD_READY);
    m.value = (child->ready ? PHUB_CHILD_IS_READY : 0)
            | (child->frozen ? PHUB_CHILD_IS_FROZEN : 0)
            | (child->standby ? PHUB_CHILD_IS_STANDBY : 0);
    return answer(child, &m);
}

/* A call that makes it ready has returned rc; it may have answered already. */
static int
ended(struct phub_child *child, const struct phub__childmsg *m, int rc)
{
    if (rc == PHUB_CHILD_LATER || child->ready_ref != m->ref)
        return rc;
    child->ready_ref = 0;
    if (rc == 0)
        complete(child);
    return rc;
}

static int
put_state(struct phub_child *child, const struct phub__childmsg *m)
{
    struct phub_child_state state = {
        .version = m->state_version, .code = m->code,
    };
    struct phub_bytes body;
    int rc;

    if (child->calls->put_state == NULL)
        return PHUB_EUNSUPPORTED;
    rc = phub__childmsg_map(m, &body);
    if (rc != 0)
        return rc;
    state.data = body.data;
    state.size = body.size;
    child->ready_ref = m->ref;
    rc = child->calls->put_state(child->arg, m->ref, &state);
    phub__childmsg_unmap(m, &body);
    return ended(child, m, rc);
}

static int
commit(struct phub_child *child, const struct phub__childmsg *m)
{
    child->standby = false;
    if (child->capabilities & PHUB_CHILD_CAN_STATE)
        return child->calls->commit != NULL
             ? child->calls->commit(child->arg, m->ref) : 0;
    child->ready_ref = m->ref;
    return ended(child, m, child->calls->commit != NULL
                               ? child->calls->commit(child->arg, m->ref) : 0);
}

static int
message(struct phub_child *child, const struct phub__childmsg *m)
{
    char sender[PHUB_CHILD_TEXT_MAX + 1];
    struct phub_bytes body;
    int rc;

    if (child->calls->message == NULL)
        return PHUB_EUNSUPPORTED;
    rc = phub__childmsg_map(m, &body);
    if (rc != 0)
        return rc;
    snprintf(sender, sizeof sender, "%.*s", (int)m->text.size,
             m->text.size > 0 ? (const char *)m->text.data : "");
    rc = child->calls->message(child->arg, m->ref, sender, body.data,
                               body.size);
    phub__childmsg_unmap(m, &body);
    return rc;
}

static int
stop(struct phub_child *child, const struct phub__childmsg *m)
{
    if (child->calls->stop == NULL)
        exit(0);
    return child->calls->stop(child->arg, m->ref, m->value);
}

/* Make the call that a message asks for. */
static int
call(struct phub_child *child, const struct phub__childmsg *m)
{
    const struct phub_child_calls *calls = child->calls;
    int rc = PHUB_EUNSUPPORTED;

    switch (m->verb) {
    case PHUB_CHILD_STOP:
        return stop(child, m);
    case PHUB_CHILD_FREEZE:
        /* From now on, so that a call which takes long finds it set. */
        child->frozen = calls->freeze != NULL;
        if (calls->freeze != NULL)
            rc = calls->freeze(child->arg, m->ref);
        child->frozen = child->frozen && rc >= 0;
        return rc;
    case PHUB_CHILD_THAW:
        child->frozen = false;
        return calls->thaw != NULL ? calls->thaw(child->arg, m->ref) : 0;
    case PHUB_CHILD_COMMIT:
        return commit(child, m);
    case PHUB_CHILD_TAKE_STATE:
        return calls->get_state != NULL
             ? calls->get_state(child->arg, m->ref) : rc;
    case PHUB_CHILD_PUT_STATE:
        return put_state(child, m);
    case PHUB_CHILD_ROLE:
        return calls->role != NULL
             ? calls->role(child->arg, m->ref, m->value != 0) : rc;
    case PHUB_CHILD_CONSENT:
        return calls->consent != NULL
             ? calls->consent(child->arg, m->ref) : rc;
    case PHUB_CHILD_MESSAGE:
        return message(child, m);
    case PHUB_CHILD_IDENTIFY:
        return identify(child, m->ref);
    default:
        return rc;
    }
}

int
phub_child_dispatch(struct phub_child *child)
{
    struct phub__childmsg m;
    int rc = phub__childmsg_receive(child->fd, child->in, &m);

    if (rc == 0 || rc == PHUB_ESHUTDOWN)
        return rc;
    if (rc == PHUB_EPROTO)
        return 1;
    if (rc == PHUB_EUNSUPPORTED) {
        if (m.ref != 0)
            (void)phub_child_done(child, m.ref, rc, NULL);
        return 1;
    }
    child->answering = m.ref;
    rc = call(child, &m);
    if (m.fd >= 0)
        close(m.fd);
    if (rc != PHUB_CHILD_LATER && child->answering != 0)
        (void)phub_child_done(child, m.ref, rc > 0 ? PHUB_EINVAL : rc, NULL);
    child->answering = 0;
    return 1;
}

/* The channel of the environment, or -1. */
static int
channel_of_environment(void)
{
    const char *text = getenv("PHUB_FD");
    socklen_t size = sizeof(int);
    char *end;
    long fd;
    int type;

    if (text == NULL || *text == 0)
        return -1;
    fd = strtol(text, &end, 10);
    if (*end != 0 || fd < 0 || fd > 1 << 20
        || getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0
        || type != SOCK_SEQPACKET)
        return -1;
    return (int)fd;
}

static char *
copy_env(const char *name)
{
    const char *value = getenv(name);

    return strdup(value != NULL ? value : "");
}

static bool
flag_of_env(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && strcmp(value, "1") == 0;
}

int
phub_child_open(struct phub_child **child,
                const struct phub_child_calls *calls, uint32_t capabilities,
                uint32_t state_version, void *arg)
{
    int fd = channel_of_environment(), rc;
    struct phub_child *c;

    if (fd < 0)
        return PHUB_ENOTCHILD;
    if (calls == NULL || calls->size < sizeof *calls)
        return PHUB_EINVAL;
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return PHUB_ENOMEM;
    c->calls = calls;
    c->arg = arg;
    c->fd = fd;
    c->capabilities = capabilities;
    c->state_version = state_version;
    c->id = copy_env("PHUB_CHILD_ID");
    c->node = copy_env("PHUB_NODE");
    c->epoch = copy_env("PHUB_EPOCH");
    c->standby = flag_of_env("PHUB_STANDBY");
    c->state_expected = flag_of_env("PHUB_STATE_EXPECTED");
    c->ready = !(capabilities & PHUB_CHILD_CAN_DEFER_READY)
            && !c->state_expected;
    rc = c->id && c->node && c->epoch ? 0 : PHUB_ENOMEM;
    /* What the program starts in turn does not get the channel. */
    if (rc == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        rc = PHUB_ESYS;
    if (rc == 0)
        rc = say_hello(c);
    if (rc != 0) {
        c->fd = -1;
        phub_child_close(&c);
        return rc;
    }
    *child = c;
    return 0;
}

void
phub_child_close(struct phub_child **child)
{
    struct phub_child *c = *child;

    if (c == NULL)
        return;
    *child = NULL;
    if (c->fd >= 0)
        close(c->fd);
    free(c->id);
    free(c->node);
    free(c->epoch);
    free(c);
}

int
phub_child_fd(const struct phub_child *child)
{
    return child->fd;
}

const char *
phub_child_id(const struct phub_child *child)
{
    return child->id;
}

const char *
phub_child_node(const struct phub_child *child)
{
    return child->node;
}

const char *
phub_child_epoch(const struct phub_child *child)
{
    return child->epoch;
}

int
phub_child_standby(const struct phub_child *child)
{
    return child->standby;
}

int
phub_child_state_expected(const struct phub_child *child)
{
    return child->state_expected;
}

int
phub_child_frozen(const struct phub_child *child)
{
    return child->frozen;
}

const char *
phub_child_strerror(int code)
{
    switch (code) {
    case 0: return "done";
#define TEXT(name, number, text) case -(number): return text;
    PHUB_ERRORS(TEXT)
#undef TEXT
    default: return "unknown error";
    }
}
