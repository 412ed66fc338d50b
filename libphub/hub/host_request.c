/* SPDX-License-Identifier: MIT */
/* host_request: a strategy asks its like on other nodes, and awaits answers.
 *
 * A question is an item of a request (request.h), op ASK, so batches are split
 * and their answers merged, a node that goes ends its part at once, time ends
 * what is left, several may await one end, and the result stays for a while.
 * Here is what is peculiar to strategies: who asks, who is asked, and undoing.
 *
 * The asked side keeps a record of each question until it is answered, passed
 * on, or nobody waits for it any more.
 *
 * Undoing.  With PHUB_REQUEST_ROLLBACK and one bad answer, everyone who did it,
 * or who may have done it without our hearing of that, is asked to undo it,
 * with the same message.  What goes to one node goes in order, so an undo never
 * overtakes what it undoes on that way; who was given a question by another
 * node is asked where it is known to be now. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/host_private.h"
#include "hub/request.h"
#include "strategy/caller.h"
#include "wire/memory.h"

#define NS_PER_MS 1000000ull
#define TEXT_MAX 512u

/* What one of ours is for. */
struct asking {
    struct phub__hub *hub;
    uint32_t who;
    uint32_t flags;                 /* PHUB_REQUEST_* */
    uint32_t good, bad;
};

/* A question that was put to a strategy here. */
struct phub__host_asked {
    struct phub__host_asked *next;
    uint64_t handle;
    uint32_t slot;
    uint64_t expires_ns;
    int telling;                    /* its message is the strategy's still */
    int over;
    struct phub__reply reply;
    struct phub__arena arena;       /* the rest points into it */
    struct phub__op_request op;
    struct phub__op_item item;
};

/* --- asking ------------------------------------------------------------------ */

static struct phub__request *find(struct phub_ctx *ctx, uint64_t transaction,
                                  struct asking **asking)
{
    struct phub__request *request =
        phub__request_get(ctx->hub->requests, transaction);

    if (request == NULL || request->op != PHUB__OP_ASK ||
        request->owner == NULL)
        return NULL;
    *asking = request->owner;
    return (*asking)->who == ctx->who ? request : NULL;
}

int phub__host_request_new(struct phub_ctx *ctx, uint32_t count,
                           uint32_t timeout_ms, uint32_t flags,
                           uint64_t *result)
{
    struct phub__request *request;
    struct asking *asking;

    if (count == 0 || timeout_ms == 0 || (flags & ~PHUB_REQUEST_ROLLBACK))
        return PHUB_EINVAL;
    if (count > PHUB_REQUEST_ITEMS_MAX)
        return PHUB_ELIMIT;
    if (phub__requests_count(ctx->hub->requests) +
            phub__requests_retained(ctx->hub->requests) >=
        PHUB__REQUESTS_MAX / 2)
        return PHUB_EBUSY; /* the rest is the hub's */
    request = phub__request_new(ctx->hub, PHUB__OP_ASK, count, timeout_ms);
    if (request == NULL)
        return PHUB_EBUSY;
    asking = phub__request_owned(request, sizeof *asking);
    if (asking == NULL) {
        phub__request_drop(request);
        return PHUB_ENOMEM;
    }
    *asking = (struct asking){ .hub = ctx->hub, .who = ctx->who,
                               .flags = flags };
    *result = request->transaction;
    return 0;
}

int phub__host_request_item(struct phub_ctx *ctx, uint64_t transaction,
                            uint32_t index, uint64_t node,
                            const struct phub_bytes *message)
{
    struct asking *asking;
    struct phub__request *request = find(ctx, transaction, &asking);
    const char *name = ctx->strategy->name;
    struct phub__op_item *op;

    if (request == NULL)
        return PHUB_ENOTFOUND;
    if (request->sent || index >= request->count || node == 0)
        return PHUB_EINVAL;
    if (message->size > PHUB_REQUEST_MESSAGE_MAX)
        return PHUB_ELIMIT;
    op = &request->items[index].op;
    if (op->target != 0)
        return PHUB_EEXIST;
    op->spec = phub__request_copy(request, *message);
    op->text = phub__request_copy(request, (struct phub_bytes){
        (const uint8_t *)name, strlen(name) });
    op->flags = ctx->kind;
    if (request->arena.error != 0)
        return PHUB_ENOMEM;
    op->target = node;
    return 0;
}

