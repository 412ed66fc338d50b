/* SPDX-License-Identifier: MIT */
/* future: start, stop and move from any thread, and awaiting their results.
 *
 * The caller's thread copies what it was given (specs are encoded here, so
 * that a million of them cost the hub's thread nothing) and asks; the hub's
 * thread hands the batch to command.c and fills the answers in when that is
 * done.  A future has at most two holders, the caller and the hub; the last
 * one frees it.  Once complete it never changes again, so whoever has seen
 * that reads answers without the lock. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <phub/error.h>

#include "child/spec.h"
#include "hub/command.h"
#include "hub/embed.h"
#include "hub/request.h"
#include "wire/memory.h"

#define FUTURE_MAGIC 0x19f5c2a7u
#define TIMEOUT_DEFAULT_MS 10000u
#define NUMBER "%d"   /* of a child that is many, in its id */

struct answer {
    int32_t code;
    uint64_t node;
    int64_t pid;
    uint64_t version;
    const char *id, *node_name, *text;
};

struct phub_future {
    uint32_t magic;
    enum phub__op op;
    struct phub__ask ask;
    struct phub_future *prev, *next;  /* of the hub */
    struct phub_hub *hub;             /* while the hub holds it */
    pthread_mutex_t lock;
    pthread_cond_t over;
    int refs;                         /* lock */
    int complete;                     /* lock */
    int failed;
    size_t count;
    struct answer *answers;
    struct phub__arena arena;         /* what answers point to */
    struct phub__arena work;          /* what is asked, until it is */
    uint32_t timeout_ms;
    int rollback;
    struct phub__command_child *children;
    struct phub_bytes *ids;
    const char *target;
    struct phub__list pairs;
    uint64_t version;
};

/* --- life --------------------------------------------------------------------- */

static void unref(struct phub_future *future)
{
    int refs;

    pthread_mutex_lock(&future->lock);
    refs = --future->refs;
    pthread_mutex_unlock(&future->lock);
    if (refs != 0)
        return;
    phub__arena_fini(&future->work);
    phub__arena_fini(&future->arena);
    phub__free(future->answers);
    pthread_cond_destroy(&future->over);
    pthread_mutex_destroy(&future->lock);
    future->magic = 0;
    phub__free(future);
}

static struct phub_future *future_new(struct phub_hub *hub, enum phub__op op,
                                      size_t count, uint32_t timeout_ms)
{
    struct phub_future *future = phub__calloc(1, sizeof *future);

    if (future == NULL)
        return NULL;
    future->answers = phub__calloc(count, sizeof *future->answers);
    if (future->answers == NULL || phub__embed_cond_init(&future->over) != 0) {
        phub__free(future->answers);
        phub__free(future);
        return NULL;
    }
    pthread_mutex_init(&future->lock, NULL);
    phub__arena_init(&future->arena, NULL, 0, SIZE_MAX / 2);
    phub__arena_init(&future->work, NULL, 0, SIZE_MAX / 2);
    future->magic = FUTURE_MAGIC;
    future->op = op;
    future->hub = hub;
    future->refs = 1;
    future->count = count;
    future->timeout_ms = timeout_ms != 0 ? timeout_ms : TIMEOUT_DEFAULT_MS;
    return future;
}

/* The list is the hub's thread's, until that is joined. */
static void list_add(struct phub_hub *hub, struct phub_future *future)
{
    future->prev = NULL;
    future->next = hub->futures;
    if (future->next != NULL)
        future->next->prev = future;
    hub->futures = future;
}

static void list_remove(struct phub_hub *hub, struct phub_future *future)
{
    if (future->next != NULL)
        future->next->prev = future->prev;
    if (future->prev != NULL)
        future->prev->next = future->next;
    else
        hub->futures = future->next;
}

/* The hub has no more to say: complete it and drop the hub's hold. */
static void let_go(struct phub_hub *hub, struct phub_future *future)
{
    list_remove(hub, future);
    unref(future);
}

