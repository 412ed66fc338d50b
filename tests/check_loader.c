/* SPDX-License-Identifier: MIT */
/* Tests of the loader: where it looks, the ten checks in their order with
 * their exact sentences, parameters, and the copies it makes. */
#include "config.h"

#include <check.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "strategy/file.h"
#include "strategy/image.h"
#include "strategy/loader.h"

static struct phub__loader *loader;
static struct phub__strategy *strategy;
static char dir[4096];       /* where the bad ones are */
static char scratch[64];
static char error[PHUB__LOADER_ERROR_MAX];

static void loader_start(const char *environment, const char *path)
{
    if (environment != NULL)
        ck_assert_int_eq(setenv("PHUB_PLUGIN_PATH", environment, 1), 0);
    else
        ck_assert_int_eq(unsetenv("PHUB_PLUGIN_PATH"), 0);
    ck_assert_msg(phub__loader_new(path, &loader, error, sizeof error) == 0,
                  "%s", error);
}

static void setup(void)
{
    const char *build = getenv("PHUB_BUILDDIR");

    (void)snprintf(dir, sizeof dir, "%s/tests/abi/.libs",
                   build != NULL ? build : ".");
    (void)snprintf(scratch, sizeof scratch, "/tmp/phub-loader.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scratch));
    loader_start(NULL, dir);
}

static void teardown(void)
{
    char command[128];

    phub__strategy_free(&strategy);
    phub__loader_free(&loader);
    (void)snprintf(command, sizeof command, "rm -rf %s", scratch);
    ck_assert_int_eq(system(command), 0);
}

static int load(const char *name, const char *const *params)
{
    size_t count = 0;

    while (params != NULL && params[count] != NULL)
        count++;
    error[0] = '\0';
    return phub__strategy_load(loader, PHUB_KIND_DISTRIBUTION, name, params,
                               count, &strategy, error, sizeof error);
}

/* Loading name fails with "plugin 'name' (file): text". */
static void refused(const char *name, const char *text)
{
    char whole[6000];

    ck_assert_int_eq(load(name, NULL), PHUB_EPLUGIN);
    (void)snprintf(whole, sizeof whole,
                   "plugin '%s' (%s/distribution-%s.so): %s", name, dir, name,
                   text);
    ck_assert_str_eq(error, whole);
    ck_assert_ptr_null(strategy);
}

static void file_write(const char *name, const char *text, mode_t mode)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", scratch, name);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(path, mode), 0);
}

/* --- check 1 ------------------------------------------------------------- */

START_TEST(a_missing_file_is_told_with_all_places)
{
    char text[5000];

    phub__loader_free(&loader);
    loader_start("/nonexistent/e", "/nonexistent/a:/nonexistent/b");
    (void)snprintf(text, sizeof text,
        "plugin 'ring' (distribution-ring.so): not found; looked in "
        "/nonexistent/e, /nonexistent/a, /nonexistent/b, %s",
        PHUB_PLUGIN_DIR);
    ck_assert_int_eq(load("ring", NULL), PHUB_EPLUGIN);
    ck_assert_str_eq(error, text);
    ck_assert_int_eq(load("/nonexistent/distribution-ring.so", NULL),
                     PHUB_EPLUGIN);
    ck_assert_str_eq(error,
        "plugin 'ring' (/nonexistent/distribution-ring.so): not found; "
        "looked in /nonexistent/distribution-ring.so");
}
END_TEST

START_TEST(relative_and_empty_components_are_errors)
{
    struct phub__loader *other = NULL;

    ck_assert_int_eq(phub__loader_new("/a:b", &other, error, sizeof error),
                     PHUB_ECONFIG);
    ck_assert_str_eq(error, "plugin_path: 'b' is not an absolute path");
    ck_assert_int_eq(phub__loader_new("/a::/b", &other, error, sizeof error),
                     PHUB_ECONFIG);
    ck_assert_str_eq(error, "plugin_path: empty component in '/a::/b'");
    ck_assert_int_eq(setenv("PHUB_PLUGIN_PATH", "./here", 1), 0);
    ck_assert_int_eq(phub__loader_new(NULL, &other, error, sizeof error),
                     PHUB_ECONFIG);
    ck_assert_str_eq(error,
                     "PHUB_PLUGIN_PATH: './here' is not an absolute path");
    ck_assert_ptr_null(other);
}
END_TEST

