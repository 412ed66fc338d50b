/* SPDX-License-Identifier: MIT */
/* scenario: a file of statements, one a line, read by the table of forms.
 *
 * A statement begins with a word that its forms share; the forms are tried in
 * their order.  If none fits, the message is that of the one that came
 * farthest, with all of them as what is allowed. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "sim/scenario_tree.h"
#include "wire/assert.h"

static const struct sim_form *const tables[] = {
    sim_forms_settings, sim_forms_wait, sim_forms_people, sim_forms_faults
};

/* --- forms ---------------------------------------------------------------- */

static const struct sim_form *form_at(size_t index)
{
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct sim_form *f = tables[i]; f->text != NULL; f++)
            if (index-- == 0)
                return f;
    return NULL;
}

const char *sim_scenario_form(size_t index)
{
    const struct sim_form *form = form_at(index);

    return form == NULL ? NULL : form->text;
}

/* The next element of a form: a word, a slot, '[' or ']'. */
static size_t element(const char **form, const char **text)
{
    const char *s = *form;

    while (*s == ' ')
        s++;
    *text = s;
    if (*s == '[' || *s == ']') {
        *form = s + 1;
        return 1;
    }
    while (*s != '\0' && *s != ' ' && *s != ']')
        s++;
    *form = s;
    return (size_t)(s - *text);
}

static int is_slot(const char *text)
{
    return text[0] >= 'A' && text[0] <= 'Z';
}

static const char *literal(struct sim_reader *r, const char *text,
                           size_t size)
{
    char *copy = sim_scenario_alloc(r->s, size + 3);

    copy[0] = copy[size + 1] = '\'';
    memcpy(copy + 1, text, size);
    return copy;
}

/* Skip what is left of an optional part; it counts its arguments. */
static void skip_optional(const char **form, uint32_t *args)
{
    const char *text;
    uint32_t slots = 0;
    size_t size = element(form, &text);

    while (size != 0 && *text != ']') {
        slots += (uint32_t)is_slot(text);
        size = element(form, &text);
    }
    *args += slots == 0 ? 1 : slots;
}

static int next_is(struct sim_reader *r, const char *text, size_t size)
{
    const struct sim_token *token = &r->tokens[r->at];

    return token->size == size && memcmp(token->text, text, size) == 0;
}

static int match(struct sim_reader *r, const char *form, struct sim_arg *args)
{
    uint32_t count = 0, before = 0;
    const char *text;
    size_t size;
    int optional = 0;

    while ((size = element(&form, &text)) != 0) {
        phub__assert(count < SIM_ARGS_MAX);
        if (*text == '[') {
            const char *inside = form;
            const char *word;
            size_t word_size = element(&inside, &word);

            if (!next_is(r, word, word_size)) {
                skip_optional(&form, &count);
                continue;
            }
            optional = 1;
            before = count;
        } else if (*text == ']') {
            if (optional && count == before)
                args[count++].given = 1;
            optional = 0;
        } else if (is_slot(text)) {
            if (sim_slot_read(r, text, size, &args[count++]) != 0)
                return -1;
        } else if (next_is(r, text, size)) {
            r->at++;
        } else {
            return sim_want(r, literal(r, text, size));
        }
    }
    return 0;
}

static int first_word_is(const char *form, const struct sim_token *token)
{
    size_t size = strcspn(form, " ");

    return token->size == size && memcmp(token->text, form, size) == 0;
}

/* A let is over: its name may be used from here on. */
static void named(struct sim_reader *r, const struct sim_statement *s)
{
    const struct sim_arg *arg = &s->args[0];

    if (strncmp(s->form->text, "let ", 4) != 0
        || arg->expr->value != r->s->names_count)
        return;
    memcpy(r->s->names[r->s->names_count++], arg->words->text,
           sizeof(arg->words->text));
}

struct sim_statement *sim_statement_read(struct sim_reader *r)
{
    const struct sim_form *form;
    struct sim_statement *s = NULL;
    uint32_t start = r->at, outer = r->start;

    if (r->depth == SIM_SCENARIO_DEPTH_MAX) {
        (void)sim_want(r, "fewer statements inside each other");
        return NULL;
    }
    r->depth++;
    r->start = start;
    for (size_t i = 0; (form = form_at(i)) != NULL; i++) {
        if (!first_word_is(form->text, &r->tokens[start]))
            continue;
        r->at = r->start = start;
        s = sim_scenario_alloc(r->s, sizeof(*s));
        s->form = form;
        s->line = r->line;
        if (match(r, form->text, s->args) == 0) {
            if (r->tokens[r->at].kind == SIM_TOKEN_END)
                break;
            (void)sim_want(r, "the end of the line");
        }
        s = NULL;
    }
    r->depth--;
    if (s != NULL) {
        named(r, s);
    } else {
        r->at = start;
        (void)sim_want(r, "a statement");
    }
    r->start = outer;
    return s;
}

/* --- what is wrong -------------------------------------------------------- */

static void add(char *text, size_t max, size_t *used, const char *between,
                const char *a, size_t size)
{
    if (*used < max)
        *used += (size_t)snprintf(text + *used, max - *used, "%s%.*s",
                                  *used == 0 ? "" : between, (int)size, a);
}

static int is_first_of_its_word(size_t index)
{
    const char *form = sim_scenario_form(index);
    size_t size = strcspn(form, " ");
    struct sim_token word = { SIM_TOKEN_WORD, form, (uint32_t)size, 0 };

    while (index-- > 0)
        if (first_word_is(sim_scenario_form(index), &word))
            return 0;
    return 1;
}