static void complete(struct phub_future *future)
{
    size_t i;

    pthread_mutex_lock(&future->lock);
    for (i = 0; i < future->count; i++)
        if (future->answers[i].code != 0)
            future->failed = 1;
    future->complete = 1;
    pthread_cond_broadcast(&future->over);
    pthread_mutex_unlock(&future->lock);
}

/* All answers are the same, because nothing was begun, or nobody will know. */
static void complete_all(struct phub_future *future, int rc, const char *text)
{
    size_t i;

    for (i = 0; i < future->count; i++) {
        future->answers[i].code = rc;
        future->answers[i].text = text;
        future->answers[i].node_name = "";
    }
    complete(future);
}

/* --- on the hub's thread ---------------------------------------------------------- */

static const char *keep(struct phub__arena *arena, const char *text,
                        size_t size)
{
    char *copy = phub__arena_alloc(arena, size + 1, 1);

    if (copy == NULL)
        return NULL;
    memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

static void done(void *arg, struct phub__request *request)
{
    struct phub_future *future = arg;
    struct phub_hub *hub = future->hub;
    const char *name = "";
    uint64_t named = 0;
    uint32_t i;

    if (future->complete) { /* shut; only this thread sets it */
        let_go(hub, future);
        return;
    }
    for (i = 0; i < request->count && i < future->count; i++) {
        const struct phub__request_item *item = &request->items[i];
        struct answer *answer = &future->answers[i];
        const char *text = item->text;

        answer->code = item->code;
        answer->node = item->answered_by != 0 ? item->answered_by
                                              : item->node;
        answer->pid = item->pid;
        answer->version = future->op == PHUB__OP_EDIT ? item->value : 0;
        if (answer->node != named) {
            const char *known = phub__hub_name_of(hub->hub, answer->node);

            named = answer->node;
            name = keep(&future->arena, known, strlen(known));
        }
        answer->node_name = name != NULL ? name : "";
        if (text == NULL)
            text = item->code != 0 ? phub_strerror(item->code) : "";
        else if (text[0] != '\0')
            text = keep(&future->arena, text, strlen(text));
        answer->text = text != NULL ? text : phub_strerror(item->code);
    }
    complete(future);
    let_go(hub, future);
}

static int begin(struct phub_future *future)
{
    struct phub__hub *hub = future->hub->hub;
    uint32_t count = (uint32_t)future->count;
    uint64_t target;
    char text[PHUB_NODE_NAME_MAX + 64];
    const char *kept;

    switch (future->op) {
    case PHUB__OP_START:
        return phub__command_start(hub, future->children, count,
                                   future->rollback, future->timeout_ms, done,
                                   future);
    case PHUB__OP_STOP:
        return phub__command_stop(hub, future->ids, count, future->timeout_ms,
                                  done, future);
    case PHUB__OP_EDIT:
        return phub__command_edit(hub, future->ids[0], &future->pairs, 0,
                                  future->version, future->timeout_ms, done,
                                  future);
    default:
        break;
    }
    target = phub__hub_node_by_name(hub, future->target);
    if (target != 0)
        return phub__command_move(hub, future->ids, count, target, 0,
                                  future->timeout_ms, done, future);
    snprintf(text, sizeof text, "no node of this hub is called '%.*s'",
             (int)PHUB_NODE_NAME_MAX, future->target);
    kept = keep(&future->arena, text, strlen(text));
    complete_all(future, PHUB_ENOTFOUND, kept != NULL ? kept : "");
    return PHUB_ENOTFOUND;
}

static void future_run(struct phub_hub *hub, struct phub__ask *ask)
{
    struct phub_future *future =
        (struct phub_future *)((char *)ask - offsetof(struct phub_future,
                                                      ask));
    int rc;

    list_add(hub, future);
    rc = begin(future);

    phub__arena_fini(&future->work); /* the request has copies */
    if (rc == 0)
        return;
    if (!future->complete)
        complete_all(future, rc, phub_strerror(rc));
    let_go(hub, future);
}

static void future_cancel(struct phub_hub *hub, struct phub__ask *ask)
{
    struct phub_future *future =
        (struct phub_future *)((char *)ask - offsetof(struct phub_future,
                                                      ask));

    (void)hub;
    complete_all(future, PHUB_ESHUTDOWN, phub_strerror(PHUB_ESHUTDOWN));
    unref(future);
}

/* Still listed: their requests end with the hub, and find them complete. */
void phub__futures_shut(struct phub_hub *hub)
{
    struct phub_future *future;

    for (future = hub->futures; future != NULL; future = future->next)
        if (!future->complete)
            complete_all(future, PHUB_ESHUTDOWN,
                         phub_strerror(PHUB_ESHUTDOWN));
}

void phub__futures_drop(struct phub_hub *hub)
{
    while (hub->futures != NULL)
        let_go(hub, hub->futures);
}

/* --- asking --------------------------------------------------------------------- */

/* Takes the future on success only. */
static int submit(struct phub_hub *hub, struct phub_future *future,
                  struct phub_future **result)
{
    int rc;

    future->ask = (struct phub__ask){ NULL, future_run, future_cancel };
    if (result != NULL)
        future->refs++;
    rc = phub__embed_ask(hub, &future->ask);
    if (rc != 0) {
        future->refs = 1;
        return rc;
    }
    if (result != NULL)
        *result = future;
    return 0;
}

static struct phub_bytes copy_text(struct phub__arena *arena, const char *text)
{
    size_t size = strlen(text);
    const char *copy = keep(arena, text, size);

    return copy == NULL ? PHUB_BYTES_NONE
         : (struct phub_bytes){ (const uint8_t *)copy, size };
}

static struct phub_bytes text_of(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text,
                                text != NULL ? strlen(text) : 0 };
}

