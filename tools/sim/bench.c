/* SPDX-License-Identifier: MIT */
/* bench: how fast whole clusters are simulated.
 *
 * Three fixed clusters, each with its children, clients, operators, faults
 * and judges, in phases: the figures are of the whole and of each phase.  A
 * case runs in a process of its own, so that its memory is its own; small
 * ones once per core at the same time, with seeds that follow each other.  The
 * large one may be made smaller, is begun only if it is named, for it takes
 * long, and not if memory will not do. */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef HAVE_MIMALLOC
#include <mimalloc.h>
#endif

#include "sim/tool.h"
#include "wire/assert.h"

#define PHASES_MAX 8u
#define JOBS_MAX 64u
#define AGREE_MS 120000u
#define WELL_MS 120000u
#define LARGE_MIN 10u      /* nodes, of which a tenth restarts at a time */

struct phase {
    char name[24];
    double wall_s, cpu_s;
    uint64_t virtual_ns, events, frames, bytes;
};

struct outcome {
    uint32_t nodes, children;
    int broken;
    char story[512];
    uint64_t hash;
    uint64_t rss_kib;
    uint32_t phases_count;
    struct phase phases[PHASES_MAX];
};

/* A case that is being measured. */
struct course {
    struct sim_case *c;
    struct outcome *outcome;
    struct phase phase;        /* what was counted when it began */
    int progress;              /* say so at the end of each */
};

struct bench {
    const char *name;
    uint32_t nodes, children, clients, pace_ms;
    uint32_t times;            /* wanted, of real time; 0: seconds below */
    uint32_t seconds;
    int alone;                 /* one at a time: it is large */
    void (*play)(struct course *course);
    const char *help;
};

struct wanted {
    uint64_t seed;
    uint32_t jobs;
    uint32_t only;             /* 1 << index of the table */
    uint32_t nodes, children;  /* of the large one; 0: as in the table */
    int json;
};

/* --- phases --------------------------------------------------------------- */

