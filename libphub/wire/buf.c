/* SPDX-License-Identifier: MIT */
/* buf: counted bytes and their builder.
 *
 * Own bytes lie behind the struct, in the same allocation; a builder grows
 * such an allocation, so that taking the buffer copies nothing.  A builder's
 * capacity never exceeds its size_max: what fits is allowed. */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include <phub/error.h>

#include "wire/assert.h"
#include "wire/buf.h"
#include "wire/memory.h"

#define BUF_MAGIC 0x62756631u
#define BUILDER_SIZE_MIN 128u /* bytes of the first allocation */
#define BUILDER_WASTE_MAX 256u /* unused bytes that take() leaves as they are */

static void buf_init(struct phub_buf *buf, void *data, size_t size)
{
    buf->data = data;
    buf->size = size;
    buf->free_fn = NULL;
    buf->arg = NULL;
    atomic_init(&buf->refs, 1);
    buf->magic = BUF_MAGIC;
    buf->version = 0;
}

struct phub_buf *phub__buf_new(size_t size)
{
    struct phub_buf *buf;

    if (size > SIZE_MAX - sizeof *buf)
        return NULL;
    buf = phub__malloc(sizeof *buf + size);
    if (buf != NULL)
        buf_init(buf, buf + 1, size);
    return buf;
}

struct phub_buf *phub__buf_copy(const void *data, size_t size)
{
    struct phub_buf *buf = phub__buf_new(size);

    if (buf != NULL && size > 0)
        memcpy(buf->data, data, size);
    return buf;
}

struct phub_buf *phub__buf_wrap(void *data, size_t size,
                                void (*free_fn)(void *arg), void *arg)
{
    struct phub_buf *buf = phub__malloc(sizeof *buf);

    if (buf == NULL)
        return NULL;
    buf_init(buf, data, size);
    buf->free_fn = free_fn;
    buf->arg = arg;
    return buf;
}

static void unref_whole(void *arg)
{
    struct phub_buf *whole = arg;

    phub__buf_unref(&whole);
}

struct phub_buf *phub__buf_slice(struct phub_buf *whole, size_t offset,
                                 size_t size)
{
    struct phub_buf *buf;

    phub__assert(offset <= whole->size && size <= whole->size - offset);
    buf = phub__buf_wrap(whole->data + offset, size, unref_whole, whole);
    if (buf != NULL)
        phub__buf_ref(whole);
    return buf;
}

struct phub_buf *phub__buf_ref(struct phub_buf *buf)
{
    unsigned before;

    if (buf == NULL)
        return NULL;
    phub__assert(buf->magic == BUF_MAGIC);
    before = atomic_fetch_add_explicit(&buf->refs, 1, memory_order_relaxed);
    phub__assert(before > 0 && before < UINT32_MAX / 2);
    return buf;
}

void phub__buf_unref(struct phub_buf **pointer)
{
    struct phub_buf *buf = *pointer;
    unsigned before;

    *pointer = NULL;
    if (buf == NULL)
        return;
    phub__assert(buf->magic == BUF_MAGIC);
    before = atomic_fetch_sub_explicit(&buf->refs, 1, memory_order_acq_rel);
    phub__assert(before > 0);
    if (before > 1)
        return;
    if (buf->free_fn != NULL)
        buf->free_fn(buf->arg);
    buf->magic = 0;
    phub__free(buf);
}

/* --- builder -------- */

void phub__builder_init(struct phub__builder *b, size_t size_max)
{
    memset(b, 0, sizeof *b);
    b->size_max = size_max;
}

void phub__builder_fini(struct phub__builder *b)
{
    phub__free(b->buf);
    phub__builder_init(b, b->size_max);
}

void phub__builder_init_fixed(struct phub__builder *b, void *data,
                              size_t size)
{
    phub__builder_init(b, size);
    b->data = data;
    b->capacity = size;
}

void phub__builder_reset(struct phub__builder *b)
{
    b->size = 0;
    b->error = 0;
}

/* Give the allocation room for capacity bytes; false leaves it as it was. */
static bool resize(struct phub__builder *b, size_t capacity)
{
    struct phub_buf *buf;

    if (capacity > SIZE_MAX - sizeof *buf)
        return false;
    buf = phub__realloc(b->buf, sizeof *buf + capacity);
    if (buf == NULL)
        return false;
    b->buf = buf;
    b->data = (uint8_t *)(buf + 1);
    b->capacity = capacity;
    return true;
}

uint8_t *phub__builder_grow(struct phub__builder *b, size_t size)
{
    size_t capacity = b->capacity < BUILDER_SIZE_MIN / 2
        ? BUILDER_SIZE_MIN / 2 : b->capacity;

    if (b->error != 0)
        return NULL;
    if (b->size > b->size_max || size > b->size_max - b->size) {
        b->error = PHUB_ELIMIT;
        return NULL;
    }
    if (b->data == NULL || size > b->capacity - b->size) {
        capacity = capacity > SIZE_MAX / 2 ? SIZE_MAX : capacity * 2;
        if (capacity > b->size_max)
            capacity = b->size_max;
        if (capacity < b->size + size)
            capacity = b->size + size;
        if (!resize(b, capacity)) {
            b->error = PHUB_ENOMEM;
            return NULL;
        }
    }
    return b->data + b->size;
}

int phub__builder_append(struct phub__builder *b, const void *data,
                         size_t size)
{
    uint8_t *to;

    if (size == 0)
        return b->error;
    to = phub__builder_reserve(b, size);
    if (to != NULL) {
        memcpy(to, data, size);
        b->size += size;
    }
    return b->error;
}

int phub__builder_take(struct phub__builder *b, struct phub_buf **buf)
{
    if (b->error != 0)
        return b->error;
    if (b->buf == NULL) {
        *buf = phub__buf_copy(b->data, b->size);
        if (*buf == NULL)
            return PHUB_ENOMEM;
        b->size = 0;
        return 0;
    }
    if (b->capacity - b->size > BUILDER_WASTE_MAX + b->size / 8)
        (void)resize(b, b->size);
    buf_init(b->buf, b->data, b->size);
    *buf = b->buf;
    b->buf = NULL;
    phub__builder_init(b, b->size_max);
    return 0;
}