static struct phub__list texts_of(struct phub__arena *arena,
                                  const char *const *texts, size_t count)
{
    struct phub_bytes *items;
    size_t i;

    if (count == 0)
        return (struct phub__list){ NULL, 0 };
    items = phub__arena_alloc(arena, count, sizeof *items);
    for (i = 0; items != NULL && i < count; i++)
        items[i] = copy_text(arena, texts[i]);
    return (struct phub__list){ items,
                                items != NULL ? (uint32_t)count : 0 };
}

static struct phub__list pairs_of(struct phub__arena *arena,
                                  const struct phub_pair *pairs, size_t count)
{
    struct phub__op_pair *items;
    size_t i;

    if (count == 0)
        return (struct phub__list){ NULL, 0 };
    items = phub__arena_alloc(arena, count, sizeof *items);
    for (i = 0; items != NULL && i < count; i++) {
        items[i].key = copy_text(arena, pairs[i].key);
        items[i].value = copy_text(arena, pairs[i].value);
    }
    return (struct phub__list){ items,
                                items != NULL ? (uint32_t)count : 0 };
}

static int has_commands(const struct phub_child *child)
{
    return child->state_get != NULL || child->state_put != NULL ||
           child->freeze != NULL || child->thaw != NULL ||
           child->health != NULL;
}

static int check(const struct phub_child *child)
{
    size_t i;

    if (child->id == NULL || child->restart > PHUB_RESTART_TEMPORARY ||
        (child->behaviour != NULL) == (child->argv != NULL) ||
        (child->behaviour != NULL && has_commands(child)) ||
        (child->count != 0 && strstr(child->id, NUMBER) == NULL) ||
        (child->argument == NULL && child->argument_size != 0) ||
        (child->metadata == NULL && child->metadata_count != 0) ||
        (child->tags == NULL && child->tags_count != 0))
        return PHUB_EINVAL;
    if (child->metadata_count > PHUB_METADATA_MAX ||
        child->tags_count > PHUB_TAGS_MAX)
        return PHUB_ELIMIT;
    for (i = 0; i < child->metadata_count; i++)
        if (child->metadata[i].key == NULL ||
            child->metadata[i].value == NULL)
            return PHUB_EINVAL;
    for (i = 0; i < child->tags_count; i++)
        if (child->tags[i] == NULL)
            return PHUB_EINVAL;
    return 0;
}