static double cpu_now_s(void)
{
    struct timespec ts = { 0, 0 };

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static struct phase counted(const struct course *course, const char *name)
{
    struct phub__world *world = course->c->world;
    struct phub__sim_traffic traffic;
    struct phase phase = { .wall_s = sim_now_s(), .cpu_s = cpu_now_s(),
                           .virtual_ns = phub__world_now(world),
                           .events = phub__world_events(world) };

    phub__world_traffic(world, &traffic);
    phase.frames = traffic.frames;
    phase.bytes = traffic.bytes;
    (void)snprintf(phase.name, sizeof(phase.name), "%s", name);
    return phase;
}

static void phase_begin(struct course *course, const char *name)
{
    course->phase = counted(course, name);
}

static void phase_end(struct course *course)
{
    struct outcome *outcome = course->outcome;
    const struct phase *was = &course->phase;
    struct phase now = counted(course, was->name);

    phub__assert(outcome->phases_count < PHASES_MAX);
    now.wall_s -= was->wall_s;
    now.cpu_s -= was->cpu_s;
    now.virtual_ns -= was->virtual_ns;
    now.events -= was->events;
    now.frames -= was->frames;
    now.bytes -= was->bytes;
    outcome->phases[outcome->phases_count++] = now;
    if (course->progress)
        fprintf(stderr, "phub-sim bench: %s took %.0f s\n", now.name,
                now.wall_s);
}

/* Looking at all registries costs time of its own: once a second. */
static void until(struct course *course, uint32_t ms, const char *what,
                  int (*fn)(struct sim_case *c))
{
    struct sim_case *c = course->c;

    for (uint32_t i = 0; i < ms && !c->broken; i += 1000) {
        if (fn(c))
            return;
        sim_run(c, 1000);
    }
    if (!c->broken)
        sim_broken(c, 0, "%s: not %s after %u s", course->phase.name, what,
                   ms / 1000);
}

/* --- courses -------------------------------------------------------------- */

static void bootstrap(struct course *course)
{
    struct sim_case *c = course->c;

    phase_begin(course, "bootstrap");
    sim_boot(c, 0, c->options.nodes);
    sim_run(c, 2000);
    until(course, AGREE_MS, "in agreement", sim_members_agree);
    sim_run(c, 2000);
    sim_start(c, UINT32_MAX, 0, c->options.children);
    until(course, WELL_MS, "well", sim_all_well);
    sim_clients_start(c);
    phase_end(course);
}

static void steady(struct course *course, uint32_t seconds)
{
    phase_begin(course, "steady");
    sim_run(course->c, UINT64_C(1000) * seconds);
    phase_end(course);
}

static void halves(struct sim_case *c, uint64_t ms)
{
    uint32_t *groups = calloc(c->options.nodes, sizeof(*groups));

    phub__assert(groups != NULL);
    for (uint32_t i = 0; i < c->options.nodes; i++)
        groups[i] = i >= c->options.nodes / 2;
    sim_cut(c, groups, 0);
    free(groups);
    sim_run(c, ms);
    sim_heal(c);
}

/* Every 30 s one fault of four, each undone after 8 s; every 10 s people
 * move, stop or start a child. */
static void faults(struct course *course, uint32_t rounds)
{
    struct sim_case *c = course->c;

    phase_begin(course, "faults");
    for (uint32_t i = 0; i < rounds && !c->broken; i++) {
        uint32_t node = i % c->options.nodes;

        switch (i % 4) {
        case 0:
            sim_kill(c, node);
            break;
        case 1:
            sim_leave(c, node, 20000);
            break;
        case 2:
            sim_freeze(c, node);
            break;
        default:
            halves(c, 8000);
            break;
        }
        sim_run(c, 8000);
        if (i % 4 == 2)
            sim_thaw(c, node);
        else if (i % 4 != 3)
            sim_start_node(c, node, 0);
        for (uint32_t k = 0; k < 3; k++) {
            sim_operate(c);
            sim_run(c, 22000 / 3);
        }
    }
    until(course, WELL_MS, "well", sim_all_well);
    phase_end(course);
}

static void play_five(struct course *course)
{
    bootstrap(course);
    steady(course, 600);
    faults(course, 20);
}

static void play_hundred(struct course *course)
{
    bootstrap(course);
    steady(course, 300);
    faults(course, 4);
}

/* A tenth of the nodes at a time leaves, and comes back. */
static void rolling(struct course *course)
{
    struct sim_case *c = course->c;
    uint32_t wave = c->options.nodes / 10;

    phase_begin(course, "rolling restart");
    for (uint32_t i = 0; i < c->options.nodes && !c->broken; i += wave) {
        for (uint32_t k = i; k < i + wave && k < c->options.nodes; k++)
            sim_leave(c, k, 20000);
        sim_run(c, 4000);
        for (uint32_t k = i; k < i + wave && k < c->options.nodes; k++)
            sim_start_node(c, k, 0);
        sim_run(c, 4000);
    }
    until(course, AGREE_MS, "in agreement", sim_members_agree);
    until(course, WELL_MS, "well", sim_all_well);
    phase_end(course);
}

static void play_thousand(struct course *course)
{
    bootstrap(course);
    rolling(course);
    phase_begin(course, "partition");
    halves(course->c, 10000);
    phase_end(course);
    phase_begin(course, "healing");
    until(course, AGREE_MS, "in agreement", sim_members_agree);
    until(course, WELL_MS, "well", sim_all_well);
    phase_end(course);
}

static const struct bench benches[] = {
    { "five", 5, 50, 1, 5000, 20000, 0, 0, play_five,
      "each updated every 5 s; 600 s of peace, 20 faults in 600 s" },
    { "hundred", 100, 1000, 1, 20000, 1000, 0, 0, play_hundred,
      "each updated every 20 s; 300 s of peace, 4 faults in 120 s" },
    { "thousand", 1000, 10000, 0, 0, 0, 120, 1, play_thousand,
      "a rolling restart by tenths, two halves for 10 s" },
};

#define BENCHES ((uint32_t)(sizeof(benches) / sizeof(benches[0])))

/* --- processes ------------------------------------------------------------ */

static uint32_t nodes_of(const struct wanted *wanted,
                         const struct bench *bench)
{
    return bench->alone && wanted->nodes != 0 ? wanted->nodes : bench->nodes;
}

static uint32_t children_of(const struct wanted *wanted,
                            const struct bench *bench)
{
    return bench->alone && wanted->children != 0 ? wanted->children
         : bench->children;
}

static void measure(const struct wanted *wanted, const struct bench *bench,
                    uint64_t seed, struct outcome *outcome)
{
    struct sim_options options;
    struct rusage usage;
    struct course course = { .outcome = outcome, .progress = bench->alone
                                 && isatty(STDERR_FILENO) == 1 };

    sim_options_init(&options, seed);
    options.nodes = nodes_of(wanted, bench);
    options.children = children_of(wanted, bench);
    options.clients = bench->clients;
    options.pace_ms = bench->pace_ms;
    options.durable = 1;
    options.log_level = PHUB__LOG_NOTICE;
    memset(outcome, 0, sizeof(*outcome));
    outcome->nodes = options.nodes;
    outcome->children = options.children;
    course.c = sim_case_new(&options);
    bench->play(&course);
    outcome->broken = course.c->broken;
    memcpy(outcome->story, course.c->story, sizeof(outcome->story));
    outcome->hash = phub__world_hash(course.c->world);
    (void)getrusage(RUSAGE_SELF, &usage);
    outcome->rss_kib = (uint64_t)usage.ru_maxrss;
}

struct job {
    pid_t pid;
    int fd;
};

static int job_start(const struct wanted *wanted, const struct bench *bench,
                     uint64_t seed, struct job *job)
{
    int fds[2];

    if (pipe(fds) != 0)
        return -1;
    (void)fflush(NULL);
    job->pid = fork();
    if (job->pid < 0) {
        (void)close(fds[0]);
        (void)close(fds[1]);
        return -1;
    }
    if (job->pid == 0) {
        struct outcome outcome;

        (void)close(fds[0]);
        measure(wanted, bench, seed, &outcome);
        _exit(write(fds[1], &outcome, sizeof(outcome))
              == (ssize_t)sizeof(outcome) ? 0 : 1);
    }
    (void)close(fds[1]);
    job->fd = fds[0];
    return 0;
}

static int job_end(struct job *job, struct outcome *outcome)
{
    size_t got = 0;
    int status;

    while (got < sizeof(*outcome)) {
        ssize_t n = read(job->fd, (char *)outcome + got,
                         sizeof(*outcome) - got);

        if (n <= 0)
            break;
        got += (size_t)n;
    }
    (void)close(job->fd);
    (void)waitpid(job->pid, &status, 0);
    return got == sizeof(*outcome) ? 0 : -1;
}

/* --- telling -------------------------------------------------------------- */

struct total {
    double wall_s, cpu_s, virtual_s;
    uint64_t events, frames, bytes;
};

static struct total total_of(const struct outcome *outcome)
{
    struct total total = { 0 };

    for (uint32_t i = 0; i < outcome->phases_count; i++) {
        total.wall_s += outcome->phases[i].wall_s;
        total.cpu_s += outcome->phases[i].cpu_s;
        total.virtual_s += (double)outcome->phases[i].virtual_ns / 1e9;
        total.events += outcome->phases[i].events;
        total.frames += outcome->phases[i].frames;
        total.bytes += outcome->phases[i].bytes;
    }
    return total;
}

static json_t *phases_json(const struct outcome *outcome)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < outcome->phases_count; i++) {
        const struct phase *p = &outcome->phases[i];
        double virtual_s = (double)p->virtual_ns / 1e9;

        (void)json_array_append_new(list, json_pack(
            "{s:s s:f s:f s:f s:f s:I s:I s:I}", "phase", p->name,
            "seconds", p->wall_s, "cpu_s", p->cpu_s, "virtual_s", virtual_s,
            "times_real_time", virtual_s / (p->wall_s + 1e-9),
            "events", (json_int_t)p->events,
            "messages", (json_int_t)p->frames,
            "bytes", (json_int_t)p->bytes));
    }
    return list;
}

