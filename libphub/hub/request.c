/* SPDX-License-Identifier: MIT */
/* request: outstanding operations of this node; theory in request.h. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/hub.h"
#include "hub/request.h"
#include "hub/synced.h"
#include "wire/memory.h"

#define BUCKETS 1024u
#define NS_PER_MS 1000000ull

struct phub__awaiter {
    struct phub__awaiter *next;
    phub__request_done *done;
    void *arg;
};

struct phub__requests {
    struct phub__hub *hub;
    uint64_t last_transaction;
    uint64_t late;
    uint32_t count;
    uint32_t retained;   /* of these: over, and kept for who asks */
    int closing;
    struct phub__request *all;
    struct phub__request *buckets[BUCKETS];
};

static void dispatch(struct phub__request *request);
static void fire(void *arg);

/* See to it that fire() comes at at_ns or earlier. */
static void wake(struct phub__request *request, uint64_t at_ns)
{
    struct phub_env *env = request->hub->env;

    if (at_ns >= request->wake_ns)
        return;
    request->wake_ns = at_ns;
    env->timer_start(env, request->timer, at_ns);
}

int phub__requests_new(struct phub__hub *hub, struct phub__requests **requests)
{
    *requests = phub__calloc(1, sizeof **requests);
    if (*requests == NULL)
        return PHUB_ENOMEM;
    (*requests)->hub = hub;
    (*requests)->last_transaction = phub__hub_numbers(hub);
    return 0;
}

uint32_t phub__requests_count(const struct phub__requests *requests)
{
    return requests->count - requests->retained;
}

uint32_t phub__requests_retained(const struct phub__requests *requests)
{
    return requests->retained;
}

uint64_t phub__requests_late(const struct phub__requests *requests)
{
    return requests->late;
}

struct phub__request *phub__request_get(struct phub__requests *requests,
                                        uint64_t transaction)
{
    struct phub__request *request = requests->buckets[transaction % BUCKETS];

    while (request != NULL && request->transaction != transaction)
        request = request->bucket_next;
    return request;
}

/* In the order of asking. */
static void tell_awaiters(struct phub__request *request)
{
    struct phub__awaiter *awaiter;

    while ((awaiter = request->awaiters) != NULL) {
        request->awaiters = awaiter->next;
        awaiter->done(awaiter->arg, request);
        phub__free(awaiter);
    }
}

static void remove_request(struct phub__request *request)
{
    struct phub__requests *requests = request->hub->requests;
    struct phub__request **p;
    uint32_t i;

    tell_awaiters(request);
    p = &requests->buckets[request->transaction % BUCKETS];
    while (*p != request)
        p = &(*p)->bucket_next;
    *p = request->bucket_next;
    if (request->prev != NULL)
        request->prev->next = request->next;
    else
        requests->all = request->next;
    if (request->next != NULL)
        request->next->prev = request->prev;
    requests->count--;
    requests->retained -= request->over != 0;
    for (i = 0; i < request->count; i++) {
        phub__free(request->items[i].text);
        phub__buf_unref(&request->items[i].data);
    }
    phub__free(request->owner);
    request->hub->env->timer_free(request->hub->env, &request->timer);
    phub__buf_unref(&request->rows);
    phub__arena_fini(&request->arena);
    phub__free(request);
}

struct phub__request *phub__request_new(struct phub__hub *hub,
                                        enum phub__op op, uint32_t count,
                                        uint64_t timeout_ms)
{
    struct phub__requests *requests = hub->requests;
    struct phub__request *request, **bucket;

    /* None any more: the hub is being freed, and a strategy aborts moves, or
     * who hears of the end of one would begin the next for ever. */
    if (requests == NULL || requests->closing || requests->count >= PHUB__REQUESTS_MAX)
        return NULL;
    request = phub__calloc(1, sizeof *request +
                                  count * sizeof request->items[0]);
    if (request == NULL)
        return NULL;
    request->timer = hub->env->timer_new(hub->env, fire, request);
    if (request->timer == NULL) {
        phub__free(request);
        return NULL;
    }
    request->hub = hub;
    request->op = op;
    request->count = count;
    request->pending = count;
    request->timeout_ms = timeout_ms;
    request->expires_ns = hub->env->now_ns(hub->env) + timeout_ms * NS_PER_MS;
    request->wake_ns = UINT64_MAX;
    request->transaction = ++requests->last_transaction;
    phub__arena_init(&request->arena, NULL, 0, SIZE_MAX);
    bucket = &requests->buckets[request->transaction % BUCKETS];
    request->bucket_next = *bucket;
    *bucket = request;
    request->next = requests->all;
    if (request->next != NULL)
        request->next->prev = request;
    requests->all = request;
    requests->count++;
    return request;
}

