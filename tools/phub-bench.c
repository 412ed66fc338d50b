/* SPDX-License-Identifier: MIT */
/* phub-bench: how fast hubs are on this machine; phub-bench(1).
 *
 * Three hubs live in this process and speak over TCP on the loopback, so one
 * number of cores is shared by all of them and by who measures.  Actors, since
 * what programs cost is mostly the system's. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <phub/phub.h>

#include "output.h"

#define HUBS 3u
#define WAIT_MS 60000u
#define CHILDREN_MAX 1000000u
#define STATE_MAX 1048576u
#define SINGLES 1000u
#define SETTLE_MS 500u
#define QUIET_S 0.5      /* no more move for so long: that was the last */
#define LOOK_MS 10       /* looking at all children costs time, too */

struct bench {
    struct phub_hub *hubs[HUBS];
    uint32_t children;
    int json;
    int failed;
};

static uint32_t state_size = 1024;

/* --- the actor ------------------------------------------------------------ */

static int bench_init(void *self, struct phub_actor *actor,
                      const void *argument, size_t size)
{
    (void)self;
    (void)actor;
    (void)argument;
    (void)size;
    return 0;
}

static void bench_handle(void *self, struct phub_actor *actor,
                         const void *data, size_t size)
{
    (void)self;
    phub_actor_reply(actor, data, size);
}

static int bench_get(void *self, struct phub_actor *actor)
{
    void *state = calloc(1, state_size + 1u);
    int rc;

    (void)self;
    if (state == NULL)
        return PHUB_ENOMEM;
    rc = phub_actor_put_state(actor, state, state_size);
    free(state);
    return rc;
}

static int bench_set(void *self, struct phub_actor *actor, const void *state,
                     size_t size)
{
    (void)self;
    (void)actor;
    (void)state;
    return size == state_size ? 0 : PHUB_EPROTO;
}

static const struct phub_behaviour behaviour = {
    .size = sizeof behaviour, .instance_size = 8, .name = "bench",
    .init = bench_init, .handle = bench_handle, .get_state = bench_get,
    .set_state = bench_set
};

/* --- tools ---------------------------------------------------------------- */

