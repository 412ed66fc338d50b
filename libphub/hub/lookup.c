/* SPDX-License-Identifier: MIT */
/* lookup: find children from any thread, in the published registry.
 *
 * No lock and no way to the hub's thread: a look-up sees what the hub has
 * published, values are copied out between read_lock and read_unlock. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/embed.h"

static int valid(const struct phub_hub *hub)
{
    return hub != NULL && hub->magic == PHUB__EMBED_MAGIC;
}

static struct phub_bytes bytes_of(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
}

/* The one that acts: running before others, at home before elsewhere, the
 * newest before older ones. */
static const struct phub__lookup_instance *
best(const struct phub__lookup *lookup)
{
    const struct phub__lookup_instance *found = NULL;
    uint32_t i;

    for (i = 0; i < lookup->instances_count; i++) {
        const struct phub__lookup_instance *it = &lookup->instances[i];
        int runs = it->state == PHUB_INSTANCE_RUNNING;
        int ran = found != NULL && found->state == PHUB_INSTANCE_RUNNING;

        if (found == NULL || runs > ran ||
            (runs == ran && it->node == lookup->home) ||
            (runs == ran && found->node != lookup->home &&
             phub_epoch_cmp(it->epoch, found->epoch) > 0))
            found = it;
    }
    return found;
}

int phub__embed_place(struct phub_hub *hub, struct phub_bytes id,
                      struct phub_place *place)
{
    const struct phub__lookup_instance *instance;
    struct phub__lookup lookup;
    int rc;

    *place = (struct phub_place){ .size = sizeof *place };
    hub->env->read_lock(hub->env);
    rc = phub__registry_lookup(hub->hub->registry, id, &lookup);
    hub->env->read_unlock(hub->env);
    if (rc != 0)
        return rc;
    if (!lookup.live)
        return PHUB_ENOTFOUND;
    place->node = lookup.home;
    place->incarnation = lookup.incarnation;
    place->epoch = lookup.home_epoch;
    place->durable = lookup.durable;
    place->version = lookup.edit.number;
    instance = best(&lookup);
    if (instance != NULL) {
        place->state = instance->state;
        place->node = instance->node;
        place->pid = instance->pid;
        place->epoch = instance->epoch;
        place->restarts = instance->restarts;
    }
    return 0;
}

int phub_lookup(struct phub_hub *hub, const char *id,
                struct phub_place *place)
{
    struct phub_place full;
    int rc;

    if (!valid(hub) || id == NULL || place == NULL ||
        place->size < offsetof(struct phub_place, node))
        return PHUB_EINVAL;
    rc = phub__embed_place(hub, bytes_of(id), &full);
    if (rc != 0)
        return rc;
    if (place->size < full.size)
        full.size = place->size;
    memcpy(place, &full, full.size);
    return 0;
}

int phub_lookup_metadata(struct phub_hub *hub, const char *id, const char *key,
                         char *value, size_t value_max)
{
    size_t size = 0;
    int rc;

    if (!valid(hub) || id == NULL || key == NULL || value == NULL ||
        value_max == 0)
        return PHUB_EINVAL;
    hub->env->read_lock(hub->env);
    rc = phub__registry_lookup_meta(hub->hub->registry, bytes_of(id),
                                    bytes_of(key), value, value_max - 1,
                                    &size);
    hub->env->read_unlock(hub->env);
    if (rc == 0)
        value[size] = '\0';
    return rc;
}

uint64_t phub_count(struct phub_hub *hub)
{
    return valid(hub) ? phub__registry_live(hub->hub->registry) : 0;
}
