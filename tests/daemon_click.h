/* SPDX-License-Identifier: MIT */
/* daemon_click: a client that increments a counter without pause, wherever it
 * is, and remembers what was acknowledged.
 *
 * An increment that was answered is in the state, whatever moves meanwhile: so
 * the next answer is greater, by one and at most those more that were sent and
 * never answered. */
#ifndef PHUB_TESTS_DAEMON_CLICK_H
#define PHUB_TESTS_DAEMON_CLICK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct daemon;

struct click {
    const struct daemon *daemon; /* where it looks the child up */
    const char *id;
    pthread_t thread;
    atomic_bool over;
    atomic_uint_fast64_t acked;  /* answers */
    atomic_uint_fast64_t wrong;  /* answers that show a loss or a double */
    int64_t last;
};

void click_start(struct click *click, const struct daemon *d, const char *id);
void click_end(struct click *click);

#endif
