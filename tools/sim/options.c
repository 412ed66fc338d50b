/* SPDX-License-Identifier: MIT */
/* options: the one table of options of the verbs that play schedules.
 *
 * A number may be a range and a word a list: a seed chooses one of each, by a
 * hash of the seed and the option, so that more of one option shifts no other
 * choice.  --matrix plays every combination of the lists instead.  What is
 * printed as a command names the choices, not the lists. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sim/measure.h"
#include "sim/pool.h"
#include "sim/tool.h"
#include "strategy/loader.h"
#include "wire/assert.h"

#define NODES_MIN 2u

struct option_row {
    const char *name;
    const char *value;     /* its name for people; NULL: a flag */
    const char *verbs;     /* " run shrink ", or NULL: all */
    int (*take)(struct sim_args *args, const struct option_row *row,
                const char *value);
    const char *help;
};

static int complain(const struct sim_args *args, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int complain(const struct sim_args *args, const char *format, ...)
{
    va_list list;

    fprintf(stderr, "phub-sim %s: ", args->verb);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputs("\n", stderr);
    return -1;
}

/* --- values --------------------------------------------------------------- */

static int number_read(const char *text, char **end, uint64_t *number)
{
    if (*text < '0' || *text > '9')
        return -1;
    *number = strtoull(text, end, 10);
    return *number == UINT64_MAX ? -1 : 0;
}

int sim_range_read(const char *text, struct sim_range *range)
{
    struct sim_range read;
    char *end;

    if (number_read(text, &end, &read.first) != 0)
        return -1;
    read.last = read.first;
    if (strncmp(end, "..", 2) == 0
        && number_read(end + 2, &end, &read.last) != 0)
        return -1;
    if (*end != '\0' || read.first > read.last)
        return -1;
    *range = read;
    return 0;
}

static int range_take(const struct sim_args *args, const char *option,
                      const char *text, uint64_t min, uint64_t max,
                      struct sim_range *range)
{
    struct sim_range read;

    if (sim_range_read(text, &read) == 0 && read.first >= min
        && read.last <= max) {
        *range = read;
        return 0;
    }
    return complain(args, "--%s %s: allowed is N or FIRST..LAST, %" PRIu64
                    " to %" PRIu64, option, text, min, max);
}

static int seeds_take(struct sim_args *args, const struct option_row *row,
                      const char *value)
{
    return range_take(args, row->name, value, 0, UINT64_MAX - 1,
                      &args->seeds);
}

static int nodes_take(struct sim_args *args, const struct option_row *row,
                      const char *value)
{
    return range_take(args, row->name, value, NODES_MIN, SIM_NODES_MAX,
                      &args->nodes);
}

static int children_take(struct sim_args *args, const struct option_row *row,
                         const char *value)
{
    return range_take(args, row->name, value, 1, SIM_CHILDREN_MAX,
                      &args->children);
}

static int clients_take(struct sim_args *args, const struct option_row *row,
                        const char *value)
{
    return range_take(args, row->name, value, 0, PHUB__SIM_CLIENTS_MAX,
                      &args->clients);
}

static int time_take(struct sim_args *args, const struct option_row *row,
                     const char *value)
{
    static const struct { const char *name; uint64_t ms; } units[] = {
        { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
    uint64_t number;
    char *end;

    if (number_read(value, &end, &number) == 0 && number != 0
        && number <= 1000000)
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
            if (strcmp(end, units[i].name) == 0) {
                *(strcmp(row->name, "gap") == 0 ? &args->gap_ms
                  : &args->duration_ms) = number * units[i].ms;
                return 0;
            }
    return complain(args, "--%s %s: a time has a number (1 to 1000000) and a "
                    "unit: ms, s, m, h", row->name, value);
}

static int durable_take(struct sim_args *args, const struct option_row *row,
                        const char *value)
{
    if (strcmp(value, "yes") == 0)
        args->durable = 1;
    else if (strcmp(value, "no") == 0)
        args->durable = 0;
    else if (strcmp(value, "either") == 0)
        args->durable = -1;
    else
        return complain(args, "--%s %s: allowed are yes, no, either",
                        row->name, value);
    return 0;
}

static int operators_take(struct sim_args *args, const struct option_row *row,
                          const char *value)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return complain(args, "--%s %s: allowed are yes, no", row->name,
                        value);
    args->operators = value[0] == 'y';
    return 0;
}

/* --- words ---------------------------------------------------------------- */

static char *copy(const char *text, size_t size)
{
    char *made = strndup(text, size);

    phub__assert(made != NULL);
    return made;
}

static void words_free(struct sim_words *words)
{
    for (uint32_t i = 0; i < words->count; i++)
        free((void *)(uintptr_t)words->words[i]);
    words->count = 0;
}

static int word_add(const struct sim_args *args, const char *option,
                    struct sim_words *words, const char *text, size_t size)
{
    if (size == 0)
        return complain(args, "--%s: a word is empty", option);
    if (words->count == SIM_WORDS_MAX)
        return complain(args, "--%s: at most %u words", option,
                        SIM_WORDS_MAX);
    words->words[words->count++] = copy(text, size);
    return 0;
}

static int words_take(const struct sim_args *args, const char *option,
                      const char *text, struct sim_words *words)
{
    words_free(words);
    for (;;) {
        size_t size = strcspn(text, ",");

        if (word_add(args, option, words, text, size) != 0)
            return -1;
        if (text[size] == '\0')
            return 0;
        text += size + 1;
    }
}

static int fault_unknown(const struct sim_args *args, const char *word)
{
    char text[512] = "";
    size_t used = 0;

    for (unsigned i = 0; i < SIM_FAULTS && used < sizeof(text); i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, ", %s",
                                 sim_fault_name((enum sim_fault)i));
    return complain(args, "--faults: \"%s\" is not a fault; allowed are all, "
                    "none%s", word, text);
}

static int faults_take(struct sim_args *args, const struct option_row *row,
                       const char *value)
{
    struct sim_words words = { .count = 0 };
    int rc = words_take(args, row->name, value, &words);

    args->faults = 0;
    for (uint32_t i = 0; i < words.count && rc == 0; i++) {
        unsigned fault = 0;

        if (strcmp(words.words[i], "all") == 0) {
            args->faults = SIM_FAULTS_ALL;
            continue;
        }
        if (strcmp(words.words[i], "none") == 0)
            continue;
        while (fault < SIM_FAULTS
               && strcmp(sim_fault_name((enum sim_fault)fault),
                         words.words[i]) != 0)
            fault++;
        if (fault == SIM_FAULTS)
            rc = fault_unknown(args, words.words[i]);
        else
            args->faults |= UINT32_C(1) << fault;
    }
    words_free(&words);
    return rc;
}

/* Options of strategies have the names of their kinds. */
static int strategy_take(struct sim_args *args, const struct option_row *row,
                         const char *value)
{
    return words_take(args, row->name, value,
                      &args->strategies[phub__kind_of(row->name)]);
}

static int param_take(struct sim_args *args, const struct option_row *row,
                      const char *value)
{
    const char *dot = strchr(value, '.');
    const char *equals = strchr(value, '=');
    char kind[32] = "";

    if (dot != NULL && equals != NULL && dot + 1 < equals
        && (size_t)(dot - value) < sizeof(kind))
        memcpy(kind, value, (size_t)(dot - value));
    if (phub__kind_of(kind) == 0)
        return complain(args, "--%s %s: allowed is KIND.NAME=VALUE, of "
                        "distribution, redundancy, sync, migration, "
                        "partition", row->name, value);
    return word_add(args, row->name, &args->params[phub__kind_of(kind)],
                    dot + 1, strlen(dot + 1));
}

int sim_args_file(struct sim_args *args, const char *file)
{
    char *path = realpath(file, NULL);
    int rc;

    if (path == NULL)
        return complain(args, "--plugin %s: %s", file, strerror(errno));
    rc = word_add(args, "plugin", &args->plugins, path, strlen(path));
    free(path);
    return rc;
}

static int plugin_take(struct sim_args *args, const struct option_row *row,
                       const char *value)
{
    (void)row;
    return sim_args_file(args, value);
}

void sim_args_plugin(struct sim_args *args, uint32_t kind, const char *file)
{
    if (!(args->replaced >> kind & 1))
        words_free(&args->strategies[kind]);
    args->replaced |= UINT32_C(1) << kind;
    (void)word_add(args, "plugin", &args->strategies[kind], file,
                   strlen(file));
}

static int jobs_take(struct sim_args *args, const struct option_row *row,
                     const char *value)
{
    struct sim_range range;

    if (sim_range_read(value, &range) != 0 || range.first != range.last
        || range.last > SIM_POOL_WORKERS_MAX)
        return complain(args, "--%s %s: allowed is 0 to %u", row->name,
                        value, SIM_POOL_WORKERS_MAX);
    args->workers = (uint32_t)range.first;
    return 0;
}

static int svg_take(struct sim_args *args, const struct option_row *row,
                    const char *value)
{
    FILE *file = fopen(value, "w");

    if (file == NULL)
        return complain(args, "--%s %s: %s", row->name, value,
                        strerror(errno));
    (void)fclose(file);
    args->svg = value;
    return 0;
}

static int save_take(struct sim_args *args, const struct option_row *row,
                     const char *value)
{
    (void)row;
    args->save = value;
    return 0;
}

static int child_take(struct sim_args *args, const struct option_row *row,
                      const char *value)
{
    size_t first = strcspn(value, " ");

    if (strlen(value) >= sizeof(((struct sim_child *)0)->argv)
        || ((first != 3 || memcmp(value, "sim", 3) != 0)
            && (first != 5 || memcmp(value, "actor", 5) != 0)))
        return complain(args, "--%s \"%s\": allowed is \"sim WORD...\" or "
                        "\"actor WORD...\", of at most %zu bytes", row->name,
                        value, sizeof(((struct sim_child *)0)->argv) - 1);
    args->manner = value;
    return 0;
}

static int path_take(struct sim_args *args, const struct option_row *row,
                     const char *value)
{
    (void)row;
    args->path = value;
    return 0;
}

static int flag_take(struct sim_args *args, const struct option_row *row,
                     const char *value)
{
    (void)value;
    if (strcmp(row->name, "matrix") == 0)
        args->matrix = 1;
    else if (strcmp(row->name, "trace") == 0)
        args->trace = 1;
    else if (strcmp(row->name, "keep-going") == 0)
        args->keep_going = 1;
    else if (strcmp(row->name, "json") == 0)
        args->json = 1;
    else if (strcmp(row->name, "progress") == 0)
        args->progress = 1;
    else if (strcmp(row->name, "report") == 0)
        args->report = 1;
    else if (strcmp(row->name, "any") == 0)
        args->any = 1;
    return 0;
}

/* --- the table ------------------------------------------------------------ */

static const struct option_row rows[] = {
    { "seeds", "A..B", NULL, seeds_take, "one seed or a range; else 1..100" },
    { "seed", "N", NULL, seeds_take, "the same" },
    { "nodes", "N|A..B", NULL, nodes_take, "else 3..8" },
    { "children", "N|A..B", NULL, children_take, "else 4..23" },
    { "clients", "N|A..B", NULL, clients_take,
      "who update each child; else 2" },
    { "child", "WORDS", NULL, child_take,
      "what each is like, \"sim state freeze\"; else of all kinds" },
    { "faults", "LIST", NULL, faults_take,
      "what may happen; all (the default), none, or some of those below" },
    { "duration", "TIME", NULL, time_take,
      "of the faults, like 60s; else 3 to 10 rounds" },
    { "gap", "TIME", NULL, time_take,
      "from one fault to the next, at least; else 3500ms" },
    { "operators", "yes|no", NULL, operators_take,
      "people start, stop and move children; else yes" },
    { "durable", "yes|no|either", NULL, durable_take,
      "rows are kept on disks; else as the seed says" },
    { "distribution", "LIST", NULL, strategy_take,
      "strategies of that kind; a seed chooses one" },
    { "redundancy", "LIST", NULL, strategy_take, "the same" },
    { "sync", "LIST", NULL, strategy_take, "the same" },
    { "migration", "LIST", NULL, strategy_take, "the same" },
    { "partition", "LIST", NULL, strategy_take, "the same" },
    { "param", "KIND.NAME=VALUE", NULL, param_take,
      "a parameter of the strategies of that kind, repeatedly" },
    { "plugin", "FILE", NULL, plugin_take,
      "a strategy's file takes the place of its kind, repeatedly" },
    { "path", "DIRS", NULL, path_take,
      "directories of plugins, by ':', before the built-in one" },
    { "matrix", NULL, " run ", flag_take,
      "play each seed with every combination of the strategies" },
    { "keep-going", NULL, " run scenario ", flag_take,
      "do not end after 10 broken seeds" },
    { "jobs", "N", NULL, jobs_take,
      "cases at the same time; else one per core; 0: in this process" },
    { "progress", NULL, NULL, flag_take,
      "tell how far it is, also where there is no terminal" },
    { "json", NULL, " run scenario ", flag_take,
      "print JSON, one object a line" },
    { "save", "FILE", " run shrink ", save_take,
      "write the (small) schedule of one seed as a scenario" },
    { "any", NULL, " shrink ", flag_take,
      "whatever breaks will do, not only what breaks first" },
    { "report", NULL, " run scenario ", flag_take,
      "print balance, moves, traffic, times to settle, blackouts" },
    { "svg", "FILE", " run scenario ", svg_take,
      "draw the first seed: nodes, children, moves, traffic" },
    { "trace", NULL, NULL, flag_take, "print the whole story" },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))
#define HELP 'h'

static int takes(const char *verb, const struct option_row *row)
{
    char word[32];

    (void)snprintf(word, sizeof(word), " %s ", verb);
    return row->verbs == NULL || strstr(row->verbs, word) != NULL;
}

static void help(const char *verb)
{
    printf("usage: phub-sim %s [OPTION...]\n\n", verb);
    for (size_t i = 0; i < ROWS; i++) {
        char left[64];

        if (!takes(verb, &rows[i]))
            continue;
        (void)snprintf(left, sizeof(left), "--%s%s%s", rows[i].name,
                       rows[i].value != NULL ? " " : "",
                       rows[i].value != NULL ? rows[i].value : "");
        printf("  %-26s %s\n", left, rows[i].help);
    }
    printf("\nfaults\n");
    for (unsigned i = 0; i < SIM_FAULTS; i++)
        printf("  %-26s %s\n", sim_fault_name((enum sim_fault)i),
               sim_fault_help((enum sim_fault)i));
}

static void defaults(struct sim_args *args, const char *verb)
{
    memset(args, 0, sizeof(*args));
    args->verb = verb;
    args->seeds = (struct sim_range){ 1, 100 };
    args->nodes = (struct sim_range){ 3, 8 };
    args->children = (struct sim_range){ 4, 23 };
    args->clients = (struct sim_range){ 2, 2 };
    args->faults = SIM_FAULTS_ALL;
    args->durable = -1;
    args->gap_ms = SIM_GAP_MS;
    args->operators = 1;
    args->workers = sim_pool_cores();
}

/* What is shipped and fits together. */
static const char *const shipped[PHUB__KINDS] = {
    [PHUB_KIND_DISTRIBUTION] = "consistent_hash",
    [PHUB_KIND_REDUNDANCY] = "singularity",
    [PHUB_KIND_SYNC] = "pubsub",
    [PHUB_KIND_MIGRATION] = "hotswap,coldswap",
    [PHUB_KIND_PARTITION] = "divergence"
};

int sim_args_read(struct sim_args *args, int argc, char **argv, int *code)
{
    struct option longs[ROWS + 2] = { { "help", no_argument, NULL, HELP } };
    char name[64];
    char *verb = argv[0];
    int got, rc = 0, index = 0;

    defaults(args, verb);
    for (uint32_t kind = 1; kind < PHUB__KINDS; kind++)
        (void)words_take(args, "", shipped[kind], &args->strategies[kind]);
    for (size_t i = 0; i < ROWS; i++)
        longs[i + 1] = (struct option){
            rows[i].name, rows[i].value != NULL ? required_argument
                                                : no_argument, NULL, 0 };
    (void)snprintf(name, sizeof(name), "phub-sim %s", verb);
    argv[0] = name;
    *code = SIM_EXIT_USAGE;
    optind = 1;
    while (rc == 0 && (got = getopt_long(argc, argv, "", longs, &index)) >= 0)
        if (got == HELP) {
            help(verb);
            *code = SIM_EXIT_DONE;
            rc = -1;
        } else if (got != 0) {
            rc = -1;
        } else if (!takes(verb, &rows[index - 1])) {
            rc = complain(args, "--%s has no meaning here", longs[index].name);
        } else {
            rc = rows[index - 1].take(args, &rows[index - 1], optarg);
        }
    if (rc == 0 && optind < argc)
        rc = complain(args, "\"%s\" is no option", argv[optind]);
    argv[0] = verb;
    if (rc != 0)
        sim_args_fini(args);
    return rc;
}

void sim_args_fini(struct sim_args *args)
{
    for (uint32_t kind = 0; kind < PHUB__KINDS; kind++) {
        words_free(&args->strategies[kind]);
        words_free(&args->params[kind]);
    }
    words_free(&args->plugins);
}

/* --- what a seed chooses -------------------------------------------------- */

static uint64_t choose(uint64_t seed, uint64_t purpose, uint64_t count)
{
    uint64_t mixed = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15)
        + purpose * UINT64_C(0xbf58476d1ce4e5b9);

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (mixed ^ (mixed >> 31)) % count;
}

