/* SPDX-License-Identifier: MIT */
/* crash: in a handler, so with nothing but what signal-safety(7) allows. */
#include "config.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "hub/crash.h"
#include "strategy/loader.h"

#define STACK_SIZE 65536u  /* a strategy may have used up its own */

static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
static const struct phub__call_note *noted;
static int to_syslog;

struct line {
    char text[512];
    size_t size;
};

static void add(struct line *line, const char *text)
{
    while (*text != '\0' && line->size < sizeof line->text)
        line->text[line->size++] = *text++;
}

static const char *name_of(int number)
{
    return number == SIGSEGV ? "SIGSEGV" : number == SIGBUS ? "SIGBUS"
        : number == SIGFPE ? "SIGFPE" : number == SIGILL ? "SIGILL"
        : "SIGABRT";
}

static void on_fatal(int number)
{
    uint32_t depth = noted->depth;
    struct line line = { .size = 0 };

    if (depth > 0 && depth <= PHUB__CALLS_DEEP) {
        const struct phub__call *call = &noted->calls[depth - 1];

        add(&line, to_syslog ? "<2>" : "");
        add(&line, phub__kind_name(call->kind));
        add(&line, " strategy '");
        add(&line, call->name);
        add(&line, "' took this daemon down: ");
        add(&line, name_of(number));
        add(&line, " in ");
        add(&line, call->op);
        add(&line, "(); phub-strategy(7) says what to do\n");
        (void)!write(STDERR_FILENO, line.text, line.size);
    }
    (void)raise(number); /* what would have been done without us */
}

void phub__crash_watch(const struct phub__call_note *note, int syslog)
{
    static char stack[STACK_SIZE];
    const stack_t other = { .ss_sp = stack, .ss_size = sizeof stack };
    struct sigaction action, old;

    noted = note;
    to_syslog = syslog;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_fatal;
    action.sa_flags = SA_RESETHAND | SA_NODEFER |
                      (sigaltstack(&other, NULL) == 0 ? SA_ONSTACK : 0);
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
        if (sigaction(fatal[i], NULL, &old) == 0 &&
            old.sa_handler == SIG_DFL)
            (void)sigaction(fatal[i], &action, NULL);
}
