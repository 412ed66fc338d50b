/* SPDX-License-Identifier: MIT */
/* fuzz_scenario: any bytes as a file of phub-scenario(5). It is read or
 * refused; what is refused is told with its line. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "sim/scenario.h"

static const struct phub__fuzz_seed seeds[] = {
    PHUB__FUZZ_SEED(
        "# a move\nnodes 3\nchildren 2\nclients 4\ndurable\n"
        "migration pick($v/2: hotswap, coldswap) with handover=1 x=\"a b\"\n"
        "variants 1..240\nseed 1100+$v\nexpect broken 3\nscene\n"
        "let from = where(c0)\nlet to = ($from+1)%3\n"
        "move c0..c1 to n($to) at n($from)\n"
        "when $v%5 == 4 cut n($from)->n($to) held unexcused for 300ms\n"
        "after 1+$v/4 effects crash n(pick($v: $to, $from)) within 400ms\n"
        "wait ($v*7)us\nstart n($from) empty\n"),
    PHUB__FUZZ_SEED(
        "at 1.5s crash b\nafter 20ms power off nodes torn\n"
        "at 9s at 10s freeze a,c..d for 2s\nafter 3 events thaw n0\n"
        "wait 100 events\nwait until agreed within 5s\n"
        "wait until c0,c3 running on b within 1s\nexpect children stopped\n"
        "cut a,b|c|rest\nheal a|b\nheal\nhalf-open a->b for 15s\nmend\n"
        "loss 0.5% for 2s\nnetwork latency 1ms tail 2us bandwidth 5000 "
        "loss 1% repeat 2% reorder ($v)%\nnetwork quiet\n"),
    PHUB__FUZZ_SEED(
        "manner c0..c8,c11 actor state freeze late-state=($v*100) twice\n"
        "start children at a\nstop c(1+2*$v) at n($v%3)\nedit c1\n"
        "send children every 3ms\nsend off\nleave b within 3s\n"
        "drain n1 at a\nclients off\noperate\nchild crash c3\n"
        "skew b by -300 ppm\njump b by 3600s\nguard kill b\n"
        "exec fails b for 1s\ndisk full b for 1s\ndisk usable b\n"
        "disk syncs fail b for 1s\ndisk syncs work b\n"
        "slow b by 3ms for 1s\n")
};

const struct phub__fuzz_seed *phub__fuzz_seeds(size_t *count)
{
    *count = sizeof(seeds) / sizeof(seeds[0]);
    return seeds;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sim_scenario *scenario = NULL;
    uint64_t first = 1, last = 0;
    char error[800] = "";
    int rc = sim_scenario_parse("fuzz", (const char *)data, size, &scenario,
                                error, sizeof(error));

    if (rc == 0)
        sim_scenario_variants(scenario, &first, &last);
    if (rc == 0 ? last < first || error[0] != '\0'
                : scenario != NULL || strncmp(error, "fuzz:", 5) != 0
                  || strstr(error, "allowed") == NULL)
        abort();
    sim_scenario_free(&scenario);
    return 0;
}
