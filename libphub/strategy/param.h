/* SPDX-License-Identifier: MIT */
/* param: the rows a plugin declares, and the values an operator gives.
 *
 * Values are parsed once, kept as a number and as one canonical text, and the
 * digest is made of the canonical texts: "5s" and "5000ms" are equal on two
 * nodes.  A number may end in a unit: of time where the row's unit is "ms"
 * (ms, s, m, h), of size where it is "bytes" (B, KiB, MiB, GiB); elsewhere in
 * the row's own unit. */
#ifndef PHUB__STRATEGY_PARAM_H
#define PHUB__STRATEGY_PARAM_H

#include "strategy/loader.h"

struct phub__value {
    const struct phub_param *row;
    uint64_t number;   /* UINT; BOOL 0 or 1; CHOICE: index of the word */
    char *text;        /* canonical; owns */
    uint32_t given;    /* 1: not the default */
};

/* Write a sentence into error (may be NULL) and return code. */
int phub__strategy_error(char *error, size_t error_max, int code,
                         const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The text of a code that a plugin returned; of one that is none, its value, in
 * text. */
#define PHUB__CODE_TEXT_MAX 64u
const char *phub__strategy_code(int rc, char text[PHUB__CODE_TEXT_MAX]);

/* Check what the plugin declares: names, types, ranges, defaults.
 * Errors: PHUB_EPLUGIN with the sentence, without prefix. */
int phub__params_check(const struct phub_param *rows, uint32_t count,
                       char *error, size_t error_max);

/* Parse "key=value" texts into one value per row.
 * Owns: the caller, until values_free.
 * Errors: PHUB_ECONFIG with the sentence, PHUB_ENOMEM. */
int phub__values_new(const struct phub_param *rows, uint32_t count,
                     const char *const *params, size_t params_count,
                     struct phub__value **values, char *error,
                     size_t error_max);
void phub__values_free(struct phub__value **values, uint32_t count);
const struct phub__value *phub__values_find(const struct phub__value *values,
                                            uint32_t count, const char *name);

/* XXH3 64 of the sorted "name=text\n" lines of the rows that are not local.
 * Errors: PHUB_ENOMEM. */
int phub__values_digest(const struct phub__value *values, uint32_t count,
                        uint64_t *digest);

#endif
