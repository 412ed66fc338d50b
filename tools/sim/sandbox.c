/* SPDX-License-Identifier: MIT */
/* sandbox: strategies are looked at in a process of their own first.
 *
 * Everything that is asked for is loaded once, with its parameters, by the
 * loader's own rules, before a seed is played: what it refuses is said once,
 * and a file that crashes or spins while it is loaded is named. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "sim/pool.h"
#include "sim/tool.h"
#include "strategy/loader.h"
#include "wire/assert.h"

struct verdict {
    uint32_t kinds[SIM_WORDS_MAX];      /* of --plugin files */
    char error[PHUB__LOADER_ERROR_MAX];
};

struct look {
    const struct sim_args *args;
    int files;                          /* and nothing else */
    struct verdict verdict;
    int ended;                          /* it did not come so far */
    char how[256];
};

static int load(struct phub__loader *loader, uint32_t kind, const char *name,
                const struct sim_words *params, struct sim_slot *slot,
                struct verdict *verdict, uint32_t *kind_found)
{
    struct phub__strategy *strategy = NULL;
    int rc;

    phub__note_begin(&slot->calls, kind, name, "dlopen");
    rc = phub__strategy_load(loader, kind, name,
                             params == NULL ? NULL : params->words,
                             params == NULL ? 0 : params->count, &strategy,
                             verdict->error, sizeof(verdict->error));
    phub__note_end(&slot->calls);
    if (rc == 0 && kind_found != NULL)
        *kind_found = strategy->kind;
    phub__strategy_free(&strategy);
    return rc;
}

static void look(void *arg, uint64_t job, struct sim_slot *slot,
                 FILE *answer)
{
    const struct look *looking = arg;
    const struct sim_args *args = looking->args;
    struct phub__loader *loader = NULL;
    struct verdict verdict;
    char path[512];
    int rc;

    (void)job;
    sim_plugin_path(args->path, path, sizeof(path));
    memset(&verdict, 0, sizeof(verdict));
    rc = phub__loader_new(path[0] == '\0' ? NULL : path, &loader,
                          verdict.error, sizeof(verdict.error));
    for (uint32_t i = 0; i < args->plugins.count && rc == 0; i++)
        rc = load(loader, 0, args->plugins.words[i], NULL, slot, &verdict,
                  &verdict.kinds[i]);
    /* Files first say what kind they are. */
    for (uint32_t kind = 1; kind < PHUB__KINDS && !looking->files; kind++)
        for (uint32_t i = 0; i < args->strategies[kind].count && rc == 0; i++)
            rc = load(loader, kind, args->strategies[kind].words[i],
                      &args->params[kind], slot, &verdict, NULL);
    phub__loader_free(&loader);
    if (rc == 0)
        verdict.error[0] = '\0';
    (void)fwrite(&verdict, sizeof(verdict), 1, answer);
}

static int looked(void *arg, uint64_t job, const void *answer, size_t size)
{
    struct look *look = arg;

    (void)job;
    if (size == sizeof(look->verdict))
        memcpy(&look->verdict, answer, size);
    look->ended = size != sizeof(look->verdict);
    return 1;
}

static int died(void *arg, const struct sim_slot *slot, const char *how)
{
    struct look *look = arg;

    (void)slot;
    look->ended = 1;
    (void)snprintf(look->how, sizeof(look->how), "%s", how);
    return 1;
}

static int look_at(struct look *looking)
{
    struct sim_pool pool = { .jobs = 1, .workers = 1, .work = look,
                             .done = looked, .died = died, .arg = looking };

    if (sim_pool_run(&pool) != 0)
        return SIM_EXIT_BROKEN;
    if (looking->ended) {
        fprintf(stderr, "phub-sim %s: %s\n", looking->args->verb,
                looking->how);
        return SIM_EXIT_BROKEN;
    }
    if (looking->verdict.error[0] != '\0') {
        fprintf(stderr, "phub-sim %s: %s\n", looking->args->verb,
                looking->verdict.error);
        return SIM_EXIT_USAGE;
    }
    return SIM_EXIT_DONE;
}

int sim_sandbox_look(struct sim_args *args)
{
    struct look *looking = calloc(1, sizeof(*looking));
    int code;

    phub__assert(looking != NULL);
    looking->args = args;
    looking->files = args->plugins.count != 0;
    code = look_at(looking);
    if (code == SIM_EXIT_DONE && looking->files) {
        for (uint32_t i = 0; i < args->plugins.count; i++)
            sim_args_plugin(args, looking->verdict.kinds[i],
                            args->plugins.words[i]);
        looking->files = 0;
        code = look_at(looking);
    }
    free(looking);
    return code;
}
