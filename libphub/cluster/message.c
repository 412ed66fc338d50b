/* SPDX-License-Identifier: MIT */
/* message: the bodies of the cluster's messages, to bytes and back.
 *
 * phub-protocol(7) gives the same in CDDL.  A key keeps its meaning and its
 * number for ever; a new field gets a new key, which old nodes skip.
 *
 * Most messages are probes without news: numbers and one plain text under
 * known keys.  These are written and read here at once; what is anything else
 * goes the long way. */
#include "config.h"

#include <assert.h>
#include <string.h>

#include <phub/cbor.h>

#include "cluster/message.h"
#include "wire/number.h"

enum field_kind { FIELD_UINT, FIELD_TEXT, FIELD_NEWS, FIELD_STRATEGIES };

enum key {
    KEY_SEQ = 1, KEY_STAMP, KEY_LEASE, KEY_NODE, KEY_BOOT, KEY_ORIGIN,
    KEY_ORIGIN_BOOT, KEY_FLAGS = 9, KEY_COOKIE, KEY_NONCE, KEY_CODE,
    KEY_INCARNATION, KEY_PROTOCOL_MIN, KEY_PROTOCOL_MAX, KEY_ENDPOINT,
    KEY_TEXT, KEY_HUB_ID, KEY_NEWS, KEY_STRATEGIES, KEY_VOTERS,
    KEY_GENERATION, KEY_VOTERS_ALSO, KEY_GENERATION_ALSO, KEY_LIST,
    KEY_COUNT
};

#define BIT(key) (1u << (key))

struct field {
    enum field_kind kind;
    size_t offset;
    uint64_t max;     /* largest value, or longest text in bytes */
};

#define UINT(member, max_) { FIELD_UINT,                                      \
    offsetof(struct phub__message, member), (max_) }
#define TEXT(member, max_) { FIELD_TEXT,                                      \
    offsetof(struct phub__message, member), (max_) }

static const struct field fields[KEY_COUNT] = {
    [KEY_SEQ] = UINT(seq, UINT64_MAX),
    [KEY_STAMP] = UINT(stamp_ns, UINT64_MAX),
    [KEY_LEASE] = UINT(lease_ms, 600000),
    [KEY_NODE] = UINT(node, UINT64_MAX),
    [KEY_BOOT] = UINT(boot, UINT64_MAX),
    [KEY_ORIGIN] = UINT(origin, UINT64_MAX),
    [KEY_ORIGIN_BOOT] = UINT(origin_boot, UINT64_MAX),
    [KEY_FLAGS] = UINT(flags, UINT64_MAX),
    [KEY_COOKIE] = UINT(cookie, UINT64_MAX),
    [KEY_NONCE] = UINT(nonce, UINT64_MAX),
    [KEY_CODE] = UINT(code, 65535),
    [KEY_INCARNATION] = UINT(incarnation, UINT64_MAX - 1),
    [KEY_PROTOCOL_MIN] = UINT(protocol_min, UINT32_MAX),
    [KEY_PROTOCOL_MAX] = UINT(protocol_max, UINT32_MAX),
    [KEY_ENDPOINT] = TEXT(endpoint, PHUB_ENDPOINT_MAX),
    [KEY_TEXT] = TEXT(text, PHUB__REFUSAL_MAX - 1),
    [KEY_HUB_ID] = TEXT(hub_id, PHUB_HUB_ID_MAX),
    [KEY_NEWS] = { FIELD_NEWS, 0, PHUB__NEWS_MAX },
    [KEY_VOTERS] = UINT(voters, UINT64_MAX),
    [KEY_GENERATION] = UINT(generation, UINT64_MAX),
    [KEY_VOTERS_ALSO] = UINT(voters_also, UINT64_MAX),
    [KEY_GENERATION_ALSO] = UINT(generation_also, UINT64_MAX),
    [KEY_LIST] = UINT(list, UINT64_MAX),
    [KEY_STRATEGIES] = { FIELD_STRATEGIES, 0, PHUB__STRATEGIES_MAX },
};

struct type {
    uint32_t needs;
    uint32_t may;
    uint32_t self_news; /* 1: exactly one record, full, of who sends it */
};

