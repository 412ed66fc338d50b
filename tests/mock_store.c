/* SPDX-License-Identifier: MIT */
/* mock_store: later, elsewhere, the lease and the small store of a mock. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mock_host.h"

static int host_defer(struct phub_ctx *ctx, uint64_t token)
{
    mock_complete(mock_of(ctx), 0, token, 0, 0, 0, MOCK_STEPS);
    return 0;
}

static int host_work(struct phub_ctx *ctx, phub_work *fn,
                     const struct phub_bytes *input, uint32_t output_max,
                     uint64_t token)
{
    struct mock *mock = mock_of(ctx);
    uint32_t size = 0;
    uint8_t *output;
    int rc;

    if (input->size > PHUB_PLUGIN_WORK_MAX ||
        output_max > PHUB_PLUGIN_WORK_MAX)
        return PHUB_ELIMIT;
    output = malloc(output_max + 1u);
    ck_assert_ptr_nonnull(output);
    rc = fn(input, output, output_max, &size);
    ck_assert_uint_le(size, output_max);
    mock_complete_buf(mock, 1, token, rc, output, size);
    free(output);
    return 0;
}

static int host_lease(struct phub_ctx *ctx, struct phub_lease *lease)
{
    const struct phub_lease *full = &mock_of(ctx)->lease;
    uint32_t size = lease->size < sizeof *full ? lease->size
                                               : (uint32_t)sizeof *full;

    memcpy(lease, full, size);
    lease->size = size;
    return 0;
}

static struct mock_value *value_of(struct mock *mock,
                                   const struct phub_bytes *key)
{
    uint32_t i;

    for (i = 0; i < MOCK_VALUES_MAX; i++)
        if (mock->values[i].key_size == key->size && key->size > 0 &&
            memcmp(mock->values[i].key, key->data, key->size) == 0)
            return &mock->values[i];
    return NULL;
}

static int host_store_put(struct phub_ctx *ctx, const struct phub_bytes *key,
                          const struct phub_bytes *value, uint64_t token)
{
    struct mock *mock = mock_of(ctx);
    struct mock_value *v = value_of(mock, key);
    uint32_t i;

    if (key->size < 1 || key->size > PHUB_STORE_KEY_MAX)
        return PHUB_EINVAL;
    for (i = 0; v == NULL && i < MOCK_VALUES_MAX; i++)
        if (mock->values[i].key_size == 0)
            v = &mock->values[i];
    if (v == NULL || value->size > sizeof v->bytes)
        return PHUB_ELIMIT;
    memcpy(v->key, key->data, key->size);
    v->key_size = key->size;
    memcpy(v->bytes, value->data, value->size);
    v->size = value->size;
    mock_complete(mock, 1, token, mock->store_rc, 0, 0, MOCK_STEPS);
    return 0;
}

static int host_store_get(struct phub_ctx *ctx, const struct phub_bytes *key,
                          struct phub_buf **value)
{
    struct mock *mock = mock_of(ctx);
    const struct mock_value *v = value_of(mock, key);

    if (v == NULL)
        return PHUB_ENOTFOUND;
    *value = mock_buf(mock->world, v->bytes, v->size);
    return 0;
}

static int host_store_drop(struct phub_ctx *ctx, const struct phub_bytes *key,
                           uint64_t token)
{
    struct mock *mock = mock_of(ctx);
    struct mock_value *v = value_of(mock, key);

    if (v != NULL)
        v->key_size = 0;
    mock_complete(mock, 1, token, mock->store_rc, 0, 0, MOCK_STEPS);
    return 0;
}

static int host_store_sync(struct phub_ctx *ctx, uint64_t token)
{
    struct mock *mock = mock_of(ctx);

    mock_complete(mock, 1, token, mock->store_rc, 0, 0, MOCK_STEPS);
    return 0;
}

void mock_store_host(struct phub_host *host)
{
    host->defer = host_defer;
    host->work = host_work;
    host->lease = host_lease;
    host->store_put = host_store_put;
    host->store_get = host_store_get;
    host->store_drop = host_store_drop;
    host->store_sync = host_store_sync;
}
