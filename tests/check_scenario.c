/* SPDX-License-Identifier: MIT */
/* check_scenario: every file of tests/scenarios in all its variants, and what
 * the reader says about texts that are wrong.
 *
 * tests/scenarios/LIST names the files; one that is marked open there has to
 * break in at least one variant, so that the mark goes with the fault.
 * PHUB_SIM_VARIANTS=N plays the first N variants of each alone (a sanitizer's
 * build looks for other things than promises), PHUB_SIM_VARIANT=V that one. */
#include "config.h"

#include <check.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "sim/scenario.h"

#define LISTED_MAX 256u

static struct listed {
    char file[128];
    char text[512];            /* what follows the file */
    int open;
} listed[LISTED_MAX];
static int listed_count;

/* --- files ---------------------------------------------------------------- */

static void path_of(char *path, size_t max, const char *file)
{
    const char *source = getenv("PHUB_SRCDIR");

    (void)snprintf(path, max, "%s/%s", source == NULL ? "." : source, file);
}

static void list_read(void)
{
    char path[512], line[700];
    FILE *in;

    path_of(path, sizeof(path), "tests/scenarios/LIST");
    in = fopen(path, "r");
    if (in == NULL)
        return;
    while (fgets(line, sizeof(line), in) != NULL
           && listed_count < (int)LISTED_MAX) {
        struct listed *l = &listed[listed_count];
        size_t size = strcspn(line, " ");

        if (line[0] == '#' || line[0] == '\n' || size >= sizeof(l->file))
            continue;
        memcpy(l->file, line, size);
        (void)snprintf(l->text, sizeof(l->text), "%.*s",
                       (int)strcspn(line + size, "\n"), line + size);
        l->open = strstr(l->text, "| open: ") != NULL;
        listed_count++;
    }
    (void)fclose(in);
}

START_TEST(the_list_and_the_files_are_the_same)
{
    char path[512];
    struct dirent *entry;
    int files = 0;
    DIR *dir;

    path_of(path, sizeof(path), "tests/scenarios");
    dir = opendir(path);
    ck_assert_msg(dir != NULL, "%s cannot be read", path);
    while ((entry = readdir(dir)) != NULL) {
        size_t size = strlen(entry->d_name);
        int i;

        if (size < 4 || strcmp(entry->d_name + size - 4, ".sim") != 0)
            continue;
        for (i = 0; i < listed_count; i++)
            if (strcmp(listed[i].file, entry->d_name) == 0)
                break;
        ck_assert_msg(i < listed_count, "%s is not in LIST", entry->d_name);
        files++;
    }
    (void)closedir(dir);
    ck_assert_int_eq(files, listed_count);
}
END_TEST

START_TEST(each_line_of_the_list_has_a_source_and_a_sentence)
{
    const char *bar;

    ck_assert_int_gt(listed_count, 0);
    for (int i = 0; i < listed_count; i++) {
        ck_assert_msg(strncmp(listed[i].text, " | ", 3) == 0, "%s%s",
                      listed[i].file, listed[i].text);
        bar = strstr(listed[i].text + 3, " | ");
        ck_assert_msg(bar != NULL && strlen(bar) > 10, "%s has no sentence",
                      listed[i].file);
    }
}
END_TEST

START_TEST(a_named_schedule_keeps_the_promises)
{
    const struct listed *l = &listed[_i];
    const char *only = getenv("PHUB_SIM_VARIANT");
    const char *budget = getenv("PHUB_SIM_VARIANTS");
    const uint64_t most = budget == NULL ? 0 : strtoull(budget, NULL, 10);
    struct sim_scenario *scenario = NULL;
    struct sim_played played;
    uint64_t first, last, all, broken = 0;
    char path[512], file[256], error[800] = "";

    (void)snprintf(file, sizeof(file), "tests/scenarios/%s", l->file);
    path_of(path, sizeof(path), file);
    ck_assert_msg(sim_scenario_read(path, &scenario, error, sizeof(error))
                  == 0, "%s", error);
    sim_scenario_variants(scenario, &first, &last);
    all = last - first + 1;
    if (most != 0 && most < all)
        last = first + most - 1;
    if (only != NULL)
        first = last = strtoull(only, NULL, 10);
    for (uint64_t v = first; v <= last; v++) {
        enum sim_outcome outcome = sim_scenario_play(scenario, v, NULL,
                                                     &played);

        ck_assert_msg(outcome != SIM_MISTAKE, "%s", played.text);
        broken += outcome == SIM_BROKEN;
        if (outcome == SIM_BROKEN && !l->open)
            printf("%s\n    again: phub-sim scenario --variant %llu --trace "
                   "%s\n", played.text, (unsigned long long)v, file);
    }
    (void)fflush(stdout);
    sim_scenario_free(&scenario);
    if (l->open)
        ck_assert_msg(broken != 0 || last - first + 1 < all, "%s is open in LIST, and "
                      "no variant of it breaks: take the mark away",
                      l->file);
    else
        ck_assert_msg(broken == 0, "%s: %llu of %llu variants broken",
                      l->file, (unsigned long long)broken,
                      (unsigned long long)(last - first + 1));
}
END_TEST

