/* SPDX-License-Identifier: MIT */
/* Tests of conf: what phub.conf and phubd's flags may say, and the sentence
 * that each wrong one gets. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "env/env.h"
#include "hub/conf.h"
#include "hub/conf_private.h"
#include "hub/options.h"

#define STRATEGIES \
    "[strategies]\ndistribution = ring\nredundancy = one\nsync = all\n" \
    "migration = cold\npartition = any\n"
#define GOOD "[hub]\nid = h\n" STRATEGIES

static struct phub__config config;
static struct phub__config_errors errors;

static void setup(void)
{
    phub__config_init(&config);
    memset(&errors, 0, sizeof errors);
}

static void teardown(void)
{
    phub__config_fini(&config);
}

static void again(void)
{
    teardown();
    setup();
}

static int parse(const char *text)
{
    return phub__config_parse(&config, "f", text, strlen(text), &errors);
}

static int whole(const char *text)
{
    int rc = parse(text);
    int rc_finish = phub__config_finish(&config, "f", &errors);

    return rc ? rc : rc_finish;
}

/* A fresh configuration each time; text is one wrong thing. */
static void wrong(const char *text, const char *sentence)
{
    again();
    ck_assert_int_eq(parse(text), PHUB_ECONFIG);
    ck_assert_str_eq(errors.text, sentence);
    ck_assert_uint_eq(errors.count, 1);
    again();
}

static int args(const char *a, const char *b, const char *c, const char *d,
                struct phub__config_cli *cli)
{
    char *argv[] = { (char *)"phubd", (char *)a, (char *)b, (char *)c,
                     (char *)d, NULL };
    int argc = 1;

    while (argv[argc])
        argc++;
    return phub__config_from_args(&config, argc, argv, cli, &errors);
}

START_TEST(a_good_file_fills_every_kind_of_key)
{
    ck_assert_int_eq(whole(
        "# comment\n; comment\n\n[hub] ; comment\n"
        "  id = orders\n\tname=a-1.x\n"
        "listen = tcp://[::1]:0 ; comment\n"
        "advertise = tcp://a.example:7440\r\n"
        "seeds = tcp://b:1, dns:hub.example:7440\tfile:/etc/seeds\n"
        "seeds = ipc:///tmp/s\n"
        "state_dir = /var/x\ncontrol = /run/x.sock\n"
        "log_level = debug\n"
        "[members]\nsettle_ms = 0\nweight = 10000\nzone = rack-1\n"
        "labels = disk=ssd gpu=2\nlabels=x=1\n"
        STRATEGIES "plugin_path = /a:/b\n"
        "[distribution ring]\nvnodes = 64\nname = x = y\n"), 0);
    ck_assert_str_eq(config.hub.id, "orders");
    ck_assert_str_eq(config.hub.name, "a-1.x");
    ck_assert_str_eq(config.hub.listen, "tcp://[::1]:0");
    ck_assert_str_eq(config.hub.advertise, "tcp://a.example:7440");
    ck_assert_uint_eq(config.hub.seeds.count, 4);
    ck_assert_str_eq(config.hub.seeds.items[1], "dns:hub.example:7440");
    ck_assert_str_eq(config.hub.seeds.items[3], "ipc:///tmp/s");
    ck_assert_uint_eq(config.members.params.settle, 0);
    ck_assert_uint_eq(config.hub.log_level, PHUB__LOG_DEBUG);
    ck_assert_uint_eq(config.members.weight, 10000);
    ck_assert_str_eq(config.members.labels, "disk=ssd,gpu=2,x=1");
    ck_assert_str_eq(config.strategies.plugin_path, "/a:/b");
    ck_assert_uint_eq(config.plugins_count, 1);
    ck_assert_str_eq(config.plugins[0].params[0], "vnodes=64");
    ck_assert_str_eq(config.plugins[0].params[1], "name=x = y");
    ck_assert_ptr_eq(phub__config_plugin(&config, "distribution", "ring"),
                     &config.plugins[0]);
    ck_assert_ptr_null(phub__config_plugin(&config, "sync", "ring"));
}
END_TEST