START_TEST(directories_have_a_limit)
{
    char path[3 * PHUB__LOADER_DIRS_MAX + 2];
    struct phub__loader *other = NULL;
    uint32_t i;

    /* With the built-in one that is one too many. */
    for (i = 0; i < PHUB__LOADER_DIRS_MAX; i++)
        memcpy(path + 3 * i, "/a:", 4);
    path[3 * (PHUB__LOADER_DIRS_MAX - 1) - 1] = '\0';
    ck_assert_int_eq(unsetenv("PHUB_PLUGIN_PATH"), 0);
    ck_assert_int_eq(phub__loader_new(path, &other, error, sizeof error), 0);
    phub__loader_free(&other);
    path[3 * (PHUB__LOADER_DIRS_MAX - 1) - 1] = ':';
    path[3 * PHUB__LOADER_DIRS_MAX - 1] = '\0';
    ck_assert_int_eq(phub__loader_new(path, &other, error, sizeof error),
                     PHUB_ECONFIG);
}
END_TEST

START_TEST(a_name_is_a_plain_name)
{
    static const char *const names[] = { "../ring", "a/b", "", "a.b", "a b" };
    size_t i;

    for (i = 0; i < sizeof names / sizeof names[0]; i++)
        ck_assert_int_eq(load(names[i], NULL), PHUB_ECONFIG);
    ck_assert_str_eq(error,
        "plugin 'a b': neither a plain name nor an absolute path");
}
END_TEST

START_TEST(what_others_may_write_is_refused)
{
    char text[400];

    file_write("distribution-x.so", "x", 0666);
    phub__loader_free(&loader);
    loader_start(scratch, NULL);
    ck_assert_int_eq(load("x", NULL), PHUB_EPLUGIN);
    (void)snprintf(text, sizeof text,
        "plugin 'x' (%s/distribution-x.so): may be written by others: mode "
        "0666; chmod go-w it", scratch);
    ck_assert_str_eq(error, text);
    file_write("distribution-x.so", "x", 0644);
    ck_assert_int_eq(chmod(scratch, 0777), 0);
    ck_assert_int_eq(load("x", NULL), PHUB_EPLUGIN);
    (void)snprintf(text, sizeof text,
        "plugin 'x' (%s/distribution-x.so): may be replaced by others: "
        "directory %s has mode 0777; chmod go-w it", scratch, scratch);
    ck_assert_str_eq(error, text);
}
END_TEST

START_TEST(a_directory_is_not_a_plugin)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/distribution-x.so", scratch);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    ck_assert_int_eq(load(path, NULL), PHUB_EPLUGIN);
    ck_assert_ptr_nonnull(strstr(error, "): is not a regular file"));
}
END_TEST

START_TEST(the_environment_comes_before_the_configuration)
{
    file_write("distribution-bad_future.so", "not this one", 0644);
    phub__loader_free(&loader);
    loader_start(dir, scratch);
    ck_assert_msg(load("bad_future", NULL) == 0, "%s", error);
}
END_TEST

/* --- checks 2 to 10 ------------------------------------------------------ */

START_TEST(what_dlopen_says_is_passed_on)
{
    char head[400];

    file_write("distribution-x.so", "garbage", 0644);
    phub__loader_free(&loader);
    loader_start(scratch, NULL);
    ck_assert_int_eq(load("x", NULL), PHUB_EPLUGIN);
    (void)snprintf(head, sizeof head,
        "plugin 'x' (%s/distribution-x.so): cannot open: ", scratch);
    ck_assert_uint_eq(strncmp(error, head, strlen(head)), 0);
    ck_assert_ptr_nonnull(strstr(error, "; check its libraries with ldd"));
}
END_TEST

