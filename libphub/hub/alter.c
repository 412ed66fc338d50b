/* SPDX-License-Identifier: MIT */
/* alter: the chain of child_data_alter.
 *
 * The keeper gives each start that it found good to the chain before it asks
 * where the child belongs and writes its row: what comes out is what all nodes
 * see, and what a later start on another node begins with.  Nothing is copied
 * before a handler changes something.  A handler that fails refuses that start
 * alone. */
#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/alter.h"
#include "wire/memory.h"

#define ENV_MAX 1024u        /* variables of a spec, as spec.c has it */
#define TEXT_MAX 512u

struct phub_alter {
    struct phub__hub *hub;
    struct phub__arena *arena;
    uint64_t origin;
    struct phub__op_item item;  /* as it is by now */
    int changed;
    int code;
    char text[TEXT_MAX];
    char id[PHUB_CHILD_ID_MAX + 1];
};

static struct phub_bytes keep(struct phub_alter *alter, const char *text,
                              size_t size)
{
    uint8_t *copy = phub__arena_alloc(alter->arena, size + 1, 1);

    if (copy == NULL)
        return PHUB_BYTES_NONE;
    memcpy(copy, text, size);
    copy[size] = '\0';
    return (struct phub_bytes){ copy, size };
}

static int is(struct phub_bytes bytes, const char *text)
{
    return bytes.size == strlen(text) &&
           memcmp(bytes.data, text, bytes.size) == 0;
}

/* A copy of a list with room for one more; NULL without memory. */
static void *widen(struct phub_alter *alter, const struct phub__list *list,
                   size_t size)
{
    char *copy = phub__arena_alloc(alter->arena, list->count + 1u, size);

    if (copy != NULL && list->count != 0)
        memcpy(copy, list->items, list->count * size);
    return copy;
}

/* --- what handlers see ----------------------------------------------------- */

const char *phub_alter_id(const struct phub_alter *alter)
{
    return alter != NULL ? alter->id : NULL;
}

uint64_t phub_alter_origin(const struct phub_alter *alter)
{
    return alter != NULL ? alter->origin : 0;
}

static uint32_t find_pair(const struct phub__list *list, const char *key)
{
    const struct phub__op_pair *pairs = list->items;
    uint32_t i = 0;

    while (i < list->count && !is(pairs[i].key, key))
        i++;
    return i;
}

const char *phub_alter_metadata(struct phub_alter *alter, const char *key)
{
    const struct phub__op_pair *pairs;
    uint32_t i;

    if (alter == NULL || key == NULL)
        return NULL;
    pairs = alter->item.metadata.items;
    i = find_pair(&alter->item.metadata, key);
    if (i == alter->item.metadata.count)
        return NULL;
    return (const char *)keep(alter, (const char *)pairs[i].value.data,
                              pairs[i].value.size).data;
}

int phub_alter_has_tag(const struct phub_alter *alter, const char *tag)
{
    const struct phub_bytes *tags;
    uint32_t i;

    if (alter == NULL || tag == NULL)
        return 0;
    tags = alter->item.tags.items;
    for (i = 0; i < alter->item.tags.count; i++)
        if (is(tags[i], tag))
            return 1;
    return 0;
}

/* --- what handlers change --------------------------------------------------- */

int phub_alter_set_metadata(struct phub_alter *alter, const char *key,
                            const char *value)
{
    struct phub__op_pair *pairs, pair;
    struct phub__list *list;
    uint32_t i;

    if (alter == NULL || key == NULL || value == NULL || key[0] == '\0' ||
        strlen(key) > PHUB__META_KEY_MAX ||
        strlen(value) > PHUB__META_VALUE_MAX)
        return PHUB_EINVAL;
    list = &alter->item.metadata;
    i = find_pair(list, key);
    if (i == PHUB_METADATA_MAX && value[0] != '\0')
        return PHUB_ELIMIT;
    pairs = widen(alter, list, sizeof *pairs);
    pair.key = keep(alter, key, strlen(key));
    pair.value = keep(alter, value, strlen(value));
    if (pairs == NULL || pair.key.data == NULL || pair.value.data == NULL)
        return PHUB_ENOMEM;
    if (value[0] != '\0') {
        pairs[i] = pair;
        list->count += i == list->count;
    } else if (i < list->count) {
        memmove(&pairs[i], &pairs[i + 1],
                (list->count - i - 1) * sizeof *pairs);
        list->count--;
    }
    list->items = pairs;
    alter->changed = 1;
    return 0;
}

int phub_alter_add_tag(struct phub_alter *alter, const char *tag)
{
    struct phub__list *list;
    struct phub_bytes *tags;

    if (alter == NULL || tag == NULL || tag[0] == '\0' ||
        strlen(tag) > PHUB__TAG_MAX)
        return PHUB_EINVAL;
    if (phub_alter_has_tag(alter, tag))
        return 0;
    list = &alter->item.tags;
    if (list->count == PHUB_TAGS_MAX)
        return PHUB_ELIMIT;
    tags = widen(alter, list, sizeof *tags);
    if (tags == NULL)
        return PHUB_ENOMEM;
    tags[list->count] = keep(alter, tag, strlen(tag));
    if (tags[list->count].data == NULL)
        return PHUB_ENOMEM;
    list->items = tags;
    list->count++;
    alter->changed = 1;
    return 0;
}

