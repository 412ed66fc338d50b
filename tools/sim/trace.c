/* SPDX-License-Identifier: MIT */
/* trace: lines of JSON. */
#include "config.h"

#include "sim/tool.h"
#include "wire/assert.h"

void sim_json_line(json_t *object)
{
    phub__assert(object != NULL);
    (void)json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER
                     | JSON_REAL_PRECISION(9));
    (void)putchar('\n');
    (void)fflush(stdout);
    json_decref(object);
}
