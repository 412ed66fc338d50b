/* SPDX-License-Identifier: MIT */
/* request_option: what a request says to everybody who is asked. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/request.h"
#include "registry/registry.h"
#include "wire/reader.h"

int phub__request_option(struct phub__request *request,
                         struct phub_bytes key, struct phub_bytes value)
{
    struct phub__op_pair *pairs;
    uint32_t count = request->options.count;

    if (key.size == 0 || key.size > PHUB__META_KEY_MAX ||
        value.size > PHUB__META_VALUE_MAX ||
        !phub__utf8_ok(key.data, key.size) ||
        !phub__utf8_ok(value.data, value.size))
        return PHUB_EINVAL;
    if (count == PHUB__OPTIONS_MAX)
        return PHUB_ELIMIT;
    pairs = phub__arena_alloc(&request->arena, count + 1, sizeof *pairs);
    if (pairs == NULL)
        return PHUB_ENOMEM;
    if (count != 0)
        memcpy(pairs, request->options.items, count * sizeof *pairs);
    pairs[count].key = phub__request_copy(request, key);
    pairs[count].value = phub__request_copy(request, value);
    if (request->arena.error != 0)
        return PHUB_ENOMEM;
    request->options = (struct phub__list){ pairs, count + 1 };
    return 0;
}

int phub__request_options_copy(struct phub__request *to,
                               const struct phub__request *from)
{
    const struct phub__op_pair *pairs = from->options.items;
    uint32_t i;
    int rc = 0;

    for (i = 0; rc == 0 && i < from->options.count; i++)
        rc = phub__request_option(to, pairs[i].key, pairs[i].value);
    return rc;
}