/* --- texts that are wrong ------------------------------------------------- */

static char said[800];

static int parse(const char *text)
{
    struct sim_scenario *scenario = NULL;
    int rc = sim_scenario_parse("f", text, strlen(text), &scenario, said,
                                sizeof(said));

    sim_scenario_free(&scenario);
    return rc;
}

/* Its message has line and text. */
static void wrong(const char *text, const char *message)
{
    said[0] = '\0';
    ck_assert_int_eq(parse(text), PHUB_EINVAL);
    ck_assert_msg(strncmp(said, message, strlen(message)) == 0,
                  "\"%s\" is told as \"%s\", not as \"%s\"", text, said,
                  message);
}

START_TEST(what_is_wrong_is_told_with_its_line_and_what_is_allowed)
{
    wrong("", "f:0: found no action, allowed is at least one");
    wrong("nodes 3\n\nfoo 3\n", "f:3: found 'foo', allowed are nodes, "
          "children, clients, seed, variants, durable, distribution, ");
    wrong("nodes\n", "f:1: found the end of the line, allowed is a number, "
          "$v, pick(N: A, B), where(c0) or '(' (nodes NUMBER)");
    wrong("nodes three\n", "f:1: found 'three', allowed is a number");
    wrong("nodes 3 4\n", "f:1: found '4', allowed is the end of the line "
          "(nodes NUMBER)");
    wrong("scene\nnodes 3\n", "f:2: found the setting 'nodes' after an "
          "action, allowed are settings before all actions");
    wrong("scene\nwhen 1 seed 3\n", "f:2: found the setting 'when' after an "
          "action");
    wrong("wait 3\n", "f:1: found the end of the line, allowed is ");
    wrong("wait 3 hours\n", "f:1: found 'hours', allowed is ");
    wrong("freeze n1 fro 2s\n", "f:1: found 'fro', allowed is the end of the "
          "line (freeze NODES [for TIME])");
    wrong("freeze x1\n", "f:1: found 'x1', allowed is a node: a, n3 or n($v) "
          "(freeze NODES [for TIME])");
    wrong("crash A\n", "f:1: found 'A', allowed is a node: a, n3 or n($v)");
    wrong("stop a\n", "f:1: found 'a', allowed is a child: c3 or c($v) "
          "(stop CHILDREN [at NODE])");
    wrong("cut a\n", "f:1: found the end of the line, allowed is ',', '|' or "
          "'->'");
    wrong("cut a->b->c\n", "f:1: found '->', allowed is the end of the line");
    wrong("at 3s at 4s frob\n", "f:1: found 'frob', allowed are nodes, ");
    wrong("at 3s crash q7\n", "f:1: found 'q7', allowed is a node: a, n3 or "
          "n($v) (crash NODES)");
    wrong("crash n($w)\n", "f:1: found '$w', allowed is $v, or a name that "
          "let has made above");
    wrong("let v = 3\n", "f:1: found 'v', allowed is a name without '-', and "
          "not v");
    wrong("let x = $x\n", "f:1: found '$x', allowed is $v");
    wrong("loss 3\n", "f:1: found the end of the line, allowed is '%'");
    wrong("variants 0\n", "f:1: found '0', allowed is 1 to 100000 variants");
    wrong("variants 9..3\n", "f:1: found '3', allowed is a last variant not "
          "below the first");
    wrong("variants $v\n", "f:1: found '$v', allowed is a number as it "
          "stands");
    wrong("crash a ; crash b\n", "f:1: found ';', allowed are words, ");
    wrong("crash \xc3\xa4\n", "f:1: found a byte of value 195, allowed is "
          "printable ASCII");
    wrong("sync pubsub with x=\"y\n", "f:1: found a text without an end");
}
END_TEST

