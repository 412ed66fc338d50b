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

/* --- cells: one table for all nodes, and no keeper is ever busy -------------- */

static uint32_t cell_find(const struct mock_world *world,
                          const struct phub_bytes *key)
{
    uint32_t i;

    for (i = 0; i < MOCK_VALUES_MAX; i++)
        if (world->cells[i].key_size == key->size &&
            memcmp(world->cells[i].key, key->data, key->size) == 0)
            break;
    return i;
}

static int host_cell_get(struct phub_ctx *ctx, const struct phub_bytes *key,
                         struct phub_buf **value, uint64_t *version)
{
    struct mock_world *world = mock_of(ctx)->world;
    uint32_t at = cell_find(world, key);

    if (at == MOCK_VALUES_MAX || world->cells[at].size == 0)
        return PHUB_ENOTFOUND;
    *value = mock_buf(world, world->cells[at].bytes, world->cells[at].size);
    if (version != NULL)
        *version = world->cell_versions[at];
    return 0;
}

static void tell_watchers(struct mock_world *world)
{
    uint32_t i;

    for (i = 0; i < world->nodes_count; i++) {
        if (!world->nodes[i]->cell_watched)
            continue;
        world->nodes[i]->cell_watched = 0;
        mock_complete(world->nodes[i], 1, world->nodes[i]->cell_token, 0, 0,
                      0, MOCK_STEPS);
    }
}

static int cell_write(struct mock *mock, const struct phub_bytes *key,
                      const struct phub_bytes *value, const uint64_t *expected,
                      uint64_t token)
{
    struct mock_world *world = mock->world;
    uint32_t at = cell_find(world, key);
    uint64_t version = at < MOCK_VALUES_MAX ? world->cell_versions[at] : 0;
    int rc = 0;

    if (key->size < 1 || key->size > PHUB_CELL_KEY_MAX)
        return PHUB_EINVAL;
    if (value->size > PHUB_CELL_SIZE_MAX)
        return PHUB_ELIMIT;
    if (expected != NULL && *expected != version)
        rc = PHUB_EREFUSED;
    for (at = at == MOCK_VALUES_MAX ? 0 : at;
         rc == 0 && version == 0 && at < MOCK_VALUES_MAX; at++)
        if (world->cells[at].key_size == 0)
            break;
    if (rc == 0 && (at == MOCK_VALUES_MAX ||
                    value->size > sizeof world->cells[at].bytes))
        rc = PHUB_ELIMIT;
    if (rc == 0) {
        memcpy(world->cells[at].key, key->data, key->size);
        world->cells[at].key_size = key->size;
        if (value->size != 0)
            memcpy(world->cells[at].bytes, value->data, value->size);
        world->cells[at].size = value->size;
        version = ++world->cell_versions[at];
        tell_watchers(world);
    }
    mock_complete(mock, 1, token, rc, version, 0, MOCK_STEPS);
    return 0;
}

static int host_cell_put(struct phub_ctx *ctx, const struct phub_bytes *key,
                         const struct phub_bytes *value, uint64_t token)
{
    return cell_write(mock_of(ctx), key, value, NULL, token);
}

static int host_cell_cas(struct phub_ctx *ctx, const struct phub_bytes *key,
                         const struct phub_bytes *value, uint64_t version,
                         uint64_t token)
{
    return cell_write(mock_of(ctx), key, value, &version, token);
}

static int host_cell_next(struct phub_ctx *ctx, const struct phub_bytes *after,
                          struct phub_bytes *key)
{
    const struct mock_world *world = mock_of(ctx)->world;
    const struct mock_value *next = NULL;
    uint32_t i;

    for (i = 0; i < MOCK_VALUES_MAX; i++) {
        const struct mock_value *v = &world->cells[i];
        size_t size = v->key_size < after->size ? v->key_size : after->size;
        int order = size == 0 ? 0 : memcmp(v->key, after->data, size);

        if (v->key_size == 0 || order < 0 ||
            (order == 0 && v->key_size <= after->size))
            continue;
        size = next == NULL ? 0 : v->key_size < next->key_size
             ? v->key_size : next->key_size;
        order = next == NULL ? -1 : memcmp(v->key, next->key, size);
        if (order < 0 || (order == 0 && v->key_size < next->key_size))
            next = v;
    }
    if (next == NULL)
        return PHUB_EEMPTY;
    *key = (struct phub_bytes){ next->key, next->key_size };
    return 0;
}

static int host_cell_watch(struct phub_ctx *ctx, uint64_t token)
{
    struct mock *mock = mock_of(ctx);

    if (mock->cell_watched)
        return PHUB_EBUSY;
    mock->cell_watched = 1;
    mock->cell_token = token;
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
    host->cell_get = host_cell_get;
    host->cell_put = host_cell_put;
    host->cell_cas = host_cell_cas;
    host->cell_next = host_cell_next;
    host->cell_watch = host_cell_watch;
}
