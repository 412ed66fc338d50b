/* SPDX-License-Identifier: MIT */
/* tally: a few names with numbers, in the order in which they came; see
 * tally.h. */
#include "config.h"

#include <string.h>

#include "hub/tally.h"

static struct phub__tally_entry *find(const struct phub__tally *tally,
                                      const char *name)
{
    uint32_t i;

    for (i = 0; i < tally->count; i++)
        if (strcmp(tally->entries[i].name, name) == 0)
            return (struct phub__tally_entry *)(uintptr_t)&tally->entries[i];
    return NULL;
}

static int allowed(const char *name)
{
    size_t i;

    for (i = 0; name[i] != '\0'; i++)
        if (name[i] <= ' ' || name[i] > '~' || i == PHUB__TALLY_NAME_MAX)
            return 0;
    return i != 0;
}

void phub__tally_add(struct phub__tally *tally, const char *name, uint64_t n)
{
    struct phub__tally_entry *entry = find(tally, name);

    if (entry == NULL) {
        if (tally->count == PHUB__TALLY_MAX || !allowed(name))
            return;
        entry = &tally->entries[tally->count++];
        memcpy(entry->name, name, strlen(name) + 1);
        entry->value = 0;
    }
    entry->value += n;
}

uint64_t phub__tally_get(const struct phub__tally *tally, const char *name)
{
    const struct phub__tally_entry *entry = find(tally, name);

    return entry != NULL ? entry->value : 0;
}
