/* SPDX-License-Identifier: MIT */
/* shrink: a failing schedule is made as small as it can be.
 *
 * The schedule of a seed is recorded as a list of timed actions, which is a
 * scenario.  Then nodes, children and actions are left out as long as the
 * same promise breaks for the same kind of reason (or the same plugin crashes
 * in the same call), or, with --any, as long as anything breaks: half of them
 * at once, then quarters, and so on to single ones, until no single one
 * can go (the reducing half of Zeller's ddmin, TSE 28(2), 2002).  What is
 * tried at once does not depend on the number of cores, so that the outcome
 * does not either.  Last the times are rounded.
 *
 * Nothing is left out that leaves fewer nodes alive than the generator of
 * schedules would: what would break then is nobody's fault. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "sim/pool.h"
#include "sim/record.h"
#include "sim/scenario.h"
#include "sim/tool.h"
#include "wire/assert.h"

#define TRIALS_MAX 4000u
#define BATCH 8u
#define PAIRS_MAX 24u    /* actions, for them to be left out by twos */
#define LUCK_MIN 12u     /* actions that are left without other worlds */
#define HOW_MAX 255u

struct answer {
    enum sim_outcome outcome;
    char text[SIM_STORY_MAX + 400];
};

struct shrink {
    struct sim_args args;
    struct sim_options options;
    struct sim_progress progress;
    struct sim_record *record;
    struct sim_subset best;
    char kind[SIM_KIND_MAX];    /* of what breaks; "": a plugin's end does */
    char story[SIM_STORY_MAX + 400]; /* of the smallest so far */
    char how[HOW_MAX + 1];      /* the plugin's end; "": a broken promise */
    char original[SIM_STORY_MAX]; /* story */
    /* one batch */
    struct sim_subset batch[BATCH];
    uint32_t batch_count;
    int good[BATCH];
    struct answer answers[BATCH];
    uint64_t trials;
    int forward;                /* the first ones are tried first */
    int luck;                   /* each is tried in BATCH worlds */
};

/* --- subsets -------------------------------------------------------------- */

static void subset_copy(const struct shrink *s, struct sim_subset *copy)
{
    sim_subset_all(s->record, &s->options, copy);
    copy->nodes = s->best.nodes;
    copy->children = s->best.children;
    copy->clients = s->best.clients;
    copy->round_ns = s->best.round_ns;
    copy->end_ns = s->best.end_ns;
    copy->seed_more = s->best.seed_more;
    memcpy(copy->node, s->best.node, s->options.nodes);
    memcpy(copy->child, s->best.child, s->options.children);
    memcpy(copy->action, s->best.action, s->record->count);
}

/* Those behind the last one are not there at all. */
static void trim(struct sim_subset *subset)
{
    while (subset->nodes > 1 && !subset->node[subset->nodes - 1])
        subset->nodes--;
    while (subset->children > 1 && !subset->child[subset->children - 1])
        subset->children--;
}

/* --- one trial, in another process ---------------------------------------- */

struct trial {
    const struct shrink *s;
    struct sim_slot *slot;
    struct answer *answer;
};

static void adjust(void *arg, struct sim_options *options)
{
    const struct trial *trial = arg;

    memcpy(options->strategies, trial->s->options.strategies,
           sizeof(options->strategies));
    options->plugin_path = trial->s->options.plugin_path;
    options->calls = &trial->slot->calls;
    options->beat_ns = &trial->slot->beat_ns;
}