static const struct type types[PHUB__CLUSTER_TYPE_MAX + 1] = {
    [PHUB__CLUSTER_PING] = {
        BIT(KEY_SEQ) | BIT(KEY_STAMP) | BIT(KEY_ENDPOINT),
        BIT(KEY_LEASE) | BIT(KEY_ORIGIN) | BIT(KEY_ORIGIN_BOOT)
        | BIT(KEY_NEWS), 0 },
    [PHUB__CLUSTER_ACK] = {
        BIT(KEY_SEQ) | BIT(KEY_STAMP),
        BIT(KEY_LEASE) | BIT(KEY_ORIGIN) | BIT(KEY_ORIGIN_BOOT)
        | BIT(KEY_NEWS) | BIT(KEY_VOTERS) | BIT(KEY_GENERATION)
        | BIT(KEY_VOTERS_ALSO) | BIT(KEY_GENERATION_ALSO), 0 },
    [PHUB__CLUSTER_PING_REQ] = {
        BIT(KEY_SEQ) | BIT(KEY_STAMP) | BIT(KEY_NODE) | BIT(KEY_BOOT),
        BIT(KEY_LEASE) | BIT(KEY_NEWS), 0 },
    [PHUB__CLUSTER_NACK] = { BIT(KEY_SEQ), BIT(KEY_NEWS), 0 },
    [PHUB__CLUSTER_GOSSIP] = { BIT(KEY_NEWS), 0, 0 },
    [PHUB__CLUSTER_SYNC] = {
        BIT(KEY_NEWS), BIT(KEY_FLAGS) | BIT(KEY_LIST), 0 },
    [PHUB__CLUSTER_JOIN] = {
        BIT(KEY_HUB_ID) | BIT(KEY_PROTOCOL_MIN) | BIT(KEY_PROTOCOL_MAX)
        | BIT(KEY_LEASE) | BIT(KEY_ENDPOINT) | BIT(KEY_COOKIE)
        | BIT(KEY_NEWS) | BIT(KEY_STRATEGIES),
        BIT(KEY_NODE) | BIT(KEY_BOOT) | BIT(KEY_INCARNATION), 1 },
    [PHUB__CLUSTER_JOIN_ANSWER] = {
        BIT(KEY_COOKIE) | BIT(KEY_ENDPOINT) | BIT(KEY_CODE) | BIT(KEY_NEWS),
        BIT(KEY_NONCE) | BIT(KEY_TEXT) | BIT(KEY_NODE) | BIT(KEY_BOOT)
        | BIT(KEY_INCARNATION), 1 },
    [PHUB__CLUSTER_JOIN_CONFIRM] = { BIT(KEY_NONCE) | BIT(KEY_NEWS), 0, 1 },
    [PHUB__CLUSTER_LEAVE] = { BIT(KEY_BOOT), 0, 0 },
};

void phub__message_init(struct phub__message *m, enum phub__cluster_type type)
{
    memset(m, 0, offsetof(struct phub__message, news));
    m->type = type;
    m->news_count = 0;
    m->strategies_count = 0;
}

/* --- to bytes ------------------------------------------------------------ */

static void write_text(struct phub_cbor_writer *w, struct phub_bytes text)
{
    phub_cbor_write_text(w, (const char *)text.data, text.size);
}

/* [node, boot, incarnation, state, from] and, if full,
 * weight, name, endpoint, zone, labels. */
static void write_news(struct phub_cbor_writer *w, const struct phub__news *n)
{
    phub_cbor_write_array(w, n->full ? 10 : 5);
    phub_cbor_write_uint(w, n->node);
    phub_cbor_write_uint(w, n->boot);
    phub_cbor_write_uint(w, n->incarnation);
    phub_cbor_write_uint(w, (uint64_t)n->state);
    phub_cbor_write_uint(w, n->from);
    if (!n->full)
        return;
    phub_cbor_write_uint(w, n->weight);
    write_text(w, n->name);
    write_text(w, n->endpoint);
    write_text(w, n->zone);
    write_text(w, n->labels);
}

static void write_strategy(struct phub_cbor_writer *w,
                           const struct phub__strategy *s)
{
    phub_cbor_write_array(w, 7);
    write_text(w, s->kind);
    write_text(w, s->name);
    phub_cbor_write_uint(w, s->wire_min);
    phub_cbor_write_uint(w, s->wire_max);
    phub_cbor_write_uint(w, s->digest);
    phub_cbor_write_uint(w, s->must_match);
    phub_cbor_write_uint(w, s->generation);
}

