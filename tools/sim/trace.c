/* SPDX-License-Identifier: MIT */
/* trace: the story of a case as JSON, and lines of JSON.
 *
 * The world writes a line "    3.331000 n2   text" for each thing that
 * happens; the stream made here turns each into an object.  A line that is
 * not of that form goes on with the text of the one before it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "sim/tool.h"
#include "wire/assert.h"

#define LINE_MAX_BYTES 4096u

void sim_json_line(json_t *object)
{
    phub__assert(object != NULL);
    (void)json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER
                     | JSON_REAL_PRECISION(9));
    (void)putchar('\n');
    (void)fflush(stdout);
    json_decref(object);
}

struct cookie {
    char line[LINE_MAX_BYTES];
    size_t used;
};

/* What no UTF-8 is (a child may say anything) is shown as a question mark. */
static json_t *text_json(char *text)
{
    json_t *made = json_string(text);

    if (made != NULL)
        return made;
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    return json_string(text);
}

static void line_put(char *line)
{
    json_t *object = json_object();
    char *end = line;
    double time = strtod(line, &end);
    char *node = end + strspn(end, " ");
    size_t size = strcspn(node, " ");
    char *text = node + size + strspn(node + size, " ");

    phub__assert(object != NULL);
    if (end == line || *end != ' ' || size == 0) {
        (void)json_object_set_new(object, "more", text_json(line));
        sim_json_line(object);
        return;
    }
    node[size] = '\0';
    (void)json_object_set_new(object, "time", json_real(time));
    (void)json_object_set_new(object, "node", strcmp(node, "-") == 0
                              ? json_null() : text_json(node));
    (void)json_object_set_new(object, "what",
                              text_json(text > node + size ? text : node
                                        + size));
    sim_json_line(object);
}

static ssize_t stream_write(void *arg, const char *data, size_t size)
{
    struct cookie *cookie = arg;

    for (size_t i = 0; i < size; i++) {
        if (data[i] != '\n') {
            if (cookie->used < sizeof(cookie->line) - 1)
                cookie->line[cookie->used++] = data[i];
            continue;
        }
        cookie->line[cookie->used] = '\0';
        cookie->used = 0;
        line_put(cookie->line);
    }
    return (ssize_t)size;
}

static int stream_close(void *arg)
{
    free(arg);
    return 0;
}

FILE *sim_trace_json(void)
{
    static const cookie_io_functions_t functions = {
        .write = stream_write, .close = stream_close };
    struct cookie *cookie = calloc(1, sizeof(*cookie));
    FILE *made;

    phub__assert(cookie != NULL);
    made = fopencookie(cookie, "w", functions);
    phub__assert(made != NULL);
    return made;
}