struct phub_bytes phub__request_copy(struct phub__request *request,
                                     struct phub_bytes bytes)
{
    uint8_t *copy;

    if (bytes.size == 0)
        return PHUB_BYTES_NONE;
    copy = phub__arena_alloc(&request->arena, bytes.size, 1);
    if (copy == NULL)
        return PHUB_BYTES_NONE;
    memcpy(copy, bytes.data, bytes.size);
    return (struct phub_bytes){ copy, bytes.size };
}

struct phub__request *phub__request_one(struct phub__hub *hub,
                                        enum phub__op op, struct phub_bytes id,
                                        uint64_t timeout_ms)
{
    struct phub__request *request = phub__request_new(hub, op, 1, timeout_ms);

    if (request == NULL)
        return NULL;
    request->items[0].op.id = phub__request_copy(request, id);
    if (request->items[0].op.id.size != 0)
        return request;
    remove_request(request);
    return NULL;
}

/* --- answers -------------------------------------------------------------- */

static void set_text(struct phub__request_item *item, const char *text,
                     size_t size)
{
    phub__free(item->text);
    item->text = NULL;
    if (size == 0)
        return;
    item->text = phub__malloc(size + 1);
    if (item->text == NULL)
        return;
    memcpy(item->text, text, size);
    item->text[size] = '\0';
}

/* What people did not get is noted where they asked (promise 11); that there
 * is no such child, or that it is so already, is no refusal. */
static void note_refusal(const struct phub__request *request,
                         const struct phub__request_item *item)
{
    if (request->op != PHUB__OP_START && request->op != PHUB__OP_STOP &&
        request->op != PHUB__OP_MOVE)
        return;
    if (item->code == 0 || item->code == PHUB_ENOTFOUND ||
        item->code == PHUB_EREPEATED)
        return;
    phub__hub_cause(request->hub, item->op.id, "%s refused, %s: %s",
                    phub__op_name(request->op), phub_strerror(item->code),
                    item->text != NULL ? item->text : "");
}

static void item_done(struct phub__request *request,
                      struct phub__request_item *item, int code)
{
    item->code = code;
    item->state = PHUB__ITEM_DONE;
    request->pending--;
    note_refusal(request, item);
    if (request->answered != NULL)
        request->answered(request->arg, request,
                          (uint32_t)(item - request->items));
}

/* Also from inside send: the end is told from the loop. */
static void finalize_if_complete(struct phub__request *request)
{
    if (request->pending == 0 && !request->dispatching &&
        !request->finished)
        wake(request, 0);
}

void phub__request_answer(struct phub__request *request, uint32_t index,
                          int code, const char *text)
{
    struct phub__request_item *item = &request->items[index];

    if (item->state == PHUB__ITEM_DONE)
        return;
    set_text(item, text, strlen(text));
    item->answered_by = request->hub->node;
    item_done(request, item, code);
}

static int may_ask_again(enum phub__op op)
{
    return op == PHUB__OP_START || op == PHUB__OP_STOP ||
           op == PHUB__OP_COMPLETED || op == PHUB__OP_MOVE ||
           op == PHUB__OP_EDIT || op == PHUB__OP_CELL ||
           op == PHUB__OP_SWITCH;
}