static void write_field(struct phub_cbor_writer *w,
                        const struct phub__message *m, enum key key)
{
    const char *at = (const char *)m + fields[key].offset;
    struct phub_bytes text;
    uint64_t value;

    switch (fields[key].kind) {
    case FIELD_UINT:
        memcpy(&value, at, sizeof value);
        phub_cbor_write_uint(w, value);
        return;
    case FIELD_TEXT:
        memcpy(&text, at, sizeof text);
        write_text(w, text);
        return;
    case FIELD_NEWS:
        phub_cbor_write_array(w, m->news_count);
        for (uint32_t i = 0; i < m->news_count; i++)
            write_news(w, &m->news[i]);
        return;
    case FIELD_STRATEGIES:
        phub_cbor_write_array(w, m->strategies_count);
        for (uint32_t i = 0; i < m->strategies_count; i++)
            write_strategy(w, &m->strategies[i]);
        return;
    }
}

/* True if an optional field says nothing. */
static bool is_empty(const struct phub__message *m, enum key key)
{
    const char *at = (const char *)m + fields[key].offset;
    struct phub_bytes text;
    uint64_t value;

    switch (fields[key].kind) {
    case FIELD_UINT:
        memcpy(&value, at, sizeof value);
        return value == 0;
    case FIELD_TEXT:
        memcpy(&text, at, sizeof text);
        return text.size == 0;
    case FIELD_NEWS:
        return m->news_count == 0;
    case FIELD_STRATEGIES:
        return m->strategies_count == 0;
    }
    return true;
}

/* Of a message without lists, and the room that it may take. */
#define USUAL_MAX (PHUB__NUMBER_MAX + KEY_COUNT * (2 + PHUB__NUMBER_MAX)      \
                   + PHUB_ENDPOINT_MAX + PHUB__REFUSAL_MAX + PHUB_HUB_ID_MAX)

static_assert(KEY_COUNT <= 32, "a key is a bit");

static uint8_t *key_put(uint8_t *out, uint32_t key)
{
    if (key >= 24)
        *out++ = 24; /* a byte follows */
    *out++ = (uint8_t)key;
    return out;
}

static size_t usual_write(const struct phub__message *m, uint32_t keys,
                          uint8_t *buf)
{
    uint8_t *out = buf + 1;
    uint32_t pairs = 0;

    for (; keys != 0; keys &= keys - 1, pairs++) {
        uint32_t key = (uint32_t)__builtin_ctz(keys);
        const char *at = (const char *)m + fields[key].offset;
        struct phub_bytes text;
        uint64_t value;

        out = key_put(out, key);
        switch (fields[key].kind) {
        case FIELD_UINT:
            memcpy(&value, at, sizeof value);
            out = phub__number_put(out, 0, value);
            break;
        case FIELD_TEXT:
            memcpy(&text, at, sizeof text);
            assert(text.size <= fields[key].max);
            out = phub__number_put(out, 3, text.size);
            if (text.size > 0)
                memcpy(out, text.data, text.size);
            out += text.size;
            break;
        case FIELD_NEWS:
        case FIELD_STRATEGIES:
            *out++ = 4 << 5; /* an empty array */
            break;
        }
    }
    assert(pairs < 24);
    buf[0] = (uint8_t)(5 << 5 | pairs);
    return (size_t)(out - buf);
}

int phub__message_encode(const struct phub__message *m, uint8_t *buf,
                         size_t capacity, size_t *size)
{
    const struct type *type = &types[m->type];
    struct phub_cbor_writer w;
    uint32_t keys = type->needs;
    uint64_t count;

    assert(m->type >= 1 && m->type <= PHUB__CLUSTER_TYPE_MAX);
    assert(m->news_count <= PHUB__NEWS_MAX);
    for (uint32_t may = type->may; may != 0; may &= may - 1) {
        uint32_t key = (uint32_t)__builtin_ctz(may);

        if (!is_empty(m, (enum key)key))
            keys |= BIT(key);
    }
    if (m->news_count == 0 && m->strategies_count == 0
        && capacity >= USUAL_MAX) {
        *size = usual_write(m, keys, buf);
        return 0;
    }
    count = (uint64_t)__builtin_popcount(keys);
    phub_cbor_writer_init(&w, buf, capacity);
    phub_cbor_write_map(&w, count);
    for (; keys != 0; keys &= keys - 1) {
        uint32_t key = (uint32_t)__builtin_ctz(keys);

        phub_cbor_write_uint(&w, key);
        write_field(&w, m, (enum key)key);
    }
    if (!phub_cbor_writer_ok(&w))
        return PHUB_ELIMIT;
    *size = w.size;
    return 0;
}

