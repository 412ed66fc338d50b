/* SPDX-License-Identifier: MIT */
/* host_work: what a strategy does later or elsewhere, and its lease.
 *
 * A piece of work lives until its worker is through: the hub may end before,
 * then nobody is told.  The worker sees the piece's own bytes only, so it needs
 * no lock and the simulator may run it on the hub's thread. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/host_private.h"
#include "wire/memory.h"

struct phub__host_work {
    struct phub__host_work *prev, *next;
    struct phub__hub *hub;         /* NULL: it has ended */
    uint32_t who;
    uint64_t token;
    phub_work *fn;
    struct phub_buf *input, *output;
    uint32_t output_size;
    int rc;
};

int phub__host_defer(struct phub_ctx *ctx, uint64_t token)
{
    /* Whatever is told is told after the turn that it was asked in. */
    return phub__host_tell(ctx->hub, ctx->who, token, 0, 0, NULL, "");
}

static void work_free(struct phub__host_work *work)
{
    phub__buf_unref(&work->input);
    phub__buf_unref(&work->output);
    phub__free(work);
}

static void work_unlink(struct phub__host_work *work)
{
    if (work->prev != NULL)
        work->prev->next = work->next;
    else
        work->hub->host->works = work->next;
    if (work->next != NULL)
        work->next->prev = work->prev;
}

/* On a worker: nothing but these bytes. */
static void work_run(void *arg)
{
    struct phub__host_work *work = arg;
    struct phub_bytes input = phub__buf_bytes(work->input);

    work->rc = work->fn(&input, work->output->data,
                        (uint32_t)work->output->size, &work->output_size);
    if (work->output_size > work->output->size) {
        work->rc = PHUB_ELIMIT;
        work->output_size = 0;
    }
}

static void work_done(void *arg)
{
    struct phub__host_work *work = arg;
    struct phub_buf *part = NULL;
    int rc = work->rc;

    if (work->hub == NULL) {
        work_free(work);
        return;
    }
    work_unlink(work);
    part = phub__buf_slice(work->output, 0, work->output_size);
    if (part == NULL)
        rc = PHUB_ENOMEM;
    phub__host_complete_buf(work->hub, work->who, work->token, rc,
                            work->output_size, part,
                            rc != 0 ? phub_strerror(rc) : "");
    phub__buf_unref(&part);
    work_free(work);
}

static void work_dropped(void *arg)
{
    work_free(arg);
}

int phub__host_work(struct phub_ctx *ctx, phub_work *fn,
                    const struct phub_bytes *input, uint32_t output_max,
                    uint64_t token)
{
    struct phub__hub *hub = ctx->hub;
    struct phub__host_work *work;
    int rc;

    if (fn == NULL)
        return PHUB_EINVAL;
    if (input->size > PHUB_PLUGIN_WORK_MAX ||
        output_max > PHUB_PLUGIN_WORK_MAX)
        return PHUB_ELIMIT;
    work = phub__calloc(1, sizeof *work);
    if (work == NULL)
        return PHUB_ENOMEM;
    work->hub = hub;
    work->who = ctx->who;
    work->token = token;
    work->fn = fn;
    work->input = phub__buf_copy(input->data, input->size);
    work->output = phub__buf_new(output_max);
    rc = work->input == NULL || work->output == NULL
             ? PHUB_ENOMEM
             : hub->env->work(hub->env, work_run, work_done, work_dropped,
                              work);
    if (rc != 0) {
        work_free(work);
        return rc;
    }
    work->next = hub->host->works;
    if (work->next != NULL)
        work->next->prev = work;
    hub->host->works = work;
    return 0;
}

void phub__host_work_forget(struct phub__hub *hub)
{
    struct phub__host_work *work;

    for (work = hub->host->works; work != NULL; work = work->next)
        work->hub = NULL;
    hub->host->works = NULL;
}

int phub__host_lease(struct phub_ctx *ctx, struct phub_lease *lease)
{
    struct phub__hub *hub = ctx->hub;
    uint64_t boot = hub->env->boot_ns(hub->env);
    struct phub_lease full = { .size = sizeof full };
    struct phub__lease_now now;
    uint32_t size = lease->size < sizeof full ? lease->size
                                              : (uint32_t)sizeof full;

    phub__cluster_lease_now(hub->cluster, boot, &now);
    if (now.majority)
        full.flags |= PHUB_LEASE_MAJORITY;
    if (phub__hub_in_charge(hub))
        full.flags |= PHUB_LEASE_IN_CHARGE;
    if (now.deadline_ns > boot)
        full.deadline_ns = hub->env->now_ns(hub->env) +
                           (now.deadline_ns - boot);
    full.grants = now.grants;
    full.electorate = now.electorate;
    full.weight = now.weight;
    full.weight_all = now.weight_all;
    full.version = now.version;
    full.size = size;
    memcpy(lease, &full, size);
    return 0;
}