int phub__host_request_option(struct phub_ctx *ctx, uint64_t transaction,
                              const struct phub_bytes *key,
                              const struct phub_bytes *value)
{
    struct asking *asking;
    struct phub__request *request = find(ctx, transaction, &asking);

    if (request == NULL)
        return PHUB_ENOTFOUND;
    if (request->sent)
        return PHUB_EINVAL;
    return phub__request_option(request, *key, *value);
}

/* --- the end ----------------------------------------------------------------- */

static void count_up(struct phub__request *request, struct asking *asking)
{
    uint32_t i;

    asking->good = asking->bad = 0;
    for (i = 0; i < request->count; i++)
        if (request->items[i].code == 0)
            asking->good++;
        else
            asking->bad++;
}

static void ended(struct phub__request *request)
{
    struct asking *asking = request->owner;

    count_up(request, asking);
    phub__request_retain(request, PHUB_REQUEST_KEEP_MS);
}

/* It did it, or nobody can say that it did not. */
static int may_have_done(const struct phub__request_item *item)
{
    return item->code == 0 || item->code == PHUB_ETIMEDOUT ||
           item->code == PHUB_ECANCELLED;
}

static void undone(void *arg, struct phub__request *undo)
{
    struct phub__request *request = undo->chained;
    const struct phub__request_item *answer = undo->items;
    uint32_t i;

    (void)arg;
    for (i = 0; i < request->count; i++) {
        struct phub__request_item *item = &request->items[i];
        char text[256];

        if (!may_have_done(item))
            continue;
        if (answer->code == 0 && item->code == 0) {
            item->code = PHUB_ECANCELLED;
            phub__request_set_text(request, i,
                                   "undone, because another one failed");
        } else if (answer->code != 0) {
            snprintf(text, sizeof text, "another one failed, and this one "
                     "could not be undone: %s",
                     answer->text != NULL ? answer->text
                                          : phub_strerror(answer->code));
            item->code = answer->code;
            phub__request_set_text(request, i, text);
        }
        answer++;
    }
    ended(request);
}

static struct phub__request *undo_of(struct phub__request *request)
{
    struct phub__request *undo;
    uint32_t i, n = 0;

    for (i = 0; i < request->count; i++)
        n += may_have_done(&request->items[i]) != 0;
    undo = n != 0 ? phub__request_new(request->hub, PHUB__OP_ASK, n,
                                      request->timeout_ms) : NULL;
    for (i = 0, n = 0; undo != NULL && i < request->count; i++) {
        const struct phub__request_item *item = &request->items[i];
        struct phub__op_item *op;

        if (!may_have_done(item))
            continue;
        op = &undo->items[n++].op;
        op->spec = phub__request_copy(undo, item->op.spec);
        op->text = phub__request_copy(undo, item->op.text);
        op->flags = item->op.flags | PHUB__ASK_UNDO;
        op->target = item->code == 0 && item->answered_by != 0
                         ? item->answered_by : item->node;
    }
    if (undo != NULL && (undo->arena.error != 0 ||
                         phub__request_options_copy(undo, request) != 0)) {
        phub__request_drop(undo);
        undo = NULL;
    }
    return undo;
}

static void asked_all(void *arg, struct phub__request *request)
{
    struct asking *asking = arg;
    struct phub__request *undo;

    phub__request_keep(request);
    count_up(request, asking);
    if (!(asking->flags & PHUB_REQUEST_ROLLBACK) || asking->bad == 0) {
        ended(request);
        return;
    }
    undo = undo_of(request);
    if (undo == NULL) {
        ended(request);
        return;
    }
    undo->chained = request;
    phub__request_send(undo, undone, NULL);
}

