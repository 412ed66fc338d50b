/* SPDX-License-Identifier: MIT */
/* host_peers: the other nodes, and children, as a strategy deals with them. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/command.h"
#include "hub/handover.h"
#include "hub/host_private.h"
#include "hub/local.h"
#include "hub/request.h"
#include "wire/memory.h"
#include "wire/messages.h"

/* "rack=3,disk=ssd": the configuration has checked it. */
int phub__host_view_label(const struct phub_view *view, uint64_t node,
                          const struct phub_bytes *label,
                          struct phub_bytes *value)
{
    const struct phub_view_node *n = phub__view_find(view, node);
    const uint8_t *at = n != NULL ? n->labels.data : NULL;
    size_t left = n != NULL ? n->labels.size : 0;

    while (left != 0) {
        const uint8_t *comma = memchr(at, ',', left);
        size_t size = comma != NULL ? (size_t)(comma - at) : left;

        if (size > label->size && at[label->size] == '=' &&
            memcmp(at, label->data, label->size) == 0) {
            *value = (struct phub_bytes){ at + label->size + 1,
                                          size - label->size - 1 };
            return 0;
        }
        size += comma != NULL;
        at += size;
        left -= size;
    }
    return PHUB_ENOTFOUND;
}

/* --- peers ------------------------------------------------------------------- */

static int encode(struct phub_ctx *ctx, const struct phub_bytes *message,
                  struct phub_buf **body)
{
    const char *name = ctx->strategy->name;
    struct phub__op_plugin out = {
        .kind = ctx->kind,
        .name = { (const uint8_t *)name, strlen(name) }, .data = *message };
    struct phub__builder builder;
    int rc;

    if (message->size > PHUB_PLUGIN_MESSAGE_MAX)
        return PHUB_ELIMIT;
    phub__builder_init(&builder, PHUB__FRAME_MAX / 2);
    rc = phub__encode(&phub__op_plugin_schema, &out, &builder);
    if (rc == 0)
        rc = phub__builder_take(&builder, body);
    phub__builder_fini(&builder);
    return rc;
}

int phub__host_peer_send(struct phub_ctx *ctx, uint64_t node,
                         const struct phub_bytes *message)
{
    struct phub__hub *hub = ctx->hub;
    struct phub_view *view = phub__hub_view(hub);
    struct phub_buf *body = NULL;
    int rc = encode(ctx, message, &body), one;
    uint32_t i;

    if (rc != 0)
        return rc;
    if (node != 0)
        rc = phub__peer_send(hub, node, PHUB__MESSAGE_PEER, body);
    for (i = 0; node == 0 && i < phub__view_count(view); i++) {
        uint64_t other = phub__view_at(view, i)->id;

        if (other == hub->node)
            continue;
        one = phub__peer_send(hub, other, PHUB__MESSAGE_PEER, body);
        rc = rc == 0 ? one : rc;
    }
    phub__buf_unref(&body);
    return rc;
}

int phub__host_peer_multicast(struct phub_ctx *ctx, const uint64_t *nodes,
                              uint32_t count,
                              const struct phub_bytes *message,
                              uint32_t *sent)
{
    struct phub_buf *body = NULL;
    int rc = encode(ctx, message, &body), one;
    uint32_t i, reached = 0;

    for (i = 0; body != NULL && i < count; i++) {
        one = phub__peer_send(ctx->hub, nodes[i], PHUB__MESSAGE_PEER, body);
        reached += one == 0;
        rc = rc == 0 ? one : rc;
    }
    phub__buf_unref(&body);
    if (sent != NULL)
        *sent = reached;
    return rc;
}

int phub__host_peer_congested(struct phub_ctx *ctx, uint64_t node)
{
    return phub__peer_congested(ctx->hub, node);
}

/* --- children ---------------------------------------------------------------- */

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

static void role_taken(void *arg, int rc, const char *text,
                       struct phub_buf *body)
{
    struct asked asked = *(struct asked *)arg;

    (void)body;
    phub__free(arg);
    phub__host_complete(asked.hub, asked.who, asked.token, rc, 0, text);
}

int phub__host_child_role(struct phub_ctx *ctx, const struct phub_bytes *child,
                          uint32_t role, uint64_t token)
{
    const struct phub__local *local = phub__local_find(ctx->hub, *child);
    struct asked *asked;

    if (role != PHUB_ROLE_ACTIVE && role != PHUB_ROLE_PASSIVE)
        return PHUB_EINVAL;
    if (local == NULL || local->instance == NULL)
        return PHUB_ENOTFOUND;
    asked = asked_new(ctx, token);
    if (asked == NULL)
        return PHUB_ENOMEM;
    phub__instance_tell_role(local->instance, role, role_taken, asked);
    return 0;
}

static void stopped(void *arg, struct phub__request *request)
{
    struct asked asked = *(struct asked *)arg;
    const struct phub__request_item *item = &request->items[0];

    phub__free(arg);
    phub__host_complete(asked.hub, asked.who, asked.token, item->code, 0,
                        item->text != NULL ? item->text : "");
}

int phub__host_child_stop(struct phub_ctx *ctx, const struct phub_bytes *child,
                          uint32_t timeout_ms, uint64_t token)
{
    struct asked *asked = asked_new(ctx, token);
    int rc;

    if (asked == NULL)
        return PHUB_ENOMEM;
    rc = phub__command_stop(ctx->hub, child, 1, timeout_ms, stopped, asked);
    if (rc != 0)
        phub__free(asked);
    return rc;
}

static void presented(void *arg, int rc, const char *text)
{
    struct asked asked = *(struct asked *)arg;

    phub__free(arg);
    phub__host_complete(asked.hub, asked.who, asked.token, rc, 0, text);
}

int phub__host_child_presend(struct phub_ctx *ctx,
                             const struct phub_bytes *child, uint64_t token)
{
    struct asked *asked;
    int rc;

    if (ctx->kind != PHUB_KIND_MIGRATION)
        return PHUB_EINVAL;
    asked = asked_new(ctx, token);
    if (asked == NULL)
        return PHUB_ENOMEM;
    rc = phub__presend_child(ctx->hub, *child, presented, asked);
    if (rc != 0)
        phub__free(asked);
    return rc;
}
