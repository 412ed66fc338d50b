/* SPDX-License-Identifier: MIT */
/* battery: tests that every strategy of a kind must pass.
 *
 *     tests/battery_sync                          the shipped ones
 *     tests/battery_sync /path/sync-mine.so ...   yours
 *
 * A test finds the strategy to load in battery_name.  Nothing here knows a
 * strategy: what is asked is what <phub/plugin.h> demands of its kind. */
#ifndef BATTERY_H
#define BATTERY_H

#include "mock_host.h"

extern const char *battery_name;

struct TCase;

/* Run the tests that fill() adds, for each strategy.  shipped: names, ended by
 * NULL.  Returns main's code. */
int battery_main(int argc, char **argv, const char *kind,
                 const char *const *shipped,
                 void (*fill)(struct TCase *tcase));

/* Cut the host table after each of its members; what lies behind crashes whom
 * calls it.  A strategy refuses to start, in words, or starts and then stands
 * exercise(). */
void battery_truncated(uint32_t kind, const char *const *params,
                       void (*exercise)(struct mock *mock));

/* Bytes and tokens that a strategy did not ask for. */
void battery_garbage(struct mock *mock);

#endif
