/* SPDX-License-Identifier: MIT */
/* childmsg: encode, decode, send and receive messages of the child protocol.
 *
 * A descriptor that came with a message is looked at before anything else uses
 * it: only a memfd answers F_GET_SEALS, so a device or a file of somebody's
 * file system, on which reading might wait, is refused; and only a sealed one
 * can be mapped without fear of its shrinking. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <phub/cbor.h>

#include "child/childmsg.h"

#define BIT(key) (1u << PHUB_CHILD_KEY_##key)
#define KEYS (PHUB_CHILD_KEY_VALUE + 1)
#define BODY (BIT(BODY) | BIT(SIZE))
#define SEAL_TRIES 3         /* each waits 150 ms at most, in the kernel */
#define SEALS_NEEDED (F_SEAL_SHRINK | F_SEAL_WRITE)
#define FDS_MAX 4 /* received at once, so that surplus ones can be closed */

struct row {
    uint32_t verb;
    uint32_t needs; /* BODY stands for either of its bits */
    uint32_t may;
};

static const struct row rows[] = {
    { PHUB_CHILD_STOP, 0, BIT(REF) | BIT(VALUE) },
    { PHUB_CHILD_FREEZE, BIT(REF), 0 },
    { PHUB_CHILD_THAW, BIT(REF), 0 },
    { PHUB_CHILD_COMMIT, BIT(REF), 0 },
    { PHUB_CHILD_TAKE_STATE, BIT(REF), 0 },
    { PHUB_CHILD_PUT_STATE, BIT(REF) | BODY, BIT(STATE_VERSION) | BIT(CODE) },
    { PHUB_CHILD_ROLE, BIT(REF) | BIT(VALUE), 0 },
    { PHUB_CHILD_CONSENT, BIT(REF), 0 },
    { PHUB_CHILD_MESSAGE, BODY, BIT(REF) | BIT(TEXT) },
    { PHUB_CHILD_IDENTIFY, BIT(REF), 0 },
    { PHUB_CHILD_HELLO, BIT(VERSION) | BIT(CAPABILITIES),
      BIT(STATE_VERSION) },
    { PHUB_CHILD_READY, 0, 0 },
    { PHUB_CHILD_DONE, BIT(REF) | BIT(CODE),
      BIT(TEXT) | BODY | BIT(VALUE) | BIT(STATE_VERSION) },
    { PHUB_CHILD_PUBLISH, BIT(BODY), 0 },
    { PHUB_CHILD_AGREE, 0, 0 },
};

static const struct row *
row_of(uint64_t verb)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].verb == verb)
            return &rows[i];
    return NULL;
}

/* The keys to write: what the verb needs, and of the rest what is not empty. */
static uint32_t
keys_of(const struct phub__childmsg *m, const struct row *row)
{
    uint32_t all = row->needs | row->may, keys = row->needs & ~BODY;

    if (m->ref != 0)
        keys |= all & BIT(REF);
    if (m->text.size > 0)
        keys |= all & BIT(TEXT);
    if (m->code != 0)
        keys |= all & BIT(CODE);
    if (m->state_version != 0)
        keys |= all & BIT(STATE_VERSION);
    if (m->value != 0)
        keys |= all & BIT(VALUE);
    if (m->fd >= 0)
        keys |= all & BIT(SIZE);
    else if (m->body.size > 0 || (row->needs & BODY))
        keys |= all & BIT(BODY);
    return keys | BIT(VERB);
}

static void
write_value(struct phub_cbor_writer *w, const struct phub__childmsg *m,
            enum phub_child_key key)
{
    switch (key) {
    case PHUB_CHILD_KEY_VERB: phub_cbor_write_uint(w, m->verb); break;
    case PHUB_CHILD_KEY_REF: phub_cbor_write_uint(w, m->ref); break;
    case PHUB_CHILD_KEY_BODY:
        phub_cbor_write_bytes(w, m->body.data, m->body.size);
        break;
    case PHUB_CHILD_KEY_CODE: phub_cbor_write_int(w, m->code); break;
    case PHUB_CHILD_KEY_TEXT:
        phub_cbor_write_text(w, (const char *)m->text.data, m->text.size);
        break;
    case PHUB_CHILD_KEY_SIZE: phub_cbor_write_uint(w, m->fd_size); break;
    case PHUB_CHILD_KEY_VERSION: phub_cbor_write_uint(w, m->version); break;
    case PHUB_CHILD_KEY_CAPABILITIES:
        phub_cbor_write_uint(w, m->capabilities);
        break;
    case PHUB_CHILD_KEY_STATE_VERSION:
        phub_cbor_write_uint(w, m->state_version);
        break;
    case PHUB_CHILD_KEY_VALUE: phub_cbor_write_uint(w, m->value); break;
    }
}

