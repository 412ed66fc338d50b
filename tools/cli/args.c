/* SPDX-License-Identifier: MIT */
/* args: the one table of phub's options, and what reads and prints it.
 *
 * Verbs are in verbs.c, options here, those of a spec in spec.c; --help, the
 * reading and the check of the manual page use these tables and nothing
 * else. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/phub.h>

#include "cli/tool.h"

enum option_kind { OPTION_FLAG, OPTION_NUMBER, OPTION_MS, OPTION_TEXT,
                   OPTION_LIST, OPTION_PAIRS };

struct option {
    const char *name;       /* without dashes */
    enum option_kind kind;
    const char *value;      /* its name for people */
    const char *verbs;      /* " ls stop ", or NULL: all */
    const char *help;
    uint64_t min;           /* of a number, a time in ms, a text's size */
};

static const struct option options[] = {
    { "socket", OPTION_TEXT, "PATH", NULL,
      "the hub's control socket, else $PHUB_SOCKET, else "
      PHUB_RUN_DIR "/phub.sock", 1 },
    { "json", OPTION_FLAG, NULL, NULL, "print JSON", 0 },
    { "help", OPTION_FLAG, NULL, NULL, "print this", 0 },
    { "event", OPTION_LIST, "EVENT", " watch ",
      "only events of that name, repeatedly; phub_hook_add(3) lists them", 1 },
    { "limit", OPTION_NUMBER, "N", " watch ", "end after N events", 1 },
    { "tag", OPTION_LIST, "TAG", " start ls stop watch ",
      "start: give each child this tag, repeatedly; else: those with it", 1 },
    { "node", OPTION_TEXT, "NODE", " ls watch ",
      "those whose home is NODE; watch: events that happen there", 1 },
    { "meta", OPTION_LIST, "KEY[=VALUE]", " ls ",
      "those that have it in their metadata, repeatedly: all of it", 1 },
    { "local", OPTION_FLAG, NULL, " ls ",
      "those that run on the asked node, as they are there", 0 },
    { "state", OPTION_TEXT, "STATE", " ls ",
      "those in STATE: starting, running, frozen, stopping, failed, standby, "
      "waiting, lost", 1 },
    { "lines", OPTION_NUMBER, "N", " logs ", "the last N lines, else 100", 1 },
    { "causes", OPTION_NUMBER, "N", " show why ",
      "the last N causes, else 16", 1 },
    { "file", OPTION_TEXT, "FILE", " start ",
      "start what FILE says, JSON; - is standard input", 1 },
    { "count", OPTION_NUMBER, "N", " start ",
      "start N of it; %d in ID becomes 1 to N", 1 },
    { "on-failure", OPTION_TEXT, "rollback", " start ",
      "if one cannot be started, stop the others again", 1 },
    { "if-version", OPTION_NUMBER, "N", " set ",
      "only if nobody has changed it since version N", 1 },
    { "sticky", OPTION_TEXT, "yes|no", " set ",
      "it stays where it is when nodes come, or does not any more", 1 },
    { "sticky", OPTION_FLAG, NULL, " move ",
      "and stay there when nodes come", 0 },
    { "replica", OPTION_TEXT, "NODE", " move ",
      "not the active instance, but the one that waits on NODE", 1 },
    { "progress", OPTION_FLAG, NULL, " move drain ",
      "say how far it has come, without a terminal too", 0 },
    { "no-wait", OPTION_FLAG, NULL, " start stop move set ",
      "do not wait for the outcome", 0 },
    { "timeout", OPTION_MS, "TIME",
      " start stop move drain set forget strategy ",
      "wait at most this long: 500ms, 10s, 2m", 1 },
};

#define OPTIONS (sizeof options / sizeof options[0])

static bool takes(const struct option *option, const struct verb *verb)
{
    char word[32];

    if (option->verbs == NULL)
        return true;
    if (verb == NULL)
        return false;
    snprintf(word, sizeof word, " %s ", verb->name);
    return strstr(option->verbs, word) != NULL;
}

