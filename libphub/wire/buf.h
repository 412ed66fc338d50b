/* SPDX-License-Identifier: MIT */
/* buf: counted bytes that do not change any more, and how they grow.
 *
 * A buffer is filled by whoever made it and then shared: from the first
 * phub__buf_ref() or hand-over on, nobody writes to it.  The count is atomic,
 * because workers and ZeroMQ's threads give references back.
 *
 *     struct phub__builder b;
 *     struct phub_buf *buf = NULL;
 *     phub__builder_init(&b, PHUB__FRAME_MAX);
 *     phub__builder_append(&b, "a", 1);      look at no result
 *     rc = phub__builder_take(&b, &buf);     0: buf owns the bytes
 *     phub__builder_fini(&b);
 */
#ifndef PHUB__WIRE_BUF_H
#define PHUB__WIRE_BUF_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <phub/types.h>

struct phub_buf {
    uint8_t *data;   /* const once shared */
    size_t size;
    void (*free_fn)(void *arg);  /* of wrapped bytes and slices */
    void *arg;
    atomic_uint refs;
    uint32_t magic;
    uint32_t version;  /* of a child's state; 0 = it told none */
};

/* Make a buffer of size bytes, not initialised, with one reference.
 * NULL if out of memory. */
struct phub_buf *phub__buf_new(size_t size);

/* The same, filled with a copy of data (may be NULL if size is 0). */
struct phub_buf *phub__buf_copy(const void *data, size_t size);

/* Wrap bytes that somebody else holds (a zmq_msg_t, a mapped file):
 * free_fn(arg) is called with the last unref, on whatever thread that is.
 * NULL if out of memory; free_fn is not called then. */
struct phub_buf *phub__buf_wrap(void *data, size_t size,
                                void (*free_fn)(void *arg), void *arg);

/* Make a buffer of a part of whole; it holds a reference to it.
 * NULL if out of memory. */
struct phub_buf *phub__buf_slice(struct phub_buf *whole, size_t offset,
                                 size_t size);

/* Take one more reference, and give it for convenience.  NULL is allowed.
 * Thread: any. */
struct phub_buf *phub__buf_ref(struct phub_buf *buf);

/* Give one reference back and null the caller's pointer; *buf may be NULL.
 * Thread: any. */
void phub__buf_unref(struct phub_buf **buf);

/* Borrow the bytes; buf may be NULL (no bytes). */
static inline struct phub_bytes phub__buf_bytes(const struct phub_buf *buf)
{
    if (buf == NULL)
        return PHUB_BYTES_NONE;
    return (struct phub_bytes){ buf->data, buf->size };
}

/* A buffer that grows.  The first failure stays in error: PHUB_ENOMEM, or
 * PHUB_ELIMIT above size_max.  Later calls change nothing then. */
struct phub__builder {
    struct phub_buf *buf;
    uint8_t *data;      /* of buf; NULL before the first byte */
    size_t size;
    size_t capacity;
    size_t size_max;
    int error;
};

/* Start; nothing is allocated yet. */
void phub__builder_init(struct phub__builder *b, size_t size_max);
void phub__builder_fini(struct phub__builder *b);

/* Start over size bytes of the caller's, borrowed until fini: nothing is
 * ever allocated, except by take, which copies. */
void phub__builder_init_fixed(struct phub__builder *b, void *data,
                              size_t size);

/* Forget bytes and error; keep the memory. */
void phub__builder_reset(struct phub__builder *b);

/* The slow path of reserve. */
uint8_t *phub__builder_grow(struct phub__builder *b, size_t size);

/* Make room for size bytes more and give where they go; NULL on failure.
 * They count once phub__builder_advance() says so. */
static inline uint8_t *phub__builder_reserve(struct phub__builder *b,
                                             size_t size)
{
    if (b->error == 0 && size <= b->capacity - b->size && b->data != NULL)
        return b->data + b->size;
    return phub__builder_grow(b, size);
}

static inline void phub__builder_advance(struct phub__builder *b, size_t size)
{
    b->size += size;
}

/* Append a copy of size bytes.  Gives b->error. */
int phub__builder_append(struct phub__builder *b, const void *data,
                         size_t size);

/* Refuse for a reason of the caller's; the first one stays.  Gives it. */
static inline int phub__builder_fail(struct phub__builder *b, int error)
{
    if (b->error == 0)
        b->error = error;
    return b->error;
}

/* Borrow what is there, until the next append. */
static inline struct phub_bytes
phub__builder_bytes(const struct phub__builder *b)
{
    return (struct phub_bytes){ b->data, b->size };
}

/* Turn the bytes into a buffer owned by the caller; the builder is empty
 * then and may be used again.  On failure (b->error, or PHUB_ENOMEM) the
 * bytes stay. */
int phub__builder_take(struct phub__builder *b, struct phub_buf **buf);

#endif