START_TEST(what_is_not_given_has_its_default)
{
    ck_assert_int_eq(whole(GOOD), 0);
    ck_assert_uint_eq(config.members.params.settle, 500);
    ck_assert_uint_eq(config.hub.log_level, PHUB__LOG_NOTICE);
    ck_assert_str_eq(config.hub.listen, "tcp://0.0.0.0:7440");
    ck_assert_str_eq(config.hub.name, "");
    ck_assert_str_eq(config.strategies.plugin_path, "");
    ck_assert_uint_eq(config.hub.seeds.count, 0);
}
END_TEST

START_TEST(a_line_that_is_neither_section_nor_row_is_told)
{
    wrong("[hub]\nid\n",
          "f:2: \"id\": allowed is [section], key = value or a comment\n");
    wrong("[hub]\n= 3\n",
          "f:2: \"= 3\": allowed is [section], key = value or a comment\n");
    wrong("[hub]\nid ; = x\n",
          "f:2: \"id ; = x\": allowed is [section], key = value or a "
          "comment\n");
    wrong("[hub\nid = x\n",
          "f:1: \"[hub\": allowed is [section] alone on a line\n");
    wrong("[hub] id = x\n",
          "f:1: \"[hub] id = x\": allowed is [section] alone on a line\n");
    wrong("id = x\n", "f:1: id: before the first [section]\n");
}
END_TEST

START_TEST(an_unknown_section_names_the_nearest)
{
    wrong("[hubs]\nid = x\n",
          "f:1: [hubs]: unknown section, nearest is [hub]\n");
    wrong("[]\n", "f:1: []: unknown section, nearest is [hub]\n");
    wrong("\n[migratoin hotswap]\na = 1\n",
          "f:2: [migratoin hotswap]: unknown section, nearest is "
          "[migration NAME]\n");
    wrong("[HUB]\n", "f:1: [HUB]: unknown section, nearest is [hub]\n");
    wrong("[migration]\n",
          "f:1: [migration ]: allowed is [migration NAME], one section for "
          "the strategy that [strategies] names\n");
    wrong("[sync Up]\n",
          "f:1: [sync Up]: allowed is [sync NAME], one section for the "
          "strategy that [strategies] names\n");
}
END_TEST

START_TEST(a_command_of_an_event_is_words_with_a_path_first)
{
    const struct phub_bytes *argv;

    ck_assert_int_eq(whole(
        GOOD "[hooks]\nhook_timeout_ms = 500\n"
        "child_failed = /bin/page  --to \"a b\"c \"\" ; comment\n"
        "* = /bin/log\nchild_failed = /bin/log\n"), 0);
    ck_assert_uint_eq(config.hooks.hook_timeout_ms, 500);
    ck_assert_uint_eq(config.hooks.hook_queue_max, 256);
    ck_assert_uint_eq(config.commands_count, 3);
    ck_assert_str_eq(config.commands[0].event, "child_failed");
    ck_assert_uint_eq(config.commands[0].argv.count, 4);
    argv = config.commands[0].argv.items;
    ck_assert_str_eq((const char *)argv[0].data, "/bin/page");
    ck_assert_str_eq((const char *)argv[1].data, "--to");
    ck_assert_str_eq((const char *)argv[2].data, "a bc");
    ck_assert_uint_eq(argv[3].size, 0);
    ck_assert_str_eq(config.commands[1].event, "*");
    ck_assert_str_eq(config.commands[2].event, "child_failed");
}
END_TEST

START_TEST(an_unknown_event_names_the_nearest_and_what_is_allowed)
{
    char text[4096] = "[hooks]\n";
    size_t i;

    wrong("[hooks]\nchild_faild = /bin/x\n",
          "f:2: [hooks] child_faild: unknown event, nearest is child_failed; "
          "allowed are * and those of phub_hook_add(3)\n");
    wrong("[hooks]\n\nhook_timeout = 1\n",
          "f:3: [hooks] hook_timeout: unknown event, nearest is "
          "hook_timeout_ms; allowed are * and those of phub_hook_add(3)\n");
    wrong("[hooks]\nchild_data_alter = /bin/x\n",
          "f:2: [hooks] child_data_alter: it changes what is started, which "
          "no command can do: phub_alter_add(3)\n");
    wrong("[hooks]\nshutdown = bin/x\n",
          "f:2: [hooks] shutdown = \"bin/x\": allowed is a program's "
          "absolute path and its arguments, 32 words at most\n");
    wrong("[hooks]\nshutdown = /bin/x \"y\n",
          "f:2: [hooks] shutdown = \"/bin/x \"y\": allowed is a program's "
          "absolute path and its arguments, 32 words at most\n");
    wrong("[hooks]\nshutdown = /x 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 "
          "3 4 5 6 7 8 9 0 1 2 3\n",
          "f:2: [hooks] shutdown = \"/x 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 "
          "0 1 2 3 4 5 6 7 8 9 0 1 2 3\": allowed is a program's absolute "
          "path and its arguments, 32 words at most\n");
    wrong("[hooks]\nhook_queue_max = 0\n",
          "f:2: [hooks] hook_queue_max = \"0\": allowed is an integer of 1 "
          "to 65536\n");
    for (i = 0; i <= PHUB__CONFIG_COMMANDS_MAX; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "shutdown = /bin/x\n");
    wrong(text, "f:34: [hooks] shutdown: at most 32 commands\n");
}
END_TEST