static void tell_json(const struct bench *bench, uint64_t seed, uint32_t jobs,
                      const struct outcome *outcomes, double times)
{
    struct total total = total_of(&outcomes[0]);
    char hash[17];
    json_t *line;

    (void)snprintf(hash, sizeof(hash), "%016" PRIx64, outcomes[0].hash);
    line = json_pack("{s:s s:i s:i s:i s:I s:i s:f s:f s:f s:f s:f s:I s:I s:I "
        "s:I s:s s:b s:s s:o}", "bench", bench->name,
        "nodes", (int)outcomes[0].nodes,
        "children", (int)outcomes[0].children,
        "jobs", (int)jobs, "seed", (json_int_t)seed,
        "wanted_times", (int)bench->times,
        "wanted_seconds", (double)bench->seconds,
        "seconds", total.wall_s, "cpu_s", total.cpu_s, "virtual_s", total.virtual_s,
        "times_real_time", times, "events", (json_int_t)total.events,
        "messages", (json_int_t)total.frames,
        "bytes", (json_int_t)total.bytes,
        "rss_kib", (json_int_t)outcomes[0].rss_kib, "hash", hash,
        "broken", outcomes[0].broken, "story", outcomes[0].story,
        "phases", phases_json(&outcomes[0]));
    sim_json_line(line);
}

