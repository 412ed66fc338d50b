/* SPDX-License-Identifier: MIT */
/* journal: clients of children, without pause, who remember what was
 * acknowledged.
 *
 *   journal SOCKET[:SOCKET...] ID... redis:ID:DIR...
 *
 * One thread per child looks it up by name in any of the hubs, connects to the
 * port it has published and increments; for a redis it connects to
 * DIR/NODE/state/children/ID/redis.sock and says INCR.  What it may conclude:
 * an increment that was answered is counted, whatever moves meanwhile, so the
 * next answer is one more than the last; beyond that at most by those
 * increments that were sent and never answered.  Less is a reset, more is
 * wrong (two instances, say, or an old state).
 *
 * Another thread looks at all processes for two that carry one child's name,
 * of those whose directory is below that of the hubs: SOCKET is DIR/NODE/sock.
 *
 * Commands on standard input: "mark" begins a period, "report" prints a line
 * for each child about the period, then "end". */
#include "config.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <phub/cbor.h>
#include <phub/client.h>
#include <phub/control.h>

#define CHILDREN_MAX 64u
#define SOCKETS_MAX 16u
#define ANSWER_MS 500
#define LOOKUP_MS 500u
#define RETRY_MS 5
#define PACE_MS 1
#define SAMPLE_MS 20