static void retry(struct phub__request *request,
                  struct phub__request_item *item, int code)
{
    struct phub_env *env = request->hub->env;
    uint64_t wait_ms = PHUB__RETRY_FIRST_MS;
    uint32_t i;

    for (i = 0; i < item->tries && wait_ms < PHUB__RETRY_MAX_MS; i++)
        wait_ms *= 2;
    item->tries++;
    item->code = code;
    item->state = PHUB__ITEM_RETRY;
    item->due_ns = env->now_ns(env) + wait_ms * NS_PER_MS;
    wake(request, item->due_ns);
}

static void node_left(struct phub__request *request,
                      struct phub__request_item *item, const char *name)
{
    char text[128];

    if (request->op == PHUB__OP_STOP || request->op == PHUB__OP_COMPLETED) {
        retry(request, item, PHUB_ENODEDOWN);
        return;
    }
    snprintf(text, sizeof text, "node '%s' left the view before it answered",
             name);
    set_text(item, text, strlen(text));
    item_done(request, item, PHUB_ENODEDOWN);
}

static void record_response(struct phub__request *request,
                            const struct phub__op_answer *answer)
{
    struct phub__request_item *item = &request->items[answer->index];

    if (answer->forwarded != 0) {
        item->node = answer->forwarded;
        /* By one that had not missed it yet; nobody tells us again. */
        if (phub__synced_is_lost(request->hub, item->node))
            node_left(request, item,
                      phub__hub_name_of(request->hub, item->node));
        return;
    }
    set_text(item, (const char *)answer->text.data, answer->text.size);
    item->pid = answer->pid;
    item->answered_by = answer->node;
    item->value = answer->value;
    item->incarnation = answer->incarnation;
    if (answer->data.size != 0 && item->data == NULL) {
        item->data = phub__buf_copy(answer->data.data, answer->data.size);
        if (item->data == NULL) {
            item_done(request, item, PHUB_ENOMEM);
            return;
        }
    }
    if ((answer->code == PHUB_EAGAIN || answer->code == PHUB_EVIEW) &&
        (may_ask_again(request->op) || request->op == PHUB__OP_RUN ||
         request->op == PHUB__OP_HOLD || request->op == PHUB__OP_LOAD))
        retry(request, item, (int)answer->code);
    else
        item_done(request, item, (int)answer->code);
}

void phub__request_response(struct phub__hub *hub,
                            const struct phub__op_response *response,
                            uint64_t from)
{
    struct phub__requests *requests = hub->requests;
    struct phub__request *request = phub__request_get(requests, response->transaction);
    const struct phub__op_answer *answers = response->answers.items;
    uint32_t i;

    (void)from;
    if (request == NULL) {
        requests->late += response->answers.count;
        return;
    }
    for (i = 0; i < response->answers.count; i++) {
        if (answers[i].index < request->count &&
            request->items[answers[i].index].state == PHUB__ITEM_SENT) {
            record_response(request, &answers[i]);
            continue;
        }
        requests->late++;
        if (answers[i].index < request->count && request->finished &&
            request->late != NULL)
            request->late(request, (uint32_t)answers[i].index, &answers[i]);
    }
    finalize_if_complete(request);
}

static void time_out(struct phub__request *request)
{
    char text[256];
    uint32_t i;

    for (i = 0; i < request->count; i++) {
        struct phub__request_item *item = &request->items[i];
        char name[PHUB_NODE_NAME_MAX + 24];

        if (item->state == PHUB__ITEM_DONE)
            continue;
        if (item->state == PHUB__ITEM_RETRY) {
            snprintf(text, sizeof text, "%s after %llu ms: %s",
                     phub_strerror(item->code),
                     (unsigned long long)request->timeout_ms,
                     item->text != NULL ? item->text : "");
            set_text(item, text, strlen(text));
            item_done(request, item, item->code == PHUB_EAGAIN
                                         ? PHUB_ETIMEDOUT : item->code);
            continue;
        }
        phub__hub_node_name(request->hub, item->node, name, sizeof name);
        snprintf(text, sizeof text, "no answer from %s in %llu ms", name,
                 (unsigned long long)request->timeout_ms);
        set_text(item, text, strlen(text));
        item_done(request, item, PHUB_ETIMEDOUT);
    }
}