START_TEST(an_unknown_key_names_the_nearest)
{
    wrong("[members]\nsetle_ms = 1\n",
          "f:2: [members] setle_ms: unknown key, nearest is settle_ms\n");
    wrong("[hub]\nweight = 1\n",
          "f:2: [hub] weight: unknown key here, it belongs in [members]\n");
    wrong("[security]\nkey = 1\n",
          "f:2: [security] key: unknown key, this section has none yet\n");
    wrong("[hub]\n\033[31mid = x\n",
          "f:2: [hub] ?[31mid: unknown key, nearest is id\n");
}
END_TEST

START_TEST(a_value_out_of_range_names_what_is_allowed)
{
    static const char *const bad[] = { "fast", "-1", "60001", "", "1.5",
                                       "0x10", "18446744073709551616", "1 " };

    for (size_t i = 0; i + 1 < sizeof bad / sizeof bad[0]; i++) {
        char text[64], sentence[160];

        snprintf(text, sizeof text, "[members]\n\n settle_ms = %s\n", bad[i]);
        snprintf(sentence, sizeof sentence,
                 "f:3: [members] settle_ms = \"%s\": allowed is an integer of 0 "
                 "to 60000 (ms)\n", bad[i]);
        wrong(text, sentence);
    }
    ck_assert_int_eq(whole(GOOD "[members]\nsettle_ms = 60000\n"),
                     0);
    wrong("[hub]\nlog_level = loud\n",
          "f:2: [hub] log_level = \"loud\": allowed is error, warning, "
          "notice or debug\n");
}
END_TEST

/* Each is refused; the sentence's form is tested above. */
START_TEST(wrong_texts_are_refused)
{
    static const char *const bad[] = {
        "[hub]\nid =\n", "[hub]\nid = a b\n", "[hub]\nid = -a\n",
        "[hub]\nid = \xc3\xa4\n",
        "[hub]\nlisten = tcp://a\n", "[hub]\nlisten = tcp://a:65536\n",
        "[hub]\nlisten = tcp://:1\n", "[hub]\nlisten = udp://a:1\n",
        "[hub]\nlisten = tcp://[::1:1\n", "[hub]\nlisten = ipc://x\n",
        "[hub]\nlisten =\n",
        "[hub]\nseeds = a:1\n", "[hub]\nseeds = tcp://*:1\n",
        "[hub]\nseeds = tcp://a:1 nonsense\n", "[hub]\nseeds = dns:a\n",
        "[hub]\nseeds = file:rel\n",
        "[hub]\nstate_dir = here\n", "[hub]\ncontrol = x.sock\n",
        "[strategies]\nmigration = Hot\n", "[strategies]\nsync = a/b\n",
        "[strategies]\nplugin_path = /a:b\n",
        "[strategies]\nplugin_path = /a:\n",
        "[strategies]\nplugin_path = :/a\n",
        "[members]\nlabels = ssd\n", "[members]\nlabels = a=\n",
        "[members]\nweight = 0\n", "[limits]\nchildren_max = 10000001\n",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        again();
        ck_assert_msg(parse(bad[i]) == PHUB_ECONFIG && errors.count == 1,
                      "%s: %s", bad[i], errors.text);
    }
}
END_TEST

