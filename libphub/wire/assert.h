/* SPDX-License-Identifier: MIT */
/* assert: programmer errors end the program, in release builds too.
 *
 * For invariants of our own code only: bytes and values from outside are
 * refused with a PHUB_E*, never asserted. */
#ifndef PHUB__WIRE_ASSERT_H
#define PHUB__WIRE_ASSERT_H

#include <stdio.h>
#include <stdlib.h>

static inline _Noreturn void phub__assert_failed(const char *condition,
                                                 const char *function,
                                                 const char *file, int line)
{
    fprintf(stderr, "phub: assertion failed: %s in %s, %s:%d\n", condition,
            function, file, line);
    abort();
}

#define phub__assert(x)                                                       \
    ((x) ? (void)0 : phub__assert_failed(#x, __func__, __FILE__, __LINE__))

#endif
