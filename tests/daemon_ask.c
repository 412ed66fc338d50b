/* SPDX-License-Identifier: MIT */
/* daemon_ask: what a test asks a daemon, and a counter. */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <phub/cbor.h>
#include <phub/client.h>
#include <phub/control.h>

#include "daemon_fixture.h"

#define ANSWER_MS 15000u
#define COUNTER_MS 2000
#define SETTLE_LOOKS 60  /* one after the other: longer than settle_ms */

/* --- reading an answer -------------------------------------------------------- */

static void read_text(struct phub_cbor_reader *r, char *to, size_t max)
{
    const char *text = "";
    const uint8_t *bytes = NULL;
    size_t size = 0;

    if (phub_cbor_peek(r) == PHUB_CBOR_BYTES) {
        if (phub_cbor_read_bytes(r, &bytes, &size))
            snprintf(to, max, "%.*s", (int)size, (const char *)bytes);
    } else if (phub_cbor_read_text(r, &text, &size)) {
        snprintf(to, max, "%.*s", (int)size, text);
    }
}

static void read_published(struct phub_cbor_reader *r, struct row *row)
{
    uint64_t count = 0, pairs = 0, key = 0;
    char name[64], value[64];

    for (phub_cbor_read_array(r, &count); count > 0 && !r->error; count--) {
        name[0] = value[0] = '\0';
        for (phub_cbor_read_map(r, &pairs); pairs > 0 && !r->error; pairs--) {
            phub_cbor_read_uint(r, &key);
            if (key == 1)
                read_text(r, name, sizeof name);
            else
                read_text(r, value, sizeof value);
        }
        if (strcmp(name, "port") == 0)
            snprintf(row->port, sizeof row->port, "%.15s", value);
    }
}

static void read_key(struct phub_cbor_reader *r, uint64_t key,
                     struct row *row)
{
    switch (key) {
    case PHUB_CONTROL_R_ID: read_text(r, row->id, sizeof row->id); break;
    case PHUB_CONTROL_R_CODE: phub_cbor_read_int(r, &row->code); break;
    case PHUB_CONTROL_R_NODE: read_text(r, row->node, sizeof row->node); break;
    case PHUB_CONTROL_R_HOME: read_text(r, row->home, sizeof row->home); break;
    case PHUB_CONTROL_R_STATE:
        read_text(r, row->state, sizeof row->state);
        break;
    case PHUB_CONTROL_R_TEXT: read_text(r, row->text, sizeof row->text); break;
    case PHUB_CONTROL_R_PID: phub_cbor_read_int(r, &row->pid); break;
    case PHUB_CONTROL_R_RESTARTS:
        phub_cbor_read_uint(r, &row->restarts);
        break;
    case PHUB_CONTROL_R_VALUE: phub_cbor_read_uint(r, &row->value); break;
    case PHUB_CONTROL_R_BOOT: phub_cbor_read_uint(r, &row->boot); break;
    case PHUB_CONTROL_R_EPOCH: phub_cbor_read_uint(r, &row->epoch); break;
    case PHUB_CONTROL_R_PUBLISHED: read_published(r, row); break;
    default: phub_cbor_skip(r); break;
    }
}

static void read_records(struct phub_cbor_reader *r, struct reply *reply)
{
    uint64_t count = 0, pairs = 0, key = 0;

    for (phub_cbor_read_array(r, &count); count > 0 && !r->error; count--) {
        struct row *row = &reply->rows[reply->count];

        if (reply->count + 1 < ROWS_MAX)
            reply->count++;
        memset(row, 0, sizeof *row);
        for (phub_cbor_read_map(r, &pairs); pairs > 0 && !r->error; pairs--) {
            phub_cbor_read_uint(r, &key);
            read_key(r, key, row);
        }
    }
}

static bool read_answer(struct phub_bytes body, struct reply *reply)
{
    struct phub_cbor_reader r;
    uint64_t pairs = 0, key = 0;
    bool more = false;

    phub_cbor_reader_init(&r, body.data, body.size);
    for (phub_cbor_read_map(&r, &pairs); pairs > 0 && !r.error; pairs--) {
        phub_cbor_read_uint(&r, &key);
        if (key == PHUB_CONTROL_CODE)
            phub_cbor_read_int(&r, &reply->code);
        else if (key == PHUB_CONTROL_TEXT)
            read_text(&r, reply->text, sizeof reply->text);
        else if (key == PHUB_CONTROL_MORE)
            phub_cbor_read_bool(&r, &more);
        else if (key == PHUB_CONTROL_RECORDS)
            read_records(&r, reply);
        else
            phub_cbor_skip(&r);
    }
    ck_assert_msg(!r.error, "answer: %s", phub_cbor_error_text(r.error));
    return more;
}

/* --- asking --------------------------------------------------------------------- */

void ask_bytes(const struct daemon *d, struct reply *reply,
               struct phub_bytes body)
{
    struct phub_client *client = NULL;
    struct phub_bytes answer;
    bool more = true;

    memset(reply, 0, sizeof *reply);
    reply->rc = phub_client_open(d->sock, ANSWER_MS, &client);
    if (reply->rc == 0)
        reply->rc = phub_client_send(client, body, ANSWER_MS);
    while (reply->rc == 0 && more) {
        reply->rc = phub_client_receive(client, ANSWER_MS, &answer);
        if (reply->rc == 0)
            more = read_answer(answer, reply);
    }
    phub_client_close(&client);
}