static void finish(struct phub__request *request)
{
    request->finished = 1;
    request->kept++;
    request->done(request->arg, request);
    phub__request_release(request);
}

void phub__request_keep(struct phub__request *request)
{
    request->kept++;
}

void phub__request_release(struct phub__request *request)
{
    if (--request->kept == 0)
        remove_request(request);
}

void phub__request_drop(struct phub__request *request)
{
    if (request != NULL)
        remove_request(request);
}

void phub__request_set_text(struct phub__request *request, uint32_t index,
                            const char *text)
{
    set_text(&request->items[index], text, strlen(text));
}

/* --- awaiting -------------------------------------------------------------- */

void *phub__request_owned(struct phub__request *request, size_t size)
{
    request->owner = phub__calloc(1, size);
    return request->owner;
}

int phub__request_await(struct phub__request *request,
                        phub__request_done *done, void *arg)
{
    struct phub__awaiter *awaiter, **last = &request->awaiters;
    uint32_t count = 0;

    for (; *last != NULL; last = &(*last)->next)
        count++;
    if (count >= PHUB__AWAITERS_MAX)
        return PHUB_ELIMIT;
    awaiter = phub__calloc(1, sizeof *awaiter);
    if (awaiter == NULL)
        return PHUB_ENOMEM;
    awaiter->done = done;
    awaiter->arg = arg;
    *last = awaiter;
    if (request->over)
        wake(request, 0);
    return 0;
}

void phub__request_retain(struct phub__request *request, uint64_t ms)
{
    struct phub_env *env = request->hub->env;

    request->hub->requests->retained += !request->over;
    request->over = 1;
    request->gone_ns = env->now_ns(env) + ms * NS_PER_MS;
    request->wake_ns = UINT64_MAX;
    wake(request, 0);
}

/* It is over: late awaiters are told, and when its time has come, it goes. */
static void keep_or_go(struct phub__request *request, uint64_t now)
{
    tell_awaiters(request);
    request->wake_ns = UINT64_MAX;
    if (now >= request->gone_ns)
        remove_request(request);
    else
        wake(request, request->gone_ns);
}

void phub__request_cancel(struct phub__request *request)
{
    uint32_t i;

    for (i = 0; i < request->count; i++)
        phub__request_answer(request, i, PHUB_ECANCELLED, "cancelled");
    finalize_if_complete(request);
}

/* --- the clock --------------------------------------------------------------- */

/* The request's one timer: complete, expired, or something to send again. */
static void fire(void *arg)
{
    struct phub__request *request = arg;
    struct phub_env *env = request->hub->env;
    uint64_t now = env->now_ns(env);
    uint32_t i;

    if (request->over) {
        keep_or_go(request, now);
        return;
    }
    if (request->pending != 0 && now >= request->expires_ns)
        time_out(request);
    if (request->pending == 0) {
        finish(request);
        return;
    }
    request->wake_ns = UINT64_MAX;
    for (i = 0; i < request->count; i++) {
        struct phub__request_item *item = &request->items[i];

        if (item->state != PHUB__ITEM_RETRY)
            continue;
        if (item->due_ns <= now)
            item->state = PHUB__ITEM_TODO;
        else
            wake(request, item->due_ns);
    }
    dispatch(request);
}

void phub__requests_node_down(struct phub__requests *requests, uint64_t node,
                              const char *name)
{
    struct phub__request *request;
    uint32_t i;

    for (request = requests->all; request != NULL; request = request->next) {
        for (i = 0; i < request->count; i++) {
            struct phub__request_item *item = &request->items[i];

            if (item->state == PHUB__ITEM_SENT && item->node == node)
                node_left(request, item, name);
        }
        finalize_if_complete(request);
    }
}