int phub__host_request_send(struct phub_ctx *ctx, uint64_t transaction,
                            uint64_t token)
{
    struct asking *asking;
    struct phub__request *request = find(ctx, transaction, &asking);
    uint32_t i;
    int rc;

    if (request == NULL)
        return PHUB_ENOTFOUND;
    if (request->sent)
        return PHUB_EINVAL;
    for (i = 0; i < request->count; i++)
        if (request->items[i].op.target == 0)
            return PHUB_EINVAL;
    rc = phub__host_request_await(ctx, transaction, token);
    if (rc == 0)
        phub__request_send(request, asked_all, asking);
    return rc;
}

/* --- awaiting ---------------------------------------------------------------- */

struct awaiting {
    uint32_t who;
    uint64_t token;
};

static void told(void *arg, struct phub__request *request)
{
    struct awaiting *awaiting = arg;
    const struct asking *asking = request->owner;
    struct phub__told_counts counts = { asking->good, asking->bad };

    phub__host_complete_counts(request->hub, awaiting->who, awaiting->token,
                               !request->sent ? PHUB_ECANCELLED
                               : asking->bad != 0 ? PHUB_EFAILED : 0,
                               &counts, "");
    phub__free(awaiting);
}

int phub__host_request_await(struct phub_ctx *ctx, uint64_t transaction,
                             uint64_t token)
{
    struct asking *asking;
    struct phub__request *request = find(ctx, transaction, &asking);
    struct awaiting *awaiting;
    int rc;

    if (request == NULL)
        return PHUB_ENOTFOUND;
    awaiting = phub__malloc(sizeof *awaiting);
    if (awaiting == NULL)
        return PHUB_ENOMEM;
    *awaiting = (struct awaiting){ ctx->who, token };
    rc = phub__request_await(request, told, awaiting);
    if (rc != 0)
        phub__free(awaiting);
    return rc;
}

int phub__host_request_answer(struct phub_ctx *ctx, uint64_t transaction,
                              uint32_t index,
                              struct phub_request_answer *answer)
{
    struct asking *asking;
    struct phub__request *request = find(ctx, transaction, &asking);
    struct phub_request_answer full = { .size = sizeof full };
    const struct phub__request_item *item;

    if (request == NULL || index >= request->count)
        return PHUB_ENOTFOUND;
    item = &request->items[index];
    full.code = item->state == PHUB__ITEM_DONE ? item->code : PHUB_EAGAIN;
    full.node = item->answered_by != 0 ? item->answered_by : item->node;
    if (item->data != NULL)
        full.data = phub__buf_bytes(item->data);
    if (item->text != NULL)
        full.text = (struct phub_bytes){ (const uint8_t *)item->text,
                                         strlen(item->text) };
    full.size = answer->size < sizeof full ? answer->size
                                           : (uint32_t)sizeof full;
    memcpy(answer, &full, full.size);
    return 0;
}

int phub__host_request_cancel(struct phub_ctx *ctx, uint64_t transaction)
{
    struct asking *asking;
    struct phub__request *request = find(ctx, transaction, &asking);

    if (request == NULL)
        return PHUB_ENOTFOUND;
    if (!request->sent) {
        phub__request_drop(request);
        return 0;
    }
    if (request->over) {
        phub__request_release(request);
        return 0;
    }
    if (request->finished)
        return PHUB_EINVAL;
    phub__request_cancel(request);
    return 0;
}

/* --- being asked ------------------------------------------------------------- */

static void asked_free(struct phub__host_asked *asked)
{
    phub__arena_fini(&asked->arena);
    phub__free(asked);
}

static void forget(struct phub__hub *hub, struct phub__host_asked **p)
{
    struct phub__host_asked *asked = *p;

    *p = asked->next;
    hub->host->asked_count[asked->slot]--;
    asked->over = 1;
    if (!asked->telling)
        asked_free(asked);
}

