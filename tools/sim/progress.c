/* SPDX-License-Identifier: MIT */
/* progress: one line on the terminal that says how far it is. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim/tool.h"

#define TTY_S 0.2      /* between two lines, on a terminal */
#define PLAIN_S 2.0    /* elsewhere, where each stays */

double sim_now_s(void)
{
    struct timespec ts = { 0, 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void sim_progress_init(struct sim_progress *progress, uint64_t total,
                       int wanted)
{
    const char *plain = getenv("NO_COLOR");

    memset(progress, 0, sizeof(*progress));
    progress->tty = isatty(STDERR_FILENO) == 1;
    progress->colour = progress->tty && (plain == NULL || plain[0] == '\0');
    progress->on = wanted || progress->tty;
    progress->total = total;
    progress->began_s = sim_now_s();
    progress->shown_s = progress->began_s;
}

static void time_text(double seconds, char *text, size_t text_max)
{
    if (seconds < 100)
        (void)snprintf(text, text_max, "%.0f s", seconds);
    else if (seconds < 6000)
        (void)snprintf(text, text_max, "%.0f min", seconds / 60);
    else
        (void)snprintf(text, text_max, "%.1f h", seconds / 3600);
}

void sim_progress_show(struct sim_progress *progress, uint64_t done,
                       uint64_t broken, double virtual_s)
{
    double now = sim_now_s(), took = now - progress->began_s + 1e-9;
    char left[32];

    if (!progress->on || now - progress->shown_s
            < (progress->tty ? TTY_S : PLAIN_S))
        return;
    progress->shown_s = now;
    time_text(done == 0 ? 0 : took * (double)(progress->total - done)
                  / (double)done, left, sizeof(left));
    fprintf(stderr, "%s%" PRIu64 "/%" PRIu64 " cases, %s%" PRIu64
            " broken%s, %.1f/s, %.0f times real time%s%s%s",
            progress->tty ? "\r" : "", done, progress->total,
            progress->colour && broken != 0 ? "\033[31m" : "", broken,
            progress->colour && broken != 0 ? "\033[m" : "",
            (double)done / took, virtual_s / took,
            done == 0 ? "" : ", eta ", done == 0 ? "" : left,
            progress->tty ? "\033[K" : "\n");
    (void)fflush(stderr);
    progress->line = progress->tty;
}

void sim_progress_hide(struct sim_progress *progress)
{
    if (progress->line)
        fputs("\r\033[K", stderr);
    progress->line = 0;
}
