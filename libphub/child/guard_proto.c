/* SPDX-License-Identifier: MIT */
/* guard_proto: encode and decode what a daemon and its guard say.
 *
 * One row per verb says which keys it must have and which it may have; both
 * directions work off that table, so they cannot drift apart. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <string.h>

#include <phub/cbor.h>
#include <phub/error.h>

#include "child/guard_proto.h"

#define BIT(key) (1u << PHUB__GUARD_KEY_##key)
#define EPOCH (BIT(EPOCH_NUMBER) | BIT(EPOCH_NODE))

struct row {
    enum phub__guard_verb verb;
    uint32_t needs;
    uint32_t may;
};

static const struct row rows[] = {
    { PHUB__GUARD_HELLO, BIT(VERSION), 0 },
    { PHUB__GUARD_SPAWN, BIT(HANDLE) | BIT(CHILD) | EPOCH | BIT(ARGV)
                         | BIT(ENV), BIT(CWD) | BIT(NOTE) | BIT(FLAGS)
                                     | BIT(FILE_MAX) },
    { PHUB__GUARD_SIGNAL, BIT(HANDLE) | BIT(SIGNAL), 0 },
    { PHUB__GUARD_DEADLINE, BIT(DEADLINE), 0 },
    { PHUB__GUARD_RELEASE, BIT(HANDLE), 0 },
    { PHUB__GUARD_QUIT, 0, 0 },
    { PHUB__GUARD_WELCOME, BIT(VERSION) | BIT(GUARD) | BIT(DEADLINE)
                           | BIT(PID), 0 },
    { PHUB__GUARD_CHILD, BIT(HANDLE) | BIT(CHILD) | EPOCH | BIT(PID)
                         | BIT(START) | BIT(RUNNING), BIT(NOTE) | BIT(FLAGS) },
    { PHUB__GUARD_SPAWN_FAILED, BIT(HANDLE) | BIT(ERRNO) | BIT(TEXT), 0 },
    { PHUB__GUARD_EXITED, BIT(HANDLE) | BIT(STATUS) | BIT(CAUSE), 0 },
    { PHUB__GUARD_FATAL, BIT(ERRNO) | BIT(TEXT), 0 },
    { PHUB__GUARD_ALL_TOLD, 0, 0 },
};

static const struct row *
row_of(uint64_t verb)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if ((uint64_t)rows[i].verb == verb)
            return &rows[i];
    return NULL;
}

static void
write_value(struct phub_cbor_writer *w, const struct phub__guard_message *m,
            enum phub__guard_key key)
{
    switch (key) {
    case PHUB__GUARD_KEY_VERB: phub_cbor_write_uint(w, m->verb); break;
    case PHUB__GUARD_KEY_VERSION: phub_cbor_write_uint(w, m->version); break;
    case PHUB__GUARD_KEY_HANDLE: phub_cbor_write_uint(w, m->handle); break;
    case PHUB__GUARD_KEY_CHILD:
        phub_cbor_write_text(w, (const char *)m->child.data, m->child.size);
        break;
    case PHUB__GUARD_KEY_EPOCH_NUMBER:
        phub_cbor_write_uint(w, m->epoch.number);
        break;
    case PHUB__GUARD_KEY_EPOCH_NODE:
        phub_cbor_write_uint(w, m->epoch.node);
        break;
    case PHUB__GUARD_KEY_ARGV:
        phub_cbor_write_raw(w, m->argv.data, m->argv.size);
        break;
    case PHUB__GUARD_KEY_ENV:
        phub_cbor_write_raw(w, m->env.data, m->env.size);
        break;
    case PHUB__GUARD_KEY_CWD:
        phub_cbor_write_bytes(w, m->cwd.data, m->cwd.size);
        break;
    case PHUB__GUARD_KEY_SIGNAL: phub_cbor_write_uint(w, m->signal); break;
    case PHUB__GUARD_KEY_DEADLINE:
        phub_cbor_write_uint(w, m->deadline_ns);
        break;
    case PHUB__GUARD_KEY_GUARD: phub_cbor_write_uint(w, m->guard_id); break;
    case PHUB__GUARD_KEY_PID: phub_cbor_write_uint(w, m->pid); break;
    case PHUB__GUARD_KEY_START: phub_cbor_write_uint(w, m->start_ticks); break;
    case PHUB__GUARD_KEY_RUNNING: phub_cbor_write_bool(w, m->running); break;
    case PHUB__GUARD_KEY_ERRNO: phub_cbor_write_uint(w, m->sys_errno); break;
    case PHUB__GUARD_KEY_TEXT:
        phub_cbor_write_text(w, (const char *)m->text.data, m->text.size);
        break;
    case PHUB__GUARD_KEY_STATUS: phub_cbor_write_uint(w, m->status); break;
    case PHUB__GUARD_KEY_CAUSE: phub_cbor_write_uint(w, m->cause); break;
    case PHUB__GUARD_KEY_NOTE:
        phub_cbor_write_bytes(w, m->note.data, m->note.size);
        break;
    case PHUB__GUARD_KEY_FLAGS: phub_cbor_write_uint(w, m->flags); break;
    case PHUB__GUARD_KEY_FILE_MAX:
        phub_cbor_write_uint(w, m->file_max);
        break;
    case PHUB__GUARD_KEYS: break;
    }
}

int
phub__guard_encode(const struct phub__guard_message *message, void *buf,
                   size_t capacity, size_t *size)
{
    const struct row *row = row_of(message->verb);
    struct phub_cbor_writer w;
    uint32_t keys;

    if (row == NULL)
        return PHUB_EINVAL;
    keys = row->needs | BIT(VERB);
    if (message->cwd.size > 0)
        keys |= row->may & BIT(CWD);
    if (message->note.size > 0)
        keys |= row->may & BIT(NOTE);
    if (message->flags != 0)
        keys |= row->may & BIT(FLAGS);
    if (message->file_max != 0)
        keys |= row->may & BIT(FILE_MAX);
    phub_cbor_writer_init(&w, buf, capacity);
    phub_cbor_write_map(&w, (uint64_t)__builtin_popcount(keys));
    for (unsigned key = 0; key < PHUB__GUARD_KEYS; key++)
        if (keys & 1u << key) {
            phub_cbor_write_uint(&w, key);
            write_value(&w, message, (enum phub__guard_key)key);
        }
    *size = w.size;
    return phub_cbor_writer_ok(&w) ? 0 : PHUB_ELIMIT;
}

/* Check an array of byte strings without a zero byte in them. */
static void
read_args(struct phub_cbor_reader *r, struct phub_bytes *array)
{
    const uint8_t *start = r->buf + r->at, *bytes;
    uint64_t count;
    size_t size;

    if (!phub_cbor_read_array(r, &count))
        return;
    if (count > PHUB__GUARD_ARGS_MAX)
        phub_cbor_fail(r, PHUB_CBOR_ERANGE);
    for (; count > 0 && phub_cbor_read_bytes(r, &bytes, &size); count--)
        if (memchr(bytes, 0, size) != NULL)
            phub_cbor_fail(r, PHUB_CBOR_ERANGE);
    array->data = start;
    array->size = (size_t)(r->buf + r->at - start);
}