struct client {
    const char *id;
    const char *redis_dir;    /* NULL: a counter */
    pthread_t thread;
    /* The thread's own. */
    struct phub_client *hub;
    uint32_t hub_index;
    int fd;
    /* Under lock. */
    uint64_t acked;           /* in this period */
    uint64_t count;           /* in the last answer */
    uint64_t uncertain;       /* sent, never answered */
    uint64_t answered_ms;     /* when */
    uint64_t gap_ms;          /* the longest wait for an answer */
    uint64_t resets, wrong;
    uint64_t seen, twice;     /* looks at the processes that found it */
    bool ever;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct client clients[CHILDREN_MAX];
static uint32_t clients_count;
static const char *sockets[SOCKETS_MAX];
static uint32_t sockets_count;
static char home[PATH_MAX]; /* DIR/ */

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void pause_ms(int ms)
{
    poll(NULL, 0, ms);
}

/* --- looking up --------------------------------------------------------- */

struct found {
    char node[64], state[16], port[16];
};

static void copy_text(char *to, size_t max, struct phub_cbor_reader *r)
{
    const char *text;
    size_t size;

    if (phub_cbor_read_text(r, &text, &size))
        snprintf(to, max, "%.*s", (int)size, text);
}

static void read_published(struct phub_cbor_reader *r, struct found *found)
{
    uint64_t count = 0, pairs = 0, key = 0;
    char name[64], value[64];

    for (phub_cbor_read_array(r, &count); count > 0 && !r->error; count--) {
        name[0] = value[0] = '\0';
        for (phub_cbor_read_map(r, &pairs); pairs > 0 && !r->error; pairs--) {
            phub_cbor_read_uint(r, &key);
            if (key == 1)
                copy_text(name, sizeof name, r);
            else if (key == 2)
                copy_text(value, sizeof value, r);
            else
                phub_cbor_skip(r);
        }
        if (strcmp(name, "port") == 0)
            snprintf(found->port, sizeof found->port, "%.15s", value);
    }
}

static void read_record(struct phub_cbor_reader *r, struct found *found)
{
    uint64_t pairs = 0, key = 0;

    for (phub_cbor_read_map(r, &pairs); pairs > 0 && !r->error; pairs--) {
        phub_cbor_read_uint(r, &key);
        if (key == PHUB_CONTROL_R_NODE)
            copy_text(found->node, sizeof found->node, r);
        else if (key == PHUB_CONTROL_R_STATE)
            copy_text(found->state, sizeof found->state, r);
        else if (key == PHUB_CONTROL_R_PUBLISHED)
            read_published(r, found);
        else
            phub_cbor_skip(r);
    }
}

/* The first record of the answer is the child; nothing follows it. */
static bool read_found(struct phub_bytes body, struct found *found)
{
    struct phub_cbor_reader r;
    uint64_t pairs = 0, key = 0, count = 0;

    memset(found, 0, sizeof *found);
    phub_cbor_reader_init(&r, body.data, body.size);
    for (phub_cbor_read_map(&r, &pairs); pairs > 0 && !r.error; pairs--) {
        phub_cbor_read_uint(&r, &key);
        if (key != PHUB_CONTROL_RECORDS) {
            phub_cbor_skip(&r);
            continue;
        }
        phub_cbor_read_array(&r, &count);
        if (count > 0)
            read_record(&r, found);
        break;
    }
    return !r.error && strcmp(found->state, "running") == 0;
}

static bool look_up(struct client *client, struct found *found)
{
    struct phub_cbor_writer w;
    struct phub_bytes body;
    uint8_t bytes[512];

    if (client->hub == NULL &&
        phub_client_open(sockets[client->hub_index % sockets_count],
                         LOOKUP_MS, &client->hub) != 0) {
        client->hub_index++;
        return false;
    }
    phub_cbor_writer_init(&w, bytes, sizeof bytes);
    phub_cbor_write_map(&w, 3);
    phub_cbor_write_uint(&w, PHUB_CONTROL_REFERENCE);
    phub_cbor_write_uint(&w, 1);
    phub_cbor_write_uint(&w, PHUB_CONTROL_VERB);
    phub_cbor_write_cstr(&w, "ls");
    phub_cbor_write_uint(&w, PHUB_CONTROL_IDS);
    phub_cbor_write_array(&w, 1);
    phub_cbor_write_cstr(&w, client->id);
    if (phub_client_send(client->hub, (struct phub_bytes){ bytes, w.size },
                         LOOKUP_MS) != 0 ||
        phub_client_receive(client->hub, LOOKUP_MS, &body) != 0) {
        phub_client_close(&client->hub);
        client->hub_index++;
        return false;
    }
    return read_found(body, found);
}

/* --- incrementing ------------------------------------------------------- */

static int connect_tcp(const char *port)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    at.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 &&
        connect(fd, (const struct sockaddr *)&at, sizeof at) != 0) {
        close(fd);
        return -1;
    }
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static int connect_redis(const struct client *client, const char *node)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int size = snprintf(at.sun_path, sizeof at.sun_path,
                        "%s/%s/state/children/%s/redis.sock",
                        client->redis_dir, node, client->id);

    if (fd >= 0 && (size < 0 || (size_t)size >= sizeof at.sun_path ||
                    connect(fd, (const struct sockaddr *)&at,
                            sizeof at) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void hang_up(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}

/* One line with a number; false if the connection is over, or it is an error
 * (a redis that is still loading, say). */
static bool read_number(struct client *client, uint64_t *number)
{
    char line[128];
    size_t size = 0;

    while (size < sizeof line - 1) {
        struct pollfd at = { client->fd, POLLIN, 0 };
        ssize_t got;

        if (poll(&at, 1, ANSWER_MS) == 0)
            continue; /* frozen: it answers, or its end does */
        got = recv(client->fd, line + size, sizeof line - 1 - size, 0);
        if (got <= 0)
            return false;
        size += (size_t)got;
        if (line[size - 1] == '\n')
            break;
    }
    line[size] = '\0';
    if (line[0] == '-')
        return false;
    *number = strtoull(line[0] == ':' ? line + 1 : line, NULL, 10);
    return true;
}

static void note_gap(struct client *client, uint64_t now)
{
    if (client->ever && now - client->answered_ms > client->gap_ms)
        client->gap_ms = now - client->answered_ms;
}

static void acknowledged(struct client *client, uint64_t number)
{
    uint64_t now = now_ms(), next = client->count + 1;

    pthread_mutex_lock(&lock);
    note_gap(client, now);
    if (client->ever && number < next) {
        client->resets++;
        client->uncertain = 0;
    } else if (client->ever && number > next + client->uncertain) {
        client->wrong++;
        client->uncertain = 0;
    } else if (client->ever) {
        client->uncertain -= number - next;
    }
    client->count = number;
    client->answered_ms = now;
    client->acked++;
    client->ever = true;
    pthread_mutex_unlock(&lock);
}

static void increment(struct client *client)
{
    const char *say = client->redis_dir != NULL ? "INCR journal\r\n"
                                                : "inc\n";
    uint64_t number;

    if (send(client->fd, say, strlen(say), MSG_NOSIGNAL) < 0) {
        hang_up(client);
        return;
    }
    if (read_number(client, &number)) {
        acknowledged(client, number);
        return;
    }
    pthread_mutex_lock(&lock);
    client->uncertain++;
    pthread_mutex_unlock(&lock);
    hang_up(client);
}

static void *run(void *arg)
{
    struct client *client = arg;
    struct found found;

    client->fd = -1;
    for (;;) {
        if (client->fd < 0 && look_up(client, &found))
            client->fd = client->redis_dir != NULL
                             ? connect_redis(client, found.node)
                             : connect_tcp(found.port);
        if (client->fd < 0) {
            pause_ms(RETRY_MS);
            continue;
        }
        increment(client);
        pause_ms(PACE_MS);
    }
    return NULL;
}

/* --- processes ---------------------------------------------------------- */

static size_t read_proc(const char *pid, const char *name, char *to,
                        size_t max)
{
    char path[64];
    ssize_t size;
    int fd;

    snprintf(path, sizeof path, "/proc/%.16s/%s", pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    size = read(fd, to, max - 1);
    close(fd);
    to[size > 0 ? size : 0] = '\0';
    return size > 0 ? (size_t)size : 0;
}

/* A variable of an environment of size bytes, or "". */
static const char *variable(const char *words, size_t size,
                            const char *name)
{
    size_t at, length = strlen(name);

    for (at = 0; at < size; at += strlen(words + at) + 1)
        if (strncmp(words + at, name, length) == 0)
            return words + at + length;
    return "";
}

struct seen {
    uint32_t count;
    char first[96];
};

/* Two are told about on standard error, with what they think they are. */
static void see(struct seen *seen, const char *id, const char *pid,
                const char *words, size_t size)
{
    char text[96];

    snprintf(text, sizeof text, "%.16s on %.32s, epoch %.24s", pid,
             variable(words, size, "PHUB_NODE="),
             variable(words, size, "PHUB_EPOCH="));
    if (seen->count++ == 0)
        memcpy(seen->first, text, sizeof text);
    else
        fprintf(stderr, "%llu %s: %s; %s\n", (unsigned long long)now_ms(),
                id, seen->first, text);
}

static bool is_ours(const char *pid)
{
    char comm[32];

    return read_proc(pid, "comm", comm, sizeof comm) != 0 &&
           (strcmp(comm, "counter\n") == 0 ||
            strcmp(comm, "redis-server\n") == 0);
}

static void sample(void)
{
    static char words[65536];
    struct seen seen[CHILDREN_MAX] = { 0 };
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    uint32_t i;

    while (proc != NULL && (entry = readdir(proc)) != NULL) {
        size_t size;

        if (entry->d_name[0] < '0' || entry->d_name[0] > '9' ||
            !is_ours(entry->d_name))
            continue;
        size = read_proc(entry->d_name, "environ", words, sizeof words);
        if (strncmp(variable(words, size, "PHUB_CHILD_DIR="), home,
                    strlen(home)) != 0)
            continue; /* somebody else's */
        for (i = 0; i < clients_count; i++)
            if (strcmp(clients[i].id,
                       variable(words, size, "PHUB_CHILD_ID=")) == 0)
                see(&seen[i], clients[i].id, entry->d_name, words, size);
    }
    if (proc != NULL)
        closedir(proc);
    pthread_mutex_lock(&lock);
    for (i = 0; i < clients_count; i++) {
        clients[i].seen += seen[i].count > 0;
        clients[i].twice += seen[i].count > 1;
    }
    pthread_mutex_unlock(&lock);
}

static void *watch(void *arg)
{
    for (;;) {
        sample();
        pause_ms(SAMPLE_MS);
    }
    return arg;
}

/* --- commands ----------------------------------------------------------- */

static void mark(void)
{
    uint32_t i;

    pthread_mutex_lock(&lock);
    for (i = 0; i < clients_count; i++) {
        struct client *client = &clients[i];

        client->acked = client->gap_ms = 0;
        client->resets = client->wrong = client->seen = client->twice = 0;
    }
    pthread_mutex_unlock(&lock);
}

static void report(void)
{
    uint64_t now = now_ms();
    uint32_t i;

    pthread_mutex_lock(&lock);
    for (i = 0; i < clients_count; i++) {
        struct client *c = &clients[i];

        note_gap(c, now);
        printf("%s acked %llu count %llu gap %llu resets %llu wrong %llu "
               "twice %llu since %llu seen %llu\n", c->id,
               (unsigned long long)c->acked, (unsigned long long)c->count,
               (unsigned long long)c->gap_ms, (unsigned long long)c->resets,
               (unsigned long long)c->wrong, (unsigned long long)c->twice,
               (unsigned long long)(c->ever ? now - c->answered_ms : 0),
               (unsigned long long)c->seen);
    }
    pthread_mutex_unlock(&lock);
    puts("end");
    fflush(stdout);
}

static bool client_add(char *what)
{
    struct client *client = &clients[clients_count];
    char *dir;

    if (clients_count == CHILDREN_MAX)
        return false;
    client->id = what;
    if (strncmp(what, "redis:", 6) == 0) {
        client->id = what + 6;
        dir = strchr(what + 6, ':');
        if (dir == NULL)
            return false;
        *dir = '\0';
        client->redis_dir = dir + 1;
    }
    clients_count++;
    return true;
}

/* DIR/ of DIR/NODE/sock. */
static void find_home(const char *socket)
{
    char *slash;
    int i;

    snprintf(home, sizeof home, "%s", socket);
    for (i = 0; i < 2; i++) {
        slash = strrchr(home, '/');
        if (slash != NULL)
            slash[i == 1] = '\0';
    }
}

int main(int argc, char **argv)
{
    char line[64], *list, *next;
    pthread_t watcher;
    uint32_t i;

    signal(SIGPIPE, SIG_IGN);
    if (argc < 3) {
        fputs("usage: journal SOCKET[:SOCKET...] ID... redis:ID:DIR...\n",
              stderr);
        return 2;
    }
    for (list = argv[1]; list != NULL && sockets_count < SOCKETS_MAX;
         list = next) {
        next = strchr(list, ':');
        if (next != NULL)
            *next++ = '\0';
        sockets[sockets_count++] = list;
    }
    find_home(sockets[0]);
    for (i = 2; i < (uint32_t)argc; i++)
        if (!client_add(argv[i])) {
            fprintf(stderr, "journal: '%s': too many, or no DIR\n", argv[i]);
            return 2;
        }
    for (i = 0; i < clients_count; i++) {
        clients[i].hub_index = i;
        if (pthread_create(&clients[i].thread, NULL, run, &clients[i]) != 0)
            return 1;
    }
    if (pthread_create(&watcher, NULL, watch, NULL) != 0)
        return 1;
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strcmp(line, "mark\n") == 0)
            mark();
        else if (strcmp(line, "report\n") == 0)
            report();
    }
    _exit(0);
}
