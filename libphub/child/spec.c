/* SPDX-License-Identifier: MIT */
/* spec: the one table of a spec's fields, their defaults and limits. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "child/spec.h"

#define ARGV_MAX 256u
#define TEXT_MAX 32768u

#define S struct phub__spec

PHUB__SCHEMA(phub__spec_schema, S,
    PHUB__TEXT(1, S, runner, 15, PHUB__REQUIRED),
    PHUB__TEXTS(2, S, argv, ARGV_MAX, TEXT_MAX),
    PHUB__TEXTS(3, S, env, ARGV_MAX, TEXT_MAX),
    PHUB__TEXT(4, S, cwd, 4095),
    PHUB__TEXT(5, S, behaviour, 63),
    PHUB__BYTES(6, S, argument, PHUB__SPEC_SIZE_MAX),
    PHUB__U64(7, S, restart, PHUB__MAX(2)),
    PHUB__U64(8, S, restarts_max),
    PHUB__U64(9, S, restart_window_ms),
    PHUB__U64(10, S, backoff_ms),
    PHUB__U64(11, S, backoff_max_ms),
    PHUB__U64(12, S, ready, PHUB__MAX(1)),
    PHUB__U64(13, S, ready_timeout_ms),
    PHUB__U64(14, S, stop_timeout_ms),
    PHUB__U64(15, S, stop_signal, PHUB__MAX(64)),
    PHUB__U64(16, S, state_timeout_ms),
    PHUB__TEXTS(19, S, cmd_state_get, ARGV_MAX, TEXT_MAX),
    PHUB__TEXTS(20, S, cmd_state_put, ARGV_MAX, TEXT_MAX),
    PHUB__TEXTS(21, S, cmd_freeze, ARGV_MAX, TEXT_MAX),
    PHUB__TEXTS(22, S, cmd_thaw, ARGV_MAX, TEXT_MAX),
    PHUB__TEXTS(23, S, cmd_health, ARGV_MAX, TEXT_MAX),
    PHUB__U64(24, S, health_interval_ms),
    PHUB__U64(25, S, checkpoint_ms));

/* Defaults and ranges of the numbers; milliseconds where the name says so. */
static const struct {
    const char *name;
    size_t offset;
    uint64_t fallback, min, max;
} numbers[] = {
#define NUMBER(member, fallback, min, max)                                    \
    { #member, offsetof(S, member), fallback, min, max }
    NUMBER(restarts_max, 10, 1, 1000000),
    NUMBER(restart_window_ms, 60000, 100, 86400000),
    NUMBER(backoff_ms, 100, 1, 3600000),
    NUMBER(backoff_max_ms, 10000, 1, 86400000),
    NUMBER(ready_timeout_ms, 30000, 10, 3600000),
    NUMBER(stop_timeout_ms, 5000, 10, 3600000),
    NUMBER(state_timeout_ms, 30000, 10, 3600000),
    NUMBER(health_interval_ms, 1000, 10, 3600000),
    NUMBER(checkpoint_ms, 0, 100, 86400000),
#undef NUMBER
};

static int is(struct phub_bytes text, const char *word)
{
    return text.size == strlen(word) &&
           memcmp(text.data, word, text.size) == 0;
}

static int check(const struct phub__spec *spec, char *error, size_t max)
{
    if (is(spec->runner, "exec")) {
        if (spec->argv.count == 0 ||
            ((const struct phub_bytes *)spec->argv.items)[0].size == 0) {
            snprintf(error, max, "argv is empty; an exec child needs a "
                                 "program");
            return PHUB_EINVAL;
        }
        if (spec->cwd.size != 0 && spec->cwd.data[0] != '/') {
            snprintf(error, max, "cwd = \"%.*s\": an absolute path is "
                                 "allowed", (int)spec->cwd.size,
                     (const char *)spec->cwd.data);
            return PHUB_EINVAL;
        }
        return 0;
    }
    if (is(spec->runner, "actor")) {
        if (spec->behaviour.size == 0) {
            snprintf(error, max, "behaviour is empty; an actor needs one");
            return PHUB_EINVAL;
        }
        return 0;
    }
    snprintf(error, max, "runner = \"%.*s\": exec and actor are allowed",
             (int)spec->runner.size, (const char *)spec->runner.data);
    return PHUB_EINVAL;
}

int phub__spec_decode(struct phub_bytes bytes, struct phub__spec *spec,
                      struct phub__arena *arena, char *error, size_t error_max)
{
    uint32_t key = 0;
    size_t i;
    int rc;

    if (bytes.size > PHUB__SPEC_SIZE_MAX) {
        snprintf(error, error_max, "spec of %zu bytes, %u are allowed",
                 bytes.size, PHUB__SPEC_SIZE_MAX);
        return PHUB_ELIMIT;
    }
    rc = phub__decode(&phub__spec_schema, bytes, spec, arena, &key);
    if (rc != 0) {
        snprintf(error, error_max, "malformed spec at key %u: %s", key,
                 phub_strerror(rc));
        return rc;
    }
    for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uint64_t *value = (void *)((char *)spec + numbers[i].offset);

        if (*value == 0)
            *value = numbers[i].fallback;
        if (*value == 0)
            continue; /* it is off by default */
        if (*value < numbers[i].min || *value > numbers[i].max) {
            snprintf(error, error_max, "%s = %llu: %llu to %llu are allowed",
                     numbers[i].name, (unsigned long long)*value,
                     (unsigned long long)numbers[i].min,
                     (unsigned long long)numbers[i].max);
            return PHUB_EINVAL;
        }
    }
    return check(spec, error, error_max);
}