/* "NAME=..." in the list. */
static uint32_t find_env(const struct phub__list *list, const char *name)
{
    const struct phub_bytes *env = list->items;
    size_t size = strlen(name);
    uint32_t i = 0;

    while (i < list->count &&
           (env[i].size <= size || env[i].data[size] != '=' ||
            memcmp(env[i].data, name, size) != 0))
        i++;
    return i;
}

static int put_env(struct phub_alter *alter, struct phub__spec *spec,
                   const char *name, const char *value)
{
    uint32_t i = find_env(&spec->env, name);
    struct phub_bytes *env = widen(alter, &spec->env, sizeof *env);
    size_t size;
    char *text;

    if (env == NULL)
        return PHUB_ENOMEM;
    if (value == NULL) {
        if (i == spec->env.count)
            return 0;
        memmove(&env[i], &env[i + 1],
                (spec->env.count - i - 1) * sizeof *env);
        spec->env.count--;
    } else {
        size = strlen(name) + strlen(value) + 2;
        text = phub__arena_alloc(alter->arena, size, 1);
        if (text == NULL)
            return PHUB_ENOMEM;
        snprintf(text, size, "%s=%s", name, value);
        env[i] = (struct phub_bytes){ (const uint8_t *)text, size - 1 };
        spec->env.count += i == spec->env.count;
    }
    spec->env.items = env;
    return 0;
}

int phub_alter_set_env(struct phub_alter *alter, const char *name,
                       const char *value)
{
    struct phub__builder builder;
    struct phub__spec spec;
    struct phub_bytes bytes;
    int rc;

    if (alter == NULL || name == NULL || name[0] == '\0' ||
        strchr(name, '=') != NULL)
        return PHUB_EINVAL;
    rc = phub__decode(&phub__spec_schema, alter->item.spec, &spec,
                      alter->arena, NULL);
    if (rc == 0 && !is(spec.runner, "exec"))
        rc = PHUB_EUNSUPPORTED;
    if (rc == 0)
        rc = put_env(alter, &spec, name, value);
    if (rc != 0)
        return rc;
    phub__builder_init(&builder, PHUB__SPEC_SIZE_MAX);
    rc = phub__encode(&phub__spec_schema, &spec, &builder);
    bytes = phub__builder_bytes(&builder);
    if (rc == 0) {
        bytes = keep(alter, (const char *)bytes.data, bytes.size);
        rc = bytes.data == NULL ? PHUB_ENOMEM : 0;
    }
    phub__builder_fini(&builder);
    if (rc == 0) {
        alter->item.spec = bytes;
        alter->changed = 1;
    }
    return rc;
}

int phub_alter_refuse(struct phub_alter *alter, const char *text)
{
    if (alter != NULL && text != NULL)
        snprintf(alter->text, sizeof alter->text, "%s", text);
    return PHUB_EREFUSED;
}

/* --- the chain --------------------------------------------------------------- */

static const struct phub__op_item *alter_item(struct phub_alter *alter,
                                              const struct phub__op_item *item)
{
    struct phub__op_item *copy;

    alter->item = *item;
    alter->changed = 0;
    alter->text[0] = '\0';
    memcpy(alter->id, item->id.data, item->id.size);
    alter->id[item->id.size] = '\0';
    alter->code = phub__hooks_alter(alter->hub->hooks, alter);
    if (alter->code > 0)
        alter->code = PHUB_EREFUSED;
    if (alter->code != 0 || !alter->changed)
        return item;
    copy = phub__arena_alloc(alter->arena, 1, sizeof *copy);
    if (copy == NULL) {
        alter->code = PHUB_ENOMEM;
        return item;
    }
    *copy = alter->item;
    return copy;
}

uint32_t phub__alter_items(struct phub__hub *hub,
                           const struct phub__op_request *op,
                           const struct phub__op_item **items,
                           uint32_t count, struct phub__arena *arena)
{
    struct phub_alter alter = { .hub = hub, .arena = arena,
                                .origin = op->origin };
    uint32_t i, n = 0;

    if (!phub__hooks_alters(hub->hooks))
        return count;
    for (i = 0; i < count; i++) {
        struct phub__reply reply = { op->origin, op->transaction,
                                     items[i]->index };
        const struct phub__op_item *item = alter_item(&alter, items[i]);

        if (alter.code == 0) {
            items[n++] = item;
            continue;
        }
        phub__reply(hub, &reply, alter.code, hub->node, 0,
                    alter.text[0] != '\0' ? alter.text
                                          : "a hook of child_data_alter "
                                            "refused it");
    }
    return n;
}
