/* SPDX-License-Identifier: MIT */
/* stranger: a link to an endpoint that no member of the view has: a seed, one
 * that wants to join, one that was a member.
 *
 * It is kept for a while, since who is asked once is asked again: STRANGERS_MAX
 * of them, and the one that was used longest ago makes room. */
#include "config.h"

#include <string.h>

#include <phub/types.h>

#include "hub/stranger.h"
#include "wire/memory.h"

#define STRANGERS_MAX 64u

struct stranger {
    struct phub__link *link;
    uint64_t used;
    char endpoint[PHUB_ENDPOINT_MAX + 1];
};

struct phub__strangers {
    struct phub_env *env;
    uint64_t uses;
    struct stranger all[STRANGERS_MAX];
};

struct phub__strangers *phub__strangers_new(struct phub_env *env)
{
    struct phub__strangers *strangers = phub__calloc(1, sizeof *strangers);

    if (strangers != NULL)
        strangers->env = env;
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
    return oldest->link;
}
