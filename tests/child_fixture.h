/* SPDX-License-Identifier: MIT */
/* child_fixture: sample messages, and a channel with the test at both ends. */
#ifndef PHUB_TESTS_CHILD_FIXTURE_H
#define PHUB_TESTS_CHILD_FIXTURE_H

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <phub/cbor.h>
#include <phub/child.h>

#include "child/channel.h"

static const struct phub__childmsg samples[] = {
    { .verb = PHUB_CHILD_STOP, .ref = 1, .value = 5000, .fd = -1 },
    { .verb = PHUB_CHILD_STOP, .fd = -1 },
    { .verb = PHUB_CHILD_FREEZE, .ref = 2, .fd = -1 },
    { .verb = PHUB_CHILD_THAW, .ref = 3, .fd = -1 },
    { .verb = PHUB_CHILD_COMMIT, .ref = 4, .fd = -1 },
    { .verb = PHUB_CHILD_TAKE_STATE, .ref = 5, .fd = -1 },
    { .verb = PHUB_CHILD_PUT_STATE, .ref = 6, .fd = -1, .state_version = 3,
      .body = { (const uint8_t *)"state", 5 } },
    { .verb = PHUB_CHILD_PUT_STATE, .ref = 7, .fd = -1,
      .code = PHUB_ENOTFOUND },
    { .verb = PHUB_CHILD_ROLE, .ref = 8, .fd = -1, .value = 1 },
    { .verb = PHUB_CHILD_ROLE, .ref = 8, .fd = -1, .value = 0 },
    { .verb = PHUB_CHILD_CONSENT, .ref = 9, .fd = -1 },
    { .verb = PHUB_CHILD_MESSAGE, .ref = 10, .fd = -1,
      .body = { (const uint8_t *)"m", 1 },
      .text = { (const uint8_t *)"from", 4 } },
    { .verb = PHUB_CHILD_MESSAGE, .fd = -1 },
    { .verb = PHUB_CHILD_IDENTIFY, .ref = 11, .fd = -1 },
    { .verb = PHUB_CHILD_HELLO, .fd = -1, .version = 1, .capabilities = 31,
      .state_version = 9 },
    { .verb = PHUB_CHILD_READY, .fd = -1 },
    { .verb = PHUB_CHILD_DONE, .ref = 12, .fd = -1 },
    { .verb = PHUB_CHILD_DONE, .ref = UINT64_MAX, .fd = -1,
      .code = PHUB_EBUSY, .text = { (const uint8_t *)"why", 3 },
      .value = 7 },
    { .verb = PHUB_CHILD_PUBLISH, .fd = -1,
      .body = { (const uint8_t *)"\xa0", 1 } },
    { .verb = PHUB_CHILD_AGREE, .fd = -1 },
};
#define BYTES(text) \
    ((struct phub_bytes){ (const uint8_t *)(text), sizeof(text) - 1 })
#define SAMPLES (sizeof samples / sizeof *samples)

static inline void
ck_bytes(struct phub_bytes a, struct phub_bytes b)
{
    ck_assert_uint_eq(a.size, b.size);
    if (a.size > 0)
        ck_assert_mem_eq(a.data, b.data, a.size);
}

struct ends {
    struct phub__channel *channel;
    int child; /* the child's end */
    size_t count;
    struct phub__childmsg last;
    uint32_t asked;
    uint8_t body[64];
    bool close_it;
};

static inline void
open_ends(struct ends *ends)
{
    int pair[2];

    memset(ends, 0, sizeof *ends);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
                                pair), 0);
    ck_assert_int_eq(phub__channel_open(&ends->channel, pair[0]), 0);
    ends->child = pair[1];
}

static inline void
close_ends(struct ends *ends)
{
    phub__channel_close(&ends->channel);
    if (ends->child >= 0)
        close(ends->child);
}

static inline void
on_received(void *arg, const struct phub__childmsg *message, uint32_t asked)
{
    struct ends *ends = arg;

    ends->count++;
    ends->last = *message;
    ends->asked = asked;
    if (message->body.size > 0 && message->body.size <= sizeof ends->body)
        memcpy(ends->body, message->body.data, message->body.size);
    if (ends->close_it)
        phub__channel_close(&ends->channel);
}

static inline int
read_channel(struct ends *ends)
{
    return phub__channel_readable(ends->channel, on_received, ends);
}

static inline void
child_says(struct ends *ends, const struct phub__childmsg *m)
{
    uint8_t buf[256];
    size_t size;

    ck_assert_int_eq(phub__childmsg_encode(m, buf, sizeof buf, &size), 0);
    ck_assert_int_eq(phub__childmsg_send(ends->child, buf, size, m->fd, 0), 0);
}

#endif
