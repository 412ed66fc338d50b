/* SPDX-License-Identifier: MIT */
/* env_world: a real environment for a test, which ends a wait in vain.
 *
 * No test sleeps: each runs the loop until what it waits for has happened, and
 * a timer ends the loop of one that waits in vain. */
#ifndef PHUB_TESTS_ENV_WORLD_H
#define PHUB_TESTS_ENV_WORLD_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "env/real/real.h"

#define TEXT_MAX 512
#define PATIENCE_NS 60000000000u
#define MILLISECOND_NS 1000000u

struct world {
    struct phub_env *env;
    struct phub__timer *patience;
    int impatient;
    char dir[64];
    char text[TEXT_MAX]; /* last thing logged */
    int logged;
};

static inline void on_log(void *arg, enum phub__log_level level, const char *text)
{
    struct world *world = arg;

    (void)level;
    snprintf(world->text, sizeof world->text, "%s", text);
    world->logged++;
}

static inline void on_patience(void *arg)
{
    struct world *world = arg;

    world->impatient = 1;
    phub__env_real_stop(world->env);
}

static inline void world_open(struct world *world,
                       const struct phub__env_real_options *base)
{
    struct phub__env_real_options options = { 0 };
    char error[TEXT_MAX] = "";

    if (base != NULL)
        options = *base;
    options.log = on_log;
    options.log_arg = world;
    ck_assert_msg(phub__env_real_new(&options, &world->env, error,
                                     sizeof error) == 0, "%s", error);
    world->patience = world->env->timer_new(world->env, on_patience, world);
    ck_assert_ptr_nonnull(world->patience);
}

static inline void world_run(struct world *world)
{
    world->env->timer_start(world->env, world->patience,
                            world->env->now_ns(world->env) + PATIENCE_NS);
    phub__env_real_run(world->env);
    ck_assert_msg(!world->impatient, "waited in vain");
}

static inline void world_close(struct world *world)
{
    world->env->timer_free(world->env, &world->patience);
    phub__env_real_free(&world->env);
    ck_assert_ptr_null(world->env);
}

static inline void dir_make(struct world *world)
{
    snprintf(world->dir, sizeof world->dir, "/tmp/phub-check-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(world->dir));
}

static inline void dir_remove(struct world *world)
{
    char command[128];

    snprintf(command, sizeof command, "rm -r '%s'", world->dir);
    ck_assert_int_eq(system(command), 0);
}

#endif