START_TEST(a_key_may_be_given_once_and_a_list_often)
{
    wrong("[hub]\nid = a\nid = b\n",
          "f:3: [hub] id = \"b\": given twice, only lists may be\n");
    wrong("[sync all]\nx = 1\ny = 1\nx = 2\n",
          "f:4: [sync all] x: given twice\n");
    ck_assert_int_eq(parse("[hub]\nseeds = ipc:///a\n[members]\n[hub]\n"
                           "seeds = ipc:///b\n"), 0);
    ck_assert_uint_eq(config.hub.seeds.count, 2);
}
END_TEST

START_TEST(a_long_line_is_told_and_not_cut)
{
    char text[600], path[400];

    memset(path, 'x', sizeof path);
    snprintf(text, sizeof text, "[hub]\nstate_dir = /%.185s\n", path);
    ck_assert_int_eq(parse(text), 0);
    ck_assert_uint_eq(strlen(config.hub.state_dir), 186);
    snprintf(text, sizeof text, "[hub]\nstate_dir = /%.186s\n", path);
    wrong(text, "f:2: the line has 199 bytes, allowed are 198; a list can go "
                "on by its key on another line\n");
    snprintf(text, sizeof text, "# %.399s = [\n", path);
    ck_assert_int_eq(parse(text), 0);
    snprintf(text, sizeof text, "[%.60s]\n", path);
    again();
    ck_assert_int_eq(parse(text), PHUB_ECONFIG);
}
END_TEST

START_TEST(limits_hold_and_are_told)
{
    char text[64];
    char *file = calloc(1, PHUB__CONFIG_BYTES_MAX + 1);

    for (unsigned i = 0; i < PHUB__SEEDS_MAX; i++)
        ck_assert_int_eq(parse("[hub]\nseeds = ipc:///a\n"), 0);
    ck_assert_int_eq(parse("[hub]\nseeds = ipc:///a\n"), PHUB_ECONFIG);
    ck_assert_uint_eq(config.hub.seeds.count, PHUB__SEEDS_MAX);
    for (unsigned i = 0; i < (PHUB__LABELS_MAX + 1) / 4; i++)
        ck_assert_int_eq(parse("[members]\nlabels = a=b\n"), 0);
    ck_assert_uint_eq(strlen(config.members.labels), PHUB__LABELS_MAX);
    ck_assert_int_eq(parse("[members]\nlabels = a=b\n"), PHUB_ECONFIG);
    ck_assert_uint_eq(strlen(config.members.labels), PHUB__LABELS_MAX);
    for (unsigned i = 0; i < PHUB__CONFIG_PLUGINS_MAX; i++) {
        snprintf(text, sizeof text, "[sync s%u]\n", i);
        ck_assert_int_eq(parse(text), 0);
    }
    ck_assert_int_eq(parse("[sync more]\n"), PHUB_ECONFIG);
    for (unsigned i = 0; i < PHUB__CONFIG_PARAMS_MAX; i++) {
        snprintf(text, sizeof text, "[sync s0]\nk%u = 1\n", i);
        ck_assert_int_eq(parse(text), 0);
    }
    ck_assert_int_eq(parse("[sync s0]\nmore = 1\n"), PHUB_ECONFIG);
    memset(file, '\n', PHUB__CONFIG_BYTES_MAX + 1);
    ck_assert_int_eq(phub__config_parse(&config, "f", file,
                                        PHUB__CONFIG_BYTES_MAX, &errors), 0);
    ck_assert_int_eq(phub__config_parse(&config, "f", file,
                                        PHUB__CONFIG_BYTES_MAX + 1, &errors),
                     PHUB_ECONFIG);
    free(file);
}
END_TEST

START_TEST(bytes_that_are_no_text_are_refused)
{
    static const char zero[] = "[hub]\nid = a\0b\n";

    ck_assert_int_eq(phub__config_parse(&config, "f", zero, sizeof zero - 1,
                                        &errors), PHUB_ECONFIG);
    ck_assert_str_eq(errors.text, "f:2: a zero byte: this is no text\n");
    again();
    ck_assert_int_eq(parse("\xef\xbb\xbf[hub]\nid = bom"), 0);
    ck_assert_str_eq(config.hub.id, "bom");
}
END_TEST

