/* SPDX-License-Identifier: MIT */
/* error: names and texts of the codes in <phub/error.h>. */
#include "config.h"

#include <stddef.h>

#include <phub/error.h>

const char *phub_strerror(int code)
{
    switch (code) {
    case 0:
        return "done";
#define PHUB_ERROR_TEXT_(name, number, text) case -(number): return text;
        PHUB_ERRORS(PHUB_ERROR_TEXT_)
#undef PHUB_ERROR_TEXT_
    default:
        return "unknown error";
    }
}

const char *phub_errname(int code)
{
    switch (code) {
#define PHUB_ERROR_NAME_(name, number, text)                                  \
    case -(number): return "PHUB_" #name;
        PHUB_ERRORS(PHUB_ERROR_NAME_)
#undef PHUB_ERROR_NAME_
    default:
        return NULL;
    }
}