void phub__host_asked_close(struct phub_ctx *ctx)
{
    struct phub__host_asked **p = &ctx->hub->host->asked;

    while (*p != NULL)
        if ((*p)->slot == ctx->slot)
            forget(ctx->hub, p);
        else
            p = &(*p)->next;
}

/* Those whose askers wait no more. */
static void expire(struct phub__hub *hub)
{
    uint64_t now = hub->env->now_ns(hub->env);
    struct phub__host_asked **p = &hub->host->asked;

    while (*p != NULL)
        if ((*p)->expires_ns <= now)
            forget(hub, p);
        else
            p = &(*p)->next;
}

static struct phub_bytes copy(struct phub__arena *arena,
                              struct phub_bytes bytes)
{
    uint8_t *to = bytes.size != 0
        ? phub__arena_alloc(arena, bytes.size, 1) : NULL;

    if (to == NULL)
        return PHUB_BYTES_NONE;
    memcpy(to, bytes.data, bytes.size);
    return (struct phub_bytes){ to, bytes.size };
}

static struct phub__host_asked *record(struct phub__hub *hub,
                                       const struct phub__op_request *op,
                                       const struct phub__op_item *item)
{
    struct phub__host_asked *asked = phub__calloc(1, sizeof *asked);
    const struct phub__op_pair *from = op->options.items;
    struct phub__op_pair *to;
    uint64_t *nodes;
    uint32_t i;

    if (asked == NULL)
        return NULL;
    phub__arena_init(&asked->arena, NULL, 0, SIZE_MAX);
    asked->reply = (struct phub__reply){ op->origin, op->transaction,
                                         item->index };
    asked->op = *op;
    asked->op.rows = PHUB_BYTES_NONE;
    asked->item = *item;
    asked->item.spec = copy(&asked->arena, item->spec);
    asked->item.text = copy(&asked->arena, item->text);
    nodes = phub__arena_alloc(&asked->arena, PHUB__HOPS_MAX + 1,
                              sizeof *nodes);
    to = phub__arena_alloc(&asked->arena, op->options.count + 1, sizeof *to);
    if (asked->arena.error != 0) {
        asked_free(asked);
        return NULL;
    }
    if (op->visited.count != 0)
        memcpy(nodes, op->visited.items,
               op->visited.count * sizeof nodes[0]);
    asked->op.visited.items = nodes;
    for (i = 0; i < op->options.count; i++)
        to[i] = (struct phub__op_pair){ copy(&asked->arena, from[i].key),
                                        copy(&asked->arena, from[i].value) };
    if (asked->arena.error != 0) {
        asked_free(asked);
        return NULL;
    }
    asked->op.options.items = to;
    asked->expires_ns = hub->env->now_ns(hub->env) +
                        op->timeout_ms * NS_PER_MS;
    asked->handle = ++hub->host->asked_last;
    return asked;
}

/* 0, or why it is not put to the strategy. */
static int may_ask(struct phub__hub *hub, const struct phub__op_item *item,
                   struct phub_ctx **ctx, const char **text)
{
    *ctx = phub__host_find(hub, item->flags & PHUB__ASK_KIND, item->text,
                           NULL);
    *text = "no such strategy runs here";
    if (*ctx == NULL)
        return PHUB_EUNSUPPORTED;
    *text = "the strategy does not answer questions";
    if (!phub__strategy_answers((*ctx)->strategy))
        return PHUB_EUNSUPPORTED;
    *text = "as many questions as are allowed wait for the strategy";
    if (hub->host->asked_count[(*ctx)->slot] >= PHUB_ASKED_MAX)
        return PHUB_EBUSY;
    return 0;
}

