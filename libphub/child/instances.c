/* SPDX-License-Identifier: MIT */
/* instances: the supervisor's set of instances: made, found, freed.
 *
 * Runner events name a handle; a chained table by handle finds its instance
 * without looking at the others. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "child/supervisor_private.h"
#include "wire/memory.h"

#define BUCKETS_MIN 64u

int phub__supervisor_new(struct phub_env *env, uint64_t node,
                         const char *node_name, uint64_t refs,
                         const struct phub__supervisor_events *events,
                         void *arg, struct phub__supervisor **supervisor)
{
    struct phub__supervisor *s = phub__calloc(1, sizeof *s);

    if (s == NULL)
        return PHUB_ENOMEM;
    s->buckets = phub__calloc(BUCKETS_MIN, sizeof *s->buckets);
    if (s->buckets == NULL) {
        phub__free(s);
        return PHUB_ENOMEM;
    }
    s->buckets_count = BUCKETS_MIN;
    s->env = env;
    s->node = node;
    s->last_ref = refs;
    s->events = events;
    s->arg = arg;
    snprintf(s->node_name, sizeof s->node_name, "%s", node_name);
    *supervisor = s;
    return 0;
}

void phub__supervisor_free(struct phub__supervisor **supervisor)
{
    struct phub__supervisor *s = *supervisor;
    struct phub__instance *instance;
    uint32_t i;

    if (s == NULL)
        return;
    for (i = 0; i < s->runners_attached; i++)
        s->runners[i]->detach(s->runners[i]);
    if (s->attaching != NULL)
        s->attaching->detach(s->attaching);
    while ((instance = s->instances) != NULL) {
        instance->ended = 1;
        phub__instance_free(&instance);
    }
    phub__free(s->buckets);
    phub__free(s);
    *supervisor = NULL;
}

static void attach_next(struct phub__supervisor *s);

static void on_attached(void *arg, uint64_t guard_id)
{
    struct phub__supervisor *s = arg;

    if (guard_id != 0)
        s->events->holder(s->arg, s->attaching->name, guard_id);
    s->runners_attached++;
    if (s->deadline_ns != 0) /* told while it was attaching */
        s->attaching->deadline(s->attaching, s->deadline_ns);
    attach_next(s);
}

static void attach_next(struct phub__supervisor *s)
{
    struct phub__runner *runner;
    char error[256];

    while (s->runners_attached < s->runners_count) {
        runner = s->runners[s->runners_attached];
        s->attaching = runner;
        if (runner->attach(runner, &phub__supervisor_runner_events,
                           on_attached, s, error, sizeof error) == 0)
            return;
        s->env->log(s->env, PHUB__LOG_ERROR, error);
        s->runners[s->runners_attached] =
            s->runners[--s->runners_count];
    }
    s->attaching = NULL;
    s->events->attached(s->arg);
}

static void attach_start(void *arg)
{
    attach_next(arg);
}

int phub__supervisor_attach(struct phub__supervisor *s,
                            const char *const *runners, uint32_t count,
                            char *error, size_t error_max)
{
    uint32_t i;

    for (i = 0; i < count && s->runners_count < PHUB__RUNNERS_MAX; i++) {
        struct phub__runner *runner = s->env->runner(s->env, runners[i]);

        if (runner != NULL)
            s->runners[s->runners_count++] = runner;
    }
    if (s->env->defer(s->env, attach_start, s) != 0) {
        snprintf(error, error_max, "out of memory");
        return PHUB_ENOMEM;
    }
    return 0;
}

uint64_t phub__supervisor_answers_late(const struct phub__supervisor *s)
{
    return s->answers_late;
}

void phub__supervisor_deadline(struct phub__supervisor *s, uint64_t boot_ns)
{
    uint32_t i;

    s->deadline_ns = boot_ns;
    for (i = 0; i < s->runners_attached; i++)
        s->runners[i]->deadline(s->runners[i], boot_ns);
}

/* --- by handle ------------------------------------------------------------ */

static struct phub__instance **bucket(struct phub__supervisor *s,
                                      uint64_t handle)
{
    return &s->buckets[handle & (s->buckets_count - 1)];
}

static void unindex(struct phub__supervisor *s, struct phub__instance *i)
{
    struct phub__instance **p;

    if (i->indexed == 0)
        return;
    for (p = bucket(s, i->indexed); *p != i; p = &(*p)->bucket_next)
        ;
    *p = i->bucket_next;
    i->indexed = 0;
    s->indexed_count--;
}

static void grow(struct phub__supervisor *s)
{
    struct phub__instance **old = s->buckets, *i;
    uint32_t count = s->buckets_count * 2;
    struct phub__instance **wide = phub__calloc(count, sizeof *wide);

    if (wide == NULL)
        return; /* longer chains, no more */
    s->buckets = wide;
    s->buckets_count = count;
    for (i = s->instances; i != NULL; i = i->next) {
        struct phub__instance **p;

        if (i->indexed == 0)
            continue;
        p = bucket(s, i->indexed);
        i->bucket_next = *p;
        *p = i;
    }
    phub__free(old);
}

void phub__supervisor_index(struct phub__supervisor *s,
                            struct phub__instance *instance)
{
    struct phub__instance **p;

    unindex(s, instance);
    if (s->indexed_count >= s->buckets_count)
        grow(s);
    p = bucket(s, instance->handle);
    instance->bucket_next = *p;
    *p = instance;
    instance->indexed = instance->handle;
    s->indexed_count++;
}

