/* SPDX-License-Identifier: MIT */
/* fuzz_control: any bytes as a frame of the control socket, to a hub in a
 * simulated world.  Every frame is answered: at once if it is malformed, and
 * by one last answer in the end. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <phub/control.h>

#include "../hub_fixture.h"
#include "driver.h"

#define WORLD_INPUTS 500u    /* then a new world */

static struct hubs hubs;
static uint64_t answers, asked;

static void on_send(struct phub__asker *asker, struct phub_bytes frame)
{
    (void)asker;
    answers += frame.size != 0;
}

static void on_release(struct phub__asker *asker)
{
    (void)asker;
}

static struct phub__asker asker = { .send = on_send, .release = on_release };

static void take(struct phub__hub *hub, void *arg)
{
    phub__command(hub, &asker, *(struct phub_bytes *)arg);
}

/* Nobody is forgotten, not even when the hub ends. */
static void end_world(void)
{
    hubs_free(&hubs);
    if (asker.refs != 0 || answers < asked)
        abort();
    answers = asked = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct phub_bytes frame = { data, size };

    if (hubs.world != NULL && asked >= WORLD_INPUTS)
        end_world();
    if (hubs.world == NULL) {
        hubs_new(&hubs, 1, "coldswap", 1);
        if (hubs_start(&hubs, 0, "c", "sim state") != 0)
            abort();
    }
    asked++;
    hubs_do(&hubs, 0, take, &frame);
    phub__world_run(hubs.world,
                    phub__world_now(hubs.world) + 200 * PHUB__SIM_US);
    return 0;
}

/* Frames as they come; their keys are those of <phub/control.h>. */
const struct phub__fuzz_seed *phub__fuzz_seeds(size_t *count)
{
    static const struct phub__fuzz_seed seeds[] = {
        PHUB__FUZZ_SEED("\xa2\x01\x05\x02\x62ls"),
        PHUB__FUZZ_SEED("\xa3\x01\x05\x02\x64show\x03\x81\x61\x63"),
        PHUB__FUZZ_SEED("\xa4\x01\x05\x02\x64stop\x03\x82\x61\x63\x61\x64"
                        "\x08\x14"),
        PHUB__FUZZ_SEED("\xa4\x01\x05\x02\x65start\x04\x81\xa3\x01\x61\x64"
                        "\x02\x50\xa2\x01\x64" "exec\x02\x82\x63sim\x63sim"
                        "\x04\x81\x63web\x08\x14"),
        PHUB__FUZZ_SEED("\xa5\x01\x05\x02\x64move\x03\x81\x61\x63\x05\x61\x61"
                        "\x08\x14"),
        PHUB__FUZZ_SEED("\xa3\x01\x05\x02\x66" "causes\x0b\x18\x40"),
    };

    *count = sizeof seeds / sizeof seeds[0];
    return seeds;
}
