/* SPDX-License-Identifier: MIT */
/* limits: what a case will take of the machine, before it does.
 *
 * Each simulated node holds the whole registry, and knows every other one;
 * these two grow.  What is equal is kept once (env/sim/share.h): values, and
 * what is written to disks; each node's own are the rows' places in tables and
 * indexes, and what it has of each peer and each author.  The figures were
 * measured, of durable children through a rolling restart by tenths and a
 * partition, which takes more than peace does:
 *
 *   nodes x children   MiB measured   by this arithmetic
 *     50 x    500            58               60
 *    100 x    250           108              112
 *    100 x  1,000           161              162
 *    100 x  3,000           286              296
 *    200 x    200           281              299
 *    200 x  2,000           494              539
 *    300 x  3,000         1,152            1,144 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "sim/tool.h"

#define BYTES UINT64_C(15000000)
#define BYTES_PER_NODE UINT64_C(350000)
#define BYTES_PER_ROW UINT64_C(700)     /* of one child on one node */
#define BYTES_PER_LINK UINT64_C(5000)   /* of one node to another */

uint64_t sim_limits_bytes(uint64_t nodes, uint64_t children)
{
    return BYTES + nodes * BYTES_PER_NODE + nodes * children * BYTES_PER_ROW
        + nodes * nodes * BYTES_PER_LINK;
}

uint64_t sim_limits_free(void)
{
    FILE *file = fopen("/proc/meminfo", "r");
    uint64_t bytes = UINT64_MAX, kib;
    char line[256];

    if (file == NULL)
        return bytes;
    while (fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "MemAvailable: %" SCNu64 " kB", &kib) == 1)
            bytes = kib * 1024;
    (void)fclose(file);
    return bytes;
}

int sim_limits_look(struct sim_args *args)
{
    uint64_t needed = sim_limits_bytes(args->nodes.last, args->children.last);
    uint64_t there = sim_limits_free();
    uint64_t fit = there / needed;
    const double gib = 1024.0 * 1024 * 1024;

    if (fit == 0) {
        fprintf(stderr, "phub-sim %s: %" PRIu64 " nodes with %" PRIu64
                " children take about %.1f GiB (%" PRIu64 " bytes for each "
                "child on each node), and %.1f GiB are free; give fewer\n",
                args->verb, args->nodes.last, args->children.last,
                (double)needed / gib, BYTES_PER_ROW, (double)there / gib);
        return SIM_EXIT_USAGE;
    }
    if (args->workers > fit) {
        fprintf(stderr, "phub-sim %s: %" PRIu64 " at a time, not %u: each "
                "case takes about %.1f GiB, and %.1f GiB are free\n",
                args->verb, fit, args->workers, (double)needed / gib,
                (double)there / gib);
        args->workers = (uint32_t)fit;
    }
    return SIM_EXIT_DONE;
}