static double now_s(void)
{
    struct timespec ts = { 0, 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Of all threads. */
static double cpu_s(void)
{
    struct timespec ts = { 0, 0 };

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void moment(void)
{
    (void)poll(NULL, 0, 1);
}

static double rss_mib(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    (void)fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1048576.0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* One figure: what, value, unit, what is wanted ("" if nothing is). */
static void tell(const struct bench *bench, const char *what, double value,
                 const char *unit, const char *wanted)
{
    json_t *line;

    if (!bench->json) {
        printf("%-36s %12.3f %-8s %s\n", what, value, unit, wanted);
        (void)fflush(stdout);
        return;
    }
    line = json_pack("{s:s s:f s:s s:s}", "what", what, "value", value,
                     "unit", unit, "wanted", wanted);
    (void)json_dumpf(line, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    (void)putchar('\n');
    (void)fflush(stdout);
    json_decref(line);
}

static int failed(struct bench *bench, const char *what, int rc)
{
    fprintf(stderr, "phub-bench: %s: %s\n", what, phub_strerror(rc));
    bench->failed = 1;
    return -1;
}

/* --- hubs ----------------------------------------------------------------- */

static int hub_open(struct bench *bench, uint32_t i)
{
    char settings[1024], error[512] = "";
    int rc;

    (void)snprintf(settings, sizeof settings,
                   "hub.id=bench\nhub.name=%c\nhub.seeds=%s\n"
                   "hub.listen=tcp://127.0.0.1:0\nhub.log_level=error\n"
                   "members.settle_ms=%u\n", (char)('a' + i),
                   i == 0 ? "" : phub_hub_endpoint(bench->hubs[0]),
                   SETTLE_MS);
    rc = phub_hub_open(settings, &behaviour, 1, &bench->hubs[i], error,
                       sizeof error);
    if (rc == 0)
        return 0;
    fprintf(stderr, "phub-bench: hub %c: %s\n", (char)('a' + i), error);
    bench->failed = 1;
    return -1;
}

static int hubs_open(struct bench *bench, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (hub_open(bench, i) != 0)
            return -1;
    for (uint32_t i = 0; i < count; i++) {
        int rc = phub_hub_wait_members(bench->hubs[i], count, WAIT_MS);

        if (rc != 0)
            return failed(bench, "members", rc);
    }
    for (double from = now_s(); now_s() < from + 2.0 * SETTLE_MS / 1000;)
        moment();
    return 0;
}

static void hubs_close(struct bench *bench)
{
    for (uint32_t i = 0; i < HUBS; i++)
        phub_hub_free(&bench->hubs[i]);
}

static int start_many(struct bench *bench, uint32_t hubs, double *listed_s,
                      double *done_s)
{
    struct phub_child many = { .size = sizeof many, .id = "c%d",
                               .behaviour = "bench",
                               .count = bench->children };
    struct phub_future *future = NULL;
    double began = now_s();
    uint32_t listing = 0;
    int rc = phub_start(bench->hubs[0], &many, 1, 0, WAIT_MS, &future);

    if (rc != 0)
        return failed(bench, "start", rc);
    while (listing < hubs && now_s() < began + WAIT_MS / 1000.0) {
        if (phub_count(bench->hubs[listing]) >= bench->children)
            listing++;
        else
            moment();
    }
    *listed_s = now_s() - began;
    rc = listing < hubs ? PHUB_ETIMEDOUT
                        : phub_future_finish(&future, WAIT_MS);
    phub_future_free(&future);
    *done_s = now_s() - began;
    return rc == 0 ? 0 : failed(bench, "start", rc);
}

/* --- what is measured ----------------------------------------------------- */

static int singles(struct bench *bench)
{
    double took[SINGLES];
    char id[32];

    for (uint32_t i = 0; i < SINGLES; i++) {
        struct phub_child one = { .size = sizeof one, .id = id,
                                  .behaviour = "bench" };
        struct phub_future *future = NULL;
        double began;
        int rc;

        (void)snprintf(id, sizeof id, "one%" PRIu32, i);
        began = now_s();
        rc = phub_start(bench->hubs[0], &one, 1, 0, WAIT_MS, &future);
        if (rc == 0)
            rc = phub_future_finish(&future, WAIT_MS);
        if (rc != 0)
            return failed(bench, "start", rc);
        took[i] = (now_s() - began) * 1e6;
    }
    qsort(took, SINGLES, sizeof took[0], by_value);
    tell(bench, "one awaited start, p50", took[SINGLES / 2], "us", "350");
    tell(bench, "one awaited start, p99", took[SINGLES * 99 / 100], "us", "");
    return 0;
}

static void lookups(struct bench *bench)
{
    struct phub_place place = { .size = sizeof place };
    double began = now_s(), took;
    uint64_t count = 0;
    char id[32];

    do {
        for (uint32_t i = 0; i < 1000; i++, count++) {
            (void)snprintf(id, sizeof id, "c%" PRIu64,
                           count * 7919 % bench->children + 1);
            (void)phub_lookup(bench->hubs[0], id, &place);
        }
        took = now_s() - began;
    } while (took < 1);
    tell(bench, "look-ups and their snprintf", (double)count / took / 1e6,
         "M/s", "8");
}

static void three_nodes(struct bench *bench)
{
    double before = rss_mib(), listed, done, cpu;

    if (hubs_open(bench, HUBS) != 0)
        return;
    tell(bench, "three hubs, resident", rss_mib() - before, "MiB", "");
    before = rss_mib();
    cpu = cpu_s();
    if (start_many(bench, HUBS, &listed, &done) != 0)
        return;
    cpu = cpu_s() - cpu;
    tell(bench, "children started", bench->children, "", "");
    tell(bench, "until every registry lists them", listed * 1e3, "ms",
         bench->children == 10000 ? "40" : "");
    tell(bench, "until all are answered", done * 1e3, "ms", "");
    tell(bench, "CPU time per child, all three", cpu * 1e6 / bench->children,
         "us", "");
    tell(bench, "resident per child and node",
         (rss_mib() - before) * 1048576 / bench->children / HUBS, "bytes",
         "");
    if (singles(bench) == 0)
        lookups(bench);
}

static uint32_t on_the_third(struct bench *bench, uint64_t node)
{
    struct phub_place place = { .size = sizeof place };
    uint32_t count = 0;
    char id[32];

    for (uint32_t i = 1; i <= bench->children; i++) {
        (void)snprintf(id, sizeof id, "c%" PRIu32, i);
        count += phub_lookup(bench->hubs[HUBS - 1], id, &place) == 0
            && place.node == node && place.state == 2; /* running */
    }
    return count;
}

static void third_joins(struct bench *bench)
{
    double listed, done, began, last, cpu, spent = 0;
    uint32_t there = 0, count;
    uint64_t node;
    int rc;

    if (hubs_open(bench, HUBS - 1) != 0
        || start_many(bench, HUBS - 1, &listed, &done) != 0
        || hub_open(bench, HUBS - 1) != 0)
        return;
    cpu = cpu_s();
    node = phub_hub_node(bench->hubs[HUBS - 1]);
    rc = phub_hub_wait_members(bench->hubs[HUBS - 1], HUBS, WAIT_MS);
    if (rc != 0) {
        (void)failed(bench, "join", rc);
        return;
    }
    began = last = now_s();
    while (now_s() < last + (there == 0 ? 10 : QUIET_S)) {
        count = on_the_third(bench, node);
        if (count != there) {
            last = now_s();
            spent = cpu_s() - cpu;
        }
        there = count;
        (void)poll(NULL, 0, LOOK_MS);
    }
    tell(bench, "moved to a third node that joins", there, "", "");
    if (there == 0)
        return; /* and the rest is of those that moved */
    tell(bench, "CPU time per move, all three", spent * 1e6 / there, "us",
         "");
    tell(bench, "bytes of state each", state_size, "", "");
    tell(bench, "until the last one runs, after settle",
         (last - began) * 1e3 - SETTLE_MS, "ms",
         bench->children == 10000 ? "150" : "");
}

/* --- the command ---------------------------------------------------------- */

static int usage(FILE *out, int code)
{
    fputs("usage: phub-bench [--children N] [--state BYTES] [--json]\n\n"
          "  --children N   actors; else 10000\n"
          "  --state BYTES  of each, when it moves; else 1024\n"
          "  --json         print JSON, one object a line\n", out);
    return code;
}

static int number(const char *name, uint32_t min, uint32_t max,
                  uint32_t *value)
{
    const char *text = optarg;
    char *end;
    unsigned long read;

    errno = 0;
    read = strtoul(text, &end, 10);
    if (errno != 0 || *text < '0' || *text > '9' || *end != '\0'
        || read < min || read > max) {
        fprintf(stderr, "phub-bench: --%s \"%s\": %" PRIu32 " to %" PRIu32
                " are allowed\n", name, text, min, max);
        return -1;
    }
    *value = (uint32_t)read;
    return 0;
}

static int command_line(int argc, char **argv)
{
    static const struct option options[] = {
        { "children", required_argument, NULL, 'c' },
        { "state", required_argument, NULL, 's' },
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'v' },
        { NULL, 0, NULL, 0 } };
    struct bench bench = { .children = 10000 };
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if ((c == 'c' && number("children", 1, CHILDREN_MAX,
                                &bench.children) != 0)
            || (c == 's' && number("state", 0, STATE_MAX, &state_size) != 0))
            return 2;
        if (c == 'c' || c == 's')
            continue;
        if (c == 'v') {
            printf("phub-bench %s\n", PACKAGE_VERSION);
            return 0;
        }
        if (c != 'j')
            return usage(c == 'h' ? stdout : stderr, c == 'h' ? 0 : 2);
        bench.json = 1;
    }
    if (optind != argc)
        return usage(stderr, 2);
    tell(&bench, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN), "", "");
    three_nodes(&bench);
    hubs_close(&bench);
    if (!bench.failed)
        third_joins(&bench);
    hubs_close(&bench);
    return bench.failed;
}

int main(int argc, char **argv)
{
    output_begin();
    return output_end("phub-bench", command_line(argc, argv));
}