/* What ends with NULL. */
static struct phub__list command_of(struct phub__arena *arena,
                                    const char *const *argv)
{
    size_t n = 0;

    while (argv != NULL && argv[n] != NULL)
        n++;
    return texts_of(arena, argv, n);
}

static int encode(const struct phub_child *child, struct phub__arena *arena,
                  struct phub__builder *builder, struct phub_bytes *bytes)
{
    struct phub__spec spec = { .runner = text_of("actor"),
                               .behaviour = text_of(child->behaviour),
                               .restart = child->restart };
    uint8_t *copy;
    int rc;

    spec.argument = (struct phub_bytes){ child->argument,
                                         child->argument_size };
    if (child->argv != NULL) {
        spec.runner = text_of("exec");
        spec.ready = child->ready != 0;
        spec.argv = command_of(arena, child->argv);
        spec.cmd_state_get = command_of(arena, child->state_get);
        spec.cmd_state_put = command_of(arena, child->state_put);
        spec.cmd_freeze = command_of(arena, child->freeze);
        spec.cmd_thaw = command_of(arena, child->thaw);
        spec.cmd_health = command_of(arena, child->health);
    }
    phub__builder_reset(builder);
    rc = phub__encode(&phub__spec_schema, &spec, builder);
    if (rc != 0)
        return rc;
    copy = phub__arena_alloc(arena, builder->size, 1);
    if (copy == NULL)
        return PHUB_ENOMEM;
    memcpy(copy, builder->data, builder->size);
    *bytes = (struct phub_bytes){ copy, builder->size };
    return 0;
}

/* The caller's struct may be older and shorter than ours: its size is the
 * stride of the array. */
static int child_at(const struct phub_child *children, size_t index,
                    struct phub_child *child)
{
    size_t stride = children->size;
    const char *at = (const char *)children + index * stride;

    memset(child, 0, sizeof *child);
    memcpy(child, at, stride < sizeof *child ? stride : sizeof *child);
    return child->size == stride ? check(child) : PHUB_EINVAL;
}

/* How many children that is; a child's count makes one entry many. */
static int count_all(const struct phub_child *children, size_t count,
                     size_t *total)
{
    struct phub_child child;
    size_t i;
    int rc;

    *total = 0;
    for (i = 0; i < count; i++) {
        rc = child_at(children, i, &child);
        if (rc != 0)
            return rc;
        *total += child.count != 0 ? child.count : 1u;
        if (*total > PHUB_BATCH_MAX)
            return PHUB_ELIMIT;
    }
    return 0;
}

/* The id of the number-th one of many. */
static struct phub_bytes numbered(struct phub__arena *arena, const char *id,
                                  uint32_t number)
{
    const char *at = strstr(id, NUMBER);
    size_t size = strlen(id) + 10; /* digits of 2^32 */
    char *text = phub__arena_alloc(arena, size, 1);
    int used;

    if (text == NULL)
        return PHUB_BYTES_NONE;
    used = snprintf(text, size, "%.*s%u%s", (int)(at - id), id, number,
                    at + strlen(NUMBER));
    return (struct phub_bytes){ (const uint8_t *)text, (size_t)used };
}

/* One entry: the children at index and up, which share all but their ids. */
static int fill_entry(struct phub_future *future, size_t *index,
                      const struct phub_child *child,
                      struct phub__builder *builder)
{
    struct phub__arena *work = &future->work;
    struct phub__command_child like = {
        .metadata = pairs_of(work, child->metadata, child->metadata_count),
        .tags = texts_of(work, child->tags, child->tags_count),
        .durable = child->durable != 0,
        .sticky = child->sticky != 0 };
    int rc = encode(child, work, builder, &like.spec);
    uint32_t n;

