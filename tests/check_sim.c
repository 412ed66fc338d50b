/* SPDX-License-Identifier: MIT */
/* check_sim: random schedules with the real plugins, a fixed budget of seeds
 * over a fixed matrix of strategies.
 *
 * Each line of tests/sim/MATRIX is one run of phub-sim(1), on all cores; what
 * breaks is printed with the command that plays it again. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define LINES_MAX 64

static struct line {
    char text[1000];
    char *options;             /* in text, behind the bar */
} lines[LINES_MAX];
static int lines_count;

static const char *dir_of(const char *variable)
{
    const char *dir = getenv(variable);

    return dir == NULL ? "." : dir;
}

static void matrix_read(void)
{
    char path[4096];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/tests/sim/MATRIX",
                   dir_of("PHUB_SRCDIR"));
    file = fopen(path, "r");
    if (file == NULL)
        return;
    while (lines_count < LINES_MAX
           && fgets(lines[lines_count].text,
                    sizeof(lines[0].text), file) != NULL) {
        struct line *line = &lines[lines_count];

        line->text[strcspn(line->text, "\n")] = '\0';
        line->options = strchr(line->text, '|');
        if (line->text[0] == '#' || line->options == NULL)
            continue;
        *line->options++ = '\0';
        lines_count++;
    }
    (void)fclose(file);
}

START_TEST(the_matrix_is_not_empty)
{
    ck_assert_int_gt(lines_count, 0);
}
END_TEST

START_TEST(random_schedules_keep_the_promises)
{
    const struct line *line = &lines[_i];
    const char *budget = getenv("PHUB_SIM_SEEDS");
    char command[8192], seeds[64];
    int status;

    (void)snprintf(seeds, sizeof(seeds), "1..%s", budget);
    (void)snprintf(command, sizeof(command), "exec '%s/tools/phub-sim' run "
                   "--keep-going --seeds %s %s", dir_of("PHUB_BUILDDIR"),
                   budget == NULL ? line->text : seeds, line->options);
    (void)fflush(stdout);
    status = system(command);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
                  "status %d: %s", status, command);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim");
    TCase *tcase = tcase_create("sim");
    SRunner *runner;
    int failed;

    matrix_read();
    tcase_set_timeout(tcase, 900);
    tcase_add_test(tcase, the_matrix_is_not_empty);
    tcase_add_loop_test(tcase, random_schedules_keep_the_promises, 0,
                        lines_count);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