/* text, then count times part, then end; of a file of one line. */
static int repeated(const char *text, const char *part, uint32_t count,
                    const char *end)
{
    size_t size = strlen(text) + count * strlen(part) + strlen(end) + 1;
    char *all = malloc(size);
    size_t used;
    int rc;

    ck_assert_ptr_nonnull(all);
    used = (size_t)snprintf(all, size, "%s", text);
    for (uint32_t i = 0; i < count; i++)
        used += (size_t)snprintf(all + used, size - used, "%s", part);
    (void)snprintf(all + used, size - used, "%s", end);
    rc = parse(all);
    free(all);
    return rc;
}

START_TEST(each_limit_holds_where_it_is_said_to_be)
{
    ck_assert_int_eq(repeated("wait ", "-", 31, "1s"), 0);
    ck_assert_int_eq(repeated("wait ", "-", 32, "1s"), PHUB_EINVAL);
    ck_assert_ptr_nonnull(strstr(said, "allowed is fewer signs"));
    ck_assert_int_eq(repeated("wait ", "(", 32, "1"), PHUB_EINVAL);
    ck_assert_ptr_nonnull(strstr(said, "allowed is fewer parentheses"));
    ck_assert_int_eq(repeated("scene #", "x", SIM_SCENARIO_LINE_MAX - 7, ""),
                     0);
    ck_assert_int_eq(repeated("scene #", "x", SIM_SCENARIO_LINE_MAX - 6, ""),
                     PHUB_EINVAL);
    ck_assert_str_eq(said, "f:1: found a line of 1001 bytes, allowed are "
                     "1000");
    ck_assert_int_eq(repeated("crash a", ",a", 199, "\n"), 0);
    ck_assert_int_eq(repeated("crash a", ",a", 200, "\n"), PHUB_EINVAL);
    ck_assert_str_eq(said, "f:1: found more words than allowed: 400");
    ck_assert_int_eq(repeated("", "when 1 ", 31, "scene\n"), 0);
    ck_assert_int_eq(repeated("", "when 1 ", 32, "scene\n"), PHUB_EINVAL);
    ck_assert_ptr_nonnull(strstr(said, "fewer statements inside"));
    ck_assert_int_eq(repeated("", "scene\n", SIM_SCENARIO_SIZE_MAX / 6, ""),
                     0);
    ck_assert_int_eq(repeated("", "scene\n", SIM_SCENARIO_SIZE_MAX / 6 + 1,
                              ""), PHUB_EINVAL);
    ck_assert_int_eq(parse("wait 999999999999999s\n"), 0);
    ck_assert_int_eq(parse("wait 9999999999999999s\n"), PHUB_EINVAL);
    ck_assert_str_eq(said, "f:1: found '9999999999999999', allowed are 15 "
                     "digits");
}
END_TEST

START_TEST(thirty_one_names_can_be_made_and_no_more)
{
    char text[4000] = "scene\n";
    size_t used = strlen(text);

    for (uint32_t i = 1; i < SIM_SCENARIO_NAMES_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 "let x%u = %u\n", i, i);
    ck_assert_int_eq(parse(text), 0);
    (void)snprintf(text + used, sizeof(text) - used, "let x1 = 7\n");
    ck_assert_int_eq(parse(text), 0);
    (void)snprintf(text + used, sizeof(text) - used, "let y = 7\n");
    ck_assert_int_eq(parse(text), PHUB_EINVAL);
    ck_assert_ptr_nonnull(strstr(said, "at most 31 names"));
}
END_TEST

/* --- playing -------------------------------------------------------------- */

static enum sim_outcome play(const char *text, uint64_t variant,
                             struct sim_played *played)
{
    struct sim_scenario *scenario = NULL;
    enum sim_outcome outcome;