START_TEST(all_errors_are_told_up_to_a_bound)
{
    char text[1024] = "[hub]\n";

    for (unsigned i = 0; i < 30; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "k%u = 1\n", i);
    ck_assert_int_eq(parse(text), PHUB_ECONFIG);
    ck_assert_uint_eq(errors.count, 30);
    ck_assert_ptr_nonnull(strstr(errors.text, "f:21: "));
    ck_assert_ptr_null(strstr(errors.text, "f:22: "));
}
END_TEST

START_TEST(without_strategies_the_start_is_refused)
{
    ck_assert_int_eq(whole("[hub]\nid = h\n[strategies]\nmigration = m\n"),
                     PHUB_ECONFIG);
    ck_assert_uint_eq(errors.count, PHUB__CONFIG_KINDS - 1);
    ck_assert_ptr_nonnull(strstr(errors.text,
        "f: [strategies] distribution is not set (which nodes a child "
        "belongs on): phub has no strategy of its own; name an installed one "
        "(phub-plugin list), or begin with "));
    ck_assert_ptr_null(strstr(errors.text, "migration"));
    again();
    ck_assert_int_eq(whole(STRATEGIES), PHUB_ECONFIG);
    ck_assert_str_eq(errors.text,
        "f: [hub] id is not set (the hub to belong to; nodes of another hub "
        "are refused)\n");
}
END_TEST

START_TEST(a_section_that_nobody_reads_is_told)
{
    ck_assert_int_eq(whole(GOOD "[migration hot]\na = 1\n"), PHUB_ECONFIG);
    ck_assert_str_eq(errors.text,
        "f:9: [migration hot]: nothing reads this section, [strategies] "
        "migration is \"cold\"\n");
}
END_TEST

#define BY_PATH \
    "[hub]\nid = h\n[strategies]\nredundancy = one\nsync = all\n" \
    "migration = cold\npartition = any\n" \
    "distribution = /x/distribution-zoned.so\n"

/* What the hub is given for its distribution strategy; NULL: nothing. */
static const char *given_param(void)
{
    char name[PHUB_NODE_NAME_MAX + 1];
    struct phub__hub_options o;

    ck_assert_int_eq(phub__options_fill(&config, name, &o), 0);
    return o.strategies[PHUB_KIND_DISTRIBUTION].params_count == 1
               ? o.strategies[PHUB_KIND_DISTRIBUTION].params[0] : NULL;
}

START_TEST(a_strategy_named_by_its_path_reads_the_section_of_its_name)
{
    ck_assert_int_eq(whole(BY_PATH "[distribution zoned]\nboost = 9\n"), 0);
    ck_assert_pstr_eq(given_param(), "boost=9");
    again();
    ck_assert_int_eq(parse(BY_PATH), 0);
    ck_assert_int_eq(phub__config_set_param(
        &config, "distribution.zoned.boost=33", &errors), 0);
    ck_assert_int_eq(phub__config_finish(&config, "f", &errors), 0);
    ck_assert_pstr_eq(given_param(), "boost=33");
    again();
    ck_assert_int_eq(whole(BY_PATH "[distribution /x/distribution-zoned.so]\n"
                           "boost = 7\n"), 0);
    ck_assert_pstr_eq(given_param(), "boost=7");
}
END_TEST

START_TEST(of_a_path_too_a_section_that_nobody_reads_is_told)
{
    ck_assert_int_eq(whole(BY_PATH "[distribution zones]\nboost = 9\n"),
                     PHUB_ECONFIG);
    ck_assert_str_eq(errors.text,
        "f:9: [distribution zones]: nothing reads this section, [strategies] "
        "distribution is \"/x/distribution-zoned.so\", whose section is "
        "[distribution zoned]\n");
    again();
    ck_assert_int_eq(whole(BY_PATH "[distribution zoned]\nboost = 9\n"
                           "[distribution /x/distribution-zoned.so]\n"
                           "boost = 7\n"), PHUB_ECONFIG);
    ck_assert_ptr_nonnull(strstr(errors.text,
        "f:9: [distribution zoned]: nothing reads this section"));
    ck_assert_ptr_nonnull(strstr(errors.text,
        "whose section is [distribution /x/distribution-zoned.so]\n"));
}
END_TEST