static int complain(struct sim_reader *r)
{
    const struct sim_token *found = &r->tokens[r->worst];
    const struct sim_token *word = &r->tokens[r->worst_start];
    char forms[400] = "";
    const char *form;
    size_t used = 0;

    for (size_t i = 0; (form = sim_scenario_form(i)) != NULL; i++)
        if (first_word_is(form, word))
            add(forms, sizeof(forms), &used, " | ", form, strlen(form));
    if (used != 0 && found->kind == SIM_TOKEN_END)
        return sim_reader_fail(r, "found the end of the line, allowed is %s "
                               "(%s)", r->want, forms);
    if (used != 0)
        return sim_reader_fail(r, "found '%.*s', allowed is %s (%s)",
                               sim_shown(found->size), found->text, r->want,
                               forms);
    for (size_t i = 0; (form = sim_scenario_form(i)) != NULL; i++)
        if (is_first_of_its_word(i))
            add(forms, sizeof(forms), &used, ", ", form,
                strcspn(form, " "));
    return sim_reader_fail(r, "found %s%.*s%s, allowed are %s",
                           found->size == 0 ? "the end of the line" : "'",
                           sim_shown(found->size), found->text,
                           found->size == 0 ? "" : "'", forms);
}

/* --- lines ---------------------------------------------------------------- */

/* Whether the whole of it is about settings. */
static enum sim_when when(const struct sim_statement *s)
{
    for (uint32_t i = 0; i < SIM_ARGS_MAX; i++)
        if (s->args[i].statement != NULL && s->form->when == SIM_ANYWHERE)
            return when(s->args[i].statement);
    return s->form->when;
}

static int line_read(struct sim_reader *r, const char *line, size_t size)
{
    struct sim_statement *s;
    int rc;

    if (size > SIM_SCENARIO_LINE_MAX)
        return sim_reader_fail(r, "found a line of %zu bytes, allowed are %u",
                               size, SIM_SCENARIO_LINE_MAX);
    rc = sim_tokens_read(r, line, size);
    if (rc != 0 || r->tokens[0].kind == SIM_TOKEN_END)
        return rc;
    s = sim_statement_read(r);
    if (s == NULL)
        return complain(r);
    if (when(s) == SIM_ACTION)
        r->acts = 1;
    else if (when(s) == SIM_SETTING && r->acts)
        return sim_reader_fail(r, "found the setting '%.*s' after an action, "
                               "allowed are settings before all actions",
                               sim_shown(r->tokens[0].size),
                               r->tokens[0].text);
    *r->s->end = s;
    r->s->end = &s->next;
    return 0;
}

int sim_scenario_parse(const char *name, const char *text, size_t size,
                       struct sim_scenario **scenario, char *error,
                       size_t error_max)
{
    struct sim_scenario *s = calloc(1, sizeof(*s));
    struct sim_reader *r = calloc(1, sizeof(*r));
    int rc = 0;

    phub__assert(s != NULL && r != NULL);
    s->name = sim_scenario_alloc(s, strlen(name) + 1);
    memcpy(s->name, name, strlen(name));
    s->end = &s->first;
    s->names[0][0] = 'v';
    s->names_count = 1;
    r->s = s;
    r->error = error;
    r->error_max = error_max;
    if (size > SIM_SCENARIO_SIZE_MAX)
        rc = sim_reader_fail(r, "found %zu bytes, allowed are %u", size,
                             SIM_SCENARIO_SIZE_MAX);
    while (rc == 0 && size != 0) {
        const char *end = memchr(text, '\n', size);
        size_t line = end == NULL ? size : (size_t)(end - text);

        r->line++;
        rc = line_read(r, text, line);
        size -= end == NULL ? line : line + 1;
        text += end == NULL ? line : line + 1;
    }
    if (rc == 0 && !r->acts)
        rc = sim_reader_fail(r, "found no action, allowed is at least one");
    free(r);
    if (rc != 0)
        sim_scenario_free(&s);
    else
        *scenario = s;
    return rc;
}

int sim_scenario_read(const char *file, struct sim_scenario **scenario,
                      char *error, size_t error_max)
{
    char *text = malloc(SIM_SCENARIO_SIZE_MAX + 1);
    FILE *in = fopen(file, "rb");
    size_t size;
    int rc;

    phub__assert(text != NULL);
    if (in == NULL) {
        (void)snprintf(error, error_max, "%s: cannot be read: %m", file);
        free(text);
        return PHUB_EIO;
    }
    size = fread(text, 1, SIM_SCENARIO_SIZE_MAX + 1, in);
    if (ferror(in)) {
        (void)snprintf(error, error_max, "%s: cannot be read: %m", file);
        rc = PHUB_EIO;
    } else {
        rc = sim_scenario_parse(file, text, size, scenario, error, error_max);
    }
    (void)fclose(in);
    free(text);
    return rc;
}

void sim_scenario_free(struct sim_scenario **where)
{
    struct sim_scenario *s = *where;

    if (s == NULL)
        return;
    *where = NULL;
    while (s->blocks != NULL) {
        struct sim_block *block = s->blocks;

        s->blocks = block->next;
        free(block);
    }
    free(s);
}

void sim_scenario_variants(const struct sim_scenario *s, uint64_t *first,
                           uint64_t *last)
{
    *first = s->variant_first;
    *last = s->variant_last;
}