/* A spec's field as an option of start. */
static bool option_of_field(const struct field *field, struct option *option)
{
    if (field->option == NULL)
        return false;
    *option = (struct option){ field->option, OPTION_TEXT, "TEXT", " start ",
                               field->help, 0 };
    switch (field->kind) {
    case FIELD_BOOL:
        option->kind = OPTION_FLAG;
        option->value = NULL;
        break;
    case FIELD_NUMBER:
        option->kind = OPTION_NUMBER;
        option->value = "N";
        break;
    case FIELD_MS:
        option->kind = OPTION_MS;
        option->value = "TIME";
        break;
    case FIELD_TEXT:
        break;
    case FIELD_LIST:
        option->kind = OPTION_LIST;
        break;
    case FIELD_PAIRS:
        option->kind = OPTION_PAIRS;
        option->value = "KEY=VALUE";
        break;
    case FIELD_COMMAND:
        option->value = "COMMAND";
        break;
    case FIELD_RESTART:
        option->value = "TYPE";
        break;
    case FIELD_SIGNAL:
        option->value = "SIGNAL";
        break;
    }
    return true;
}

static bool option_find(const char *name, const struct verb *verb,
                        struct option *option)
{
    const struct field *field;
    size_t i;

    for (i = 0; i < OPTIONS; i++)
        if (strcmp(options[i].name, name) == 0 && takes(&options[i], verb)) {
            *option = options[i];
            return true;
        }
    for (field = spec_fields; field->key != NULL; field++)
        if (option_of_field(field, option) && takes(option, verb) &&
            strcmp(option->name, name) == 0)
            return true;
    return false;
}

/* --- help --------------------------------------------------------------- */

static void option_print(const struct option *option)
{
    char left[64];

    snprintf(left, sizeof left, "--%s%s%s", option->name,
             option->value != NULL ? " " : "",
             option->value != NULL ? option->value : "");
    printf("  %-26s %s\n", left, option->help);
}

static void usage_line(FILE *out, const struct verb *verb)
{
    fprintf(out, "usage: phub %s [OPTION...]%s%s%s\n", verb->name,
            verb->operands[0] != '\0' ? " " : "", verb->operands,
            verb->program ? " -- PROGRAM [ARGUMENT...]" : "");
}

static void help_verb(const struct verb *verb)
{
    struct option option;
    const struct field *field;
    size_t i;

    usage_line(stdout, verb);
    printf("\n%s.\n\n", verb->help);
    for (i = 0; i < OPTIONS; i++)
        if (takes(&options[i], verb))
            option_print(&options[i]);
    for (field = spec_fields; field->key != NULL; field++)
        if (option_of_field(field, &option) && takes(&option, verb))
            option_print(&option);
}

static void help_all(FILE *out)
{
    const struct verb *verb;
    char left[64];
    size_t i;

    fputs("usage: phub VERB [OPTION...] [OPERAND...]\n\n", out);
    for (verb = verbs; verb->name != NULL; verb++) {
        snprintf(left, sizeof left, "%s %s", verb->name, verb->operands);
        fprintf(out, "  %-18s %s\n", left, verb->help);
    }
    fputs("\nEach verb takes --help, and:\n", out);
    for (i = 0; i < OPTIONS; i++)
        if (options[i].verbs == NULL && strcmp(options[i].name, "help") != 0 &&
            out == stdout)
            option_print(&options[i]);
    fputs("\nExit code: 0 done, 1 failed, 2 usage, 3 no hub reachable.\n",
          out);
}

/* --- reading ------------------------------------------------------------ */

static int wrong(const struct verb *verb, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static int wrong(const struct verb *verb, const char *format, ...)
{
    va_list args;

    fputs("phub: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "; phub %s%s--help shows what there is\n",
            verb != NULL ? verb->name : "", verb != NULL ? " " : "");
    return EXIT_USAGE;
}

static bool read_number(const char *text, const char *end_wanted,
                        uint64_t *value)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && strcmp(end, end_wanted) == 0 && *value <= INT64_MAX;
}