START_TEST(each_bad_plugin_gets_its_sentence)
{
    refused("bad_symbol", "not a phub plugin");
    refused("bad_abi2", "no symbol phub_plugin_abi1; it has "
            "phub_plugin_abi2, this libphub speaks abi1");
    refused("bad_magic",
            "damaged descriptor: magic 12345678, 62756870 expected");
    refused("bad_size", sizeof(void *) == 8
            ? "damaged descriptor: size 24, at least 88 expected"
            : "damaged descriptor: size 24, at least 64 expected");
    refused("bad_needs", "needs plugin ABI 1.107, this libphub offers 1.1; "
            "upgrade libphub (built against 1.109)");
    refused("bad_flags", "uses feature bit 33 unknown to this libphub");
    refused("bad_texts", "damaged descriptor: name, version, license or "
            "summary missing");
    refused("bad_kind", "is migration 'cold', configured as distribution "
            "'bad_kind'");
    refused("bad_vtable", "lacks mandatory function assign");
    refused("bad_short", sizeof(void *) == 8
            ? "lacks mandatory function assign: its ops say size 24, assign "
              "needs 32; write .size = sizeof ops"
            : "lacks mandatory function assign: its ops say size 16, assign "
              "needs 20; write .size = sizeof ops");
    refused("bad_params", "parameter 'vnodes' = 0 is outside 1..65536");
}
END_TEST

/* --- what a descriptor in memory may say --------------------------------- */

static int ops_open(void *self, struct phub_ctx *ctx,
                    const struct phub_host *host)
{
    (void)self;
    (void)ctx;
    (void)host;
    return 4711;
}

static void ops_close(void *self)
{
    (void)self;
}

static int ops_assign(void *self, const struct phub_view *view,
                      const struct phub_assign_item *items, uint32_t count,
                      uint32_t stride, uint32_t factor, uint64_t *nodes,
                      uint32_t *counts)
{
    (void)self;
    (void)view;
    (void)items;
    (void)count;
    (void)stride;
    (void)factor;
    (void)nodes;
    (void)counts;
    return 0;
}

static struct phub_distribution_ops ops;
static struct phub_param row;
static struct phub_plugin descriptor;

static void descriptor_good(void)
{
    ops = (struct phub_distribution_ops){ .size = sizeof ops,
        .open = ops_open, .close = ops_close, .assign = ops_assign };
    row = (struct phub_param){ .name = "one", .type = PHUB_PARAM_UINT,
        .unit = "", .default_value = "1", .max = 9, .help = "first" };
    descriptor = (struct phub_plugin){ .magic = PHUB_PLUGIN_MAGIC,
        .size = sizeof descriptor, .kind = PHUB_KIND_DISTRIBUTION,
        .name = "mine", .version = "1", .license = "MIT", .summary = "mine",
        .params = &row, .params_count = 1, .params_stride = sizeof row,
        .ops.distribution = &ops };
}

static void descriptor_refused(const char *text)
{
    static const struct phub__wanted wanted = { 0, NULL, "mine" };
    struct phub__plugin *plugin = NULL;
    char whole[400];

    ck_assert_int_eq(phub__plugin_new(&wanted, "/m.so", &descriptor, &plugin,
                                      error, sizeof error), PHUB_EPLUGIN);
    (void)snprintf(whole, sizeof whole, "plugin 'mine' (/m.so): %s", text);
    ck_assert_str_eq(error, whole);
    descriptor_good();
}

START_TEST(what_is_forgotten_in_a_descriptor_is_named)
{
    descriptor_good();
    row.unit = NULL;
    descriptor_refused("parameter 0 'one' is declared without .unit, which is "
                       "a text in every row");
    row.help = NULL;
    descriptor_refused("parameter 0 'one' is declared without .help, which is "
                       "a text in every row");
    row.name = NULL;
    descriptor_refused("parameter 0 '' is declared without .name, which is a "
                       "text in every row");
    descriptor.params_count = 0;
    descriptor_refused("declares .params, and .params_count is 0; write how "
                       "many rows they are");
    ops.size = 0;
    descriptor_refused(sizeof(void *) == 8
        ? "lacks mandatory function open: its ops say size 0, open needs 16; "
          "write .size = sizeof ops"
        : "lacks mandatory function open: its ops say size 0, open needs 12; "
          "write .size = sizeof ops");
    ops.assign = NULL;
    descriptor_refused("lacks mandatory function assign");
    descriptor.ops.any = NULL;
    descriptor_refused("lacks mandatory function open");
}
END_TEST