START_TEST(keys_are_judged_together)
{
    ck_assert_int_eq(whole(GOOD "[members]\nprobe_timeout_ms = 300\n"),
                     PHUB_ECONFIG);
    ck_assert_ptr_nonnull(strstr(errors.text, "probe_timeout_ms = 300 is not "
                                              "below probe_interval_ms"));
    again();
    ck_assert_int_eq(whole("[hub]\nadvertise = tcp://0.0.0.0:1\nid = h\n"
                           STRATEGIES), PHUB_ECONFIG);
    ck_assert_ptr_nonnull(strstr(errors.text, "cannot connect to that"));
}
END_TEST

static const char *file_with(const char *text)
{
    static char path[] = "/tmp/check_conf.XXXXXX";
    int fd;
    FILE *file;

    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    file = fdopen(fd, "w");
    fputs(text, file);
    fclose(file);
    return path;
}

START_TEST(flags_win_over_the_file)
{
    struct phub__config_cli cli;
    const char *path = file_with(
        "[hub]\nid = h\nseeds = ipc:///file\n" STRATEGIES
        "[members]\nsettle_ms = 7\n"
        "[distribution ring]\nvnodes = 1\n");

    ck_assert_int_eq(args("--settle-ms=9", "--seeds=ipc:///flag", "--config",
                          path, &cli), 0);
    ck_assert_str_eq(errors.text, "");
    ck_assert_uint_eq(config.members.params.settle, 9);
    ck_assert_uint_eq(config.hub.seeds.count, 1);
    ck_assert_str_eq(config.hub.seeds.items[0], "ipc:///flag");
    ck_assert(!cli.check);
    phub__config_fini(&config);
    ck_assert_int_eq(args("--config", path, "--check-config",
                          "--param=distribution.ring.vnodes=2", &cli), 0);
    ck_assert(cli.check);
    ck_assert_str_eq(config.plugins[0].params[0], "vnodes=2");
    remove(path);
}
END_TEST

START_TEST(wrong_flags_are_usage_errors)
{
    struct phub__config_cli cli;

    ck_assert_int_eq(args("--setle-ms", "3", NULL, NULL, &cli), PHUB_EINVAL);
    ck_assert_str_eq(errors.text,
        "unknown flag \"--setle-ms\", nearest is --settle-ms\n");
    again();
    ck_assert_int_eq(args("--id", NULL, NULL, NULL, &cli), PHUB_EINVAL);
    ck_assert_str_eq(errors.text, "--id needs a value\n");
    again();
    ck_assert_int_eq(args("--help=x", NULL, NULL, NULL, &cli), PHUB_EINVAL);
    ck_assert_str_eq(errors.text, "--help takes no value\n");
    again();
    ck_assert_int_eq(args("phub.conf", NULL, NULL, NULL, &cli), PHUB_EINVAL);
    again();
    ck_assert_int_eq(args("--config", "/nonexistent/x", NULL, NULL, &cli),
                     PHUB_ECONFIG);
    ck_assert_ptr_nonnull(strstr(errors.text, "/nonexistent/x: cannot be "
                                              "opened: No such file"));
    again();
    ck_assert_int_eq(args("--settle-ms", "x", "--param", "a.b=c", &cli),
                     PHUB_ECONFIG);
    ck_assert_ptr_nonnull(strstr(errors.text,
        "--settle-ms \"x\": allowed is an integer of 0 to 60000 (ms)\n"
        "--param \"a.b=c\": allowed is KIND.NAME.KEY=VALUE"));
    again();
    ck_assert_int_eq(args("--id=", "--help", "-h", "--version", &cli), 0);
    ck_assert(cli.help && cli.version);
}
END_TEST

START_TEST(what_is_printed_reads_the_same)
{
    char *first = NULL, *second = NULL;
    size_t size;
    FILE *out = open_memstream(&first, &size);

    ck_assert_int_eq(whole("[hub]\nid = h\nseeds = ipc:///a ipc:///b\n"
                           STRATEGIES "[sync all]\nx = a=b\n"
                           "[hooks]\n* = /x \"a b\" c\n"), 0);
    phub__config_print(&config, out);
    fclose(out);
    phub__config_fini(&config);
    ck_assert_int_eq(whole(first), 0);
    out = open_memstream(&second, &size);
    phub__config_print(&config, out);
    fclose(out);
    ck_assert_str_eq(first, second);
    ck_assert_ptr_nonnull(strstr(first, "[sync all]\nx = a=b\n"));
    ck_assert_ptr_nonnull(strstr(first, "\n* = /x \"a b\" c\n"));
    free(first);
    free(second);
}
END_TEST