int
phub__childmsg_encode(const struct phub__childmsg *message, void *buf,
                      size_t capacity, size_t *size)
{
    const struct row *row = row_of(message->verb);
    struct phub_cbor_writer w;
    uint32_t keys;

    if (row == NULL)
        return PHUB_EINVAL;
    keys = keys_of(message, row);
    phub_cbor_writer_init(&w, buf, capacity);
    phub_cbor_write_map(&w, (uint64_t)__builtin_popcount(keys));
    for (unsigned key = 0; key < KEYS; key++)
        if (keys & 1u << key) {
            phub_cbor_write_uint(&w, key);
            write_value(&w, message, (enum phub_child_key)key);
        }
    *size = w.size;
    return phub_cbor_writer_ok(&w) && w.size <= PHUB_CHILD_MESSAGE_MAX
         ? 0 : PHUB_ELIMIT;
}

static void
read_u32(struct phub_cbor_reader *r, uint32_t *value)
{
    uint64_t wide;

    if (phub_cbor_read_uint_max(r, UINT32_MAX, &wide))
        *value = (uint32_t)wide;
}

static void
read_value(struct phub_cbor_reader *r, struct phub__childmsg *m,
           enum phub_child_key key)
{
    const char *text;
    uint64_t verb;
    int64_t code;

    switch (key) {
    case PHUB_CHILD_KEY_VERB:
        if (phub_cbor_read_uint(r, &verb))
            m->verb = verb <= UINT32_MAX ? (uint32_t)verb : UINT32_MAX;
        break;
    case PHUB_CHILD_KEY_REF:
        if (phub_cbor_read_uint(r, &m->ref) && m->ref == 0)
            phub_cbor_fail(r, PHUB_CBOR_ERANGE);
        break;
    case PHUB_CHILD_KEY_BODY:
        phub_cbor_read_bytes(r, &m->body.data, &m->body.size);
        break;
    case PHUB_CHILD_KEY_CODE:
        if (phub_cbor_read_int(r, &code)) {
            if (code > 0 || code < INT32_MIN)
                phub_cbor_fail(r, PHUB_CBOR_ERANGE);
            else
                m->code = (int32_t)code;
        }
        break;
    case PHUB_CHILD_KEY_TEXT:
        if (phub_cbor_read_text(r, &text, &m->text.size)) {
            m->text.data = (const uint8_t *)text;
            if (m->text.size > PHUB_CHILD_TEXT_MAX)
                phub_cbor_fail(r, PHUB_CBOR_ERANGE);
        }
        break;
    case PHUB_CHILD_KEY_SIZE:
        phub_cbor_read_uint_max(r, PHUB_STATE_SIZE_MAX, &m->fd_size);
        break;
    case PHUB_CHILD_KEY_VERSION: read_u32(r, &m->version); break;
    case PHUB_CHILD_KEY_CAPABILITIES: read_u32(r, &m->capabilities); break;
    case PHUB_CHILD_KEY_STATE_VERSION: read_u32(r, &m->state_version); break;
    case PHUB_CHILD_KEY_VALUE: phub_cbor_read_uint(r, &m->value); break;
    }
}

int
phub__childmsg_decode(const void *bytes, size_t size,
                      struct phub__childmsg *message)
{
    struct phub__childmsg m;
    struct phub_cbor_reader r;
    const struct row *row;
    uint64_t pairs = 0, key;
    uint32_t missing;

    memset(&m, 0, sizeof m);
    m.fd = -1;
    phub_cbor_reader_init(&r, bytes, size);
    for (phub_cbor_read_map(&r, &pairs); !r.error && pairs > 0; pairs--) {
        if (!phub_cbor_read_uint(&r, &key))
            break;
        if (key >= KEYS) {
            phub_cbor_skip(&r);
            continue;
        }
        if (m.present & 1u << key)
            return PHUB_EPROTO;
        m.present |= 1u << key;
        read_value(&r, &m, (enum phub_child_key)key);
    }
    if (!phub_cbor_read_end(&r) || !(m.present & BIT(VERB))
        || (m.present & BODY) == BODY)
        return PHUB_EPROTO;
    *message = m;
    row = row_of(m.verb);
    if (row == NULL)
        return PHUB_EUNSUPPORTED;
    missing = row->needs & ~m.present;
    if ((row->needs & BODY) == BODY && m.present & BODY)
        missing &= ~BODY;
    if (missing != 0 || m.present & BODY & ~(row->needs | row->may))
        return PHUB_EPROTO;
    return 0;
}

int
phub__childmsg_send(int to, const void *bytes, size_t size, int fd, int flags)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = { (void *)(uintptr_t)bytes, size };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    if (fd >= 0) {
        struct cmsghdr *head;

        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = sizeof control.bytes;
        head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(head), &fd, sizeof fd);
    }
    for (;;) {
        if (sendmsg(to, &message, flags | MSG_NOSIGNAL) >= 0)
            return 0;
        if (errno == EAGAIN || errno == ETOOMANYREFS)
            return PHUB_EBUSY;
        if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
            return PHUB_ESHUTDOWN;
        if (errno != EINTR)
            return PHUB_ESYS;
    }
}

/* True if fd is a memfd that cannot change, of size bytes at least. */
static bool
memfd_ok(int fd, uint64_t size)
{
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat what;

    return seals >= 0 && (seals & SEALS_NEEDED) == SEALS_NEEDED
        && fstat(fd, &what) == 0 && (uint64_t)what.st_size >= size;
}