START_TEST(a_code_that_is_none_is_told)
{
    static const struct phub_host host = { .size = sizeof host };

    descriptor_good();
    ck_assert_int_eq(phub__loader_add(loader, &descriptor), 0);
    ck_assert_int_eq(load("mine", NULL), 0);
    ck_assert_int_eq(phub__strategy_open(strategy, NULL, &host, error,
                                         sizeof error), PHUB_EPLUGIN);
    ck_assert_str_eq(error, "plugin 'mine' (): refused to start: returned "
                     "4711, which is no code of <phub/error.h>");
}
END_TEST

static int host_fail(struct phub_ctx *ctx, int code, const char *text)
{
    (void)ctx;
    return phub__strategy_fail(strategy, code, text);
}

START_TEST(a_plugin_may_refuse_to_start)
{
    struct phub_host host = { .size = sizeof host, .fail = host_fail };
    char whole[6000];

    ck_assert_msg(load("bad_open", NULL) == 0, "%s", error);
    ck_assert_int_eq(phub__strategy_open(strategy, NULL, &host, error,
                                         sizeof error), PHUB_EPLUGIN);
    (void)snprintf(whole, sizeof whole, "plugin 'bad_open' "
                   "(%s/distribution-bad_open.so): refused to start: no moon "
                   "tonight", dir);
    ck_assert_str_eq(error, whole);
    ck_assert_ptr_null(strategy->self);
}
END_TEST

START_TEST(a_plugin_of_a_larger_abi_is_one_of_ours)
{
    struct phub_host host = { .size = sizeof host };

    ck_assert_msg(load("bad_future", NULL) == 0, "%s", error);
    ck_assert_uint_eq(strategy->kind, PHUB_KIND_DISTRIBUTION);
    ck_assert_str_eq(strategy->name, "bad_future");
    ck_assert_uint_eq(strategy->wire_max, 7);
    ck_assert_uint_eq(strategy->values_count, 4);
    ck_assert_str_eq(phub__strategy_value(strategy, 1), "yes");
    ck_assert_ptr_null((void *)strategy->ops.distribution.view_changed);
    ck_assert_int_eq(phub__strategy_open(strategy, NULL, &host, error,
                                         sizeof error), 0);
    ck_assert_int_eq(phub__strategy_open(strategy, NULL, &host, error,
                                         sizeof error), PHUB_EREPEATED);
    phub__strategy_close(strategy);
    phub__strategy_close(strategy);
}
END_TEST

START_TEST(a_path_is_taken_as_it_is_and_kind_zero_is_any)
{
    char path[5000];

    (void)snprintf(path, sizeof path, "%s/distribution-bad_kind.so", dir);
    ck_assert_int_eq(load(path, NULL), PHUB_EPLUGIN);
    ck_assert_ptr_nonnull(strstr(error, "is migration 'cold', configured as "
                                        "distribution 'bad_kind'"));
    (void)snprintf(path, sizeof path, "%s/distribution-bad_future.so", dir);
    ck_assert_int_eq(phub__strategy_load(loader, 0, path, NULL, 0, &strategy,
                                         error, sizeof error), 0);
    ck_assert_str_eq(strategy->path, path);
}
END_TEST

START_TEST(one_file_serves_many_instances)
{
    struct phub__strategy *others[100];
    uint32_t i;

    for (i = 0; i < 100; i++)
        ck_assert_int_eq(phub__strategy_load(loader, PHUB_KIND_DISTRIBUTION,
            "bad_future", NULL, 0, &others[i], error, sizeof error), 0);
    for (i = 1; i < 100; i++)
        ck_assert_ptr_eq(others[i]->plugin, others[0]->plugin);
    phub__loader_free(&loader);   /* they outlive it */
    for (i = 0; i < 100; i++) {
        ck_assert_str_eq(others[i]->name, "bad_future");
        phub__strategy_free(&others[i]);
    }
}
END_TEST

/* --- the file itself ----------------------------------------------------- */

static char *file_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *bytes = malloc(1u << 20);

    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(bytes);
    *size = fread(bytes, 1, 1u << 20, file);
    ck_assert_uint_lt(*size, 1u << 20);
    ck_assert_int_eq(fclose(file), 0);
    return bytes;
}

