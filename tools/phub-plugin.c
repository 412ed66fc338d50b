/* SPDX-License-Identifier: MIT */
/* phub-plugin: list and check strategies.
 *
 * Every file is loaded in a child process of its own, which says what it found
 * in one JSON object on a pipe: a plugin that crashes, hangs or prints is told
 * about by name and harms nothing else.  What is printed for people is made of
 * the same objects that --json prints. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include <phub/inspect.h>

#include "output.h"

#define LOAD_SECONDS_MAX 10u
#define REPORT_MAX (1u << 20)   /* bytes of one plugin's JSON */

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static struct phub_inspector *inspector;
static bool as_json;

static const char usage_text[] =
    "usage: phub-plugin [--json] [--path DIRS] COMMAND\n"
    "\n"
    "  list              all strategies that are found\n"
    "  info [KIND] NAME  what one says about itself, and its parameters\n"
    "  check FILE        would a hub load this file?\n"
    "  exists KIND NAME  exit 0 if there is one that a hub would load\n"
    "\n"
    "  NAME is a name, KIND/NAME or a path; KIND is distribution, redundancy,\n"
    "  sync, migration or partition.\n"
    "\n"
    "  --abi 1.N     exists: and it runs on a libphub that offers ABI 1.N\n"
    "  --json        print JSON\n"
    "  --path DIRS   look in these directories too, separated by ':'\n"
    "  --version     print the version and the plugin ABI\n"
    "\n"
    "exit: 0 done, 1 failed, 2 usage\n";

/* --- in the child -------------------------------------------------------- */

static json_t *param_json(const struct phub_param *row)
{
    static const char *const types[] = { "?", "uint", "bool", "text",
                                         "choice" };
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}",
        "name", row->name,
        "type", types[row->type <= PHUB_PARAM_CHOICE ? row->type : 0],
        "unit", row->unit, "default", row->default_value,
        "help", row->help, "local", (int)row->local);

    if (object == NULL)
        return NULL;
    if (row->type == PHUB_PARAM_UINT) {
        (void)json_object_set_new(object, "min",
                                  json_integer((json_int_t)row->min));
        (void)json_object_set_new(object, "max",
                                  json_integer((json_int_t)row->max));
    }
    if (row->type == PHUB_PARAM_CHOICE)
        (void)json_object_set_new(object, "choices",
                                  json_string(row->choices));
    return object;
}

static json_t *flags_json(uint64_t flags)
{
    json_t *array = json_array();

    if ((flags & PHUB_FLAG_MUST_MATCH) != 0)
        (void)json_array_append_new(array, json_string("must-match"));
    if ((flags & PHUB_FLAG_PURE) != 0)
        (void)json_array_append_new(array, json_string("pure"));
    if ((flags & PHUB_FLAG_MAJORITY) != 0)
        (void)json_array_append_new(array, json_string("majority"));
    return array;
}

static json_t *plugin_json(uint32_t kind, const char *name)
{
    char error[PHUB_INSPECT_ERROR_MAX];
    const struct phub_plugin *plugin;
    const char *file;
    json_t *object, *params;
    uint32_t i;

    if (phub_inspector_load(inspector, kind, name, &plugin, &file, error,
                            sizeof error) != 0)
        return json_pack("{s:b, s:s}", "loads", 0, "error", error);
    params = json_array();
    for (i = 0; i < plugin->params_count; i++)
        (void)json_array_append_new(params, param_json(&plugin->params[i]));
    object = json_pack("{s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, "
                       "s:i, s:o, s:o}",
        "loads", 1, "kind", phub_kind_name(plugin->kind),
        "name", plugin->name, "version", plugin->version,
        "license", plugin->license, "summary", plugin->summary,
        "file", file, "abi_built", (int)plugin->abi_built,
        "abi_needs", (int)plugin->abi_needs,
        "wire_min", (int)plugin->wire_min, "wire_max", (int)plugin->wire_max,
        "flags", flags_json(plugin->flags), "params", params);
    if (object == NULL)
        return json_pack("{s:b, s:s}", "loads", 0, "error",
                         "says something that is not UTF-8");
    return object;
}

static void child_main(uint32_t kind, const char *name, int fd)
{
    json_t *object;
    char *text;
    FILE *out;

    (void)alarm(LOAD_SECONDS_MAX);
    object = plugin_json(kind, name);
    text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    out = fdopen(fd, "w");
    if (text == NULL || out == NULL || fputs(text, out) == EOF ||
        fclose(out) != 0)
        _exit(EXIT_FAILED);
    _exit(EXIT_DONE);
}

