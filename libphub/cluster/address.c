/* SPDX-License-Identifier: MIT */
/* address: where nodes could be reached that were known before this start.
 *
 * Seeds come and go while a hub runs for years, and whoever starts again may
 * find none of them: it asks those it knew, too, as it asks a seed.  Who has a
 * place in the member list of today, alive, lost or gone, is looked for by that
 * (join.c), and no more by this; who was forgotten, by nobody.
 *
 * Most of them may be gone for good; so who has company asks them more and more
 * seldom.  The first questions are spread, so that one of many that live is found
 * before all are asked. */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/internal.h"

#define SPREAD_MS 10u           /* between two of them, in the mean */

struct phub__address {
    uint64_t node;
    uint64_t next_ns;
    uint64_t wait_ns;
    char endpoint[];
};

int phub__cluster_remember(struct phub__cluster *c, uint64_t node,
                           const char *endpoint)
{
    size_t size = strnlen(endpoint, PHUB_ENDPOINT_MAX + 1);
    struct phub__address **list, *a;

    if (node == 0 || node == c->node || size == 0 || size > PHUB_ENDPOINT_MAX)
        return PHUB_EINVAL;
    if (c->addresses.count == PHUB__ADDRESSES_MAX)
        return PHUB_ELIMIT;
    list = realloc(c->addresses.list,
                   (c->addresses.count + 1) * sizeof(struct phub__address *));
    if (list == NULL)
        return PHUB_ENOMEM;
    c->addresses.list = list;
    a = calloc(1, sizeof *a + size + 1);
    if (a == NULL)
        return PHUB_ENOMEM;
    a->node = node;
    memcpy(a->endpoint, endpoint, size);
    list[c->addresses.count++] = a;
    return 0;
}

void phub__address_start(struct phub__cluster *c)
{
    uint64_t longest = phub__cluster_ms(c->params.rejoin_interval_max) / 2;
    uint64_t first = phub__cluster_ms(c->params.rejoin_interval);
    uint64_t spread = c->addresses.count * phub__cluster_ms(SPREAD_MS);

    spread = spread < longest ? spread : longest;
    for (uint32_t i = 0; i < c->addresses.count; i++) {
        struct phub__address *a = c->addresses.list[i];

        a->wait_ns = first > spread ? first : spread;
        a->next_ns = c->now_ns + phub__cluster_pick(c, spread);
    }
    c->addresses.next_ns = 0;
}

static void drop(struct phub__cluster *c, uint32_t index)
{
    free(c->addresses.list[index]);
    c->addresses.list[index] = c->addresses.list[--c->addresses.count];
}

/* Nobody is asked twice, nor at an address that somebody else has by now. */
static void ask(struct phub__cluster *c, struct phub__address *a)
{
    if (c->now_ns < a->next_ns)
        return;
    if (!phub__join_has_seed(c, a->endpoint)
        && phub__members_at(&c->members, a->endpoint) == NULL)
        phub__join_ask(c, a->endpoint);
    a->next_ns = c->now_ns + phub__join_back_off(
        c, &a->wait_ns, phub__cluster_others(c) > 0 ? PHUB__JOIN_SELDOM : 1);
}

void phub__address_tick(struct phub__cluster *c)
{
    if (c->addresses.count == 0)
        return;
    if (c->now_ns >= c->addresses.next_ns) {
        c->addresses.next_ns = PHUB__NEVER;
        for (uint32_t i = c->addresses.count; i > 0; i--) {
            struct phub__address *a = c->addresses.list[i - 1];

            if (phub__members_find(&c->members, a->node) != NULL
                || phub__cluster_admits(c, a->node) == PHUB_EFORGOTTEN) {
                drop(c, i - 1);
                continue;
            }
            ask(c, a);
            if (a->next_ns < c->addresses.next_ns)
                c->addresses.next_ns = a->next_ns;
        }
    }
    phub__cluster_wake(c, c->addresses.next_ns);
}

void phub__address_fini(struct phub__cluster *c)
{
    while (c->addresses.count > 0)
        drop(c, c->addresses.count - 1);
    free(c->addresses.list);
}

const char *phub__cluster_remembered(const struct phub__cluster *c,
                                     uint32_t index, uint64_t *node)
{
    if (index >= c->addresses.count)
        return NULL;
    *node = c->addresses.list[index]->node;
    return c->addresses.list[index]->endpoint;
}