/* Install it as the page says: under another name, and then renamed. */
static void bytes_install(const char *path, const char *bytes, size_t size)
{
    char other[160];
    FILE *file;

    (void)snprintf(other, sizeof other, "%s.new", path);
    file = fopen(other, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(other, 0644), 0);
    ck_assert_int_eq(rename(other, path), 0);
}

/* The good plugin, and the path that one like it is to have. */
static char *good_read(size_t *size, char path[128])
{
    char good[5000];

    (void)snprintf(good, sizeof good, "%s/distribution-bad_future.so", dir);
    (void)snprintf(path, 128, "%s/distribution-bad_future.so", scratch);
    return file_read(good, size);
}

static void version_set(char *bytes, size_t size, const char *from,
                        const char *to)
{
    char *at = memmem(bytes, size, from, strlen(from) + 1);

    ck_assert_ptr_nonnull(at);
    memcpy(at, to, strlen(to) + 1);
}

static void version_loads(const char *path, const char *version)
{
    ck_assert_msg(load(path, NULL) == 0, "%s", error);
    ck_assert_str_eq(strategy->version, version);
    phub__strategy_free(&strategy);
}

START_TEST(a_replaced_file_is_loaded_anew_by_every_loader)
{
    static const char *const versions[] = { "9.8.71", "9.8.72", "9.8.73" };
    char path[128], back[160], *bytes;
    struct phub__loader *first = loader;
    size_t size, i;

    bytes = good_read(&size, path);
    version_set(bytes, size, "9.8.70", versions[0]);
    bytes_install(path, bytes, size);
    version_loads(path, versions[0]);
    (void)snprintf(back, sizeof back, "%s.back", path);
    ck_assert_int_eq(link(path, back), 0);
    for (i = 1; i < 3; i++) {
        version_set(bytes, size, versions[i - 1], versions[i]);
        bytes_install(path, bytes, size);
        version_loads(path, versions[i]);
        version_loads(path, versions[i]);
        loader_start(NULL, dir); /* knows nothing of the first one's files */
        version_loads(path, versions[i]);
        phub__loader_free(&loader);
        loader = first;
    }
    ck_assert_int_eq(rename(back, path), 0);
    version_loads(path, versions[0]);
    free(bytes);
}
END_TEST

START_TEST(a_file_that_is_cut_off_is_refused)
{
    char path[128], text[400], *bytes;
    size_t size, cuts[4], i;

    bytes = good_read(&size, path);
    cuts[0] = 100;
    cuts[1] = 3000;
    cuts[2] = size / 2;
    cuts[3] = size - 1;
    for (i = 0; i < 4; i++) {
        bytes_install(path, bytes, cuts[i]);
        ck_assert_int_eq(load(path, NULL), PHUB_EPLUGIN);
        (void)snprintf(text, sizeof text,
            "plugin 'bad_future' (%s): is cut off: %zu bytes, its ELF headers "
            "say ", path, cuts[i]);
        ck_assert_msg(strncmp(error, text, strlen(text)) == 0, "%s", error);
        if (i > 0)
            ck_assert_uint_eq(strtoul(error + strlen(text), NULL, 10), size);
        ck_assert_ptr_nonnull(strstr(error, "; install it again"));
    }
    bytes_install(path, bytes, 20);
    ck_assert_int_eq(load(path, NULL), PHUB_EPLUGIN);
    ck_assert_ptr_nonnull(strstr(error, "): cannot open: "));
    free(bytes);
}
END_TEST

START_TEST(a_part_of_zeros_alone_may_be_past_the_end)
{
    char path[128], *bytes;
    ElfW(Ehdr) header;
    ElfW(Phdr) part;
    size_t size, at;
    unsigned i;

    bytes = good_read(&size, path);
    memcpy(&header, bytes, sizeof header);
    for (i = 0; i < header.e_phnum; i++) {
        at = header.e_phoff + i * sizeof part;
        memcpy(&part, bytes + at, sizeof part);
        if (part.p_type == PT_GNU_STACK)
            break;
    }
    ck_assert_uint_lt(i, header.e_phnum);
    part.p_type = PT_LOAD;
    part.p_offset = size + 4096;
    part.p_filesz = 0;
    memcpy(bytes + at, &part, sizeof part);
    bytes_install(path, bytes, size);
    ck_assert_int_eq(phub__image_check(path, error, sizeof error), 0);
    part.p_filesz = 1;
    memcpy(bytes + at, &part, sizeof part);
    bytes_install(path, bytes, size);
    ck_assert_int_eq(phub__image_check(path, error, sizeof error),
                     PHUB_EPLUGIN);
    free(bytes);
}
END_TEST