static void tell_text(const struct bench *bench, uint64_t seed, uint32_t jobs,
                      const struct outcome *outcomes, double times)
{
    const struct outcome *o = &outcomes[0];
    struct total total = total_of(o);

    printf("%s: %u nodes, %u children, %s; seed %" PRIu64 ", %u at a time\n",
           bench->name, o->nodes, o->children, bench->help, seed, jobs);
    for (uint32_t i = 0; i < o->phases_count; i++) {
        const struct phase *p = &o->phases[i];
        double virtual_s = (double)p->virtual_ns / 1e9;

        printf("  %-16s %8.3f s (%8.3f CPU) for %7.1f s %6.0f x %9" PRIu64
               " events %9" PRIu64 " messages\n", p->name, p->wall_s,
               p->cpu_s, virtual_s, virtual_s / (p->wall_s + 1e-9),
               p->events, p->frames);
    }
    printf("  %-16s %8.3f s (%8.3f CPU) for %7.1f s, %.1f MiB\n", "one case",
           total.wall_s, total.cpu_s, total.virtual_s, (double)o->rss_kib / 1024);
    if (bench->times != 0)
        printf("  %.0f times real time, %u wanted\n", times, bench->times);
    else
        printf("  %.1f s, %u wanted\n", total.wall_s, bench->seconds);
    if (o->broken)
        printf("  %s\n", o->story);
}

/* --- one of the table ----------------------------------------------------- */

static int fits(const struct wanted *wanted, const struct bench *bench)
{
    uint32_t nodes = nodes_of(wanted, bench);
    uint32_t children = children_of(wanted, bench);
    uint64_t needed = sim_limits_bytes(nodes, children);
    uint64_t there = sim_limits_free();
    const double gib = 1024.0 * 1024 * 1024;

    if (!bench->alone || needed <= there)
        return 1;
    fprintf(stderr, "phub-sim bench: %s is not run: %u nodes with %u children "
            "take about %.1f GiB in its course, and %.1f GiB are free; "
            "--nodes and --children take fewer\n", bench->name, nodes,
            children, (double)needed / gib, (double)there / gib);
    return 0;
}

