/* SPDX-License-Identifier: MIT */
/* daemon_click: a client of a counter; one connection until it ends. */
#include "config.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon_click.h"
#include "daemon_fixture.h"

#define LOOK_MS 200 /* how long to wait for an answer before over is looked at */

/* One line with a number; -1 if the connection is over.  A frozen counter
 * answers later, or ends. */
static int64_t read_number(struct click *click, int fd)
{
    struct pollfd at = { .fd = fd, .events = POLLIN };
    char line[64];
    size_t size = 0;
    ssize_t got;

    while (size < sizeof line - 1) {
        if (poll(&at, 1, LOOK_MS) != 1) {
            if (atomic_load(&click->over))
                return -1;
            continue;
        }
        got = recv(fd, line + size, sizeof line - 1 - size, 0);
        if (got <= 0)
            return -1;
        size += (size_t)got;
        if (line[size - 1] == '\n') {
            line[size] = '\0';
            return strtoll(line, NULL, 10);
        }
    }
    return -1;
}

static void *run(void *arg)
{
    struct click *click = arg;
    int64_t number, uncertain = 0;
    int fd = -1;

    while (!atomic_load(&click->over)) {
        if (fd < 0)
            fd = counter_open(click->daemon, click->id);
        if (fd < 0) {
            pause_ms(5);
            continue;
        }
        number = send(fd, "inc\n", 4, MSG_NOSIGNAL) == 4
                     ? read_number(click, fd) : -1;
        if (number < 0) {
            uncertain++;
            close(fd);
            fd = -1;
            continue;
        }
        if (number <= click->last || number > click->last + 1 + uncertain)
            atomic_fetch_add(&click->wrong, 1);
        uncertain -= number - click->last - 1;
        click->last = number;
        atomic_fetch_add(&click->acked, 1);
        pause_ms(1);
    }
    if (fd >= 0)
        close(fd);
    return NULL;
}

void click_start(struct click *click, const struct daemon *d, const char *id)
{
    memset(click, 0, sizeof *click);
    click->daemon = d;
    click->id = id;
    ck_assert_int_eq(pthread_create(&click->thread, NULL, run, click), 0);
}

void click_end(struct click *click)
{
    atomic_store(&click->over, true);
    pthread_join(click->thread, NULL);
}