static uint32_t in_range(uint64_t seed, uint64_t purpose,
                         const struct sim_range *range)
{
    return (uint32_t)(range->first
                      + choose(seed, purpose,
                               range->last - range->first + 1));
}

uint32_t sim_args_combinations(const struct sim_args *args)
{
    uint32_t count = 1;

    for (uint32_t kind = 1; kind < PHUB__KINDS && args->matrix; kind++)
        count *= args->strategies[kind].count;
    return count;
}

void sim_args_case(const struct sim_args *args, uint64_t seed,
                   uint32_t combination, struct sim_options *options)
{
    sim_options_init(options, seed);
    options->nodes = in_range(seed, 100, &args->nodes);
    options->children = in_range(seed, 101, &args->children);
    options->clients = in_range(seed, 102, &args->clients);
    options->durable = args->durable >= 0 ? args->durable
                                          : (int)choose(seed, 103, 2);
    options->plugin_path = args->path;
    options->faults = args->faults;
    options->duration_ms = args->duration_ms;
    options->gap_ms = args->gap_ms;
    options->operators = args->operators;
    options->manner = args->manner;
    if (args->report || args->svg != NULL)
        options->linger_ms = SIM_SETTLED_NS / PHUB__SIM_MS + 1000;
    for (uint32_t kind = 1; kind < PHUB__KINDS; kind++) {
        const struct sim_words *names = &args->strategies[kind];
        uint32_t index = args->matrix ? combination % names->count
                                      : (uint32_t)choose(seed, kind,
                                                         names->count);

        if (args->matrix)
            combination /= names->count;
        options->strategies[kind] = (struct phub__strategy_option){
            names->words[index], args->params[kind].words,
            args->params[kind].count };
    }
}

