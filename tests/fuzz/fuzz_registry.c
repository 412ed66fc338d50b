/* SPDX-License-Identifier: MIT */
/* fuzz_registry: any bytes as a delta or as a summary.
 *
 * The first byte chooses.  A registry with rows takes it; whatever came of
 * that is passed on to an empty one, which must then be equal to it, with an
 * empty comparison: no bytes make a registry that does not converge. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "registry/internal.h"

#define ROOM (4u << 20)

static void demand(bool ok)
{
    if (!ok)
        abort();
}

static struct phub_bytes text(const char *s)
{
    return (struct phub_bytes){ (const uint8_t *)s, strlen(s) };
}

static struct phub__registry *registry_new(uint64_t node, uint64_t boot)
{
    struct phub__registry_options options = { .node = node, .boot = boot };
    struct phub__registry *r = NULL;

    demand(phub__registry_new(&options, &r) == 0);
    return r;
}

static void fill(struct phub__registry *r, uint64_t number)
{
    struct phub__meta_pair pair = { text("port"), text("80") };
    struct phub_bytes tag = text("red");
    struct phub__life life = {
        .incarnation = { number, 1 }, .spec = text("spec"),
        .metadata = { &pair, 1 }, .tags = { &tag, 1 }, .durable = true,
    };
    struct phub__half half = {
        .state = PHUB_INSTANCE_RUNNING, .metadata = { &pair, 1 },
    };
    struct phub_epoch at = { number, 1 }, later = { number + 1, 1 };

    demand(phub__registry_spec_put(r, text("x"), &life, 1, at) == 0);
    demand(phub__registry_instance_put(r, text("x"), &half) == 0);
    demand(phub__registry_spec_put(r, text("y"), &life, 2, at) == 0);
    demand(phub__registry_home_set(r, text("x"), at, 2, NULL, later) == 0);
    demand(phub__registry_stop(r, text("y"), at, later) == 0);
}

/* Give to all that from has and it lacks. */
static void pass_on(struct phub__registry *from, struct phub__registry *to)
{
    struct phub__builder summary, delta;
    bool more = true;
    uint32_t i;

    phub__builder_init(&summary, ROOM);
    phub__builder_init(&delta, ROOM);
    for (i = 0; more && i < 100; i++) {
        int rc;

        phub__builder_reset(&summary);
        phub__builder_reset(&delta);
        demand(phub__registry_summary(to, &summary) == 0);
        rc = phub__registry_missing(from, phub__builder_bytes(&summary),
                                    1u << 20, &delta, &more);
        if (rc != 0) {
            demand(rc == PHUB_EEMPTY);
            break;
        }
        rc = phub__registry_apply(to, phub__builder_bytes(&delta));
        demand(rc == 0 || rc == PHUB_EAGAIN || rc == PHUB_ELIMIT);
        if (rc == PHUB_ELIMIT)
            break;
    }
    phub__builder_fini(&summary);
    phub__builder_fini(&delta);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct phub__registry *r, *empty;
    struct phub__builder out;
    bool flag;

    if (size == 0)
        return 0;
    r = registry_new(1, 7);
    fill(r, 5);
    phub__builder_init(&out, ROOM);
    if (data[0] % 2 == 0) {
        (void)phub__registry_apply(r, (struct phub_bytes){ data + 1,
                                                           size - 1 });
        empty = registry_new(9, 1);
        pass_on(r, empty);
        pass_on(r, empty);
        (void)phub__registry_stable(r, 100);
        phub__registry_free(&empty);
    } else {
        struct phub_bytes summary = { data + 1, size - 1 };

        (void)phub__registry_missing(r, summary, 4096, &out, &flag);
        (void)phub__registry_equal(r, summary, &flag);
        (void)phub__registry_covers(r, summary, &flag);
        (void)phub__registry_stable(r, 100);
    }
    phub__builder_fini(&out);
    phub__registry_free(&r);
    return 0;
}

/* --- seeds: what another registry would send ------------------------------- */

const struct phub__fuzz_seed *phub__fuzz_seeds(size_t *count)
{
    static struct phub__fuzz_seed seeds[4];
    static uint8_t bytes[4][4096];
    struct phub__registry *r = registry_new(3, 2), *same = registry_new(1, 7);
    struct phub_bytes id = text("x");
    struct phub_buf *brief = NULL;
    uint64_t next;
    size_t i;

    fill(r, 9);
    fill(same, 5);
    demand(phub__registry_brief(same, &brief) == 0);
    for (i = 0; i < 4; i++) {
        struct phub__builder out;

        phub__builder_init(&out, sizeof bytes[i] - 1);
        if (i == 0)
            demand(phub__registry_delta(r, 0, 4000, &out, &next) == 0);
        else if (i == 1)
            demand(phub__registry_summary(r, &out) == 0);
        else if (i == 2)
            demand(phub__registry_rows(r, &id, 1, &out) == 0);
        else
            demand(phub__builder_append(&out, brief->data, brief->size) == 0);
        bytes[i][0] = (uint8_t)i;
        memcpy(bytes[i] + 1, out.data, out.size);
        if (i == 3)
            bytes[i][3] = 4; /* who wrote it */
        seeds[i].data = bytes[i];
        seeds[i].size = out.size + 1;
        phub__builder_fini(&out);
    }
    phub__buf_unref(&brief);
    phub__registry_free(&same);
    phub__registry_free(&r);
    *count = 4;
    return seeds;
}