static void try_it(void *arg, uint64_t job, struct sim_slot *slot, FILE *out)
{
    const struct shrink *s = arg;
    struct answer answer = { .outcome = SIM_MISTAKE };
    struct trial trial = { s, slot, &answer };
    struct sim_play_options how = { .adjust = adjust, .arg = &trial };
    struct sim_scenario *scenario = NULL;
    struct sim_played played;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    phub__assert(file != NULL);
    sim_record_write(s->record, &s->batch[job], &s->options, "", file);
    phub__assert(fclose(file) == 0);
    if (sim_scenario_parse("shrunk", text, size, &scenario, answer.text,
                           sizeof(answer.text)) == 0) {
        answer.outcome = sim_scenario_play(scenario, 0, &how, &played);
        memcpy(answer.text, played.text, sizeof(answer.text));
    }
    sim_scenario_free(&scenario);
    free(text);
    (void)fwrite(&answer, sizeof(answer), 1, out);
}

static int tried(void *arg, uint64_t job, const void *data, size_t size)
{
    struct shrink *s = arg;
    char kind[SIM_KIND_MAX];

    phub__assert(size == sizeof(s->answers[job]));
    memcpy(&s->answers[job], data, size);
    sim_story_kind(s->answers[job].text, kind);
    s->good[job] = s->answers[job].outcome == SIM_BROKEN
        && (s->args.any || strcmp(kind, s->kind) == 0);
    return 0;
}

static int died(void *arg, const struct sim_slot *slot, const char *how)
{
    struct shrink *s = arg;
    struct answer *answer = &s->answers[slot->job];

    s->good[slot->job] = s->args.any || strcmp(how, s->how) == 0;
    (void)snprintf(answer->text, sizeof(answer->text), "%s", how);
    return 0;
}

static void tick(void *arg)
{
    struct shrink *s = arg;

    if (!s->progress.tty)
        return;
    fprintf(stderr, "\r%" PRIu64 " trials, %u actions\033[K", s->trials,
            sim_record_lines(s->record, &s->best));
    (void)fflush(stderr);
    s->progress.line = 1;
}

/* The first that is as bad becomes the best; its number, or -1. */
static int batch_try(struct shrink *s)
{
    struct sim_pool pool = { .jobs = s->batch_count,
                             .workers = s->args.workers, .work = try_it,
                             .done = tried, .died = died, .tick = tick,
                             .arg = s };
    int found = -1;

    memset(s->good, 0, sizeof(s->good));
    s->trials += s->batch_count;
    if (s->batch_count != 0 && sim_pool_run(&pool) != 0)
        s->trials = TRIALS_MAX;
    for (uint32_t i = 0; i < s->batch_count; i++) {
        if (found < 0 && s->good[i]) {
            found = (int)i;
            sim_subset_fini(&s->best);
            s->best = s->batch[i];
            memcpy(s->story, s->answers[i].text, sizeof(s->story));
        } else {
            sim_subset_fini(&s->batch[i]);
        }
    }
    s->batch_count = 0;
    return found;
}

/* --- leaving out ---------------------------------------------------------- */

enum part { PART_NODES, PART_CHILDREN, PART_ACTIONS, PARTS };

static uint8_t *part_of(struct sim_subset *subset, enum part part)
{
    switch (part) {
    case PART_NODES:
        return subset->node;
    case PART_CHILDREN:
        return subset->child;
    case PART_ACTIONS:
        return subset->action;
    case PARTS:
        break;
    }
    return NULL;
}

static uint32_t part_size(const struct shrink *s, enum part part)
{
    return part == PART_NODES ? s->options.nodes
        : part == PART_CHILDREN ? s->options.children : s->record->count;
}

/* Leave out size of those that are in, from the one number at; the last is
 * number 0 (so that small numbers stay) unless forward.  0: the candidate stands in the batch; -1: it would be unsound; 1: none left. */