    ck_assert_msg(sim_scenario_parse("f", text, strlen(text), &scenario, said,
                                     sizeof(said)) == 0, "%s", said);
    outcome = sim_scenario_play(scenario, variant, NULL, played);
    sim_scenario_free(&scenario);
    return outcome;
}

static void mistake(const char *text, const char *message)
{
    struct sim_played played;

    ck_assert_int_eq(play(text, 0, &played), SIM_MISTAKE);
    ck_assert_msg(strncmp(played.text, message, strlen(message)) == 0,
                  "\"%s\" is told as \"%s\", not as \"%s\"", text,
                  played.text, message);
}

START_TEST(a_number_that_cannot_be_is_told_with_its_line_and_variant)
{
    mistake("nodes 0\nscene\n", "f:1: found nodes 0, allowed are 1 to ");
    mistake("nodes 3\nscene\n\ncrash n($v+3)\n", "f:4: found n3, allowed are "
            "n0 to n2 (variant 0)");
    mistake("children 2\nscene\nstop c2\n", "f:3: found c2, allowed are c0 "
            "to c1");
    mistake("children 2\nscene\nstop c1..c0\n", "f:3: found c1..c0, allowed "
            "is a first one not behind the last");
    mistake("scene\nwait 1/$v s\n", "f:2: division by 0");
    mistake("scene\nwait 999999999999999*999999999999999 s\n",
            "f:2: a number is too large");
    mistake("scene\nwait -1 s\n", "f:2: found a time of -1000000000 ns");
    mistake("scene\nat 1s crash a\n", "f:2: it is 2.6");
    mistake("scene\nskew a by 400001 ppm\n", "f:2: found ppm 400001, allowed "
            "are -400000 to 400000");
    mistake("scene\ncut a,b|b,c\n", "f:2: n1 is in two groups");
    mistake("scene\nstart a empty\n", "f:2: n0 runs, and cannot lose its "
            "disk");
    mistake("scene\nwait until dawn\n", "f:2: found 'dawn', allowed are "
            "agreed, answered, running, settled, quiet");
    mistake("scene\nexpect c0 happy\n", "f:2: found 'happy', allowed are "
            "running, stopped, nowhere, frozen, refused");
    mistake("start a\nlet x = where(c0)\n", "f:2: where(c0): it acts "
            "nowhere");
    mistake("let x = where(c0)\nscene\n", "f:1: where() is known only after "
            "the first action");
    mistake("manner c0 state freze\nscene\n", "f:1: found 'freze', allowed "
            "are actor (first), state, freeze, ");
    mistake("when 0 scene\n", "f:1: found no action");
}
END_TEST

START_TEST(numbers_are_worked_out_as_written)
{
    struct sim_played played;

    ck_assert_int_eq(play("nodes 1\nchildren 1\nscene\n"
        "let x = 2+3*4\nwhen $x != 14 stop c0\n"
        "let y = -(2+3)*4 - -1\nwhen $y != -19 stop c0\n"
        "when 7/2 != 3 stop c0\nwhen 7%4 != 3 stop c0\n"
        "when 10-2-3 != 5 stop c0\n"
        "when pick($v+5: 1, 2, 3) != 3 stop c0\n"
        "when (1 < 2) + (2 <= 2) + (3 > 2) + (2 >= 3) != 3 stop c0\n"
        "when where(c0) != 0 stop c0\n"
        "wait 5s\nexpect c0 running on a\n", 0, &played), SIM_KEPT);
}
END_TEST

START_TEST(what_is_expected_and_not_so_breaks_the_case)
{
    struct sim_played played;

    ck_assert_int_eq(play("children 1\nscene\nexpect c0 stopped\n", 4,
                          &played), SIM_BROKEN);
    ck_assert_msg(strstr(played.text, "f, variant 4: seed 5, ") != NULL
                  && strstr(played.text, "line 3: child c0 is not stopped")
                     != NULL, "%s", played.text);
    ck_assert_int_eq(play("children 1\nscene\nwait until c0 nowhere within "
                          "1s\n", 0, &played), SIM_BROKEN);
    ck_assert_int_eq(play("expect broken 2\nscene\n", 0, &played),
                     SIM_BROKEN);
    ck_assert_ptr_nonnull(strstr(played.text, "promise 2 should have been "
                                 "broken: all were kept"));
    ck_assert_int_eq(play("children 1\nexpect broken 4\nscene\nexpect c0 "
                          "nowhere\n", 0, &played), SIM_KEPT);
}
END_TEST

