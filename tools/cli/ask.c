/* SPDX-License-Identifier: MIT */
/* ask: one question to the hub and what it answers, as <phub/control.h> has
 * both.
 *
 * Many children go in several frames, each answered before the next.  Records
 * become JSON objects with the tool's words for their keys, which is what
 * --json prints and what the tables read. */
#include "config.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/cbor.h>
#include <phub/client.h>
#include <phub/control.h>
#include <phub/error.h>

#include "cli/tool.h"

#define FRAME_MAX (3u << 20)        /* bytes of children in a frame */
#define HEAD_MAX 1024u
#define CONNECT_MS 2000u
#define ANSWER_MS 15000u            /* of what the hub answers at once */
#define PROGRESS_MS 500u
#define SLACK_MS 5000u              /* beyond the hub's own clock */
#define STARTING_MS 5000u           /* for a hub that is just starting */
#define STARTING_POLL_MS 50

/* --- asking ------------------------------------------------------------- */

static void put_text(struct phub_cbor_writer *w, uint32_t key,
                     const char *text, uint64_t *pairs)
{
    if (text == NULL || text[0] == '\0')
        return;
    phub_cbor_write_uint(w, key);
    phub_cbor_write_cstr(w, text);
    ++*pairs;
}

static void put_number(struct phub_cbor_writer *w, uint32_t key,
                       uint64_t value, uint64_t *pairs)
{
    if (value == 0)
        return;
    phub_cbor_write_uint(w, key);
    phub_cbor_write_uint(w, value);
    ++*pairs;
}

static void put_flag(struct phub_cbor_writer *w, uint32_t key, bool value,
                     uint64_t *pairs)
{
    if (!value)
        return;
    phub_cbor_write_uint(w, key);
    phub_cbor_write_bool(w, true);
    ++*pairs;
}

static void put_texts(struct phub_cbor_writer *w, uint32_t key,
                      const json_t *texts, uint64_t *pairs)
{
    const json_t *text;
    size_t i;

    if (texts == NULL)
        return;
    phub_cbor_write_uint(w, key);
    phub_cbor_write_array(w, json_array_size(texts));
    json_array_foreach(texts, i, text)
        phub_cbor_write_cstr(w, json_string_value(text));
    ++*pairs;
}

static uint64_t put_question(struct phub_cbor_writer *w,
                             const struct question *q, size_t from,
                             size_t count)
{
    uint64_t pairs = 0;
    size_t i;

    put_number(w, PHUB_CONTROL_REFERENCE, 1, &pairs);
    put_text(w, PHUB_CONTROL_VERB, q->verb, &pairs);
    put_texts(w, PHUB_CONTROL_IDS, q->ids, &pairs);
    if (count != 0) {
        phub_cbor_write_uint(w, PHUB_CONTROL_CHILDREN);
        phub_cbor_write_array(w, count);
        for (i = from; i < from + count; i++)
            phub_cbor_write_raw(w, q->children[i].cbor, q->children[i].size);
        pairs++;
    }
    put_text(w, PHUB_CONTROL_NODE, q->node, &pairs);
    put_text(w, PHUB_CONTROL_TAG, q->tag, &pairs);
    put_text(w, PHUB_CONTROL_STATE, q->state, &pairs);
    put_number(w, PHUB_CONTROL_TIMEOUT_MS, q->timeout_ms, &pairs);
    put_flag(w, PHUB_CONTROL_ROLLBACK, q->rollback, &pairs);
    put_flag(w, PHUB_CONTROL_NO_WAIT, q->no_wait, &pairs);
    put_number(w, PHUB_CONTROL_COUNT, q->count, &pairs);
    put_number(w, PHUB_CONTROL_VERSION, q->version, &pairs);
    put_text(w, PHUB_CONTROL_REPLICA, q->replica, &pairs);
    put_texts(w, PHUB_CONTROL_META, q->meta, &pairs);
    put_flag(w, PHUB_CONTROL_LOCAL, q->local, &pairs);
    return pairs;
}

/* The frame is the map's head and then its pairs; owns bytes. */
static uint8_t *frame_new(const struct question *q, size_t from, size_t count,
                          size_t *size)
{
    struct phub_cbor_writer w;
    uint64_t pairs;
    uint8_t *bytes;
    size_t body;

    phub_cbor_writer_init(&w, NULL, 0);
    pairs = put_question(&w, q, from, count);
    body = w.size;
    phub_cbor_writer_init(&w, NULL, 0);
    phub_cbor_write_map(&w, pairs);
    *size = w.size + body;
    bytes = malloc(*size);
    if (bytes == NULL)
        out_of_memory();
    phub_cbor_writer_init(&w, bytes, *size);
    phub_cbor_write_map(&w, pairs);
    put_question(&w, q, from, count);
    return bytes;
}