static bool read_ms(const char *text, uint64_t *value)
{
    static const struct { const char *unit; uint64_t ms; } units[] = {
        { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
    size_t i;

    for (i = 0; i < sizeof units / sizeof units[0]; i++)
        if (read_number(text, units[i].unit, value) &&
            *value <= INT64_MAX / units[i].ms) {
            *value *= units[i].ms;
            return true;
        }
    return false;
}

static int read_amount(const struct args *args, const struct option *option,
                       const char *value, uint64_t *number)
{
    bool time = option->kind == OPTION_MS;

    if (time && !read_ms(value, number))
        return wrong(args->verb, "--%s \"%s\": a time has a number and a "
                     "unit, like 500ms, 10s, 2m", option->name, value);
    if (!time && !read_number(value, "", number))
        return wrong(args->verb, "--%s \"%s\": a number is needed",
                     option->name, value);
    if (*number < option->min)
        return wrong(args->verb, "--%s \"%s\": %llu%s or more is allowed",
                     option->name, value, (unsigned long long)option->min,
                     time ? "ms" : "");
    return 0;
}

static int keep(struct args *args, const struct option *option,
                const char *value)
{
    const char *sign = strchr(value, '=');
    json_t *old = json_object_get(args->given, option->name);
    json_t *add = NULL;
    uint64_t number = 0;
    char key[256];

    switch (option->kind) {
    case OPTION_FLAG:
        add = json_true();
        break;
    case OPTION_NUMBER:
    case OPTION_MS:
        if (read_amount(args, option, value, &number) != 0)
            return EXIT_USAGE;
        add = checked(json_integer((json_int_t)number));
        break;
    case OPTION_TEXT:
        add = json_string(value);
        break;
    case OPTION_LIST:
        add = old != NULL ? json_incref(old) : checked(json_array());
        if (json_array_append_new(add, json_string(value)) != 0)
            goto not_utf8;
        break;
    case OPTION_PAIRS:
        if (sign == NULL || sign == value ||
            (size_t)(sign - value) >= sizeof key)
            return wrong(args->verb, "--%s \"%s\": KEY=VALUE is needed",
                         option->name, value);
        memcpy(key, value, (size_t)(sign - value));
        key[sign - value] = '\0';
        add = old != NULL ? json_incref(old) : checked(json_object());
        if (json_object_set_new(add, key, json_string(sign + 1)) != 0)
            goto not_utf8;
        break;
    }
    if (add == NULL)
        goto not_utf8;
    if (json_object_set_new(args->given, option->name, add) != 0)
        out_of_memory();
    return 0;

not_utf8:
    json_decref(add);
    return wrong(args->verb, "--%s: its value is not UTF-8", option->name);
}

/* One word that begins with dashes; *at is moved over its value. */
static int read_option(struct args *args, int argc, char **argv, int *at)
{
    const char *word = argv[*at] + 2, *sign = strchr(word, '=');
    const char *value = "";
    struct option option;
    char name[64];

    snprintf(name, sizeof name, "%.*s",
             sign != NULL ? (int)(sign - word) : (int)strlen(word), word);
    if (!option_find(name, args->verb, &option))
        return wrong(args->verb, "\"--%s\" is not an option of %s", name,
                     args->verb != NULL ? args->verb->name : "phub");
    if (option.kind == OPTION_FLAG) {
        if (sign != NULL)
            return wrong(args->verb, "--%s takes no value", name);
    } else if (sign != NULL) {
        value = sign + 1;
    } else if (*at + 1 < argc) {
        value = argv[++*at];
    } else {
        return wrong(args->verb, "--%s needs a value: %s", name,
                     option.value);
    }
    if (option.kind >= OPTION_TEXT && strlen(value) < option.min)
        return wrong(args->verb, "--%s \"\": %s cannot be empty", name,
                     option.value);
    if (option.kind == OPTION_TEXT && option.verbs != NULL &&
        json_object_get(args->given, name) != NULL)
        return wrong(args->verb, "--%s \"%s\": it is \"%s\" already, and "
                     "can be given once", name, value, args_text(args, name));
    return keep(args, &option, value);
}

static int read_word(struct args *args, const char *word)
{
    const struct verb *verb;

    if (args->verb != NULL) {
        if (json_array_append_new(args->operands, json_string(word)) != 0)
            return wrong(args->verb, "an operand is not UTF-8");
        return 0;
    }
    for (verb = verbs; verb->name != NULL; verb++)
        if (strcmp(verb->name, word) == 0) {
            args->verb = verb;
            return 0;
        }
    return wrong(NULL, "\"%s\" is not a verb", word);
}

static int read_program(struct args *args, int argc, char **argv, int at)
{
    args->program = checked(json_array());
    for (; at < argc; at++)
        if (json_array_append_new(args->program, json_string(argv[at])) != 0)
            return wrong(args->verb, "an argument is not UTF-8");
    return 0;
}

static int complete(struct args *args, bool *over)
{
    const struct verb *verb = args->verb;
    size_t count = json_array_size(args->operands), i;
    const char *environment = getenv("PHUB_SOCKET");

    *over = true;
    if (args_flag(args, "help")) {
        if (verb != NULL)
            help_verb(verb);
        else
            help_all(stdout);
        return EXIT_DONE;
    }
    if (verb == NULL) {
        help_all(stderr);
        return EXIT_USAGE;
    }
    for (i = 0; i < count; i++)
        if (args_operand(args, i)[0] == '\0')
            return wrong(verb, "operand %zu is empty: %s is used as: phub %s "
                         "%s", i + 1, verb->name, verb->name, verb->operands);
    if (count > verb->operands_max && verb->operands_max > 1)
        return wrong(verb, "%s takes %u operands at most, not %zu: phub %s %s",
                     verb->name, verb->operands_max, count, verb->name,
                     verb->operands);
    if (count < verb->operands_min || count > verb->operands_max)
        return wrong(verb, "%s is used as: phub %s %s%s", verb->name,
                     verb->name, verb->operands,
                     verb->program ? " -- PROGRAM [ARGUMENT...]" : "");
    args->json = args_flag(args, "json");
    args->socket = args_text(args, "socket");
    if (args->socket == NULL)
        args->socket = environment != NULL && environment[0] != '\0'
                           ? environment : PHUB_RUN_DIR "/phub.sock";
    *over = false;
    return 0;
}

int args_read(struct args *args, int argc, char **argv, bool *over)
{
    int i, rc = 0;

    memset(args, 0, sizeof *args);
    args->given = checked(json_object());
    args->operands = checked(json_array());
    *over = true;
    for (i = 1; i < argc && rc == 0; i++) {
        if (strcmp(argv[i], "--") == 0) {
            if (args->verb == NULL || !args->verb->program)
                return wrong(args->verb, "\"--\" has no meaning here");
            rc = read_program(args, argc, argv, i + 1);
            break;
        }
        if (strcmp(argv[i], "-h") == 0) {
            json_object_set_new(args->given, "help", json_true());
        } else if (strcmp(argv[i], "--version") == 0 && args->verb == NULL) {
            printf("phub %s\n", PHUB_VERSION);
            return EXIT_DONE;
        } else if (strncmp(argv[i], "--", 2) == 0) {
            rc = read_option(args, argc, argv, &i);
        } else {
            rc = read_word(args, argv[i]);
        }
    }
    return rc != 0 ? rc : complete(args, over);
}

void args_fini(struct args *args)
{
    json_decref(args->given);
    json_decref(args->operands);
    json_decref(args->program);
}

const char *args_operand(const struct args *args, size_t index)
{
    return json_string_value(json_array_get(args->operands, index));
}

bool args_flag(const struct args *args, const char *name)
{
    return json_is_true(json_object_get(args->given, name));
}

uint64_t args_number(const struct args *args, const char *name,
                     uint64_t fallback)
{
    const json_t *value = json_object_get(args->given, name);

    return value != NULL ? (uint64_t)json_integer_value(value) : fallback;
}

const char *args_text(const struct args *args, const char *name)
{
    return json_string_value(json_object_get(args->given, name));
}