void phub__requests_view_changed(struct phub__requests *requests)
{
    struct phub__request *request;
    struct phub_env *env = requests->hub->env;
    uint32_t i;

    for (request = requests->all; request != NULL; request = request->next)
        for (i = 0; i < request->count; i++)
            if (request->items[i].state == PHUB__ITEM_RETRY) {
                request->items[i].due_ns = env->now_ns(env);
                wake(request, request->items[i].due_ns);
            }
}

/* --- sending -------------------------------------------------------------- */

/* Where an item belongs now; 0 if nowhere, with a code and its text. */
static uint64_t route(struct phub__request *request,
                      const struct phub__request_item *item, int *code,
                      char text[PHUB__NO_SUCH_MAX])
{
    struct phub__hub *hub = request->hub;
    uint64_t home;

    *code = PHUB_EAGAIN;
    switch (request->op) {
    case PHUB__OP_START:
    case PHUB__OP_STOP:
    case PHUB__OP_COMPLETED:
    case PHUB__OP_EDIT:
    case PHUB__OP_CELL:
    case PHUB__OP_SWITCH:
        return phub__view_keeper(phub__hub_view(hub), item->op.id);
    case PHUB__OP_MOVE:
        home = phub__hub_home(hub, item->op.id);
        if (phub__view_index(phub__hub_view(hub), home) != PHUB__VIEW_NONE)
            return home;
        if (home == 0) {
            home = phub__view_keeper(phub__hub_view(hub), item->op.id);
            if (home != hub->node)
                return home; /* its row may be on its way to us still */
            *code = phub__hub_no_such(hub, text);
        } else {
            snprintf(text, PHUB__NO_SUCH_MAX, "its home is no member now");
        }
        return 0;
    case PHUB__OP_RUN:
    case PHUB__OP_HOLD:
    case PHUB__OP_END:
    case PHUB__OP_PREPARE:
    case PHUB__OP_GO:
    case PHUB__OP_DISCARD:
    case PHUB__OP_DRAIN:
    case PHUB__OP_CAUSES:
    case PHUB__OP_LOAD:
    case PHUB__OP_ASK:
        *code = PHUB_ENODEDOWN;
        snprintf(text, PHUB__NO_SUCH_MAX, "%s", phub_strerror(*code));
        return item->op.target;
    }
    return 0;
}

static size_t item_size(const struct phub__op_item *op)
{
    const struct phub__op_pair *pairs = op->metadata.items;
    const struct phub_bytes *tags = op->tags.items;
    size_t size = op->id.size + op->spec.size + op->text.size + 64;
    uint32_t i;

    for (i = 0; i < op->metadata.count; i++)
        size += pairs[i].key.size + pairs[i].value.size + 8;
    for (i = 0; i < op->tags.count; i++)
        size += tags[i].size + 4;
    return size;
}

/* Give up or wait, for all items of a piece that could not be sent. */
static void not_sent(struct phub__request *request, const uint32_t *order,
                     uint32_t count, int rc)
{
    uint32_t i;

    for (i = 0; i < count; i++) {
        struct phub__request_item *item = &request->items[order[i]];
        char text[256];
        int wrong = phub__request_wrong(&item->op, text, sizeof text);

        if (wrong != 0) {
            set_text(item, text, strlen(text));
            item_done(request, item, wrong);
            continue;
        }
        set_text(item, phub_strerror(rc), strlen(phub_strerror(rc)));
        if (rc == PHUB_EBUSY || may_ask_again(request->op))
            retry(request, item, rc);
        else
            item_done(request, item, rc);
    }
}

/* Encode and send one piece: items order[0..count-1], all for one node. */
static void send_piece(struct phub__request *request, uint64_t node,
                       const uint32_t *order, uint32_t count,
                       struct phub__op_item *copies)
{
    struct phub__hub *hub = request->hub;
    struct phub_env *env = hub->env;
    uint64_t now = env->now_ns(env);
    struct phub__op_request op = {
        .transaction = request->transaction, .origin = hub->node,
        .origin_boot = hub->boot, .op = request->op,
        .view_hash = phub__view_hash(phub__hub_view(hub)),
        .flags = request->flags, .options = request->options,
    };
    uint32_t i;
    int rc;