/* --- answers ------------------------------------------------------------ */

enum value_kind { TEXT, NUMBER, INTEGER, FLAG, TEXTS, PAIRS, SPEC };

static const struct {
    const char *name;
    enum value_kind kind;
} record_keys[] = {
    [PHUB_CONTROL_R_ID] = { "id", TEXT },
    [PHUB_CONTROL_R_CODE] = { "code", INTEGER },
    [PHUB_CONTROL_R_NODE] = { "node", TEXT },
    [PHUB_CONTROL_R_STATE] = { "state", TEXT },
    [PHUB_CONTROL_R_PID] = { "pid", INTEGER },
    [PHUB_CONTROL_R_RESTARTS] = { "restarts", NUMBER },
    [PHUB_CONTROL_R_TEXT] = { "text", TEXT },
    [PHUB_CONTROL_R_TAGS] = { "tags", TEXTS },
    [PHUB_CONTROL_R_METADATA] = { "metadata", PAIRS },
    [PHUB_CONTROL_R_PUBLISHED] = { "published", PAIRS },
    [PHUB_CONTROL_R_EPOCH] = { "epoch", NUMBER },
    [PHUB_CONTROL_R_INCARNATION] = { "incarnation", NUMBER },
    [PHUB_CONTROL_R_VALUE] = { "value", NUMBER },
    [PHUB_CONTROL_R_TIME_MS] = { "time_ms", NUMBER },
    [PHUB_CONTROL_R_NODE_ID] = { "node_id", TEXT },
    [PHUB_CONTROL_R_BOOT] = { "boot", NUMBER },
    [PHUB_CONTROL_R_WEIGHT] = { "weight", NUMBER },
    [PHUB_CONTROL_R_ZONE] = { "zone", TEXT },
    [PHUB_CONTROL_R_RTT_US] = { "rtt_us", NUMBER },
    [PHUB_CONTROL_R_DURABLE] = { "durable", FLAG },
    [PHUB_CONTROL_R_KEEPER] = { "keeper", TEXT },
    [PHUB_CONTROL_R_HOME] = { "home", TEXT },
    [PHUB_CONTROL_R_VERSION] = { "version", NUMBER },
    [PHUB_CONTROL_R_ROLE] = { "role", TEXT },
    [PHUB_CONTROL_R_REPLICAS] = { "replicas", NUMBER },
    [PHUB_CONTROL_R_EVENT] = { "event", TEXT },
    [PHUB_CONTROL_R_ABOUT] = { "about", TEXT },
    [PHUB_CONTROL_R_LOST] = { "lost", NUMBER },
    [PHUB_CONTROL_R_CHILDREN] = { "children", TEXTS },
    [PHUB_CONTROL_R_SPEC] = { "spec", SPEC },
    [PHUB_CONTROL_R_REPLICA_NODES] = { "replica_nodes", TEXTS },
    [PHUB_CONTROL_R_STICKY] = { "sticky", FLAG },
};

#define RECORD_KEYS (sizeof record_keys / sizeof record_keys[0])

/* Of the character that begins there; 0: it is none. */
static size_t character_size(const uint8_t *bytes, size_t left)
{
    size_t size;

    for (size = 1; size <= 4 && size <= left; size++)
        if (phub_cbor_utf8_ok(bytes, size))
            return size;
    return 0;
}

json_t *text_new(const uint8_t *bytes, size_t size)
{
    json_t *text = json_stringn((const char *)bytes, size);
    size_t i, step, n = 0;
    char *wide;

    if (text != NULL)
        return text;
    wide = malloc(2 * size + 1);
    if (wide == NULL)
        out_of_memory();
    for (i = 0; i < size; i += step) {
        step = character_size(bytes + i, size - i);
        if (step != 0) {
            memcpy(wide + n, bytes + i, step);
            n += step;
            continue;
        }
        wide[n++] = (char)(0xc0 | bytes[i] >> 6);
        wide[n++] = (char)(0x80 | (bytes[i] & 0x3f));
        step = 1;
    }
    text = checked(json_stringn(wide, n));
    free(wide);
    return text;
}

/* A text may come as bytes: a child writes what it likes. */
static json_t *read_text(struct phub_cbor_reader *r)
{
    const uint8_t *bytes = NULL;
    const char *text = NULL;
    size_t size = 0;

    if (phub_cbor_peek(r) == PHUB_CBOR_BYTES)
        phub_cbor_read_bytes(r, &bytes, &size);
    else if (phub_cbor_read_text(r, &text, &size))
        bytes = (const uint8_t *)text;
    return r->error != 0 ? NULL : text_new(bytes, size);
}