/* --- the command that plays it again -------------------------------------- */

struct line {
    char *text;
    size_t used, max;
};

static void put(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put(struct line *line, const char *format, ...)
{
    va_list list;
    int size;

    va_start(list, format);
    size = vsnprintf(line->text + line->used, line->max - line->used, format,
                     list);
    va_end(list);
    if (size > 0)
        line->used += (size_t)size < line->max - line->used
            ? (size_t)size : line->max - line->used - 1;
}

static void put_faults(struct line *line, uint32_t faults)
{
    const char *comma = " --faults ";

    if (faults == SIM_FAULTS_ALL)
        return;
    for (unsigned i = 0; i < SIM_FAULTS; i++)
        if (faults >> i & 1) {
            put(line, "%s%s", comma, sim_fault_name((enum sim_fault)i));
            comma = ",";
        }
    if (faults == 0)
        put(line, " --faults none");
}

void sim_args_command(const struct sim_args *args,
                      const struct sim_options *options, char *text,
                      size_t text_max)
{
    struct line line = { text, 0, text_max };

    put(&line, "phub-sim run --seeds %" PRIu64 " --nodes %u --children %u "
        "--durable %s", options->seed, options->nodes, options->children,
        options->durable ? "yes" : "no");
    if (options->clients != 2)
        put(&line, " --clients %u", options->clients);
    put_faults(&line, options->faults);
    if (options->duration_ms != 0)
        put(&line, " --duration %" PRIu64 "ms", options->duration_ms);
    if (options->gap_ms != SIM_GAP_MS)
        put(&line, " --gap %" PRIu64 "ms", options->gap_ms);
    if (options->manner != NULL)
        put(&line, " --child '%s'", options->manner);
    if (!options->operators)
        put(&line, " --operators no");
    for (uint32_t kind = 1; kind < PHUB__KINDS; kind++) {
        const struct phub__strategy_option *s = &options->strategies[kind];

        if (s->name[0] == '/')
            put(&line, " --plugin %s", s->name);
        else if (strcmp(s->name, shipped[kind]) != 0)
            put(&line, " --%s %s", phub__kind_name(kind), s->name);
        for (uint32_t i = 0; i < s->params_count; i++)
            put(&line, " --param %s.%s", phub__kind_name(kind), s->params[i]);
    }
    if (args->path != NULL)
        put(&line, " --path %s", args->path);
    put(&line, " --trace");
}
