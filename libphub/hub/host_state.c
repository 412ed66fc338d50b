/* SPDX-License-Identifier: MIT */
/* host_state: states of children, as a strategy may read and keep them.
 *
 * A state is read from a child that goes on, so it is stale as soon as it is
 * there.  A strategy may have it kept on another node, as a checkpoint is, and
 * only of a child whose spec takes such a state by giving checkpoint_ms: what
 * it says where and when, the core's own checkpoints say otherwise. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/handover.h"
#include "hub/host_private.h"
#include "hub/local.h"
#include "wire/memory.h"

struct asked {
    struct phub__hub *hub;
    uint32_t who;
    uint64_t token;
};

static struct asked *asked_new(struct phub_ctx *ctx, uint64_t token)
{
    struct asked *asked = phub__malloc(sizeof *asked);

    if (asked != NULL)
        *asked = (struct asked){ ctx->hub, ctx->who, token };
    return asked;
}

static void state_taken(void *arg, int rc, const char *text,
                        struct phub_buf *body)
{
    struct asked asked = *(struct asked *)arg;

    phub__free(arg);
    phub__host_complete_buf(asked.hub, asked.who, asked.token, rc,
                            rc == 0 && body != NULL ? body->version : 0,
                            rc == 0 ? body : NULL, text);
}

/* The child, if it runs here and is not on its way; else 0 and why. */
static struct phub__local *running(struct phub_ctx *ctx,
                                   const struct phub_bytes *child, int *rc)
{
    struct phub__local *local = phub__local_find(ctx->hub, *child);

    *rc = PHUB_ENOTFOUND;
    if (local == NULL || local->instance == NULL ||
        phub__instance_phase(local->instance) != PHUB__PHASE_RUNNING)
        return NULL;
    *rc = PHUB_EBUSY;
    return local->move == NULL && local->arrival == NULL ? local : NULL;
}

int phub__host_child_state(struct phub_ctx *ctx,
                           const struct phub_bytes *child,
                           uint32_t timeout_ms, uint64_t token)
{
    struct asked *asked;
    int rc;
    struct phub__local *local = running(ctx, child, &rc);

    if (local == NULL)
        return rc;
    if (timeout_ms == 0)
        return PHUB_EINVAL;
    asked = asked_new(ctx, token);
    if (asked == NULL)
        return PHUB_ENOMEM;
    phub__instance_take_state(local->instance, timeout_ms, state_taken,
                              asked);
    return 0;
}

static void put_done(void *arg, int rc, const char *text)
{
    struct asked asked = *(struct asked *)arg;

    phub__free(arg);
    phub__host_complete(asked.hub, asked.who, asked.token, rc, 0, text);
}

int phub__host_handover_put(struct phub_ctx *ctx, uint64_t node,
                            const struct phub_bytes *child,
                            struct phub_buf *state, uint32_t ttl_ms,
                            uint64_t token)
{
    struct asked *asked;
    int rc;
    struct phub__local *local = running(ctx, child, &rc);

    if (local == NULL)
        return rc;
    if (state == NULL || ttl_ms == 0 || ttl_ms > PHUB_HANDOVER_TTL_MAX_MS)
        return PHUB_EINVAL;
    if (state->size > PHUB_STATE_SIZE_MAX)
        return PHUB_ELIMIT;
    if (node == ctx->hub->node ||
        phub__view_index(phub__hub_view(ctx->hub), node) == PHUB__VIEW_NONE)
        return PHUB_ENODEDOWN;
    asked = asked_new(ctx, token);
    if (asked == NULL)
        return PHUB_ENOMEM;
    rc = phub__checkpoint_put(local, node, state, ttl_ms, put_done, asked);
    if (rc != 0)
        phub__free(asked);
    return rc;
}

int phub__host_handover_get(struct phub_ctx *ctx,
                            const struct phub_bytes *child,
                            struct phub_buf **state, uint64_t *version)
{
    struct phub_buf *found;
    int checkpoint;
    int rc = phub__handover_look(ctx->hub, *child, &found, &checkpoint);

    if (rc != 0)
        return rc;
    *state = phub__buf_ref(found);
    if (version != NULL)
        *version = found->version;
    return 0;
}

int phub__host_handover_drop(struct phub_ctx *ctx,
                             const struct phub_bytes *child)
{
    struct phub_buf *found;
    int checkpoint;
    int rc = phub__handover_look(ctx->hub, *child, &found, &checkpoint);

    if (rc != 0)
        return rc;
    if (!checkpoint)
        return PHUB_EREFUSED;
    (void)phub__handover_drop(ctx->hub, *child);
    return 0;
}