static void told(void *arg, const char *path)
{
    (void)snprintf(arg, 5000, "%s", path);
}

START_TEST(a_file_is_told_before_it_is_opened_and_once)
{
    char path[5000], seen[5000] = "";

    phub__loader_tell(loader, told, seen);
    (void)snprintf(path, sizeof path, "%s/distribution-bad_future.so", dir);
    ck_assert_int_eq(load("bad_future", NULL), 0);
    ck_assert_str_eq(seen, path);
    phub__strategy_free(&strategy);
    seen[0] = '\0';
    ck_assert_int_eq(load("bad_future", NULL), 0);
    ck_assert_str_eq(seen, "");
    (void)snprintf(path, sizeof path, "%s/distribution-bad_magic.so", dir);
    ck_assert_int_eq(load("bad_magic", NULL), PHUB_EPLUGIN);
    ck_assert_str_eq(seen, path);
}
END_TEST

START_TEST(a_file_for_another_machine_is_refused)
{
    char path[128], text[400], *bytes;
    ElfW(Ehdr) header;
    size_t size;

    bytes = good_read(&size, path);
    memcpy(&header, bytes, sizeof header);
    header.e_machine++;
    memcpy(bytes, &header, sizeof header);
    bytes_install(path, bytes, size);
    ck_assert_int_eq(load(path, NULL), PHUB_EPLUGIN);
    (void)snprintf(text, sizeof text, "): is for ELF machine %u, this one is "
                   "%u; build it for this machine", header.e_machine,
                   header.e_machine - 1u);
    ck_assert_msg(strstr(error, text) != NULL, "%s", error);
    header.e_ident[EI_CLASS] ^= ELFCLASS32 ^ ELFCLASS64;
    memcpy(bytes, &header, sizeof header);
    bytes_install(path, bytes, size);
    ck_assert_int_eq(load(path, NULL), PHUB_EPLUGIN);
    (void)snprintf(text, sizeof text, "): is of ELF class %u, this program of ",
                   header.e_ident[EI_CLASS]);
    ck_assert_msg(strstr(error, text) != NULL, "%s", error);
    free(bytes);
}
END_TEST

/* --- parameters ---------------------------------------------------------- */

static void param_refused(const char *param, const char *text)
{
    const char *params[] = { param, NULL };
    char whole[6000];

    ck_assert_int_eq(load("bad_future", params), PHUB_ECONFIG);
    (void)snprintf(whole, sizeof whole, "plugin 'bad_future' "
                   "(%s/distribution-bad_future.so): %s", dir, text);
    ck_assert_str_eq(error, whole);
}

START_TEST(a_wrong_parameter_gets_its_sentence)
{
    static const char *const twice[] = { "one=1", "one=2", NULL };

    param_refused("one=0", "parameter 'one' = 0 is outside 1..100000");
    param_refused("one=100001",
                  "parameter 'one' = 100001 is outside 1..100000");
    param_refused("one=2h", "parameter 'one' = 7200000 is outside 1..100000");
    param_refused("one=x", "parameter 'one' = 'x' is not a number of ms");
    param_refused("one=", "parameter 'one' = '' is not a number of ms");
    param_refused("one=-1", "parameter 'one' = '-1' is not a number of ms");
    param_refused("one=5 apples",
                  "parameter 'one' = '5 apples' is not a number of ms");
    param_refused("one=18446744073709551616", "parameter 'one' = "
                  "'18446744073709551616' is not a number of ms");
    param_refused("two=maybe",
                  "parameter 'two' = 'maybe' is neither yes nor no");
    param_refused("three=d", "parameter 'three' = 'd' is not one of a|b|c");
    param_refused("three=", "parameter 'three' = '' is not one of a|b|c");
    param_refused("four=123456789",
                  "parameter 'four' is longer than 8 bytes");
    param_refused("thre=a", "unknown parameter 'thre'; the nearest is "
                  "'three'");
    param_refused("one", "parameter 'one' has no value; write key=value");
    ck_assert_int_eq(load("bad_future", twice), PHUB_ECONFIG);
    ck_assert_ptr_nonnull(strstr(error, "parameter 'one' is given twice"));
}
END_TEST