static int leave_out(struct shrink *s, enum part part, uint32_t at,
                     uint32_t size)
{
    struct sim_subset *candidate = &s->batch[s->batch_count];
    uint32_t seen = 0, out = 0;
    uint8_t *in;

    subset_copy(s, candidate);
    in = part_of(candidate, part);
    for (uint32_t k = part_size(s, part); k-- > 0;) {
        uint32_t i = s->forward ? part_size(s, part) - 1 - k : k;

        if (!in[i])
            continue;
        if (seen >= at && seen < at + size) {
            in[i] = 0;
            out++;
        }
        seen++;
    }
    trim(candidate);
    if (out == 0 || sim_record_sound(s->record, candidate) != 0) {
        sim_subset_fini(candidate);
        return out == 0 ? 1 : -1;
    }
    s->batch_count++;
    for (uint64_t more = 1; s->luck && s->batch_count < BATCH; more++) {
        struct sim_subset *other = &s->batch[s->batch_count++];
        struct sim_subset keep = s->best;

        s->best = *candidate;
        subset_copy(s, other);
        s->best = keep;
        other->seed_more = candidate->seed_more + more;
    }
    return 0;
}

/* One pass with pieces of that size; 1 if anything went. */
static int pass(struct shrink *s, enum part part, uint32_t size)
{
    uint32_t at = 0;
    int over = 0, any = 0;

    while (!over && s->trials < TRIALS_MAX) {
        uint32_t from[BATCH] = { 0 };
        int found;

        while (s->batch_count < BATCH && !over) {
            uint32_t number = s->batch_count;
            int rc = leave_out(s, part, at, size);

            for (; rc == 0 && number < s->batch_count; number++)
                from[number] = at;
            over = rc == 1;
            at += size;
        }
        found = batch_try(s);
        if (found >= 0) {
            any = 1;
            over = 0;
            at = from[found];   /* what was behind it is there now */
        }
    }
    return any;
}

static int reduce(struct shrink *s, enum part part)
{
    uint32_t count = 0, size;
    uint8_t *in = part_of(&s->best, part);
    int any = 0;

    for (uint32_t i = 0; i < part_size(s, part); i++)
        count += in[i];
    for (size = (count + 1) / 2; size > 1; size = (size + 1) / 2) {
        any |= pass(s, part, size);
        if (size == 2)
            break;
    }
    while (pass(s, part, 1))
        any = 1;
    return any;
}

/* A node that comes and goes is two actions, of which neither can go alone. */
static int pairs(struct shrink *s)
{
    uint32_t count = sim_record_lines(s->record, &s->best);
    uint32_t size = s->record->count;

    for (uint32_t i = 0; i < size && count <= PAIRS_MAX; i++)
        for (uint32_t k = i + 1; k < size && s->best.action[i]; k++) {
            struct sim_subset *candidate = &s->batch[s->batch_count];

            if (!s->best.action[k])
                continue;
            subset_copy(s, candidate);
            candidate->action[i] = candidate->action[k] = 0;
            if (sim_record_sound(s->record, candidate) != 0)
                sim_subset_fini(candidate);
            else if (++s->batch_count == BATCH && batch_try(s) >= 0)
                return 1;
        }
    return s->batch_count != 0 && batch_try(s) >= 0;
}

static int fewer_clients(struct shrink *s)
{
    for (uint32_t clients = 0; clients < s->best.clients; clients++) {
        subset_copy(s, &s->batch[s->batch_count]);
        s->batch[s->batch_count++].clients = clients;
    }
    return s->batch_count != 0 && batch_try(s) >= 0;
}

static void earlier_end(struct shrink *s)
{
    static const uint64_t after_s[] = { 1, 3, 10, 20 };
    uint64_t last = sim_record_last(s->record, &s->best);

    for (size_t i = 0; i < sizeof(after_s) / sizeof(after_s[0]); i++) {
        uint64_t end = last + after_s[i] * PHUB__SIM_S;

        if (end >= s->best.end_ns)
            break;
        subset_copy(s, &s->batch[s->batch_count]);
        s->batch[s->batch_count++].end_ns = end;
    }
    (void)batch_try(s);
}

static void rounder(struct shrink *s)
{
    static const uint64_t units[] = { PHUB__SIM_S, 500 * PHUB__SIM_MS,
                                      100 * PHUB__SIM_MS,
                                      10 * PHUB__SIM_MS };

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        subset_copy(s, &s->batch[s->batch_count]);
        s->batch[s->batch_count++].round_ns = units[i];
    }
    (void)batch_try(s);
}

