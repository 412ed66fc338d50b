/* SPDX-License-Identifier: MIT */
/* fuzz_ops: any bytes as the body of any hub message.  The first byte is the
 * type, as in wire/messages.h.  What decodes is encoded and decoded again to
 * the same bytes; and a hub in a simulated world takes all of it, from a
 * member of its view (itself), and still answers. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "../hub_fixture.h"
#include "driver.h"
#include "hub/ops.h"
#include "wire/messages.h"

#define WORLD_INPUTS 2000u   /* then a new world */

static void demand(int ok)
{
    if (!ok)
        abort();
}

static void there_and_back(const struct phub__schema *schema,
                           struct phub_bytes bytes)
{
    static _Alignas(16) unsigned char out[4096];
    struct phub__arena arena;
    struct phub__builder first, second;

    demand(schema->size <= sizeof out);
    phub__arena_init(&arena, NULL, 0, 1u << 24);
    phub__builder_init(&first, SIZE_MAX);
    phub__builder_init(&second, SIZE_MAX);
    if (phub__decode(schema, bytes, out, &arena, NULL) == 0) {
        demand(phub__encode(schema, out, &first) == 0);
        demand(phub__decode(schema, phub__builder_bytes(&first), out, &arena,
                            NULL) == 0);
        demand(phub__encode(schema, out, &second) == 0);
        demand(first.size == second.size);
        demand(first.size == 0 ||
               memcmp(first.data, second.data, first.size) == 0);
    }
    phub__builder_fini(&first);
    phub__builder_fini(&second);
    phub__arena_fini(&arena);
}

struct input {
    uint32_t type;
    struct phub_buf *body;
};

static void take(struct phub__hub *hub, void *arg)
{
    struct input *input = arg;

    (void)phub__peer_send(hub, hub->node, input->type, input->body);
}

static struct hubs hubs;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct phub__schema *const schemas[] = {
        &phub__op_request_schema, &phub__op_response_schema,
        &phub__op_view_sync_schema, &phub__op_state_schema,
        &phub__op_state_ack_schema, &phub__op_message_schema,
        &phub__op_plugin_schema, &phub__op_cover_schema,
        &phub__op_gathered_schema,
    };
    static uint32_t count;
    struct input input;
    size_t i;

    if (size == 0)
        return 0;
    for (i = 0; i < sizeof schemas / sizeof schemas[0]; i++)
        there_and_back(schemas[i], (struct phub_bytes){ data + 1, size - 1 });
    if (hubs.world != NULL && count++ % WORLD_INPUTS == 0)
        hubs_free(&hubs);
    if (hubs.world == NULL) {
        hubs_new(&hubs, 1, "hotswap", 1);
        demand(hubs_start(&hubs, 0, "c", "sim state freeze") == 0);
    }
    input.type = data[0];
    input.body = phub__buf_copy(data + 1, size - 1);
    demand(input.body != NULL);
    hubs_do(&hubs, 0, take, &input);
    phub__buf_unref(&input.body);
    phub__world_run(hubs.world,
                    phub__world_now(hubs.world) + 200 * PHUB__SIM_US);
    demand(hubs_hub(&hubs, 0) != NULL);
    return 0;
}

/* --- seeds ---------------------------------------------------------------- */

#define SEEDS 10u

static struct phub__fuzz_seed seeds[SEEDS];

static void seed(uint32_t index, uint8_t type,
                 const struct phub__schema *schema, const void *in)
{
    struct phub__builder builder;
    uint8_t *bytes;

    phub__builder_init(&builder, 1u << 20);
    (void)phub__builder_append(&builder, &type, 1);
    demand(phub__encode(schema, in, &builder) == 0);
    bytes = malloc(builder.size);
    demand(bytes != NULL);
    memcpy(bytes, builder.data, builder.size);
    seeds[index] = (struct phub__fuzz_seed){ bytes, builder.size };
    phub__builder_fini(&builder);
}

static void seed_requests(void)
{
    static const uint8_t ops[] = { PHUB__OP_START, PHUB__OP_STOP,
                                   PHUB__OP_PREPARE, PHUB__OP_GO };
    struct phub_buf *spec = hubs_spec("sim state freeze");
    uint64_t visited[] = { 7, 8 };
    struct phub__op_pair pair = { hubs_bytes("k"), hubs_bytes("v") };
    struct phub_bytes tag = hubs_bytes("web");
    struct phub__op_item item = {
        .index = 1, .id = hubs_bytes("c"), .incarnation = { 1, 2 },
        .epoch = { 1, 2 }, .spec = phub__buf_bytes(spec),
        .metadata = { &pair, 1 }, .tags = { &tag, 1 }, .flags = 3,
        .target = 5, .text = hubs_bytes("hotswap") };
    struct phub__op_request request = {
        .transaction = 9, .origin = 4, .origin_boot = 1, .view_hash = 6,
        .timeout_ms = 50, .visited = { visited, 2 }, .items = { &item, 1 } };
    uint32_t i;

    for (i = 0; i < sizeof ops; i++) {
        request.op = ops[i];
        item.id = hubs_bytes(i == 0 ? "d" : "c");
        seed(i, PHUB__MESSAGE_REQUEST, &phub__op_request_schema, &request);
    }
    phub__buf_unref(&spec);
}

const struct phub__fuzz_seed *phub__fuzz_seeds(size_t *count)
{
    struct phub__op_answer answer = { .index = 0, .code = -8, .node = 3,
                                      .text = hubs_bytes("no") };
    struct phub__op_response response = { .transaction = 1,
                                          .answers = { &answer, 1 } };
    struct phub__op_lease lease = { 5, 1000 };
    struct phub__op_held held = { .id = hubs_bytes("c"),
                                .incarnation = { 1, 2 },
                                .epoch = { 1, 2 } };
    struct phub__op_view_sync sync = { .view_hash = 4,
                                       .summary = hubs_bytes("\xa0"),
                                       .leases = { &lease, 1 },
                                       .held = { &held, 1 }, .gather = 1 };
    static const uint8_t statement[] = { 0xa2, 0x01, 0x04, 0x0c, 0x05 };
    struct phub__op_told told = { 6, { statement, sizeof statement } };
    struct phub__op_gathered gathered = { .told = { &told, 1 },
                                          .leases = { &lease, 1 } };
    struct phub__op_cover cover = { .round = 1,
                                    .summary = hubs_bytes("\xa0") };
    struct phub__op_state state = {
        .id = hubs_bytes("c"), .incarnation = { 1, 2 }, .epoch = { 1, 2 },
        .size = 5, .checksum = 1, .data = hubs_bytes("state") };
    struct phub__op_message message = {
        .origin = 4, .reference = 2, .timeout_ms = 20, .id = hubs_bytes("c"),
        .data = hubs_bytes("hello") };

    seed_requests();
    seed(4, PHUB__MESSAGE_RESPONSE, &phub__op_response_schema, &response);
    seed(5, PHUB__MESSAGE_VIEW_SYNC, &phub__op_view_sync_schema, &sync);
    seed(8, PHUB__MESSAGE_COVER, &phub__op_cover_schema, &cover);
    seed(9, PHUB__MESSAGE_GATHERED, &phub__op_gathered_schema, &gathered);
    seed(6, PHUB__MESSAGE_STATE, &phub__op_state_schema, &state);
    seed(7, PHUB__MESSAGE_CHILD_MESSAGE, &phub__op_message_schema, &message);
    *count = SEEDS;
    return seeds;
}
