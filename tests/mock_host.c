/* SPDX-License-Identifier: MIT */
/* mock_host: worlds, time, views, buffers, messages. */
#include "config.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock_host.h"

struct phub_buf {
    struct mock_world *world;
    uint32_t refs;
    size_t size;
    uint8_t data[];
};

struct phub_view {
    struct mock_world *world;
    uint32_t refs;
    uint32_t count;
    struct phub_view_node nodes[];
};

enum event_kind { EVENT_COMPLETED, EVENT_TIMER, EVENT_MESSAGE };

struct mock_event {
    uint64_t at_ns, order;
    struct mock *mock;
    enum event_kind kind;
    uint64_t token;
    int rc;
    uint64_t value;
    uint64_t move;         /* host's move, 0 = none */
    uint32_t step;         /* enum mock_step, MOCK_STEPS = none */
    uint64_t from;
    struct phub_buf *message;  /* or what a completion carries */
    bool cancelled;
};

struct mock *mock_of(struct phub_ctx *ctx)
{
    return (struct mock *)(void *)ctx;
}

/* --- chance and complaints ----------------------------------------------- */

uint64_t mock_random(struct mock_world *world)
{
    uint64_t x = world->random += 0x9e3779b97f4a7c15u;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void mock_violate(struct mock_world *world, const char *format, ...)
{
    va_list args;

    if (world->violations++ > 0)
        return;
    va_start(args, format);
    (void)vsnprintf(world->violation, sizeof world->violation, format, args);
    va_end(args);
}

/* --- events -------------------------------------------------------------- */

static bool event_before(const struct mock_event *a,
                         const struct mock_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void event_add(struct mock_world *world, struct mock_event event,
                      uint64_t delay_ns)
{
    uint32_t at = world->heap_count++;

    if (world->heap_count > world->heap_size) {
        world->heap_size = world->heap_size * 2 + 64;
        world->heap = realloc(world->heap,
                              world->heap_size * sizeof *world->heap);
        ck_assert_ptr_nonnull(world->heap);
    }
    event.at_ns = world->now_ns + delay_ns;
    event.order = world->order++;
    while (at > 0 && event_before(&event, &world->heap[(at - 1) / 2])) {
        world->heap[at] = world->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    world->heap[at] = event;
}

static struct mock_event event_take(struct mock_world *world)
{
    struct mock_event first = world->heap[0];
    struct mock_event last = world->heap[--world->heap_count];
    uint32_t at = 0, child;

    while ((child = 2 * at + 1) < world->heap_count) {
        if (child + 1 < world->heap_count &&
            event_before(&world->heap[child + 1], &world->heap[child]))
            child++;
        if (!event_before(&world->heap[child], &last))
            break;
        world->heap[at] = world->heap[child];
        at = child;
    }
    world->heap[at] = last;
    return first;
}

void mock_complete(struct mock *mock, uint64_t delay_ms, uint64_t token,
                   int rc, uint64_t value, uint64_t move, uint32_t step)
{
    struct mock_event event = { .mock = mock, .kind = EVENT_COMPLETED,
                                .token = token, .rc = rc, .value = value,
                                .move = move, .step = step };

    event_add(mock->world, event, delay_ms * MS);
}

void mock_complete_buf(struct mock *mock, uint64_t delay_ms, uint64_t token,
                       int rc, const void *data, size_t size)
{
    struct mock_event event = { .mock = mock, .kind = EVENT_COMPLETED,
                                .token = token, .rc = rc, .value = size,
                                .step = MOCK_STEPS };

    event.message = mock_buf(mock->world, data, size);
    event_add(mock->world, event, delay_ms * MS);
}

static void event_deliver(struct mock_event *event)
{
    struct mock *mock = event->mock;
    struct phub_result result = { .size = sizeof result };
    struct phub_bytes bytes;

    if (event->kind == EVENT_TIMER)
        mock->timers--;
    if (event->kind == EVENT_COMPLETED && event->step < MOCK_STEPS)
        mock_moves_done(mock, event->move, event->step, event->rc);
    result.value = event->value;
    result.buf = event->message;
    if (mock->completed != NULL && event->kind != EVENT_MESSAGE)
        mock->completed(mock->completed_arg, event->token, event->rc,
                        &result);
    else if (mock->strategy == NULL || mock->strategy->self == NULL)
        ;
    else if (event->kind == EVENT_MESSAGE) {
        bytes = mock->host.buf_bytes(event->message);
        mock->messages_received++;
        mock->bytes_received += bytes.size;
        phub__call_received(mock->strategy, event->from, &bytes);
    } else
        phub__call_completed(mock->strategy, event->token, event->rc,
                             event->kind == EVENT_TIMER ? NULL : &result);
}

uint64_t mock_run(struct mock_world *world, uint64_t ms)
{
    uint64_t end_ns = world->now_ns + ms * MS, count = 0;

    while (world->heap_count > 0 && world->heap[0].at_ns <= end_ns) {
        struct mock_event event = event_take(world);

        if (event.at_ns > world->now_ns)
            world->now_ns = event.at_ns;
        if (!event.cancelled)
            event_deliver(&event);
        if (event.message != NULL)
            event.mock->host.buf_unref(event.message);
        if (++count > 50000000)
            mock_violate(world, "endless: more than 50 million events");
        if (world->violations > 1000)
            break;
    }
    world->now_ns = end_ns;
    return count;
}

/* --- the host: time, parameters, people ---------------------------------- */

static uint64_t host_now_ns(struct phub_ctx *ctx)
{
    return mock_of(ctx)->world->now_ns;
}

static uint64_t host_random(struct phub_ctx *ctx)
{
    return mock_random(mock_of(ctx)->world);
}

static int host_timer(struct phub_ctx *ctx, uint64_t delay_ns, uint64_t token)
{
    struct mock *mock = mock_of(ctx);
    struct mock_event event = { .mock = mock, .kind = EVENT_TIMER,
                                .token = token, .step = MOCK_STEPS };

    if (mock->timers >= PHUB_PLUGIN_TIMERS_MAX)
        return PHUB_ELIMIT;
    mock->timers++;
    event_add(mock->world, event, delay_ns);
    return 0;
}

static int host_timer_cancel(struct phub_ctx *ctx, uint64_t token)
{
    struct mock *mock = mock_of(ctx);
    uint32_t i;

    for (i = 0; i < mock->world->heap_count; i++) {
        struct mock_event *event = &mock->world->heap[i];

        if (event->mock == mock && event->kind == EVENT_TIMER &&
            event->token == token && !event->cancelled) {
            event->cancelled = true;
            mock->timers--;
            return 0;
        }
    }
    return PHUB_ENOTFOUND;
}

static int host_param_uint(struct phub_ctx *ctx, const char *name,
                           uint64_t *value)
{
    return phub__strategy_param_uint(mock_of(ctx)->strategy, name, value);
}

static int host_param_text(struct phub_ctx *ctx, const char *name,
                           struct phub_bytes *value)
{
    return phub__strategy_param_text(mock_of(ctx)->strategy, name, value);
}

static void host_log(struct phub_ctx *ctx, uint32_t level, const char *text)
{
    (void)level;
    (void)snprintf(mock_of(ctx)->log, sizeof mock_of(ctx)->log, "%s", text);
}

static int host_fail(struct phub_ctx *ctx, int code, const char *text)
{
    struct mock *mock = mock_of(ctx);

    (void)snprintf(mock->failed, sizeof mock->failed, "%s", text);
    if (mock->strategy != NULL)
        return phub__strategy_fail(mock->strategy, code, text);
    return code;
}

static void host_counter_add(struct phub_ctx *ctx, const char *name,
                             uint64_t n)
{
    (void)ctx;
    (void)name;
    (void)n;
}

/* A test asks when it wants to. */
static void host_judge_again(struct phub_ctx *ctx)
{
    mock_of(ctx)->judge_again++;
}

static void host_cause_note(struct phub_ctx *ctx,
                            const struct phub_bytes *child, const char *text)
{
    struct mock_child *c = mock_child(mock_of(ctx), child);

    if (c != NULL)
        (void)snprintf(c->note, sizeof c->note, "%s", text);
}

static uint64_t host_self(struct phub_ctx *ctx)
{
    return mock_of(ctx)->id;
}

/* --- the host: views ----------------------------------------------------- */

static struct phub_view *host_view(struct phub_ctx *ctx)
{
    return mock_of(ctx)->view;
}

static void host_view_ref(struct phub_view *view)
{
    view->refs++;
}

static void host_view_unref(struct phub_view *view)
{
    if (--view->refs > 0)
        return;
    view->world->views--;
    free(view);
}

static uint64_t host_view_hash(const struct phub_view *view)
{
    uint64_t hash = 0;
    uint32_t i;

    for (i = 0; i < view->count; i++)
        hash = (hash ^ view->nodes[i].id) * 0x100000001b3u;
    return hash;
}

static uint32_t host_view_count(const struct phub_view *view)
{
    return view->count;
}

static int host_view_node(const struct phub_view *view, uint32_t index,
                          struct phub_view_node *node)
{
    if (index >= view->count)
        return PHUB_ENOTFOUND;
    memcpy(node, &view->nodes[index],
           node->size < sizeof *node ? node->size : sizeof *node);
    return 0;
}

/* They are sorted. */
static int host_view_has(const struct phub_view *view, uint64_t node)
{
    uint32_t low = 0, high = view->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (view->nodes[middle].id == node)
            return 1;
        if (view->nodes[middle].id < node)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

static int id_cmp(const void *a, const void *b)
{
    const struct phub_view_node *left = a, *right = b;

    return (left->id > right->id) - (left->id < right->id);
}

struct phub_view *mock_view_new(struct mock_world *world, const uint64_t *ids,
                                uint32_t count)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    struct phub_view *view = calloc(1, sizeof *view +
                                           count * sizeof view->nodes[0]);
    uint32_t i;

    ck_assert_ptr_nonnull(view);
    view->world = world;
    view->refs = 1;
    view->count = count;
    world->views++;
    for (i = 0; i < count; i++) {
        struct phub_view_node *node = &view->nodes[i];

        node->size = sizeof *node;
        node->id = ids[i];
        node->boot = 1;
        node->weight = 1000;
        node->name.data = (const uint8_t *)&letters[(ids[i] + 25) % 26];
        node->name.size = 1;
        if (ids[i] > MOCK_NODES_MAX)
            continue;
        node->boot += world->starts[ids[i]];
        if (world->weight[ids[i]] > 0)
            node->weight = world->weight[ids[i]];
        if (node->weight == UINT32_MAX)
            node->weight = 0;
        node->zone.data = (const uint8_t *)world->zone[ids[i]];
        node->zone.size = strlen(world->zone[ids[i]]);
        node->labels.data = (const uint8_t *)world->labels[ids[i]];
        node->labels.size = strlen(world->labels[ids[i]]);
    }
    qsort(view->nodes, count, sizeof view->nodes[0], id_cmp);
    return view;
}

void mock_view_free(struct phub_view *view)
{
    host_view_unref(view);
}

void mock_view(struct mock *mock, const uint64_t *ids, uint32_t count)
{
    struct phub_view *old = mock->view;

    mock->view = mock_view_new(mock->world, ids, count);
    if (mock->strategy != NULL && mock->strategy->self != NULL)
        phub__call_view_changed(mock->strategy, mock->view);
    if (old != NULL)
        host_view_unref(old);
}

void mock_view_all(struct mock_world *world, uint32_t count)
{
    uint64_t ids[MOCK_NODES_MAX];
    uint32_t i;

    for (i = 0; i < count; i++)
        ids[i] = i + 1;
    for (i = 0; i < count && i < world->nodes_count; i++)
        mock_view(world->nodes[i], ids, count);
}

/* --- the host: buffers and messages -------------------------------------- */

struct phub_buf *mock_buf(struct mock_world *world, const void *data,
                          size_t size)
{
    struct phub_buf *buf = malloc(sizeof *buf + size);

    ck_assert_ptr_nonnull(buf);
    buf->world = world;
    buf->refs = 1;
    buf->size = size;
    if (size > 0)
        memcpy(buf->data, data, size);
    world->bufs++;
    return buf;
}

static struct phub_buf *host_buf_new(struct phub_ctx *ctx, const void *data,
                                     size_t size)
{
    return mock_buf(mock_of(ctx)->world, data, size);
}

static void host_buf_ref(struct phub_buf *buf)
{
    buf->refs++;
}

static void host_buf_unref(struct phub_buf *buf)
{
    if (--buf->refs > 0)
        return;
    buf->world->bufs--;
    free(buf);
}

static struct phub_bytes host_buf_bytes(const struct phub_buf *buf)
{
    return (struct phub_bytes){ buf->data, buf->size };
}

/* A message reaches a node that is in the sender's view; what is on the way to
 * a node that was closed is lost. */
static int host_peer_send(struct phub_ctx *ctx, uint64_t node,
                          const struct phub_bytes *message)
{
    struct mock *mock = mock_of(ctx);
    struct mock_world *world = mock->world;
    uint32_t i, reached = 0;

    if (message->size > PHUB_PLUGIN_MESSAGE_MAX)
        return PHUB_ELIMIT;
    if (node > world->nodes_count)
        return PHUB_ENODEDOWN;
    if (mock_random(world) % 1000 < mock->busy_permille)
        return PHUB_EBUSY;
    for (i = node == 0 ? 0 : (uint32_t)node - 1;
         i < (node == 0 ? world->nodes_count : (uint32_t)node); i++) {
        struct mock_event event = { .mock = world->nodes[i],
                                    .kind = EVENT_MESSAGE,
                                    .step = MOCK_STEPS, .from = mock->id };

        if (world->nodes[i] == mock ||
            !host_view_has(mock->view, world->nodes[i]->id))
            continue;
        event.message = mock_buf(world, message->data, message->size);
        event_add(world, event, MS);
        mock->messages_sent++;
        mock->bytes_sent += message->size;
        reached++;
    }
    return node == 0 || reached > 0 ? 0 : PHUB_ENODEDOWN;
}

/* --- worlds and nodes ---------------------------------------------------- */

static int host_view_label(const struct phub_view *view, uint64_t node,
                           const struct phub_bytes *label,
                           struct phub_bytes *value)
{
    const char *at = "", *end;
    uint32_t i;

    for (i = 0; i < view->count; i++)
        if (view->nodes[i].id == node && node <= MOCK_NODES_MAX)
            at = view->world->labels[node];
    for (; *at != '\0'; at = *end == ',' ? end + 1 : end) {
        end = at + strcspn(at, ",");
        if ((size_t)(end - at) <= label->size || at[label->size] != '=' ||
            memcmp(at, label->data, label->size) != 0)
            continue;
        value->data = (const uint8_t *)at + label->size + 1;
        value->size = (size_t)(end - at) - label->size - 1;
        return 0;
    }
    return PHUB_ENOTFOUND;
}

static int host_peer_multicast(struct phub_ctx *ctx, const uint64_t *nodes,
                               uint32_t count,
                               const struct phub_bytes *message,
                               uint32_t *sent)
{
    uint32_t i, reached = 0;
    int rc = 0, one;

    for (i = 0; i < count; i++) {
        one = host_peer_send(ctx, nodes[i], message);
        reached += one == 0;
        rc = rc == 0 ? one : rc;
    }
    if (sent != NULL)
        *sent = reached;
    return rc;
}

static int host_peer_congested(struct phub_ctx *ctx, uint64_t node)
{
    (void)ctx;
    (void)node;
    return 0;
}

void mock_world_init(struct mock_world *world, uint64_t seed)
{
    char error[PHUB__LOADER_ERROR_MAX];

    memset(world, 0, sizeof *world);
    world->random = seed;
    world->now_ns = 1000 * MS;
    ck_assert_msg(phub__loader_new(NULL, &world->loader, error,
                                   sizeof error) == 0, "%s", error);
}

struct mock *mock_new(struct mock_world *world)
{
    struct mock *mock = calloc(1, sizeof *mock);
    struct phub_host host = {
        .size = sizeof host, .abi_major = 1,
        .now_ns = host_now_ns, .random = host_random, .timer = host_timer,
        .timer_cancel = host_timer_cancel, .param_uint = host_param_uint,
        .param_text = host_param_text, .log = host_log, .fail = host_fail,
        .counter_add = host_counter_add, .cause_note = host_cause_note,
        .judge_again = host_judge_again,
        .self = host_self, .view = host_view, .view_ref = host_view_ref,
        .view_unref = host_view_unref, .view_hash = host_view_hash,
        .view_count = host_view_count, .view_node = host_view_node,
        .view_has = host_view_has, .buf_new = host_buf_new,
        .buf_ref = host_buf_ref, .buf_unref = host_buf_unref,
        .buf_bytes = host_buf_bytes, .peer_send = host_peer_send,
        .view_label = host_view_label, .peer_multicast = host_peer_multicast,
        .peer_congested = host_peer_congested,
    };

    ck_assert_ptr_nonnull(mock);
    mock_moves_host(&host);
    mock_streams_host(&host);
    mock_store_host(&host);
    mock_load_host(&host);
    mock->host = host;
    mock->world = world;
    mock->id = world->nodes_count + 1;
    mock->view = mock_view_new(world, &mock->id, 1);
    world->nodes[world->nodes_count++] = mock;
    return mock;
}

int mock_open(struct mock *mock, uint32_t kind, const char *name,
              const char *const *params)
{
    char error[PHUB__LOADER_ERROR_MAX] = "";
    size_t count = 0;
    int rc;

    while (params != NULL && params[count] != NULL)
        count++;
    rc = phub__strategy_load(mock->world->loader, kind, name, params, count,
                             &mock->strategy, error, sizeof error);
    ck_assert_msg(rc == 0, "%s", error);
    rc = phub__strategy_open(mock->strategy, (struct phub_ctx *)(void *)mock,
                             &mock->host, error, sizeof error);
    if (rc != 0)
        phub__strategy_free(&mock->strategy);
    return rc;
}

void mock_close(struct mock *mock)
{
    phub__strategy_free(&mock->strategy);
}

void mock_world_fini(struct mock_world *world)
{
    uint32_t i;

    for (i = 0; i < world->nodes_count; i++) {
        struct mock *mock = world->nodes[i];

        mock_close(mock);
        host_view_unref(mock->view);
        free(mock->children);
        free(mock->moves);
    }
    while (world->heap_count > 0) {
        struct mock_event event = event_take(world);

        if (event.message != NULL)
            host_buf_unref(event.message);
    }
    for (i = 0; i < world->nodes_count; i++)
        free(world->nodes[i]);
    free(world->heap);
    phub__loader_free(&world->loader);
    ck_assert_msg(world->violations == 0, "%s", world->violation);
    ck_assert_msg(world->bufs == 0, "%d buffers not given back", world->bufs);
    ck_assert_msg(world->views == 0, "%d views not given back", world->views);
}
