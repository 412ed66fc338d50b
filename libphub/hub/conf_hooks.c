/* SPDX-License-Identifier: MIT */
/* conf_hooks: the rows of [hooks] that name a command for an event.
 *
 * An event may have several, each on a line of its own.  A command is words by
 * blanks, "double quotes" keep blanks, and the first is an absolute path:
 * there is no shell in between. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/conf.h"
#include "hub/conf_private.h"
#include "hub/hook.h"

/* Cut the next word out of text in place; NULL at the end or, with *bad set,
 * at a quote that nothing ends. */
static char *next_word(char **text, bool *bad)
{
    char *from = *text + strspn(*text, " \t"), *to = from, *word = from;
    bool quoted = false;

    if (*from == '\0')
        return NULL;
    for (; *from != '\0' && (quoted || (*from != ' ' && *from != '\t'));
         from++) {
        if (*from == '"')
            quoted = !quoted;
        else
            *to++ = *from;
    }
    *bad = quoted;
    *text = *from != '\0' ? from + 1 : from;
    *to = '\0';
    return quoted ? NULL : word;
}

static void hook_free(struct phub__hook_option *hook)
{
    struct phub_bytes *argv = hook->argv.items;

    for (uint32_t i = 0; argv != NULL && i < hook->argv.count; i++)
        free((void *)(uintptr_t)argv[i].data);
    free(argv);
    free((void *)(uintptr_t)hook->event);
    memset(hook, 0, sizeof *hook);
}

/* Fill argv from value.  PHUB_EINVAL: it is no command. */
static int take_words(struct phub__hook_option *hook, const char *value)
{
    struct phub_bytes *argv = calloc(PHUB__CONFIG_WORDS_MAX, sizeof *argv);
    char *copy = strdup(value), *rest = copy, *word;
    bool bad = false;
    int rc = argv != NULL && copy != NULL ? 0 : PHUB_ENOMEM;

    hook->argv = (struct phub__list){ argv, 0 };
    while (rc == 0 && (word = next_word(&rest, &bad)) != NULL) {
        uint8_t *kept;

        if (hook->argv.count == PHUB__CONFIG_WORDS_MAX) {
            rc = PHUB_EINVAL;
            break;
        }
        kept = (uint8_t *)strdup(word);
        if (kept == NULL)
            rc = PHUB_ENOMEM;
        else
            argv[hook->argv.count++] =
                (struct phub_bytes){ kept, strlen(word) };
    }
    if (rc == 0 && (bad || hook->argv.count == 0 || argv[0].size == 0 ||
                    argv[0].data[0] != '/'))
        rc = PHUB_EINVAL;
    free(copy);
    return rc;
}

static void unknown_event(const char *event, const char *where,
                          struct phub__config_errors *errors)
{
    const char *names[PHUB_HOOK_COUNT + 3];
    char shown[PHUB__CONFIG_SHOWN_MAX];
    unsigned i;

    if (strcmp(event, "child_data_alter") == 0) {
        phub__config_error(errors, "%s %s: it changes what is started, which "
                           "no command can do: phub_alter_add(3)", where,
                           event);
        return;
    }
    for (i = 0; i < PHUB_HOOK_COUNT; i++)
        names[i] = phub_hook_name((enum phub_hook)i);
    names[i++] = "hook_timeout_ms";
    names[i++] = "hook_queue_max";
    names[i] = NULL;
    phub__config_error(errors, "%s %s: unknown event, nearest is %s; allowed "
                       "are * and those of phub_hook_add(3)", where,
                       phub__config_shown(event, shown),
                       phub__config_nearest(event, names));
}

int phub__config_hook(struct phub__config *config, const char *event,
                      const char *value, const char *where,
                      struct phub__config_errors *errors)
{
    struct phub__hook_option *hook =
        &config->commands[config->commands_count];
    char shown[PHUB__CONFIG_SHOWN_MAX];
    int rc;

    if (strcmp(event, "*") != 0 &&
        phub__hook_by_name(event, strlen(event)) == PHUB_HOOK_COUNT) {
        unknown_event(event, where, errors);
        return PHUB_ECONFIG;
    }
    if (config->commands_count == PHUB__CONFIG_COMMANDS_MAX) {
        phub__config_error(errors, "%s %s: at most %u commands", where, event,
                           PHUB__CONFIG_COMMANDS_MAX);
        return PHUB_ECONFIG;
    }
    hook->event = strdup(event);
    rc = hook->event != NULL ? take_words(hook, value) : PHUB_ENOMEM;
    if (rc == 0) {
        config->commands_count++;
        return 0;
    }
    hook_free(hook);
    if (rc == PHUB_ENOMEM) {
        phub__config_error(errors, "%s %s: out of memory", where, event);
        return rc;
    }
    phub__config_error(errors, "%s %s = \"%s\": allowed is a program's "
                       "absolute path and its arguments, %u words at most",
                       where, event, phub__config_shown(value, shown),
                       PHUB__CONFIG_WORDS_MAX);
    return PHUB_ECONFIG;
}

int phub__config_set_hook(struct phub__config *config, const char *text,
                          struct phub__config_errors *errors)
{
    char *copy = strdup(text), *sign, shown[PHUB__CONFIG_SHOWN_MAX];
    int rc = PHUB_ECONFIG;

    if (copy == NULL) {
        phub__config_error(errors, "--hook: out of memory");
        return PHUB_ENOMEM;
    }
    sign = strchr(copy, '=');
    if (sign != NULL) {
        *sign = '\0';
        rc = phub__config_hook(config, copy, sign + 1, "--hook", errors);
    } else {
        phub__config_error(errors, "--hook \"%s\": allowed is EVENT=COMMAND",
                           phub__config_shown(text, shown));
    }
    free(copy);
    return rc;
}

void phub__config_hooks_fini(struct phub__config *config)
{
    while (config->commands_count > 0)
        hook_free(&config->commands[--config->commands_count]);
}

void phub__config_hooks_print(const struct phub__config *config, FILE *out)
{
    for (size_t i = 0; i < config->commands_count; i++) {
        const struct phub__hook_option *hook = &config->commands[i];
        const struct phub_bytes *argv = hook->argv.items;

        fprintf(out, "%s =", hook->event);
        for (uint32_t k = 0; k < hook->argv.count; k++) {
            const char *word = (const char *)argv[k].data;
            bool plain = word[0] != '\0' && strpbrk(word, " \t;") == NULL;

            fprintf(out, plain ? " %s" : " \"%s\"", word);
        }
        fputc('\n', out);
    }
}
