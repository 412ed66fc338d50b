/* SPDX-License-Identifier: MIT */
/* fuzz_cluster: any bytes as the body of a cluster message.  What decodes is
 * encoded and decoded again to the same bytes; and a member with a peer takes
 * all of it in its stride.  The first byte is the type. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t some_number(void *arg)
{
    uint64_t *state = arg;

    return *state = *state * UINT64_C(6364136223846793005) + 1;
}

static void no_send(void *arg, const struct phub__cluster_to *to,
                    enum phub__cluster_type type, const uint8_t *body,
                    size_t size)
{
    (void)arg;
    (void)type;
    (void)body;
    if (strlen(to->endpoint) > PHUB_ENDPOINT_MAX || size == 0)
        abort();
}

static void no_event(void *arg, const struct phub__cluster_event *event)
{
    (void)arg;
    if (event->text != NULL && strlen(event->text) >= PHUB__REFUSAL_MAX)
        abort();
}

static void round_trip(enum phub__cluster_type type, const uint8_t *body,
                       size_t size)
{
    static struct phub__message m, back;
    static uint8_t one[PHUB__CLUSTER_BODY_MAX], two[PHUB__CLUSTER_BODY_MAX];
    size_t one_size, two_size;

    if (phub__message_decode(&m, type, body, size) != 0)
        return;
    if (phub__message_encode(&m, one, sizeof one, &one_size) != 0)
        return;
    if (phub__message_decode(&back, type, one, one_size) != 0
        || phub__message_encode(&back, two, sizeof two, &two_size) != 0
        || one_size != two_size || memcmp(one, two, one_size) != 0)
        abort();
}

static void member_takes(enum phub__cluster_type type, const uint8_t *body,
                         size_t size)
{
    uint64_t state = 1, now = UINT64_C(1000000000000);
    struct phub__cluster_io io = { &state, some_number, no_send, no_event,
                                   NULL, NULL };
    struct phub__cluster_self self = {
        .node = 101, .boot = 1, .hub_id = "h", .name = "n1",
        .endpoint = "sim://1", .protocol_min = 1, .protocol_max = 1,
    };
    struct phub__news peer = {
        .node = 100, .boot = 1, .state = PHUB__MEMBER_ALIVE, .full = true,
        .name = { (const uint8_t *)"n0", 2 },
        .endpoint = { (const uint8_t *)"sim://0", 7 },
    };
    struct phub__cluster_from from = { 100, 1, 101, 1, 7 };
    struct phub__cluster_params params;
    struct phub__cluster *c;
    char error[128];

    phub__cluster_params_init(&params);
    if (phub__cluster_new(&self, &params, &io, now, &c, error,
                          sizeof error) != 0)
        return;
    phub__cluster_start(c, NULL, 0, now);
    phub__gossip_apply(c, &peer, 100);
    phub__cluster_tick(c, now);
    phub__cluster_receive(c, &from, type, body, size, now + 1000);
    for (int i = 0; i < 20; i++) {
        now += UINT64_C(200000000);
        phub__cluster_tick(c, now);
    }
    phub__cluster_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum phub__cluster_type type;

    if (size < 1)
        return 0;
    type = (enum phub__cluster_type)(data[0] % (PHUB__CLUSTER_TYPE_MAX + 2));
    round_trip(type, data + 1, size - 1);
    member_takes(type, data + 1, size - 1);
    return 0;
}
