/* SPDX-License-Identifier: MIT */
/* battery: what the batteries of all kinds share. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "battery.h"

#define HOST_HEAD (2 * sizeof(uint32_t))  /* size and ABI numbers */

const char *battery_name;

static int one_run(const char *kind, const char *name,
                   void (*fill)(struct TCase *tcase))
{
    char title[512];
    Suite *suite;
    SRunner *runner;
    TCase *tc;
    int failed;

    (void)snprintf(title, sizeof title, "%s %s", kind, name);
    suite = suite_create(title);
    tc = tcase_create(kind);
    tcase_set_timeout(tc, 60);
    battery_name = name;
    fill(tc);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed;
}

int battery_main(int argc, char **argv, const char *kind,
                 const char *const *shipped,
                 void (*fill)(struct TCase *tcase))
{
    int failed = 0, i;

    for (i = 1; i < argc; i++) {
        char *path = realpath(argv[i], NULL);

        failed += one_run(kind, path != NULL ? path : argv[i], fill);
        free(path);
    }
    for (; argc == 1 && *shipped != NULL; shipped++)
        failed += one_run(kind, *shipped, fill);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void battery_truncated(uint32_t kind, const char *const *params,
                       void (*exercise)(struct mock *mock))
{
    size_t at;

    for (at = HOST_HEAD; at <= sizeof(struct phub_host);
         at += sizeof(void *)) {
        struct mock_world world;
        struct phub_host whole;
        struct mock *mock;

        mock_world_init(&world, at);
        mock = mock_new(&world);
        whole = mock->host;
        mock->host.size = (uint32_t)at;
        memset((uint8_t *)&mock->host + at, 1, sizeof mock->host - at);
        if (mock_open(mock, kind, battery_name, params) != 0) {
            ck_assert_uint_lt(at, sizeof(struct phub_host));
            if (at > offsetof(struct phub_host, fail))
                ck_assert_msg(mock->failed[0] != '\0', "refused wordlessly");
        } else {
            mock->strategy->host = &whole;   /* ours stays whole */
            exercise(mock);
            mock_close(mock);
        }
        mock->host = whole;
        mock_world_fini(&world);
    }
}

void battery_garbage(struct mock *mock)
{
    uint8_t bytes[64];
    uint32_t i, j;

    for (i = 0; i < 2000; i++) {
        struct phub_bytes message = { bytes, i % (sizeof bytes + 1) };
        uint64_t node = mock_random(mock->world) % 4;

        for (j = 0; j < sizeof bytes; j++)
            bytes[j] = (uint8_t)mock_random(mock->world);
        if (i % 2 == 0) {   /* nearly right */
            bytes[0] = (uint8_t)(0x80 + i % 5);
            bytes[1] = (uint8_t)(i / 5 % 7);
            bytes[2] = (uint8_t)(0x40 + i % 24);
        }
        phub__call_received(mock->strategy, node, &message);
        phub__call_completed(mock->strategy, mock_random(mock->world),
                             -(int)(i % 40), NULL);
    }
}