void ask(const struct daemon *d, struct reply *reply, const char *verb,
         const char *id)
{
    struct phub_cbor_writer w;
    uint8_t bytes[1024];

    phub_cbor_writer_init(&w, bytes, sizeof bytes);
    phub_cbor_write_map(&w, id != NULL ? 3 : 2);
    phub_cbor_write_uint(&w, PHUB_CONTROL_REFERENCE);
    phub_cbor_write_uint(&w, 1);
    phub_cbor_write_uint(&w, PHUB_CONTROL_VERB);
    phub_cbor_write_cstr(&w, verb);
    if (id != NULL) {
        phub_cbor_write_uint(&w, PHUB_CONTROL_IDS);
        phub_cbor_write_array(&w, 1);
        phub_cbor_write_cstr(&w, id);
    }
    ck_assert(phub_cbor_writer_ok(&w));
    ask_bytes(d, reply, (struct phub_bytes){ bytes, w.size });
}

uint64_t counter_of(const struct daemon *d, const char *name)
{
    static struct reply reply;
    size_t i;

    ask(d, &reply, "status", NULL);
    ck_assert_int_eq(reply.rc, 0);
    for (i = 0; i < reply.count; i++)
        if (strcmp(reply.rows[i].id, name) == 0)
            return reply.rows[i].value;
    ck_abort_msg("status has no counter %s", name);
    return 0;
}

bool members(const struct daemon *d, size_t count)
{
    static struct reply reply;
    size_t i, alive = 0;

    ask(d, &reply, "nodes", NULL);
    for (i = 0; i < reply.count; i++)
        alive += strcmp(reply.rows[i].state, "alive") == 0;
    return reply.rc == 0 && alive == count;
}

/* Of any thread, so its reply is not static. */
bool row_of(const struct daemon *d, const char *id, struct row *row)
{
    struct reply *reply = malloc(sizeof *reply);
    bool found;

    ck_assert_ptr_nonnull(reply);
    ask(d, reply, "show", id);
    found = reply->rc == 0 && reply->code == 0 && reply->count > 0;
    if (found)
        *row = reply->rows[0];
    free(reply);
    return found;
}

bool running(const struct daemon *d, size_t count)
{
    static struct reply reply;
    size_t i;

    ask(d, &reply, "ls", NULL);
    if (reply.rc != 0 || reply.code != 0 || reply.count != count)
        return false;
    for (i = 0; i < count; i++)
        if (strcmp(reply.rows[i].state, "running") != 0)
            return false;
    return true;
}

bool runs_on(const struct daemon *d, const char *id, const char *node)
{
    struct row row;

    return row_of(d, id, &row) && strcmp(row.state, "running") == 0
        && strcmp(row.node, node) == 0;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->id, ((const struct row *)b)->id);
}

static bool quiet(size_t count)
{
    static struct reply reply;
    char homes[ROWS_MAX][64] = { "" };
    bool first = true;
    size_t i, j;

    for (i = 0; i < world.count; i++) {
        const struct daemon *d = &world.daemons[i];

        if (d->pid == 0)
            continue;
        if (counter_of(d, "moves_open") != 0 || !running(d, count))
            return false;
        ask(d, &reply, "ls", NULL);
        qsort(reply.rows, reply.count, sizeof reply.rows[0], by_id);
        for (j = 0; j < reply.count && j < count; j++)
            if (first)
                snprintf(homes[j], sizeof homes[j], "%s", reply.rows[j].home);
            else if (strcmp(homes[j], reply.rows[j].home) != 0)
                return false;
        first = false;
    }
    return true;
}

void settle(size_t count)
{
    uint64_t end = now_ms() + 15000;
    unsigned looks;

    for (looks = 0; looks < SETTLE_LOOKS;
         looks = quiet(count) ? looks + 1 : 0) {
        claim(now_ms() < end, "it does not settle");
        pause_ms(10);
    }
}

/* --- counters ---------------------------------------------------------------------- */

void counter_start(const struct daemon *d, const char *id)
{
    struct row row;

    must_phub(d, "start", "--ready", id, "--", helper("counter"), NULL);
    await(SOON, row_of(d, id, &row) && row.port[0] != '\0');
}

int counter_open(const struct daemon *d, const char *id)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    struct row row;
    int fd;

    if (!row_of(d, id, &row) || strcmp(row.state, "running") != 0
        || row.port[0] == '\0')
        return -1;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at.sin_port = htons((uint16_t)strtoul(row.port, NULL, 10));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0
        && connect(fd, (const struct sockaddr *)&at, sizeof at) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int64_t counter_say(const struct daemon *d, const char *id, const char *word)
{
    struct pollfd at = { .fd = counter_open(d, id), .events = POLLIN };
    char line[64];
    size_t size = (size_t)snprintf(line, sizeof line, "%s\n", word);

    if (at.fd < 0)
        return -1;
    (void)send(at.fd, line, size, MSG_NOSIGNAL); /* or there is no answer */
    for (size = 0; size < sizeof line - 1; ) {
        ssize_t got;

        if (poll(&at, 1, COUNTER_MS) != 1)
            break;
        got = recv(at.fd, line + size, sizeof line - 1 - size, 0);
        if (got <= 0)
            break;
        size += (size_t)got;
        if (line[size - 1] == '\n')
            break;
    }
    close(at.fd);
    line[size] = '\0';
    return size > 0 && line[size - 1] == '\n' ? strtoll(line, NULL, 10) : -1;
}
