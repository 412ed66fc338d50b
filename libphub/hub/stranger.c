/* SPDX-License-Identifier: MIT */
/* stranger: a link to an endpoint that no member of the view has: a seed, one
 * that wants to join, one that was a member.
 *
 * It is kept for a while, since who is asked once is asked again: STRANGERS_MAX
 * of them, and the one that was used longest ago makes room.  A link that
 * nobody used for idle_ns is closed, for one to a node that is gone tries to
 * connect some times a second as long as it is there. */
#include "config.h"

#include <string.h>

#include <phub/types.h>

#include "hub/stranger.h"
#include "wire/memory.h"

#define STRANGERS_MAX 64u

struct stranger {
    struct phub__link *link;
    uint64_t used, used_ns;
    char endpoint[PHUB_ENDPOINT_MAX + 1];
};

struct phub__strangers {
    struct phub_env *env;
    struct phub__timer *timer;
    uint64_t uses, idle_ns;
    struct stranger all[STRANGERS_MAX];
};

/* Close those whose time is over, and come again for the next. */
static void tidy(void *arg)
{
    struct phub__strangers *strangers = arg;
    struct phub_env *env = strangers->env;
    uint64_t now = env->now_ns(env), next = UINT64_MAX;
    uint32_t i;

    for (i = 0; i < STRANGERS_MAX; i++) {
        struct stranger *s = &strangers->all[i];

        if (s->link == NULL)
            continue;
        if (s->used_ns + strangers->idle_ns <= now)
            env->link_close(env, &s->link);
        else if (s->used_ns + strangers->idle_ns < next)
            next = s->used_ns + strangers->idle_ns;
    }
    if (next != UINT64_MAX)
        env->timer_start(env, strangers->timer, next);
}

struct phub__strangers *phub__strangers_new(struct phub_env *env,
                                            uint64_t idle_ns)
{
    struct phub__strangers *strangers = phub__calloc(1, sizeof *strangers);

    if (strangers == NULL)
        return NULL;
    strangers->env = env;
    strangers->idle_ns = idle_ns;
    strangers->timer = env->timer_new(env, tidy, strangers);
    if (strangers->timer == NULL)
        phub__strangers_free(&strangers);
    return strangers;
}

void phub__strangers_free(struct phub__strangers **strangers)
{
    struct phub__strangers *s = *strangers;
    uint32_t i;

    *strangers = NULL;
    if (s == NULL)
        return;
    for (i = 0; i < STRANGERS_MAX; i++)
        if (s->all[i].link != NULL)
            s->env->link_close(s->env, &s->all[i].link);
    if (s->timer != NULL)
        s->env->timer_free(s->env, &s->timer);
    phub__free(s);
}

struct phub__link *phub__stranger_link(struct phub__strangers *strangers,
                                       const char *endpoint)
{
    struct phub_env *env = strangers->env;
    struct stranger *oldest = &strangers->all[0];
    uint32_t i;

    for (i = 0; i < STRANGERS_MAX; i++) {
        struct stranger *s = &strangers->all[i];

        if (s->link != NULL && strcmp(s->endpoint, endpoint) == 0) {
            s->used = ++strangers->uses;
            s->used_ns = env->now_ns(env);
            return s->link;
        }
        if (s->link == NULL ? oldest->link != NULL : s->used < oldest->used)
            oldest = s;
    }
    if (oldest->link != NULL)
        env->link_close(env, &oldest->link);
    if (strlen(endpoint) > PHUB_ENDPOINT_MAX ||
        env->link_open(env, endpoint, PHUB__LINK_CONTROL, &oldest->link) != 0)
        return NULL;
    memcpy(oldest->endpoint, endpoint, strlen(endpoint) + 1);
    oldest->used = ++strangers->uses;
    oldest->used_ns = env->now_ns(env);
    tidy(strangers);
    return oldest->link;
}