    for (n = 1; rc == 0 && n <= (child->count != 0 ? child->count : 1u); n++) {
        struct phub__command_child *to = &future->children[*index];

        *to = like;
        to->id = child->count != 0 ? numbered(&future->arena, child->id, n)
                                   : copy_text(&future->arena, child->id);
        future->answers[(*index)++].id = (const char *)to->id.data;
    }
    return rc;
}

static int fill(struct phub_future *future, const struct phub_child *children,
                size_t count)
{
    struct phub__builder builder;
    struct phub_child child;
    size_t i, index = 0;
    int rc = 0;

    future->children = phub__arena_alloc(&future->work, future->count,
                                         sizeof *future->children);
    if (future->children == NULL)
        return PHUB_ENOMEM;
    phub__builder_init(&builder, PHUB__SPEC_SIZE_MAX);
    for (i = 0; i < count && rc == 0; i++) {
        rc = child_at(children, i, &child);
        if (rc == 0)
            rc = fill_entry(future, &index, &child, &builder);
    }
    phub__builder_fini(&builder);
    if (rc == 0 && (future->work.error != 0 || future->arena.error != 0))
        rc = PHUB_ENOMEM;
    return rc;
}

int phub_start(struct phub_hub *hub, const struct phub_child *children,
               size_t count, uint32_t flags, uint32_t timeout_ms,
               struct phub_future **result)
{
    struct phub_future *future;
    size_t total;
    int rc;

    if (hub == NULL || hub->magic != PHUB__EMBED_MAGIC ||
        (flags & ~PHUB_START_ROLLBACK) != 0)
        return PHUB_EINVAL;
    if (count == 0)
        return PHUB_EEMPTY;
    if (children == NULL ||
        children->size < offsetof(struct phub_child, metadata))
        return PHUB_EINVAL;
    if (count > PHUB_BATCH_MAX)
        return PHUB_ELIMIT;
    rc = count_all(children, count, &total);
    if (rc != 0)
        return rc;
    future = future_new(hub, PHUB__OP_START, total, timeout_ms);
    if (future == NULL)
        return PHUB_ENOMEM;
    future->rollback = (flags & PHUB_START_ROLLBACK) != 0;
    rc = fill(future, children, count);
    if (rc == 0)
        rc = submit(hub, future, result);
    if (rc != 0)
        unref(future);
    return rc;
}

static int by_ids(struct phub_hub *hub, enum phub__op op,
                  const char *const *ids, size_t count, const char *target,
                  uint32_t timeout_ms, struct phub_future **result)
{
    struct phub_future *future;
    size_t i;
    int rc = 0;

    if (hub == NULL || hub->magic != PHUB__EMBED_MAGIC)
        return PHUB_EINVAL;
    if (count == 0)
        return PHUB_EEMPTY;
    if (ids == NULL)
        return PHUB_EINVAL;
    if (count > PHUB_BATCH_MAX)
        return PHUB_ELIMIT;
    future = future_new(hub, op, count, timeout_ms);
    if (future == NULL)
        return PHUB_ENOMEM;
    future->ids = phub__arena_alloc(&future->work, count, sizeof *future->ids);
    if (future->ids == NULL)
        rc = PHUB_ENOMEM;
    for (i = 0; i < count && rc == 0; i++) {
        if (ids[i] == NULL) {
            rc = PHUB_EINVAL;
            break;
        }
        future->ids[i] = copy_text(&future->arena, ids[i]);
        future->answers[i].id = (const char *)future->ids[i].data;
    }
    if (target != NULL)
        future->target = (const char *)copy_text(&future->arena, target).data;
    if (rc == 0 && future->arena.error != 0)
        rc = PHUB_ENOMEM;
    if (rc == 0)
        rc = submit(hub, future, result);
    if (rc != 0)
        unref(future);
    return rc;
}

int phub_stop(struct phub_hub *hub, const char *const *ids, size_t count,
              uint32_t timeout_ms, struct phub_future **future)
{
    return by_ids(hub, PHUB__OP_STOP, ids, count, NULL, timeout_ms, future);
}