static int run(const struct wanted *wanted, const struct bench *bench)
{
    uint32_t count = bench->alone ? 1 : wanted->jobs;
    struct job jobs[JOBS_MAX];
    struct outcome outcomes[JOBS_MAX];
    double virtual_s = 0, began_s = sim_now_s();
    uint32_t started = 0;
    int code = SIM_EXIT_DONE;

    if (!fits(wanted, bench))
        return SIM_EXIT_USAGE;
    while (started < count
           && job_start(wanted, bench, wanted->seed + started,
                        &jobs[started]) == 0)
        started++;
    for (uint32_t i = 0; i < started; i++) {
        if (job_end(&jobs[i], &outcomes[i]) != 0) {
            fprintf(stderr, "phub-sim bench: %s died, seed %" PRIu64 "\n",
                    bench->name, wanted->seed + i);
            code = SIM_EXIT_BROKEN;
            continue;
        }
        virtual_s += total_of(&outcomes[i]).virtual_s;
        if (outcomes[i].broken)
            code = SIM_EXIT_BROKEN;
    }
    if (started == 0 || (code != SIM_EXIT_DONE && !outcomes[0].broken)) {
        if (started == 0)
            perror("phub-sim bench");
        return SIM_EXIT_BROKEN;
    }
    (wanted->json ? tell_json : tell_text)(bench, wanted->seed, started,
        outcomes, virtual_s / (sim_now_s() - began_s));
    (void)fflush(stdout);
    return code;
}

/* --- the machine and the command ------------------------------------------ */

static void cpu_model(char *text, size_t text_max)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];

    (void)snprintf(text, text_max, "unknown");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        char *colon = strchr(line, ':');

        if (colon == NULL || strncmp(line, "model name", 10) != 0)
            continue;
        colon[strcspn(colon, "\n")] = '\0';
        (void)snprintf(text, text_max, "%s", colon + 2);
        break;
    }
    if (file != NULL)
        (void)fclose(file);
}

/* It shifts the figures of large worlds. */
static void allocator(char *text, size_t text_max)
{
#ifdef HAVE_MIMALLOC
    (void)snprintf(text, text_max, "mimalloc %d", mi_version());
#else
    (void)snprintf(text, text_max, "malloc of the C library");
#endif
}

static void tell_machine(const struct wanted *wanted, const char *command)
{
    char model[128], alloc[32];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    double gib = (double)sysconf(_SC_PHYS_PAGES)
        * (double)sysconf(_SC_PAGESIZE) / 1073741824.0;
    json_t *line;

    cpu_model(model, sizeof(model));
    allocator(alloc, sizeof(alloc));
    if (!wanted->json) {
        printf("%s\n%s, %ld cores, %.1f GiB, %s\n", command, model, cores,
               gib, alloc);
        return;
    }
    line = json_pack("{s:s s:s s:i s:f s:s s:s}", "command", command, "cpu",
                     model, "cores", (int)cores, "memory_gib", gib,
                     "allocator", alloc, "version", PACKAGE_VERSION);
    sim_json_line(line);
}

static int usage(FILE *out, int code)
{
    fputs("usage: phub-sim bench [--only NAME,...] [--seed N] [--jobs N]\n"
          "                      [--nodes N] [--children N] [--json]\n\n"
          "  --only NAMES   of those below; else all but thousand, which takes "
          "long\n"
          "  --seed N       of the first case; else 1\n"
          "  --jobs N       small cases at the same time; else one per core\n"
          "  --nodes N      of thousand, 10 to 1024; else 1000\n"
          "  --children N   of thousand; else ten per node\n"
          "  --json         print JSON, one object a line\n\n", out);
    for (uint32_t i = 0; i < BENCHES; i++)
        fprintf(out, "  %-9s %u nodes, %u children, %s\n", benches[i].name,
                benches[i].nodes, benches[i].children, benches[i].help);
    return code;
}

