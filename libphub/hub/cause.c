/* SPDX-License-Identifier: MIT */
/* cause: a ring of sentences; see cause.h. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/cause.h"
#include "wire/memory.h"

struct entry {
    uint64_t wall_ms;
    uint32_t child_size;
    uint32_t text_size;
    char bytes[];  /* child, then text, then a zero */
};

struct phub__causes {
    uint64_t noted;
    uint64_t lost;
    struct entry *ring[PHUB__CAUSES_MAX];
};

int phub__causes_new(struct phub__causes **causes)
{
    *causes = phub__calloc(1, sizeof **causes);
    return *causes != NULL ? 0 : PHUB_ENOMEM;
}

void phub__causes_free(struct phub__causes **causes)
{
    uint32_t i;

    if (*causes == NULL)
        return;
    for (i = 0; i < PHUB__CAUSES_MAX; i++)
        phub__free((*causes)->ring[i]);
    phub__free(*causes);
    *causes = NULL;
}

void phub__causes_note(struct phub__causes *causes, uint64_t wall_ms,
                       struct phub_bytes child, const char *text)
{
    size_t size = strnlen(text, PHUB__CAUSE_TEXT_MAX);
    struct entry **place = &causes->ring[causes->noted % PHUB__CAUSES_MAX];
    struct entry *entry;

    entry = phub__malloc(sizeof *entry + child.size + size + 1);
    if (entry == NULL) {
        causes->lost++;
        return;
    }
    entry->wall_ms = wall_ms;
    entry->child_size = (uint32_t)child.size;
    entry->text_size = (uint32_t)size;
    if (child.size != 0)
        memcpy(entry->bytes, child.data, child.size);
    memcpy(entry->bytes + child.size, text, size);
    entry->bytes[child.size + size] = '\0';
    phub__free(*place);
    *place = entry;
    causes->noted++;
}

uint32_t phub__causes_of(const struct phub__causes *causes,
                         struct phub_bytes child, struct phub__cause *out,
                         uint32_t causes_max)
{
    uint64_t kept = causes->noted < PHUB__CAUSES_MAX ? causes->noted
                                                     : PHUB__CAUSES_MAX;
    uint64_t back;
    uint32_t found = 0, i;

    for (back = 1; back <= kept && found < causes_max; back++) {
        uint64_t at = causes->noted - back;
        const struct entry *entry = causes->ring[at % PHUB__CAUSES_MAX];

        if (child.size != 0 &&
            (entry->child_size != child.size ||
             memcmp(entry->bytes, child.data, child.size) != 0))
            continue;
        out[found].sequence = at + 1;
        out[found].wall_ms = entry->wall_ms;
        out[found].child = (struct phub_bytes){
            (const uint8_t *)entry->bytes, entry->child_size };
        out[found].text = entry->bytes + entry->child_size;
        found++;
    }
    for (i = 0; i < found / 2; i++) {
        struct phub__cause swap = out[i];

        out[i] = out[found - 1 - i];
        out[found - 1 - i] = swap;
    }
    return found;
}

uint64_t phub__causes_noted(const struct phub__causes *causes)
{
    return causes->noted;
}

uint64_t phub__causes_lost(const struct phub__causes *causes)
{
    return causes->lost;
}