/* --- and back ------------------------------------------------------------ */

/* A text of at least min and at most max bytes without control characters. */
static void read_text(struct phub_cbor_reader *r, size_t min, size_t max,
                      struct phub_bytes *out)
{
    const char *text;
    size_t size;

    if (!phub_cbor_read_text(r, &text, &size))
        return;
    if (size < min || size > max) {
        phub_cbor_fail(r, PHUB_CBOR_ERANGE);
        return;
    }
    for (size_t i = 0; i < size; i++) {
        if ((uint8_t)text[i] < 0x20 || text[i] == 0x7f) {
            phub_cbor_fail(r, PHUB_CBOR_ERANGE);
            return;
        }
    }
    *out = (struct phub_bytes){ (const uint8_t *)text, size };
}

static void read_news(struct phub_cbor_reader *r, struct phub__news *n)
{
    uint64_t count, state = 0, weight = 0;

    memset(n, 0, sizeof *n);
    if (!phub_cbor_read_array(r, &count))
        return;
    if (count < 5 || (count > 5 && count < 10)) {
        phub_cbor_fail(r, PHUB_CBOR_ETYPE);
        return;
    }
    n->full = count >= 10;
    phub_cbor_read_uint(r, &n->node);
    phub_cbor_read_uint(r, &n->boot);
    phub_cbor_read_uint_max(r, UINT64_MAX - 1, &n->incarnation);
    phub_cbor_read_uint_max(r, PHUB__MEMBER_LEFT, &state);
    phub_cbor_read_uint(r, &n->from);
    if (r->error == 0 && (n->node == 0 || n->boot == 0 || state == 0))
        phub_cbor_fail(r, PHUB_CBOR_ERANGE);
    n->state = (enum phub__member_state)state;
    if (!n->full)
        return;
    phub_cbor_read_uint_max(r, UINT32_MAX, &weight);
    n->weight = (uint32_t)weight;
    read_text(r, 1, PHUB_NODE_NAME_MAX, &n->name);
    read_text(r, 1, PHUB_ENDPOINT_MAX, &n->endpoint);
    read_text(r, 0, PHUB__ZONE_MAX, &n->zone);
    read_text(r, 0, PHUB__LABELS_MAX, &n->labels);
    for (; count > 10 && r->error == 0; count--)
        phub_cbor_skip(r);
}

static void read_strategy(struct phub_cbor_reader *r, struct phub__strategy *s)
{
    uint64_t count;

    memset(s, 0, sizeof *s);
    if (!phub_cbor_read_array(r, &count))
        return;
    if (count < 6) {
        phub_cbor_fail(r, PHUB_CBOR_ETYPE);
        return;
    }
    read_text(r, 1, PHUB__STRATEGY_NAME_MAX, &s->kind);
    read_text(r, 1, PHUB__STRATEGY_NAME_MAX, &s->name);
    phub_cbor_read_uint_max(r, UINT32_MAX, &s->wire_min);
    phub_cbor_read_uint_max(r, UINT32_MAX, &s->wire_max);
    phub_cbor_read_uint(r, &s->digest);
    phub_cbor_read_uint_max(r, 1, &s->must_match);
    if (count > 6)
        phub_cbor_read_uint(r, &s->generation);
    for (; count > 7 && r->error == 0; count--)
        phub_cbor_skip(r);
}

static bool read_count(struct phub_cbor_reader *r, uint64_t max,
                       uint32_t *count)
{
    uint64_t n;

    if (!phub_cbor_read_array(r, &n))
        return false;
    if (n > max)
        return phub_cbor_fail(r, PHUB_CBOR_ERANGE);
    *count = (uint32_t)n;
    return true;
}

static void read_field(struct phub_cbor_reader *r, struct phub__message *m,
                       enum key key)
{
    const struct field *field = &fields[key];
    char *at = (char *)m + field->offset;
    struct phub_bytes text = PHUB_BYTES_NONE;
    uint64_t value = 0;