static void parts_reduce(struct shrink *s)
{
    uint32_t idle = 0;

    while (idle < 2 && s->trials < TRIALS_MAX) {
        int any = fewer_clients(s);

        for (enum part part = 0; part < PARTS; part++) {
            any |= reduce(s, part);
            if (s->args.trace)
                fprintf(stderr, "%" PRIu64 " trials: %u nodes, %u children, "
                        "%u actions\n", s->trials, s->best.nodes,
                        s->best.children,
                        sim_record_lines(s->record, &s->best));
        }
        s->forward = !s->forward;
        idle = any ? 0 : idle + 1;
        if (idle == 2 && !s->luck && pairs(s))
            idle = 0;
    }
}

/* What breaks by a hair's breadth breaks no more when any frame is missing,
 * but would in one of a few other worlds. */
static void all_reduce(struct shrink *s)
{
    parts_reduce(s);
    if (sim_record_lines(s->record, &s->best) > LUCK_MIN) {
        s->luck = 1;
        parts_reduce(s);
        s->luck = 0;
        parts_reduce(s);
    }
    earlier_end(s);
    rounder(s);
}

/* --- the schedule that is to be shrunk ------------------------------------ */

static void play(void *arg, uint64_t job, struct sim_slot *slot, FILE *out)
{
    const struct shrink *s = arg;
    struct sim_options options = s->options;
    struct sim_result result;

    (void)job;
    options.calls = &slot->calls;
    options.beat_ns = &slot->beat_ns;
    options.record = s->record;
    (void)sim_schedule(&options, &result);
    (void)fwrite(&result, sizeof(result), 1, out);
}

static int played(void *arg, uint64_t job, const void *data, size_t size)
{
    struct shrink *s = arg;
    struct sim_result result;

    (void)job;
    phub__assert(size == sizeof(result));
    memcpy(&result, data, size);
    if (result.broken) {
        memcpy(s->original, result.story, sizeof(result.story));
        sim_story_kind(s->original, s->kind);
    }
    return 1;
}

static int play_died(void *arg, const struct sim_slot *slot, const char *how)
{
    struct shrink *s = arg;

    (void)snprintf(s->how, sizeof(s->how), "%s", how);
    (void)snprintf(s->original, sizeof(s->original), "seed %" PRIu64
                   ", %.6f s: %s", s->options.seed,
                   (double)slot->beat_ns / 1e9, how);
    s->record->end_ns = slot->beat_ns + 20 * PHUB__SIM_MS;
    return 1;
}

/* 0 if there is something to shrink, else the exit code + 1. */
static int record(struct shrink *s)
{
    struct sim_pool pool = { .jobs = 1, .workers = 1, .work = play,
                             .done = played, .died = play_died, .arg = s };

    s->record = sim_record_new();
    phub__assert(s->record != NULL);
    if (sim_pool_run(&pool) != 0)
        return SIM_EXIT_BROKEN + 1;
    if (s->original[0] == '\0') {
        printf("seed %" PRIu64 " breaks nothing\n", s->options.seed);
        return SIM_EXIT_DONE + 1;
    }
    if (s->record->full) {
        fprintf(stderr, "phub-sim shrink: the schedule has more than %u "
                "actions; give fewer nodes or a shorter --duration\n",
                SIM_ACTIONS_MAX);
        return SIM_EXIT_BROKEN + 1;
    }
    sim_subset_all(s->record, &s->options, &s->best);
    subset_copy(s, &s->batch[0]);
    s->batch_count = 1;
    if (batch_try(s) == 0)
        return 0;
    printf("%s\n", s->original);
    fprintf(stderr, "phub-sim shrink: written as a scenario, it breaks "
            "otherwise: %s\n", s->answers[0].text[0] == '\0'
                ? "not at all" : s->answers[0].text);
    return SIM_EXIT_BROKEN + 1;
}

