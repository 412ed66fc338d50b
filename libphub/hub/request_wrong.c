/* SPDX-License-Identifier: MIT */
/* request_wrong: what of an item cannot be said to another node, and why.
 *
 * What does not fit is found when it is encoded, with all that goes to the same
 * node.  To try again would not help it, but it does help the others. */
#include "config.h"

#include <stdio.h>

#include <phub/error.h>
#include <phub/phub.h>

#include "child/spec.h"
#include "hub/request.h"
#include "registry/registry.h"
#include "wire/reader.h"

static int is_text(struct phub_bytes text, size_t size_max)
{
    return text.size <= size_max && phub__utf8_ok(text.data, text.size);
}

/* One that is no text is wrong; one that is too long is over a limit. */
static int code_of(struct phub_bytes text, size_t size_max)
{
    return text.size > size_max ? PHUB_ELIMIT : PHUB_EINVAL;
}

static int tags_wrong(const struct phub__list *tags, char *text, size_t max)
{
    const struct phub_bytes *all = tags->items;

    if (tags->count > PHUB_TAGS_MAX) {
        snprintf(text, max, "%u tags, at most %u are allowed", tags->count,
                 PHUB_TAGS_MAX);
        return PHUB_ELIMIT;
    }
    for (uint32_t i = 0; i < tags->count; i++)
        if (!is_text(all[i], PHUB__TAG_MAX)) {
            snprintf(text, max, "a tag of %zu bytes: 1 to %u of UTF-8 are "
                     "allowed", all[i].size, PHUB__TAG_MAX);
            return code_of(all[i], PHUB__TAG_MAX);
        }
    return 0;
}

static int pairs_wrong(const struct phub__list *pairs, char *text, size_t max)
{
    const struct phub__op_pair *all = pairs->items;

    if (pairs->count > PHUB_METADATA_MAX) {
        snprintf(text, max, "%u pairs of metadata, at most %u are allowed",
                 pairs->count, PHUB_METADATA_MAX);
        return PHUB_ELIMIT;
    }
    for (uint32_t i = 0; i < pairs->count; i++) {
        if (!is_text(all[i].key, PHUB__META_KEY_MAX)) {
            snprintf(text, max, "a key of metadata of %zu bytes: 1 to %u of "
                     "UTF-8 are allowed", all[i].key.size,
                     PHUB__META_KEY_MAX);
            return code_of(all[i].key, PHUB__META_KEY_MAX);
        }
        if (!is_text(all[i].value, PHUB__META_VALUE_MAX)) {
            snprintf(text, max, "metadata '%.*s' of %zu bytes: at most %u of "
                     "UTF-8 are allowed", (int)all[i].key.size,
                     (const char *)all[i].key.data, all[i].value.size,
                     PHUB__META_VALUE_MAX);
            return code_of(all[i].value, PHUB__META_VALUE_MAX);
        }
    }
    return 0;
}

int phub__request_wrong(const struct phub__op_item *item, char *text,
                        size_t max)
{
    int rc;

    if (!is_text(item->id, PHUB_CHILD_ID_MAX)) {
        snprintf(text, max, "an id of %zu bytes: 1 to %u of UTF-8 are "
                 "allowed", item->id.size, PHUB_CHILD_ID_MAX);
        return code_of(item->id, PHUB_CHILD_ID_MAX);
    }
    if (item->spec.size > PHUB__SPEC_SIZE_MAX) {
        snprintf(text, max, "a spec of %zu bytes, at most %u are allowed",
                 item->spec.size, PHUB__SPEC_SIZE_MAX);
        return PHUB_ELIMIT;
    }
    rc = tags_wrong(&item->tags, text, max);
    return rc != 0 ? rc : pairs_wrong(&item->metadata, text, max);
}