int phub_move(struct phub_hub *hub, const char *id, const char *node,
              uint32_t timeout_ms, struct phub_future **future)
{
    if (id == NULL || node == NULL)
        return PHUB_EINVAL;
    return by_ids(hub, PHUB__OP_MOVE, &id, 1, node, timeout_ms, future);
}

int phub_metadata_set(struct phub_hub *hub, const char *id,
                      const struct phub_pair *pairs, size_t count,
                      uint64_t version, uint32_t timeout_ms,
                      struct phub_future **result)
{
    struct phub_child like = { .id = id, .behaviour = "", .metadata = pairs,
                               .metadata_count = count };
    struct phub_future *future;
    int rc;

    if (hub == NULL || hub->magic != PHUB__EMBED_MAGIC)
        return PHUB_EINVAL;
    if (count == 0)
        return PHUB_EEMPTY;
    rc = check(&like);
    if (rc != 0)
        return rc;
    future = future_new(hub, PHUB__OP_EDIT, 1, timeout_ms);
    if (future == NULL)
        return PHUB_ENOMEM;
    future->pairs = pairs_of(&future->work, pairs, count);
    future->version = version;
    future->ids = phub__arena_alloc(&future->work, 1, sizeof *future->ids);
    if (future->ids != NULL)
        future->ids[0] = copy_text(&future->arena, id);
    if (future->work.error != 0 || future->arena.error != 0) {
        unref(future);
        return PHUB_ENOMEM;
    }
    future->answers[0].id = (const char *)future->ids[0].data;
    rc = submit(hub, future, result);
    if (rc != 0)
        unref(future);
    return rc;
}

/* --- awaiting ------------------------------------------------------------------- */

static int is_complete(const struct phub_future *future)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&future->lock;
    int complete;

    pthread_mutex_lock(lock);
    complete = future->complete;
    pthread_mutex_unlock(lock);
    return complete;
}

int phub_future_wait(struct phub_future *future, uint32_t timeout_ms)
{
    struct timespec until;
    int rc = 0;

    if (future == NULL || future->magic != FUTURE_MAGIC)
        return PHUB_EINVAL;
    phub__embed_until(&until, timeout_ms);
    pthread_mutex_lock(&future->lock);
    while (!future->complete && rc == 0)
        rc = pthread_cond_timedwait(&future->over, &future->lock, &until);
    if (!future->complete)
        rc = PHUB_ETIMEDOUT;
    else
        rc = future->failed ? PHUB_EFAILED : 0;
    pthread_mutex_unlock(&future->lock);
    return rc;
}

int phub_future_answer(const struct phub_future *future, size_t index,
                       struct phub_answer *answer)
{
    struct phub_answer full = { .size = sizeof full };
    const struct answer *from;

    if (future == NULL || future->magic != FUTURE_MAGIC || answer == NULL ||
        answer->size < offsetof(struct phub_answer, node))
        return PHUB_EINVAL;
    if (index >= future->count)
        return PHUB_ENOTFOUND;
    if (!is_complete(future))
        return PHUB_EAGAIN;
    from = &future->answers[index];
    full.code = from->code;
    full.node = from->node;
    full.pid = from->pid;
    full.id = from->id;
    full.node_name = from->node_name;
    full.text = from->text;
    full.version = from->version;
    if (answer->size < full.size)
        full.size = answer->size;
    memcpy(answer, &full, full.size);
    return 0;
}

size_t phub_future_count(const struct phub_future *future)
{
    return future != NULL && future->magic == FUTURE_MAGIC ? future->count : 0;
}

int phub_future_finish(struct phub_future **future, uint32_t timeout_ms)
{
    int rc = future != NULL ? phub_future_wait(*future, timeout_ms)
                            : PHUB_EINVAL;

    phub_future_free(future);
    return rc;
}

void phub_future_free(struct phub_future **result)
{
    struct phub_future *future;

    if (result == NULL || *result == NULL)
        return;
    future = *result;
    if (future->magic != FUTURE_MAGIC)
        return;
    *result = NULL;
    unref(future);
}
