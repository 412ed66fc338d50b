/* SPDX-License-Identifier: MIT */
/* poll: a descriptor that is watched for somebody.
 *
 * The memory lasts until libuv has closed the handle, which is after the
 * callback that is running now: so whoever was called from ready, and called
 * something that may have ended its owner, asks whether poll->owner is NULL. */
#include "config.h"

#include <phub/error.h>

#include "env/real/private.h"
#include "wire/memory.h"

static void on_poll(uv_poll_t *uv, int status, int events)
{
    struct phub__real_poll *poll = uv->data;
    struct phub__env_real *real = poll->real;

    if (poll->owner == NULL)
        return;
    /* What is broken is noticed by reading. */
    poll->ready(poll, status < 0 ? UV_READABLE | UV_WRITABLE : events);
    phub__real_turn_end(real);
}

struct phub__real_poll *
phub__real_poll_new(struct phub__env_real *real, int fd, int events,
                    void *owner,
                    void (*ready)(struct phub__real_poll *poll, int events))
{
    struct phub__real_poll *poll = phub__calloc(1, sizeof *poll);

    if (poll == NULL)
        return NULL;
    poll->real = real;
    poll->owner = owner;
    poll->ready = ready;
    poll->uv.data = poll;
    if (uv_poll_init(real->loop, &poll->uv, fd) != 0) {
        phub__free(poll);
        return NULL;
    }
    real->handles++;
    phub__real_poll_set(poll, events);
    return poll;
}

void phub__real_poll_set(struct phub__real_poll *poll, int events)
{
    if (poll->events == events)
        return;
    poll->events = events;
    if (events == 0)
        uv_poll_stop(&poll->uv);
    else
        uv_poll_start(&poll->uv, events, on_poll);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct phub__real_poll *poll = handle->data;
    struct phub__env_real *real = poll->real;

    phub__free(poll);
    phub__real_closed(real);
}

void phub__real_poll_free(struct phub__real_poll **poll)
{
    if (*poll == NULL)
        return;
    (*poll)->owner = NULL;
    phub__real_close((*poll)->real, (uv_handle_t *)&(*poll)->uv,
                     on_poll_closed);
    *poll = NULL;
}