    op.timeout_ms = request->expires_ns > now
                        ? (request->expires_ns - now) / NS_PER_MS + 1 : 1;
    if (request->rows != NULL)
        op.rows = phub__buf_bytes(request->rows);
    for (i = 0; i < count; i++) {
        copies[i] = request->items[order[i]].op;
        copies[i].index = order[i];
        request->items[order[i]].node = node;
        request->items[order[i]].state = PHUB__ITEM_SENT;
    }
    op.items = (struct phub__list){ copies, count };
    rc = phub__hub_send_op(hub, node, &op);
    if (rc != 0)
        not_sent(request, order, count, rc);
}

struct placed {
    uint64_t node;
    uint32_t index;
};

static int placed_cmp(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;

    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* One node's items, in pieces that fit. */
static void split(struct phub__request *request, const struct placed *placed,
                  uint32_t count, uint32_t *order,
                  struct phub__op_item *copies)
{
    uint32_t i = 0, n;
    size_t size;

    while (i < count) {
        size = 0;
        for (n = 0; i + n < count && n < PHUB__ITEMS_MAX; n++) {
            const struct phub__request_item *item =
                &request->items[placed[i + n].index];

            size += item_size(&item->op);
            if (n > 0 && size > PHUB__PIECE_SIZE_MAX)
                break;
            order[n] = placed[i + n].index;
        }
        send_piece(request, placed[i].node, order, n, copies);
        i += n;
    }
}

static void dispatch(struct phub__request *request)
{
    uint32_t piece = request->count < PHUB__ITEMS_MAX ? request->count
                                                      : PHUB__ITEMS_MAX;
    struct placed *placed = phub__calloc(request->count, sizeof *placed);
    uint32_t *order = phub__calloc(piece, sizeof *order);
    struct phub__op_item *copies = phub__calloc(piece, sizeof *copies);
    char text[PHUB__NO_SUCH_MAX];
    uint32_t i, count = 0, first;
    int code;

    request->dispatching = 1;
    wake(request, request->expires_ns);
    for (i = 0; i < request->count; i++) {
        struct phub__request_item *item = &request->items[i];
        uint64_t node;

        if (item->state != PHUB__ITEM_TODO)
            continue;
        if (placed == NULL || order == NULL || copies == NULL) {
            retry(request, item, PHUB_ENOMEM);
            continue;
        }
        node = route(request, item, &code, text);
        if (node != 0) {
            placed[count++] = (struct placed){ node, i };
            continue;
        }
        set_text(item, text, strlen(text));
        if (code == PHUB_EAGAIN)
            retry(request, item, code);
        else
            item_done(request, item, code);
    }
    if (count != 0)
        qsort(placed, count, sizeof *placed, placed_cmp);
    for (i = 0; i < count; i = first) {
        for (first = i; first < count && placed[first].node == placed[i].node;
             first++)
            ;
        split(request, placed + i, first - i, order, copies);
    }
    phub__free(placed);
    phub__free(order);
    phub__free(copies);
    request->dispatching = 0;
    finalize_if_complete(request);
}

void phub__request_send(struct phub__request *request,
                        phub__request_done *done, void *arg)
{
    uint32_t i;

    request->done = done;
    request->arg = arg;
    request->sent = 1;
    /* What could not be copied into it would ask for something else. */
    for (i = 0; request->arena.error != 0 && i < request->count; i++)
        phub__request_answer(request, i, PHUB_ENOMEM, "out of memory");
    dispatch(request);
}

void phub__requests_free(struct phub__requests **requests)
{
    struct phub__request *request;
    uint32_t i;

    if (*requests == NULL)
        return;
    (*requests)->closing = 1;
    while ((request = (*requests)->all) != NULL) {
        for (i = 0; i < request->count; i++)
            phub__request_answer(request, i, PHUB_ESHUTDOWN,
                                 "the hub is shutting down");
        request->kept = 0;
        if (request->done != NULL && !request->finished)
            finish(request);
        else
            remove_request(request);
    }
    phub__free(*requests);
    *requests = NULL;
}