bool
phub__guard_args_next(const struct phub_bytes *array, size_t *at,
                      struct phub_bytes *arg)
{
    struct phub_cbor_reader r;
    uint64_t count;

    phub_cbor_reader_init(&r, array->data, array->size);
    if (*at == 0) {
        if (!phub_cbor_read_array(&r, &count))
            return false;
        *at = r.at;
    }
    phub_cbor_reader_init(&r, array->data, array->size);
    r.at = *at;
    if (phub_cbor_peek(&r) != PHUB_CBOR_BYTES
        || !phub_cbor_read_bytes(&r, &arg->data, &arg->size))
        return false;
    *at = r.at;
    return true;
}

static void
read_text(struct phub_cbor_reader *r, size_t max, struct phub_bytes *text)
{
    const char *chars;

    if (!phub_cbor_read_text(r, &chars, &text->size))
        return;
    text->data = (const uint8_t *)chars;
    if (text->size > max || memchr(chars, 0, text->size) != NULL)
        phub_cbor_fail(r, PHUB_CBOR_ERANGE);
}

static void
read_u32(struct phub_cbor_reader *r, uint32_t *value)
{
    uint64_t wide;

    if (phub_cbor_read_uint_max(r, UINT32_MAX, &wide))
        *value = (uint32_t)wide;
}