START_TEST(the_table_is_sound)
{
    size_t count;
    const struct phub__config_row *rows = phub__config_rows(&count);
    char *help = NULL;
    size_t size;
    FILE *out = open_memstream(&help, &size);

    phub__config_help(out);
    fclose(out);
    for (size_t i = 0; i < count; i++) {
        char flag[PHUB__CONFIG_FLAG_MAX];

        for (size_t j = 0; j < i; j++) {
            ck_assert_str_ne(rows[i].key, rows[j].key);
            ck_assert_uint_ne(rows[i].offset, rows[j].offset);
        }
        ck_assert_ptr_nonnull(strstr(help, phub__config_flag_of(&rows[i], flag)));
    }
    free(help);
    /* Every default is an allowed value. */
    ck_assert_int_eq(whole(GOOD), 0);
}
END_TEST

static char *slurp(const char *name)
{
    const char *srcdir = getenv("PHUB_SRCDIR");
    char path[1024], *text;
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", srcdir ? srcdir : ".", name);
    file = fopen(path, "r");
    if (!file)
        return NULL;
    text = calloc(1, 1u << 20);
    ck_assert_uint_lt(fread(text, 1, (1u << 20) - 1, file), (1u << 20) - 1);
    fclose(file);
    return text;
}

/* .It Cm settle_ms ... in phub.conf(5), --settle-ms in phubd(8). */
START_TEST(every_key_is_in_the_manual)
{
    size_t count;
    const struct phub__config_row *rows = phub__config_rows(&count);
    char *conf = slurp("man/phub.conf.5"), *phubd = slurp("man/phubd.8");

    for (size_t i = 0; i < count; i++) {
        char key[80];

        snprintf(key, sizeof key, ".It Cm %s", rows[i].key);
        ck_assert_msg(!conf || strstr(conf, key),
                      "phub.conf(5) has no \"%s\"", key);
        phub__config_flag_of(&rows[i], key);
        ck_assert_msg(!phubd || strstr(phubd, key + 2),
                      "phubd(8) has no %s", key);
    }
    free(conf);
    free(phubd);
}
END_TEST

START_TEST(the_example_is_a_good_file)
{
    char *text = slurp("phub.conf.example");

    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(whole(text), 0);
    ck_assert_str_eq(config.strategies.migration, "coldswap");
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conf");
    TCase *tcase = tcase_create("conf");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_good_file_fills_every_kind_of_key);
    tcase_add_test(tcase, what_is_not_given_has_its_default);
    tcase_add_test(tcase, a_line_that_is_neither_section_nor_row_is_told);
    tcase_add_test(tcase, an_unknown_section_names_the_nearest);
    tcase_add_test(tcase, an_unknown_key_names_the_nearest);
    tcase_add_test(tcase, a_value_out_of_range_names_what_is_allowed);
    tcase_add_test(tcase, wrong_texts_are_refused);
    tcase_add_test(tcase, a_key_may_be_given_once_and_a_list_often);
    tcase_add_test(tcase, a_long_line_is_told_and_not_cut);
    tcase_add_test(tcase, limits_hold_and_are_told);
    tcase_add_test(tcase, bytes_that_are_no_text_are_refused);
    tcase_add_test(tcase, all_errors_are_told_up_to_a_bound);
    tcase_add_test(tcase, without_strategies_the_start_is_refused);
    tcase_add_test(tcase, a_section_that_nobody_reads_is_told);
    tcase_add_test(tcase,
        a_strategy_named_by_its_path_reads_the_section_of_its_name);
    tcase_add_test(tcase,
                   of_a_path_too_a_section_that_nobody_reads_is_told);
    tcase_add_test(tcase, keys_are_judged_together);
    tcase_add_test(tcase, flags_win_over_the_file);
    tcase_add_test(tcase, wrong_flags_are_usage_errors);
    tcase_add_test(tcase, what_is_printed_reads_the_same);
    tcase_add_test(tcase, a_command_of_an_event_is_words_with_a_path_first);
    tcase_add_test(tcase,
                   an_unknown_event_names_the_nearest_and_what_is_allowed);
    tcase_add_test(tcase, the_table_is_sound);
    tcase_add_test(tcase, every_key_is_in_the_manual);
    tcase_add_test(tcase, the_example_is_a_good_file);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