static json_t *read_texts(struct phub_cbor_reader *r)
{
    json_t *list = checked(json_array());
    uint64_t count = 0;

    for (phub_cbor_read_array(r, &count); count > 0 && r->error == 0; count--)
        json_array_append_new(list, read_text(r));
    return list;
}

static json_t *read_pairs(struct phub_cbor_reader *r)
{
    json_t *object = checked(json_object()), *key, *value;
    uint64_t count = 0, pairs = 0, number = 0;

    for (phub_cbor_read_array(r, &count); count > 0 && r->error == 0;
         count--) {
        key = value = NULL;
        for (phub_cbor_read_map(r, &pairs); pairs > 0 && r->error == 0;
             pairs--) {
            phub_cbor_read_uint(r, &number);
            if (number == 1 && key == NULL)
                key = read_text(r);
            else if (number == 2 && value == NULL)
                value = read_text(r);
            else
                phub_cbor_skip(r);
        }
        if (key != NULL)
            json_object_set_new(object, json_string_value(key),
                                value != NULL ? value : json_string(""));
        else
            json_decref(value);
        json_decref(key);
    }
    return object;
}

static json_t *read_value(struct phub_cbor_reader *r, uint64_t key)
{
    const uint8_t *bytes = NULL;
    uint64_t number = 0;
    int64_t integer = 0;
    size_t size = 0;
    bool flag = false;
    char hex[24];

    if (key == PHUB_CONTROL_R_NODE_ID) { /* 64 bits are too many for JSON */
        phub_cbor_read_uint(r, &number);
        snprintf(hex, sizeof hex, "%016llx", (unsigned long long)number);
        return checked(json_string(hex));
    }
    switch (record_keys[key].kind) {
    case TEXT:
        return read_text(r);
    case NUMBER:
        phub_cbor_read_uint(r, &number);
        return checked(json_integer((json_int_t)number));
    case INTEGER:
        phub_cbor_read_int(r, &integer);
        return checked(json_integer((json_int_t)integer));
    case FLAG:
        phub_cbor_read_bool(r, &flag);
        return json_boolean(flag);
    case TEXTS:
        return read_texts(r);
    case PAIRS:
        return read_pairs(r);
    case SPEC:
        phub_cbor_read_bytes(r, &bytes, &size);
        return r->error != 0 ? NULL : spec_decode(bytes, size);
    }
    return NULL;
}

/* A reader of its own: what is kept is read as a text, too. */
static void keep_bytes(struct phub_cbor_reader r, struct answer *answer)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    uint8_t *more;

    if (!phub_cbor_read_bytes(&r, &bytes, &size) || size == 0)
        return;
    more = realloc(answer->bytes, answer->size + size);
    if (more == NULL)
        out_of_memory();
    memcpy(more + answer->size, bytes, size);
    answer->bytes = more;
    answer->size += size;
}

static json_t *read_record(struct phub_cbor_reader *r, struct answer *answer)
{
    json_t *record = checked(json_object()), *value;
    uint64_t pairs = 0, key = 0;

    for (phub_cbor_read_map(r, &pairs); pairs > 0 && r->error == 0; pairs--) {
        if (!phub_cbor_read_uint(r, &key))
            break;
        if (key == 0 || key >= RECORD_KEYS || record_keys[key].name == NULL) {
            phub_cbor_skip(r);
            continue;
        }
        if (answer->verbatim && key == PHUB_CONTROL_R_TEXT)
            keep_bytes(*r, answer);
        value = read_value(r, key);
        if (value != NULL)
            json_object_set_new(record, record_keys[key].name, value);
    }
    return record;
}

/* One frame; false if it is not what a hub says. */
bool answer_read(struct phub_bytes body, struct answer *answer, bool *more)
{
    struct phub_cbor_reader r;
    uint64_t pairs = 0, key = 0, count = 0;
    int64_t code = 0;
    json_t *text;

    *more = false;
    phub_cbor_reader_init(&r, body.data, body.size);
    for (phub_cbor_read_map(&r, &pairs); pairs > 0 && r.error == 0; pairs--) {
        if (!phub_cbor_read_uint(&r, &key))
            break;
        switch (key) {
        case PHUB_CONTROL_CODE:
            phub_cbor_read_int(&r, &code);
            if (code != 0)
                answer->code = (int)code;
            break;
        case PHUB_CONTROL_TEXT:
            text = read_text(&r);
            if (text != NULL && json_string_length(text) != 0) {
                free(answer->text);
                answer->text = strdup(json_string_value(text));
            }
            json_decref(text);
            break;
        case PHUB_CONTROL_MORE:
            phub_cbor_read_bool(&r, more);
            break;
        case PHUB_CONTROL_RECORDS:
            for (phub_cbor_read_array(&r, &count); count > 0 && r.error == 0;
                 count--)
                json_array_append_new(answer->records,
                                      read_record(&r, answer));
            break;
        default:
            phub_cbor_skip(&r);
        }
    }
    return phub_cbor_read_end(&r);
}