static void
read_value(struct phub_cbor_reader *r, struct phub__guard_message *m,
           enum phub__guard_key key)
{
    switch (key) {
    case PHUB__GUARD_KEY_VERB: phub_cbor_skip(r); break;
    case PHUB__GUARD_KEY_VERSION: read_u32(r, &m->version); break;
    case PHUB__GUARD_KEY_HANDLE: phub_cbor_read_uint(r, &m->handle); break;
    case PHUB__GUARD_KEY_CHILD:
        read_text(r, PHUB_CHILD_ID_MAX, &m->child);
        break;
    case PHUB__GUARD_KEY_EPOCH_NUMBER:
        phub_cbor_read_uint(r, &m->epoch.number);
        break;
    case PHUB__GUARD_KEY_EPOCH_NODE:
        phub_cbor_read_uint(r, &m->epoch.node);
        break;
    case PHUB__GUARD_KEY_ARGV: read_args(r, &m->argv); break;
    case PHUB__GUARD_KEY_ENV: read_args(r, &m->env); break;
    case PHUB__GUARD_KEY_CWD:
        if (phub_cbor_read_bytes(r, &m->cwd.data, &m->cwd.size)
            && (m->cwd.size == 0 || m->cwd.size > PHUB__GUARD_PATH_MAX
                || memchr(m->cwd.data, 0, m->cwd.size) != NULL))
            phub_cbor_fail(r, PHUB_CBOR_ERANGE);
        break;
    case PHUB__GUARD_KEY_SIGNAL: read_u32(r, &m->signal); break;
    case PHUB__GUARD_KEY_DEADLINE:
        phub_cbor_read_uint(r, &m->deadline_ns);
        break;
    case PHUB__GUARD_KEY_GUARD: phub_cbor_read_uint(r, &m->guard_id); break;
    case PHUB__GUARD_KEY_PID: read_u32(r, &m->pid); break;
    case PHUB__GUARD_KEY_START: phub_cbor_read_uint(r, &m->start_ticks); break;
    case PHUB__GUARD_KEY_RUNNING: phub_cbor_read_bool(r, &m->running); break;
    case PHUB__GUARD_KEY_ERRNO: read_u32(r, &m->sys_errno); break;
    case PHUB__GUARD_KEY_TEXT:
        read_text(r, PHUB__GUARD_TEXT_MAX, &m->text);
        break;
    case PHUB__GUARD_KEY_STATUS: read_u32(r, &m->status); break;
    case PHUB__GUARD_KEY_CAUSE: read_u32(r, &m->cause); break;
    case PHUB__GUARD_KEY_NOTE:
        if (phub_cbor_read_bytes(r, &m->note.data, &m->note.size)
            && m->note.size > PHUB__GUARD_NOTE_MAX)
            phub_cbor_fail(r, PHUB_CBOR_ERANGE);
        break;
    case PHUB__GUARD_KEY_FLAGS: read_u32(r, &m->flags); break;
    case PHUB__GUARD_KEY_FILE_MAX:
        phub_cbor_read_uint(r, &m->file_max);
        break;
    case PHUB__GUARD_KEYS: break;
    }
}

int
phub__guard_decode(const void *bytes, size_t size,
                   struct phub__guard_message *message)
{
    struct phub__guard_message m;
    struct phub_cbor_reader r;
    struct phub_bytes first;
    const struct row *row;
    uint64_t pairs = 0, key, verb = 0;
    size_t at = 0;

    memset(&m, 0, sizeof m);
    phub_cbor_reader_init(&r, bytes, size);
    for (phub_cbor_read_map(&r, &pairs); !r.error && pairs > 0; pairs--) {
        if (!phub_cbor_read_uint(&r, &key))
            break;
        if (key >= PHUB__GUARD_KEYS) {
            phub_cbor_skip(&r);
            continue;
        }
        if (m.present & 1u << key)
            return PHUB_EPROTO;
        m.present |= 1u << key;
        if (key == PHUB__GUARD_KEY_VERB)
            phub_cbor_read_uint(&r, &verb);
        else
            read_value(&r, &m, (enum phub__guard_key)key);
    }
    if (!phub_cbor_read_end(&r) || !(m.present & BIT(VERB)))
        return PHUB_EPROTO;
    row = row_of(verb);
    if (row == NULL)
        return PHUB_EUNSUPPORTED;
    if ((m.present & row->needs) != row->needs
        || (row->needs & BIT(HANDLE) && m.handle == 0)
        || (row->needs & BIT(CHILD) && m.child.size == 0)
        || (row->needs & BIT(ARGV)
            && (!phub__guard_args_next(&m.argv, &at, &first)
                || first.size == 0)))
        return PHUB_EPROTO;
    m.verb = row->verb;
    *message = m;
    return 0;
}