/* Fit the descriptors that came to the message: one if it says SIZE. */
static int
take_fd(struct phub__childmsg *m, int *fds, size_t count)
{
    if (!PHUB__CHILDMSG_HAS(m, SIZE))
        return count == 0 ? 0 : PHUB_EPROTO;
    if (count != 1 || !memfd_ok(fds[0], m->fd_size))
        return PHUB_EPROTO;
    m->fd = fds[0];
    fds[0] = -1;
    return 0;
}

int
phub__childmsg_receive(int from, void *buf, struct phub__childmsg *message)
{
    union {
        char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = { buf, PHUB_CHILD_MESSAGE_MAX };
    struct msghdr in = {
        .msg_iov = &part, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof control,
    };
    struct cmsghdr *head;
    int fds[FDS_MAX], rc;
    size_t count = 0;
    ssize_t size = recvmsg(from, &in, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (size < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : PHUB_ESHUTDOWN;
    head = CMSG_FIRSTHDR(&in);
    if (head != NULL && head->cmsg_level == SOL_SOCKET
        && head->cmsg_type == SCM_RIGHTS) {
        count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(head), count * sizeof(int));
    }
    if (size == 0)
        rc = PHUB_ESHUTDOWN;
    else if (in.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        rc = PHUB_EPROTO;
    else
        rc = phub__childmsg_decode(buf, (size_t)size, message);
    if (rc == 0)
        rc = take_fd(message, fds, count);
    for (size_t i = 0; i < count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return rc == 0 ? 1 : rc;
}

int
phub__childmsg_seal(int fd)
{
    /* The kernel refuses while somebody holds a page of it for a moment, after
     * it has waited for that itself. */
    for (int i = 0; i < SEAL_TRIES; i++) {
        if (fcntl(fd, F_ADD_SEALS,
                  SEALS_NEEDED | F_SEAL_GROW | F_SEAL_SEAL) == 0)
            return 0;
        if (errno != EBUSY)
            break;
    }
    /* It may have been sealed before. */
    return memfd_ok(fd, 0) ? 0 : PHUB_ESYS;
}

int
phub__childmsg_memfd(const void *data, size_t size, int *fd)
{
    const char *at = data;
    int memfd = memfd_create("phub-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ssize_t written = 0;

    if (memfd < 0)
        return PHUB_ESYS;
    while (size > 0 && written >= 0) {
        written = write(memfd, at, size);
        if (written > 0) {
            at += written;
            size -= (size_t)written;
        } else if (written < 0 && errno == EINTR) {
            written = 0;
        }
    }
    if (written < 0 || phub__childmsg_seal(memfd) != 0) {
        close(memfd);
        return PHUB_ESYS;
    }
    *fd = memfd;
    return 0;
}

int
phub__childmsg_map(const struct phub__childmsg *message,
                   struct phub_bytes *body)
{
    void *data;

    if (message->fd < 0 || message->fd_size == 0) {
        body->data = message->fd < 0 && message->body.data != NULL
                   ? message->body.data : (const uint8_t *)"";
        body->size = message->fd < 0 ? message->body.size : 0;
        return 0;
    }
    if (message->fd_size > SIZE_MAX)
        return PHUB_ELIMIT;
    data = mmap(NULL, (size_t)message->fd_size, PROT_READ, MAP_PRIVATE,
                message->fd, 0);
    if (data == MAP_FAILED)
        return PHUB_ESYS;
    body->data = data;
    body->size = (size_t)message->fd_size;
    return 0;
}

void
phub__childmsg_unmap(const struct phub__childmsg *message,
                     const struct phub_bytes *body)
{
    if (message->fd >= 0 && body->size > 0)
        munmap((void *)(uintptr_t)body->data, body->size);
}

/* What is published is shown to people: no control characters. */
static bool
is_plain(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    return true;
}

int
phub__childmsg_publish_next(const struct phub_bytes *body, size_t *at,
                            struct phub_bytes *key, struct phub_bytes *value)
{
    struct phub_cbor_reader r;
    const char *k, *v;
    uint64_t pairs;

    phub_cbor_reader_init(&r, body->data, body->size);
    if (*at == 0) {
        struct phub_cbor_reader whole = r;

        if (!phub_cbor_skip(&whole) || !phub_cbor_read_end(&whole)
            || !phub_cbor_read_map(&r, &pairs)
            || pairs > PHUB_CHILD_PUBLISH_MAX)
            return PHUB_EPROTO;
        *at = r.at;
    }
    if (*at == body->size)
        return 0;
    phub_cbor_reader_init(&r, body->data, body->size);
    r.at = *at;
    if (!phub_cbor_read_text(&r, &k, &key->size)
        || !phub_cbor_read_text(&r, &v, &value->size)
        || key->size == 0 || key->size > PHUB_CHILD_PUBLISH_KEY_MAX
        || value->size > PHUB_CHILD_PUBLISH_VALUE_MAX
        || !is_plain(k, key->size) || !is_plain(v, value->size))
        return PHUB_EPROTO;
    key->data = (const uint8_t *)k;
    value->data = (const uint8_t *)v;
    *at = r.at;
    return 1;
}