/* --- in the parent ------------------------------------------------------- */

static json_t *ended_json(const char *name, int status)
{
    char error[256];

    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        (void)snprintf(error, sizeof error,
                       "plugin '%.80s': not loaded within %u s", name,
                       LOAD_SECONDS_MAX);
    else if (WIFSIGNALED(status))
        (void)snprintf(error, sizeof error,
                       "plugin '%.80s': crashed while loading: %s", name,
                       strsignal(WTERMSIG(status)));
    else
        (void)snprintf(error, sizeof error,
                       "plugin '%.80s': ended the process that loaded it",
                       name);
    return json_pack("{s:b, s:s}", "loads", 0, "error", error);
}

static char *all_read(int fd)
{
    size_t size = 0;
    char *text = malloc(REPORT_MAX + 1);

    while (text != NULL && size < REPORT_MAX) {
        ssize_t got = read(fd, text + size, REPORT_MAX - size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    if (text != NULL)
        text[size] = '\0';
    return text;
}

/* Load in a child; the object says "loads", and "error" if it does not. */
static json_t *load(uint32_t kind, const char *name)
{
    int fds[2], status = 0;
    json_t *object;
    char *text;
    pid_t pid;

    (void)fflush(NULL);
    if (pipe(fds) != 0 || (pid = fork()) < 0) {
        perror("phub-plugin");
        exit(EXIT_FAILED);
    }
    if (pid == 0) {
        (void)close(fds[0]);
        /* What a plugin prints is not ours to pass on as output. */
        (void)dup2(STDERR_FILENO, STDOUT_FILENO);
        child_main(kind, name, fds[1]);
    }
    (void)close(fds[1]);
    text = all_read(fds[0]);
    (void)close(fds[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    object = text != NULL ? json_loads(text, 0, NULL) : NULL;
    free(text);
    if (object == NULL || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        json_decref(object);
        object = ended_json(name, status);
    }
    return object;
}

static bool loads(const json_t *object)
{
    return json_is_true(json_object_get(object, "loads"));
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static void json_print(json_t *value)
{
    (void)json_dumpf(value, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    (void)putchar('\n');
}

/* --- list ---------------------------------------------------------------- */

/* "distribution-ring.so" -> kind, and name without its end; 0 if it is none. */
static uint32_t file_kind(const char *file, char *name, size_t name_max)
{
    const char *dash = strchr(file, '-');
    size_t size = strlen(file);
    char kind[32];

    if (dash == NULL || size < 4 || strcmp(file + size - 3, ".so") != 0 ||
        (size_t)(dash - file) >= sizeof kind ||
        (size_t)(file + size - 3 - dash) > name_max ||
        file + size - 3 == dash + 1)
        return 0;
    (void)snprintf(kind, sizeof kind, "%.*s", (int)(dash - file), file);
    (void)snprintf(name, name_max, "%.*s",
                   (int)(file + size - 4 - dash), dash + 1);
    return phub_kind_of(kind);
}

static int plugin_file(const struct dirent *entry)
{
    char name[256];

    return file_kind(entry->d_name, name, sizeof name) != 0;
}

static bool listed(const json_t *list, const char *kind, const char *name)
{
    size_t i;

    for (i = 0; i < json_array_size(list); i++) {
        const json_t *object = json_array_get(list, i);

        if (strcmp(text_of(object, "kind"), kind) == 0 &&
            strcmp(text_of(object, "name"), name) == 0)
            return true;
    }
    return false;
}

static void dir_list(const char *dir, json_t *list)
{
    struct dirent **entries;
    int count = scandir(dir, &entries, plugin_file, alphasort), i;

    for (i = 0; i < count; i++) {
        char name[256], path[4096];
        uint32_t kind = file_kind(entries[i]->d_name, name, sizeof name);
        json_t *object;

        /* What an earlier directory has is what a hub takes. */
        if (!listed(list, phub_kind_name(kind), name)) {
            (void)snprintf(path, sizeof path, "%s/%s", dir,
                           entries[i]->d_name);
            object = load(kind, name);
            if (!loads(object)) {
                (void)json_object_set_new(object, "kind",
                    json_string(phub_kind_name(kind)));
                (void)json_object_set_new(object, "name", json_string(name));
                (void)json_object_set_new(object, "file", json_string(path));
            }
            (void)json_array_append_new(list, object);
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static int list_command(void)
{
    json_t *list = json_array();
    const char *const *dirs;
    int code = EXIT_DONE;
    uint32_t count, i;
    size_t j;

    dirs = phub_inspector_dirs(inspector, &count);
    for (i = 0; i < count; i++)
        dir_list(dirs[i], list);
    for (j = 0; j < json_array_size(list); j++) {
        const json_t *object = json_array_get(list, j);

        if (!loads(object)) {
            code = EXIT_FAILED;
            (void)fprintf(stderr, "phub-plugin: %s\n",
                          text_of(object, "error"));
        } else if (!as_json)
            (void)printf("%-13s %-18s %-6s %s\n", text_of(object, "kind"),
                         text_of(object, "name"), text_of(object, "version"),
                         text_of(object, "summary"));
    }
    if (as_json)
        json_print(list);
    else if (json_array_size(list) == 0)
        (void)fprintf(stderr, "phub-plugin: no plugins in %s%s\n", dirs[0],
                      count > 1 ? " and the other directories" : "");
    json_decref(list);
    return code;
}

/* --- info, check, exists ------------------------------------------------- */

static void param_print(const json_t *param)
{
    const char *unit = text_of(param, "unit");
    const char *type = text_of(param, "type");

    (void)printf("    %s = %s%s%s", text_of(param, "name"),
                 text_of(param, "default"), unit[0] != '\0' ? " " : "", unit);
    if (strcmp(type, "uint") == 0)
        (void)printf("  (%lld..%lld)", number_of(param, "min"),
                     number_of(param, "max"));
    else if (strcmp(type, "bool") == 0)
        (void)printf("  (yes|no)");
    else if (strcmp(type, "choice") == 0)
        (void)printf("  (%s)", text_of(param, "choices"));
    (void)printf("\n        %s%s\n", text_of(param, "help"),
                 json_is_true(json_object_get(param, "local"))
                     ? "; may differ between nodes" : "");
}

static void info_print(const json_t *object)
{
    const json_t *flags = json_object_get(object, "flags");
    const json_t *params = json_object_get(object, "params");
    size_t i;

    (void)printf("%s %s %s\n  %s\n\n", text_of(object, "kind"),
                 text_of(object, "name"), text_of(object, "version"),
                 text_of(object, "summary"));
    (void)printf("  file     %s\n  licence  %s\n", text_of(object, "file"),
                 text_of(object, "license"));
    (void)printf("  abi      built against 1.%lld, needs 1.%lld\n",
                 number_of(object, "abi_built"),
                 number_of(object, "abi_needs"));
    if (number_of(object, "wire_max") > 0)
        (void)printf("  wire     %lld..%lld\n", number_of(object, "wire_min"),
                     number_of(object, "wire_max"));
    if (json_array_size(flags) > 0)
        (void)printf("  flags   ");
    for (i = 0; i < json_array_size(flags); i++)
        (void)printf(" %s", json_string_value(json_array_get(flags, i)));
    if (json_array_size(flags) > 0)
        (void)printf("\n");
    if (json_array_size(params) > 0)
        (void)printf("\n  parameters\n");
    for (i = 0; i < json_array_size(params); i++)
        param_print(json_array_get(params, i));
}

static json_t *kind_load(const char *kind, const char *name)
{
    if (phub_kind_of(kind) != 0)
        return load(phub_kind_of(kind), name);
    (void)fprintf(stderr, "phub-plugin: '%s' is not a kind: distribution, "
                  "redundancy, sync, migration, partition\n", kind);
    return NULL;
}

/* Find NAME, KIND/NAME or a path; a bare name is looked for in every kind.
 * The object of the first that loads, or else of the one that fails best:
 * anything but "not found". */
static json_t *named_load(const char *text)
{
    json_t *object = NULL, *failed = NULL;
    const char *slash = strchr(text, '/');
    char *path;
    uint32_t kind;

    if (slash != NULL) {
        char word[32];

        (void)snprintf(word, sizeof word, "%.*s", (int)(slash - text), text);
        kind = phub_kind_of(word);
        if (kind != 0)
            return load(kind, slash + 1);
        path = realpath(text, NULL);
        object = load(0, path != NULL ? path : text);
        free(path);
        return object;
    }
    for (kind = PHUB_KIND_DISTRIBUTION; kind <= PHUB_KIND_PARTITION; kind++) {
        object = load(kind, text);
        if (loads(object)) {
            json_decref(failed);
            return object;
        }
        if (failed == NULL ||
            strstr(text_of(failed, "error"), "): not found;") != NULL) {
            json_decref(failed);
            failed = object;
        } else
            json_decref(object);
    }
    return failed;
}

static int result_print(json_t *object, bool details)
{
    int code;

    if (object == NULL)
        return EXIT_USAGE;
    code = loads(object) ? EXIT_DONE : EXIT_FAILED;
    if (as_json)
        json_print(object);
    else if (code != EXIT_DONE)
        (void)fprintf(stderr, "phub-plugin: %s\n", text_of(object, "error"));
    else if (details)
        info_print(object);
    else
        (void)printf("%s '%s' %s (%s): fits plugin ABI %u.%u\n",
                     text_of(object, "kind"), text_of(object, "name"),
                     text_of(object, "version"), text_of(object, "file"),
                     PHUB_PLUGIN_ABI_MAJOR, PHUB_PLUGIN_ABI_MINOR);
    json_decref(object);
    return code;
}

static int check_command(const char *file)
{
    char *path = realpath(file, NULL);
    json_t *object;

    if (path == NULL) {
        (void)fprintf(stderr, "phub-plugin: %s: %s\n", file, strerror(errno));
        return EXIT_FAILED;
    }
    object = load(0, path);
    free(path);
    return result_print(object, false);
}

static int exists_command(const char *kind, const char *name, long abi)
{
    json_t *object = kind_load(kind, name);
    int code;

    if (object == NULL)
        return EXIT_USAGE;
    code = loads(object) && (abi < 0 || number_of(object, "abi_needs") <= abi)
               ? EXIT_DONE : EXIT_FAILED;
    if (as_json)
        json_print(object);
    json_decref(object);
    return code;
}

/* --- the command line ---------------------------------------------------- */

static int usage(const char *what, const char *word)
{
    (void)fprintf(stderr, "phub-plugin: %s%s\n%s", what, word, usage_text);
    return EXIT_USAGE;
}

/* "1.2" -> 2, or -1. */
static long abi_parse(const char *text)
{
    char *end;
    long minor;

    if (strncmp(text, "1.", 2) != 0 || text[2] < '0' || text[2] > '9')
        return -1;
    minor = strtol(text + 2, &end, 10);
    return *end == '\0' && minor <= UINT16_MAX ? minor : -1;
}

static int command_run(int argc, char **argv, const char *path, long abi)
{
    char error[PHUB_INSPECT_ERROR_MAX];
    const char *command = argv[0];
    int code;

    if (phub_inspector_new(path, &inspector, error, sizeof error) != 0) {
        (void)fprintf(stderr, "phub-plugin: %s\n", error);
        return EXIT_FAILED;
    }
    if (strcmp(command, "list") == 0 && argc == 1)
        code = list_command();
    else if (strcmp(command, "info") == 0 && argc == 2)
        code = result_print(named_load(argv[1]), true);
    else if (strcmp(command, "info") == 0 && argc == 3)
        code = result_print(kind_load(argv[1], argv[2]), true);
    else if (strcmp(command, "check") == 0 && argc == 2)
        code = check_command(argv[1]);
    else if (strcmp(command, "exists") == 0 && argc == 3)
        code = exists_command(argv[1], argv[2], abi);
    else
        code = usage("wrong command or number of arguments: ", command);
    phub_inspector_free(&inspector);
    return code;
}

static int command_line(int argc, char **argv)
{
    static const struct option options[] = {
        { "abi", required_argument, NULL, 'a' },
        { "help", no_argument, NULL, 'h' },
        { "json", no_argument, NULL, 'j' },
        { "path", required_argument, NULL, 'p' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 }
    };
    const char *path = NULL;
    long abi = -1;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'a':
            abi = abi_parse(optarg);
            if (abi < 0)
                return usage("an ABI is written 1.N, not ", optarg);
            break;
        case 'h':
            (void)fputs(usage_text, stdout);
            return EXIT_DONE;
        case 'j':
            as_json = true;
            break;
        case 'p':
            path = optarg;
            break;
        case 'V':
            (void)printf("phub-plugin %s, plugin ABI %u.%u\n",
                         PACKAGE_VERSION, PHUB_PLUGIN_ABI_MAJOR,
                         PHUB_PLUGIN_ABI_MINOR);
            return EXIT_DONE;
        default:
            (void)fputs(usage_text, stderr);
            return EXIT_USAGE;
        }
    }
    if (optind == argc)
        return usage("which command?", "");
    return command_run(argc - optind, argv + optind, path, abi);
}

int main(int argc, char **argv)
{
    output_begin();
    return output_end("phub-plugin", command_line(argc, argv));
}