START_TEST(what_was_asked_for_a_while_is_undone)
{
    struct sim_played played;

    ck_assert_int_eq(play("children 6\nscene\nfreeze b for 400ms\n"
        "cut a->c for 300ms\nloss 20% for 1s\ndisk full c for 1s\n"
        "slow a by 2ms for 500ms\n", 0, &played), SIM_KEPT);
    ck_assert_uint_ge(played.virtual_ns, 3600 * PHUB__SIM_MS);
}
END_TEST

START_TEST(a_scenario_replays_bit_for_bit)
{
    static const char text[] = "nodes 5\nchildren 12\nseed 7\nscene\n"
        "crash b\nwait 3s\nstart b\nnetwork loss 1% reorder 5%\noperate\n"
        "wait 3s\nmend\n";
    struct sim_played first, second, other;

    ck_assert_int_eq(play(text, 0, &first), SIM_KEPT);
    ck_assert_int_eq(play(text, 0, &second), SIM_KEPT);
    ck_assert_uint_eq(first.hash, second.hash);
    ck_assert_int_eq(play("seed 8\nscene\n", 0, &other), SIM_KEPT);
    ck_assert_uint_ne(first.hash, other.hash);
}
END_TEST

static const char *manual(void)
{
    static char page[60000];
    char path[512];
    FILE *in;
    size_t size;

    path_of(path, sizeof(path), "man/phub-scenario.5");
    in = fopen(path, "r");
    ck_assert_msg(in != NULL, "%s cannot be read", path);
    size = fread(page, 1, sizeof(page) - 1, in);
    (void)fclose(in);
    page[size] = '\0';
    return page;
}

START_TEST(every_form_is_in_the_manual)
{
    const char *page = manual();
    char line[256];

    for (size_t i = 0; sim_scenario_form(i) != NULL; i++) {
        (void)snprintf(line, sizeof(line), "\n.It Li %s\n",
                       sim_scenario_form(i));
        ck_assert_msg(strstr(page, line) != NULL, "\"%s\" is not in it",
                      sim_scenario_form(i));
    }
}
END_TEST

START_TEST(the_examples_of_the_manual_play)
{
    static const char begin[] = ".Bd -literal -offset indent\n";
    const char *at = strstr(manual(), "\n.Sh EXAMPLES\n"), *end;
    struct sim_played played;
    char text[2000];
    int count = 0;

    ck_assert_ptr_nonnull(at);
    while ((at = strstr(at, begin)) != NULL) {
        at += sizeof(begin) - 1;
        end = strstr(at, "\n.Ed\n");
        ck_assert(end != NULL && (size_t)(end - at) < sizeof(text));
        (void)snprintf(text, sizeof(text), "%.*s\n", (int)(end - at), at);
        ck_assert_msg(play(text, 3, &played) == SIM_KEPT, "%s", played.text);
        count++;
    }
    ck_assert_int_eq(count, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scenario");
    TCase *tcase = tcase_create("scenario");
    SRunner *runner;
    int failed;

    list_read();
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase,
                   what_is_wrong_is_told_with_its_line_and_what_is_allowed);
    tcase_add_test(tcase, each_limit_holds_where_it_is_said_to_be);
    tcase_add_test(tcase, thirty_one_names_can_be_made_and_no_more);
    tcase_add_test(tcase,
                   a_number_that_cannot_be_is_told_with_its_line_and_variant);
    tcase_add_test(tcase, numbers_are_worked_out_as_written);
    tcase_add_test(tcase, what_is_expected_and_not_so_breaks_the_case);
    tcase_add_test(tcase, what_was_asked_for_a_while_is_undone);
    tcase_add_test(tcase, a_scenario_replays_bit_for_bit);
    tcase_add_test(tcase, every_form_is_in_the_manual);
    tcase_add_test(tcase, the_examples_of_the_manual_play);
    tcase_add_test(tcase, the_list_and_the_files_are_the_same);
    tcase_add_test(tcase,
                   each_line_of_the_list_has_a_source_and_a_sentence);
    tcase_add_loop_test(tcase, a_named_schedule_keeps_the_promises, 0,
                        listed_count);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