void phub__host_ask(struct phub__hub *hub, const struct phub__op_request *op,
                    const struct phub__op_item *item)
{
    struct phub__reply reply = { op->origin, op->transaction, item->index };
    struct phub__host_asked *asked = NULL;
    struct phub_asked in = { .size = sizeof in };
    struct phub_ctx *ctx;
    const char *text;
    int rc;

    expire(hub);
    rc = may_ask(hub, item, &ctx, &text);
    if (rc == 0) {
        asked = record(hub, op, item);
        text = "out of memory";
        rc = asked != NULL ? 0 : PHUB_ENOMEM;
    }
    if (rc != 0) {
        phub__reply(hub, &reply, rc, hub->node, 0, text);
        return;
    }
    asked->slot = ctx->slot;
    asked->next = hub->host->asked;
    hub->host->asked = asked;
    hub->host->asked_count[asked->slot]++;
    if (item->flags & PHUB__ASK_UNDO)
        in.flags |= PHUB_ASKED_UNDO;
    in.ask = asked->handle;
    in.node = op->origin;
    in.timeout_ms = op->timeout_ms;
    in.message = asked->item.spec;
    asked->telling = 1;
    phub__call_asked(ctx->strategy, &in);
    asked->telling = 0;
    if (asked->over)
        asked_free(asked);
}

static struct phub__host_asked **find_asked(struct phub_ctx *ctx,
                                            uint64_t handle)
{
    struct phub__host_asked **p = &ctx->hub->host->asked;

    while (*p != NULL && ((*p)->handle != handle || (*p)->slot != ctx->slot))
        p = &(*p)->next;
    return *p != NULL ? p : NULL;
}

int phub__host_respond(struct phub_ctx *ctx, uint64_t ask, int32_t rc,
                       const struct phub_bytes *data, const char *text)
{
    struct phub__host_asked **p = find_asked(ctx, ask);
    struct phub__op_answer answer = { .code = rc, .node = ctx->hub->node };

    if (p == NULL)
        return PHUB_ENOTFOUND;
    if (rc > 0 || rc == PHUB_EAGAIN || (rc != 0 && phub_errname(rc) == NULL))
        return PHUB_EINVAL;
    if (data != NULL && data->size > PHUB_REQUEST_MESSAGE_MAX)
        return PHUB_ELIMIT;
    if (data != NULL)
        answer.data = *data;
    if (text != NULL)
        answer.text = (struct phub_bytes){ (const uint8_t *)text,
                                           strnlen(text, TEXT_MAX - 1) };
    phub__reply_full(ctx->hub, &(*p)->reply, &answer);
    forget(ctx->hub, p);
    return 0;
}

int phub__host_ask_forward(struct phub_ctx *ctx, uint64_t ask, uint64_t node)
{
    struct phub__host_asked **p = find_asked(ctx, ask);
    uint64_t now = ctx->hub->env->now_ns(ctx->hub->env);

    if (p == NULL)
        return PHUB_ENOTFOUND;
    if (node == ctx->hub->node ||
        phub__view_index(phub__hub_view(ctx->hub), node) == PHUB__VIEW_NONE)
        return PHUB_ENODEDOWN;
    (*p)->op.timeout_ms = (*p)->expires_ns > now
        ? ((*p)->expires_ns - now) / NS_PER_MS + 1 : 1;
    phub__op_forward(ctx->hub, &(*p)->op, &(*p)->item, node);
    forget(ctx->hub, p);
    return 0;
}

int phub__host_ask_option(struct phub_ctx *ctx, uint64_t ask,
                          const struct phub_bytes *key,
                          struct phub_bytes *value)
{
    struct phub__host_asked **p = find_asked(ctx, ask);
    const struct phub__op_pair *pairs;
    uint32_t i;

    if (p == NULL)
        return PHUB_ENOTFOUND;
    pairs = (*p)->op.options.items;
    for (i = 0; i < (*p)->op.options.count; i++)
        if (pairs[i].key.size == key->size &&
            memcmp(pairs[i].key.data, key->data, key->size) == 0) {
            *value = pairs[i].value;
            return 0;
        }
    return PHUB_EEMPTY;
}