/* --- what came of it ------------------------------------------------------ */

static void text_write(const struct shrink *s, FILE *out)
{
    char why[SIM_COMMAND_MAX + SIM_STORY_MAX + 16], command[SIM_COMMAND_MAX];

    sim_args_command(&s->args, &s->options, command, sizeof(command));
    (void)snprintf(why, sizeof(why), "%s\nFrom: %s", s->original, command);
    sim_record_write(s->record, &s->best, &s->options, why, out);
}

/* A directory of regressions says in LIST what its files show. */
static void list_add(const struct shrink *s)
{
    const char *slash = strrchr(s->args.save, '/');
    int size = slash == NULL ? 0 : (int)(slash - s->args.save) + 1;
    char path[4096];
    FILE *list;

    (void)snprintf(path, sizeof(path), "%.*sLIST", size, s->args.save);
    list = fopen(path, "r+");
    if (list == NULL)
        return;
    (void)fseek(list, 0, SEEK_END);
    fprintf(list, "%s | seed %" PRIu64 " | %.*s | open: found by phub-sim\n",
            s->args.save + size, s->options.seed,
            (int)strcspn(s->original, "\n"), s->original);
    (void)fclose(list);
    printf("%s has a line for it, marked open\n", path);
}

static int save(const struct shrink *s)
{
    FILE *file = fopen(s->args.save, "w");
    int rc;

    if (file == NULL) {
        fprintf(stderr, "phub-sim shrink: %s: %s\n", s->args.save,
                strerror(errno));
        return SIM_EXIT_USAGE;
    }
    text_write(s, file);
    rc = ferror(file);
    if (fclose(file) != 0 || rc != 0) {
        fprintf(stderr, "phub-sim shrink: %s: cannot be written\n",
                s->args.save);
        return SIM_EXIT_USAGE;
    }
    printf("    again: phub-sim scenario");
    for (uint32_t i = 0; i < s->args.plugins.count; i++)
        printf(" --plugin %s", s->args.plugins.words[i]);
    printf(" --trace %s\n", s->args.save);
    list_add(s);
    return SIM_EXIT_BROKEN;
}

static int shrink(struct shrink *s)
{
    int code = record(s);

    if (code != 0)
        return code - 1;
    all_reduce(s);
    sim_progress_hide(&s->progress);
    printf("%s\n    %u nodes, %u children, %u actions became %u nodes, %u "
           "children, %u actions in %" PRIu64 " trials\n", s->original,
           s->options.nodes, s->options.children, s->record->count,
           s->best.nodes, s->best.children,
           sim_record_lines(s->record, &s->best), s->trials);
    if (s->args.save != NULL)
        return save(s);
    text_write(s, stdout);
    return SIM_EXIT_BROKEN;
}

int sim_verb_shrink(int argc, char **argv)
{
    struct shrink *s = calloc(1, sizeof(*s));
    int code;

    phub__assert(s != NULL);
    if (sim_args_read(&s->args, argc, argv, &code) == 0) {
        code = sim_limits_look(&s->args);
        if (code == SIM_EXIT_DONE)
            code = sim_sandbox_look(&s->args);
        if (code == SIM_EXIT_DONE
            && s->args.seeds.first != s->args.seeds.last) {
            fputs("phub-sim shrink: name one seed with --seed\n", stderr);
            code = SIM_EXIT_USAGE;
        }
        if (code == SIM_EXIT_DONE) {
            sim_args_case(&s->args, s->args.seeds.first, 0, &s->options);
            sim_progress_init(&s->progress, 0, s->args.progress);
            code = shrink(s);
        }
        sim_args_fini(&s->args);
    }
    if (s->record != NULL)
        sim_subset_fini(&s->best);
    sim_record_free(&s->record);
    free(s);
    return code;
}