static int only_read(char *text, uint32_t *only)
{
    char *rest = text;
    char *word;

    *only = 0;
    while ((word = strtok_r(rest, ",", &rest)) != NULL) {
        uint32_t i = 0;

        while (i < BENCHES && strcmp(benches[i].name, word) != 0)
            i++;
        if (i == BENCHES) {
            fprintf(stderr, "phub-sim bench: --only %s: allowed are five, "
                    "hundred, thousand\n", word);
            return -1;
        }
        *only |= UINT32_C(1) << i;
    }
    return 0;
}

static int size_read(const char *option, const char *text, uint32_t min,
                     uint32_t max, uint32_t *size)
{
    struct sim_range range;

    if (sim_range_read(text, &range) != 0 || range.first < min
        || range.first > max || range.last != range.first) {
        fprintf(stderr, "phub-sim bench: %s %s: allowed is a number from %u "
                "to %u\n", option, text, min, max);
        return -1;
    }
    *size = (uint32_t)range.first;
    return 0;
}

static int read_options(struct wanted *wanted, int argc, char **argv,
                        int *code)
{
    static const struct option options[] = {
        { "only", required_argument, NULL, 'o' },
        { "seed", required_argument, NULL, 's' },
        { "jobs", required_argument, NULL, 'j' },
        { "nodes", required_argument, NULL, 'n' },
        { "children", required_argument, NULL, 'c' },
        { "json", no_argument, NULL, 'J' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 } };
    struct sim_range range;
    int c;

    *code = SIM_EXIT_USAGE;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'o' && only_read(optarg, &wanted->only) == 0)
            continue;
        if (c == 'J') {
            wanted->json = 1;
            continue;
        }
        if (c == 's' && sim_range_read(optarg, &range) == 0) {
            wanted->seed = range.first;
            continue;
        }
        if (c == 'j' && sim_range_read(optarg, &range) == 0
            && range.first >= 1 && range.last <= JOBS_MAX) {
            wanted->jobs = (uint32_t)range.first;
            continue;
        }
        if (c == 'n' && size_read("--nodes", optarg, LARGE_MIN, SIM_NODES_MAX,
                                  &wanted->nodes) == 0)
            continue;
        if (c == 'c' && size_read("--children", optarg, 1, SIM_CHILDREN_MAX,
                                  &wanted->children) == 0)
            continue;
        if (c == 'h')
            *code = SIM_EXIT_DONE;
        return usage(c == 'h' ? stdout : stderr, -1);
    }
    if (wanted->nodes != 0 && wanted->children == 0)
        wanted->children = 10 * wanted->nodes;
    return optind == argc ? 0 : usage(stderr, -1);
}

int sim_verb_bench(int argc, char **argv)
{
    struct wanted wanted = { .seed = 1 };
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    char command[SIM_COMMAND_MAX] = "phub-sim";
    int code;

    wanted.jobs = cores < 1 ? 1 : cores > (long)JOBS_MAX ? JOBS_MAX
                                                         : (uint32_t)cores;
    for (int i = 0; i < argc; i++) {
        size_t used = strlen(command);

        (void)snprintf(command + used, sizeof(command) - used, " %s",
                       argv[i]);
    }
    for (uint32_t i = 0; i < BENCHES; i++)
        wanted.only |= (uint32_t)!benches[i].alone << i;
    if (read_options(&wanted, argc, argv, &code) != 0)
        return code;
    code = SIM_EXIT_DONE;
    tell_machine(&wanted, command);
    for (uint32_t i = 0; i < BENCHES; i++)
        if (wanted.only >> i & 1) {
            int one = run(&wanted, &benches[i]);

            code = code == SIM_EXIT_DONE || one == SIM_EXIT_BROKEN ? one
                                                                   : code;
        }
    return code;
}
