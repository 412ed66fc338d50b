/* SPDX-License-Identifier: MIT */
/* reclaim: free what readers on other threads may still see.
 *
 * What the hub retires in one turn is one batch.  A worker waits for a grace
 * period of urcu-bp, then the hub's thread calls the free functions, a bounded
 * number a turn: they may touch what only that thread may.  One batch waits at
 * a time, the next gathers meanwhile.  With RETIRED_MAX gathered, or without
 * memory, the grace period is waited for in place; it is as long as the
 * longest read section, which is a look-up.  (Desnoyers et al. 2012.) */
#include "config.h"



#include <urcu-bp.h>

#include <phub/error.h>

#include "env/real/private.h"
#include "wire/assert.h"
#include "wire/memory.h"

#define RETIRED_MAX 1048576u
#define FREED_PER_TURN_MAX 8192u

/* ThreadSanitizer does not see how liburcu orders the end of a read section
 * before the end of a grace period: for it alone, an atomic says so. */
#if defined(__SANITIZE_THREAD__)
#include <stdatomic.h>
static atomic_uint reads_over;
#define READ_OVER() \
    ((void)atomic_fetch_add_explicit(&reads_over, 1, memory_order_release))
#define GRACE_OVER() \
    ((void)atomic_load_explicit(&reads_over, memory_order_acquire))
#else
#define READ_OVER() ((void)0)
#define GRACE_OVER() ((void)0)
#endif

struct retired {
    void *ptr;
    void (*free_fn)(void *ptr);
};

struct batch {
    struct retired *items;
    uint32_t size;
    uint32_t count;
    uint32_t freed;
};

struct phub__real_reclaim {
    struct phub__env_real *real;
    uv_work_t work;
    struct batch gathering;
    struct batch waiting; /* with the worker, or being freed */
    bool busy;   /* waiting is not empty */
    bool graced; /* and its grace period is over */
};

static bool batch_push(struct batch *batch, struct retired item)
{
    if (batch->count == batch->size) {
        uint32_t size = batch->size > 0 ? batch->size * 2 : 64;
        struct retired *items = phub__realloc(batch->items, size * sizeof *items);

        if (items == NULL)
            return false;
        batch->items = items;
        batch->size = size;
    }
    batch->items[batch->count++] = item;
    return true;
}

static void batch_free(struct batch *batch, uint32_t count_max)
{
    while (batch->freed < batch->count && count_max > 0) {
        struct retired *item = &batch->items[batch->freed++];

        item->free_fn(item->ptr);
        count_max--;
    }
    if (batch->freed == batch->count) {
        batch->count = 0;
        batch->freed = 0;
    }
}

static void on_grace(uv_work_t *work)
{
    (void)work;
    urcu_bp_synchronize_rcu();
}

static void on_grace_over(uv_work_t *work, int status)
{
    struct phub__real_reclaim *reclaim = work->data;
    struct phub__env_real *real = reclaim->real;

    (void)status;
    reclaim->graced = true;
    phub__real_awake(real);
    phub__real_request_end(real);
}

static void retire(struct phub_env *env, void *ptr, void (*free_fn)(void *))
{
    struct phub__real_reclaim *reclaim = phub__real_of(env)->reclaim;

    phub__assert(free_fn != NULL);
    if (ptr == NULL)
        return;
    if (reclaim->gathering.count < RETIRED_MAX &&
        batch_push(&reclaim->gathering, (struct retired){ ptr, free_fn }))
        return;
    urcu_bp_synchronize_rcu();
    GRACE_OVER();
    free_fn(ptr);
    batch_free(&reclaim->gathering, UINT32_MAX);
}

void phub__real_reclaim_flush(struct phub__env_real *real)
{
    struct phub__real_reclaim *reclaim = real->reclaim;
    struct batch empty;

    if (reclaim == NULL || reclaim->busy || reclaim->gathering.count == 0 ||
        real->freed)
        return;
    empty = reclaim->waiting;
    reclaim->waiting = reclaim->gathering;
    reclaim->gathering = empty;
    if (uv_queue_work(real->loop, &reclaim->work, on_grace,
                      on_grace_over) != 0) {
        urcu_bp_synchronize_rcu();
        GRACE_OVER();
        batch_free(&reclaim->waiting, UINT32_MAX);
        return;
    }
    reclaim->busy = true;
    real->requests++;
}

void phub__real_reclaim_prepare(struct phub__env_real *real)
{
    struct phub__real_reclaim *reclaim = real->reclaim;

    if (!reclaim->graced)
        return;
    GRACE_OVER();
    batch_free(&reclaim->waiting, FREED_PER_TURN_MAX);
    if (reclaim->waiting.count == 0) {
        reclaim->busy = false;
        reclaim->graced = false;
    } else
        phub__real_awake(real);
}

static void read_lock(struct phub_env *env)
{
    (void)env;
    urcu_bp_read_lock();
}

static void read_unlock(struct phub_env *env)
{
    (void)env;
    READ_OVER();
    urcu_bp_read_unlock();
}

int phub__real_reclaim_init(struct phub__env_real *real)
{
    struct phub__real_reclaim *reclaim = phub__calloc(1, sizeof *reclaim);

    if (reclaim == NULL)
        return PHUB_ENOMEM;
    reclaim->real = real;
    reclaim->work.data = reclaim;
    real->reclaim = reclaim;
    real->env.retire = retire;
    real->env.read_lock = read_lock;
    real->env.read_unlock = read_unlock;
    return 0;
}

/* No worker has a batch any more. */
void phub__real_reclaim_fini(struct phub__env_real *real)
{
    struct phub__real_reclaim *reclaim = real->reclaim;

    if (reclaim == NULL)
        return;
    if (reclaim->waiting.count > 0 || reclaim->gathering.count > 0)
        urcu_bp_synchronize_rcu();
    GRACE_OVER();
    batch_free(&reclaim->waiting, UINT32_MAX);
    batch_free(&reclaim->gathering, UINT32_MAX);
    phub__free(reclaim->waiting.items);
    phub__free(reclaim->gathering.items);
    phub__free(reclaim);
    real->reclaim = NULL;
}