struct phub__instance *phub__supervisor_find(struct phub__supervisor *s,
                                             uint64_t handle)
{
    struct phub__instance *i;

    for (i = *bucket(s, handle); i != NULL; i = i->bucket_next)
        if (i->handle == handle)
            return i;
    return NULL;
}

/* --- life ----------------------------------------------------------------- */

struct phub__instance *phub__instance_new(struct phub__supervisor *s,
                                          struct phub_bytes id,
                                          struct phub_epoch incarnation,
                                          struct phub_epoch epoch)
{
    struct phub__instance *i;

    if (id.size == 0 || id.size > PHUB_CHILD_ID_MAX)
        return NULL;
    i = phub__calloc(1, sizeof *i);
    if (i == NULL)
        return NULL;
    i->magic = PHUB__INSTANCE_MAGIC;
    i->supervisor = s;
    i->incarnation = incarnation;
    i->epoch = epoch;
    i->id_size = (uint32_t)id.size;
    memcpy(i->id, id.data, id.size);
    phub__arena_init(&i->arena, NULL, 0, PHUB__SPEC_ARENA_MAX);
    i->timer = s->env->timer_new(s->env, phub__instance_timer_fired, i);
    i->health_timer =
        s->env->timer_new(s->env, phub__instance_health_fired, i);
    i->thaw_timer = s->env->timer_new(s->env, phub__instance_thaw_fired, i);
    i->next = s->instances;
    if (i->next != NULL)
        i->next->prev = i;
    s->instances = i;
    if (i->timer == NULL || i->health_timer == NULL ||
        i->thaw_timer == NULL) {
        i->ended = 1;
        phub__instance_free(&i);
    }
    return i;
}

void phub__instance_free(struct phub__instance **instance)
{
    struct phub__instance *i = *instance;
    struct phub__supervisor *s;

    if (i == NULL)
        return;
    s = i->supervisor;
    i->commit_done = NULL;
    phub__instance_fail_calls(i, PHUB_ECANCELLED, "freed");
    unindex(s, i);
    if (i->timer != NULL)
        s->env->timer_free(s->env, &i->timer);
    if (i->health_timer != NULL)
        s->env->timer_free(s->env, &i->health_timer);
    if (i->thaw_timer != NULL)
        s->env->timer_free(s->env, &i->thaw_timer);
    if (i->prev != NULL)
        i->prev->next = i->next;
    else
        s->instances = i->next;
    if (i->next != NULL)
        i->next->prev = i->prev;
    phub__instance_unpublish(i);
    phub__buf_unref(&i->state);
    phub__buf_unref(&i->spec_bytes);
    phub__arena_fini(&i->arena);
    i->magic = 0;
    phub__free(i);
    *instance = NULL;
}

void phub__instance_awaited(struct phub__instance *instance)
{
    instance->first = 1;
}

const char *phub__instance_ended_by(const struct phub__instance *instance)
{
    return instance->ill[0] != '\0' ? instance->ill : "it ended by itself";
}

struct phub_buf *phub__instance_given(const struct phub__instance *instance)
{
    return instance->phase == PHUB__PHASE_STARTING ? instance->state : NULL;
}

int phub__instance_whole(struct phub__instance *instance, int ran)
{
    if (!instance->awaits)
        return 1;
    if (ran) {
        instance->ready = 1; /* it need not say so again */
        return 1;
    }
    if (instance->phase != PHUB__PHASE_STARTING)
        return -1;
    return instance->identified && instance->ready; /* or the timer decides */
}

int phub__instance_set_spec(struct phub__instance *instance,
                            struct phub_buf *spec)
{
    char error[256];
    int rc;

    phub__arena_reset(&instance->arena);
    rc = phub__spec_decode(phub__buf_bytes(spec), &instance->spec,
                           &instance->arena, error, sizeof error);
    if (rc != 0)
        return rc;
    phub__buf_unref(&instance->spec_bytes);
    instance->spec_bytes = phub__buf_ref(spec);
    phub__instance_adopted_spec(instance);
    return 0;
}

int phub__instance_start(struct phub__supervisor *s,
                         const struct phub__instance_start *start,
                         struct phub__instance **instance, char *error,
                         size_t error_max)
{
    struct phub__instance *i;
    char runner[16];
    int rc;

    i = phub__instance_new(s, start->id, start->incarnation, start->epoch);
    if (i == NULL) {
        snprintf(error, error_max, "out of memory");
        return PHUB_ENOMEM;
    }
    rc = phub__spec_decode(phub__buf_bytes(start->spec), &i->spec, &i->arena,
                           error, error_max);
    if (rc != 0)
        goto out;
    i->spec_bytes = phub__buf_ref(start->spec);
    snprintf(runner, sizeof runner, "%.*s", (int)i->spec.runner.size,
             (const char *)i->spec.runner.data);
    i->runner = s->env->runner(s->env, runner);
    if (i->runner == NULL) {
        snprintf(error, error_max,
                 "runner '%s' is not offered by node '%s'", runner,
                 s->node_name);
        rc = PHUB_EUNSUPPORTED;
        goto out;
    }
    i->owner = start->owner;
    i->standby = start->standby;
    i->first = start->first;
    i->role = start->role;
    i->role_told = start->role_told;
    i->role_known = 1;
    if (start->state != NULL)
        i->state = phub__buf_ref(start->state);
    else
        i->state_code = start->state_code;
    if (i->standby && i->spec.cmd_state_put.count != 0)
        i->phase = PHUB__PHASE_STANDBY; /* its state must come first */
    else
        phub__instance_begin(i);
    *instance = i;
    return 0;
out:
    i->ended = 1;
    phub__instance_free(&i);
    return rc;
}