START_TEST(parameters_have_values_and_units)
{
    static const char *const params[] = { "one=5s", "two=no", "three=c",
                                          "four=a=b", NULL };
    struct phub_bytes text;
    uint64_t n;

    ck_assert_msg(load("bad_future", params) == 0, "%s", error);
    ck_assert_int_eq(phub__strategy_param_uint(strategy, "one", &n), 0);
    ck_assert_uint_eq(n, 5000);
    ck_assert_int_eq(phub__strategy_param_uint(strategy, "two", &n), 0);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(phub__strategy_param_uint(strategy, "three", &n), 0);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(phub__strategy_param_uint(strategy, "four", &n),
                     PHUB_EINVAL);
    ck_assert_int_eq(phub__strategy_param_text(strategy, "four", &text), 0);
    ck_assert_str_eq((const char *)text.data, "a=b");
    ck_assert_int_eq(phub__strategy_param_uint(strategy, "five", &n),
                     PHUB_ENOTFOUND);
}
END_TEST

static uint64_t digest_of(const char *one, const char *two)
{
    const char *params[] = { one, two, NULL };
    uint64_t digest;

    ck_assert_msg(load("bad_future", params) == 0, "%s", error);
    digest = strategy->digest;
    phub__strategy_free(&strategy);
    return digest;
}

START_TEST(the_digest_is_of_values_not_of_spelling_and_not_of_local_ones)
{
    ck_assert_uint_eq(digest_of(NULL, NULL), digest_of("one=10ms", NULL));
    ck_assert_uint_eq(digest_of("one=5s", "two=no"),
                      digest_of("two=no", "one=5000"));
    ck_assert_uint_eq(digest_of(NULL, NULL), digest_of("four=x", NULL));
    ck_assert_uint_ne(digest_of(NULL, NULL), digest_of("one=11", NULL));
    ck_assert_uint_ne(digest_of(NULL, NULL), digest_of("three=a", NULL));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loader");
    TCase *tc = tcase_create("loader");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_missing_file_is_told_with_all_places);
    tcase_add_test(tc, relative_and_empty_components_are_errors);
    tcase_add_test(tc, directories_have_a_limit);
    tcase_add_test(tc, a_name_is_a_plain_name);
    tcase_add_test(tc, what_others_may_write_is_refused);
    tcase_add_test(tc, a_directory_is_not_a_plugin);
    tcase_add_test(tc, the_environment_comes_before_the_configuration);
    tcase_add_test(tc, what_dlopen_says_is_passed_on);
    tcase_add_test(tc, each_bad_plugin_gets_its_sentence);
    tcase_add_test(tc, what_is_forgotten_in_a_descriptor_is_named);
    tcase_add_test(tc, a_code_that_is_none_is_told);
    tcase_add_test(tc, a_plugin_may_refuse_to_start);
    tcase_add_test(tc, a_plugin_of_a_larger_abi_is_one_of_ours);
    tcase_add_test(tc, a_path_is_taken_as_it_is_and_kind_zero_is_any);
    tcase_add_test(tc, one_file_serves_many_instances);
    tcase_add_test(tc, a_replaced_file_is_loaded_anew_by_every_loader);
    tcase_add_test(tc, a_file_that_is_cut_off_is_refused);
    tcase_add_test(tc, a_part_of_zeros_alone_may_be_past_the_end);
    tcase_add_test(tc, a_file_is_told_before_it_is_opened_and_once);
    tcase_add_test(tc, a_file_for_another_machine_is_refused);
    tcase_add_test(tc, a_wrong_parameter_gets_its_sentence);
    tcase_add_test(tc, parameters_have_values_and_units);
    tcase_add_test(tc,
        the_digest_is_of_values_not_of_spelling_and_not_of_local_ones);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