    switch (field->kind) {
    case FIELD_UINT:
        phub_cbor_read_uint_max(r, field->max, &value);
        memcpy(at, &value, sizeof value);
        return;
    case FIELD_TEXT:
        read_text(r, 0, (size_t)field->max, &text);
        memcpy(at, &text, sizeof text);
        return;
    case FIELD_NEWS:
        if (read_count(r, field->max, &m->news_count))
            for (uint32_t i = 0; i < m->news_count && r->error == 0; i++)
                read_news(r, &m->news[i]);
        return;
    case FIELD_STRATEGIES:
        if (read_count(r, field->max, &m->strategies_count))
            for (uint32_t i = 0; i < m->strategies_count && r->error == 0; i++)
                read_strategy(r, &m->strategies[i]);
        return;
    }
}

static void read_fields(struct phub_cbor_reader *r, struct phub__message *m,
                        const struct type *type)
{
    uint64_t pairs, key = 0, before = 0;
    uint32_t seen = 0;

    if (!phub_cbor_read_map(r, &pairs))
        return;
    for (; pairs > 0 && r->error == 0; pairs--, before = key) {
        if (!phub_cbor_read_uint(r, &key))
            return;
        if (key <= before) {
            phub_cbor_fail(r, PHUB_CBOR_ERANGE);
        } else if (key < KEY_COUNT
                   && ((type->needs | type->may) & BIT(key)) != 0) {
            read_field(r, m, (enum key)key);
            seen |= BIT(key);
        } else {
            phub_cbor_skip(r);
        }
    }
    if ((seen & type->needs) != type->needs)
        phub_cbor_fail(r, PHUB_CBOR_ETRUNCATED);
}

/* Printable ASCII; eight at a time, by the carries that others leave. */
static uint64_t odd_bytes(const uint8_t *text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word;

    memcpy(&word, text, sizeof word);
    return (word | (word - ones * ' ') | (word + ones)) & ones << 7;
}

static bool is_plain(const uint8_t *text, size_t size)
{
    uint64_t odd = 0;

    for (size_t i = 0; i + 8 <= size; i += 8)
        odd |= odd_bytes(text + i);
    if (size >= 8)
        return (odd | odd_bytes(text + size - 8)) == 0; /* and the rest */
    for (size_t i = 0; i < size; i++)
        odd |= text[i] < ' ' || text[i] >= 0x7f;
    return odd == 0;
}

/* Read a message without lists; false: it is another, or none. */
static bool usual_read(struct phub__message *m, const struct type *type,
                       const uint8_t *body, size_t size)
{
    const uint8_t *end = body + size, *at;
    const uint32_t keys = type->needs | type->may;
    uint64_t pairs, value;
    uint32_t seen = 0, key = 0;
    struct phub_bytes text;

    at = phub__number_get(body, end, 5, &pairs);
    for (; at != NULL && pairs > 0; pairs--) {
        const struct field *field;
        char *to;

        if (at == end || *at <= key || *at > 23 || (keys >> *at & 1) == 0)
            return false;
        key = *at++;
        seen |= BIT(key);
        field = &fields[key];
        to = (char *)m + field->offset;
        if (field->kind == FIELD_UINT) {
            at = phub__number_get(at, end, 0, &value);
            if (at == NULL || value > field->max)
                return false;
            memcpy(to, &value, sizeof value);
            continue;
        }
        at = field->kind != FIELD_TEXT ? NULL
           : phub__number_get(at, end, 3, &value);
        if (at == NULL || value > field->max || value > (size_t)(end - at)
            || !is_plain(at, (size_t)value))
            return false;
        text = (struct phub_bytes){ at, (size_t)value };
        memcpy(to, &text, sizeof text);
        at += text.size;
    }
    return at == end && (seen & type->needs) == type->needs;
}

int phub__message_decode(struct phub__message *m, enum phub__cluster_type type,
                         const uint8_t *body, size_t size)
{
    struct phub_cbor_reader r;

    if (type < 1 || type > PHUB__CLUSTER_TYPE_MAX
        || size > PHUB__CLUSTER_BODY_MAX)
        return PHUB_EPROTO;
    phub__message_init(m, type);
    if (usual_read(m, &types[type], body, size))
        return types[type].self_news == 0 ? 0 : PHUB_EPROTO;
    phub__message_init(m, type);
    phub_cbor_reader_init(&r, body, size);
    read_fields(&r, m, &types[type]);
    if (!phub_cbor_read_end(&r))
        return PHUB_EPROTO;
    if (types[type].self_news == 1
        && (m->news_count != 1 || !m->news[0].full
            || m->news[0].state != PHUB__MEMBER_ALIVE))
        return PHUB_EPROTO;
    return 0;
}