/* --- the conversation --------------------------------------------------- */

int ask_broken(const struct args *args, int rc, const char *doing)
{
    if (rc == PHUB_ENOHUB)
        return fail(args, EXIT_NO_HUB, rc, "the hub at '%s' closed the "
                    "connection while %s; its log says why", args->socket,
                    doing);
    return fail(args, EXIT_FAILED, rc, "the hub at '%s': %s while %s; "
                "phub status shows whether it is well", args->socket,
                phub_strerror(rc), doing);
}

static int converse(const struct args *args, struct phub_client *client,
                    const struct question *q, size_t from, size_t count,
                    struct answer *answer)
{
    uint64_t wait = q->timeout_ms != 0 ? q->timeout_ms + SLACK_MS : ANSWER_MS;
    uint64_t slice = UINT64_MAX;
    struct phub_bytes body;
    bool more = true;
    uint8_t *bytes;
    size_t size;
    int rc;

    if (strcmp(q->verb, "move") == 0 || strcmp(q->verb, "drain") == 0)
        wait = q->timeout_ms != 0 ? wait : 60000 + SLACK_MS;
    if (wait >= PHUB_CLIENT_FOREVER)
        wait = PHUB_CLIENT_FOREVER - 1;
    if (progress_wanted(args, q))
        slice = PROGRESS_MS;
    bytes = frame_new(q, from, count, &size);
    rc = phub_client_send(client, (struct phub_bytes){ bytes, size },
                          ANSWER_MS);
    free(bytes);
    if (rc != 0)
        return ask_broken(args, rc, "asking it");
    while (more) {
        rc = phub_client_receive(client, (uint32_t)(slice < wait ? slice
                                                                 : wait),
                                 &body);
        if (rc == PHUB_ETIMEDOUT && slice < wait) {
            wait -= slice;
            progress_show(args, q);
            continue;
        }
        progress_end();
        if (rc != 0)
            return ask_broken(args, rc, "waiting for its answer");
        if (!answer_read(body, answer, &more))
            return fail(args, EXIT_FAILED, PHUB_EPROTO, "what answers at "
                        "'%s' is not a hub of this version", args->socket);
    }
    return EXIT_DONE;
}

static size_t count_in_frame(const struct question *q, size_t from)
{
    size_t bytes = 0, i;

    for (i = from; i < q->children_count; i++) {
        bytes += q->children[i].size;
        if (bytes > FRAME_MAX && i > from)
            break;
    }
    return i - from;
}

int ask_open(const struct args *args, struct phub_client **client)
{
    int rc = phub_client_open(args->socket, CONNECT_MS, client);

    if (rc == PHUB_ENOHUB)
        return fail(args, EXIT_NO_HUB, rc, "no hub listens at '%s'; start "
                    "phubd, or name its socket with --socket or PHUB_SOCKET",
                    args->socket);
    if (rc == PHUB_EREFUSED)
        return fail(args, EXIT_NO_HUB, rc, "you may not ask the hub at '%s': "
                    "its socket's permissions decide", args->socket);
    if (rc != 0)
        return fail(args, EXIT_NO_HUB, rc, "cannot reach a hub at '%s': %s",
                    args->socket, phub_strerror(rc));
    return EXIT_DONE;
}

int ask(const struct args *args, const struct question *q,
        struct answer *answer)
{
    struct phub_client *client;
    size_t from = 0, count;
    int rc, patience = STARTING_MS / STARTING_POLL_MS;
    bool again;

    memset(answer, 0, sizeof *answer);
    answer->records = checked(json_array());
    answer->verbatim = q->verbatim;
    rc = ask_open(args, &client);
    if (rc != EXIT_DONE)
        return rc;
    do {
        count = count_in_frame(q, from);
        if (q->rollback && count < q->children_count)
            rc = fail(args, EXIT_USAGE, PHUB_ELIMIT, "%zu children are too "
                      "many to undo together: %zu fit", q->children_count,
                      count);
        else
            rc = converse(args, client, q, from, count, answer);
        if (rc == EXIT_DONE && answer->code == PHUB_EAGAIN &&
            json_array_size(answer->records) == 0 && patience-- > 0) {
            poll(NULL, 0, STARTING_POLL_MS);
            answer->code = 0;
            free(answer->text);
            answer->text = NULL;
            again = true;
            continue;
        }
        again = false;
        from += count;
    } while (rc == EXIT_DONE && (again || from < q->children_count));
    phub_client_close(&client);
    return rc;
}

void answer_fini(struct answer *answer)
{
    json_decref(answer->records);
    free(answer->text);
    free(answer->bytes);
    memset(answer, 0, sizeof *answer);
}
