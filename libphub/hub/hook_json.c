/* SPDX-License-Identifier: MIT */
/* hook_json: an event as JSON, in the words of phub(1).
 *
 * What is not UTF-8 (a child says what it likes) becomes U+FFFD, so that each
 * line can be read by any parser. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/hook_command.h"
#include "wire/reader.h"

/* Bytes of the character at s, 0 if it is none. */
static size_t character(const char *s)
{
    unsigned char lead = (unsigned char)s[0];
    size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

    return strnlen(s, size) == size &&
                   phub__utf8_ok((const uint8_t *)s, size) ? size : 0;
}

static void put(struct phub__builder *out, const char *text)
{
    (void)phub__builder_append(out, text, strlen(text));
}

static void put_format(struct phub__builder *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void put_format(struct phub__builder *out, const char *format, ...)
{
    char text[64];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put(out, text);
}

static void put_string(struct phub__builder *out, const char *text)
{
    const char *s = text;
    size_t size;

    put(out, "\"");
    for (; *s != '\0'; s += size) {
        size = character(s);
        if (size == 0) {
            put(out, "\\ufffd");
            size = 1;
        } else if (*s == '"' || *s == '\\') {
            put_format(out, "\\%c", *s);
        } else if (size == 1 && (*s < 0x20 || *s == 0x7f)) {
            put_format(out, "\\u%04x", (unsigned)*s);
        } else {
            (void)phub__builder_append(out, s, size);
        }
    }
    put(out, "\"");
}

static void put_text(struct phub__builder *out, const char *key,
                     const char *text)
{
    if (text == NULL || text[0] == '\0')
        return;
    put_format(out, ",\"%s\":", key);
    put_string(out, text);
}

static void put_node(struct phub__hub *hub, struct phub__builder *out,
                     const char *key, uint64_t node)
{
    const char *name;

    if (node == 0)
        return;
    name = phub__hub_name_of(hub, node);
    if (name[0] != '\0')
        put_text(out, key, name);
    else
        put_format(out, ",\"%s\":\"%016llx\"", key, (unsigned long long)node);
}

static void put_number(struct phub__builder *out, const char *key,
                       int64_t value)
{
    if (value != 0)
        put_format(out, ",\"%s\":%lld", key, (long long)value);
}

static void put_children(struct phub__hub *hub, struct phub__builder *out,
                         const struct phub_hook_event *event)
{
    uint32_t i;

    if (event->children_count == 0)
        return;
    put(out, ",\"children\":[");
    for (i = 0; i < event->children_count &&
                i < PHUB__HOOK_JSON_CHILDREN_MAX; i++) {
        const struct phub_hook_child *child = event->children[i];

        put(out, i == 0 ? "{\"id\":" : ",{\"id\":");
        put_string(out, child->id);
        put_node(hub, out, "node", child->node);
        put_node(hub, out, "from", child->from);
        put_number(out, "pid", child->pid);
        put_number(out, "code", child->code);
        put(out, "}");
    }
    put(out, "]");
}

int phub__hook_json(struct phub__hub *hub, const struct phub_hook_event *event,
                    uint64_t dropped, struct phub__builder *out)
{
    const char *code = phub_errname(event->code);

    put(out, "{\"event\":");
    put_string(out, phub_hook_name(event->hook));
    put_text(out, "hub", hub->hub_id);
    put_text(out, "node", hub->name);
    put_number(out, "time_ms", (int64_t)hub->env->wall_ms(hub->env));
    put_text(out, "id", event->child);
    put_node(hub, out, "about", event->node);
    put_number(out, "code", event->code);
    put_text(out, "name", event->code < 0 ? code : NULL);
    put_number(out, "value", event->count);
    put_text(out, "text", event->text);
    put_children(hub, out, event);
    put_number(out, "lost", (int64_t)dropped);
    put(out, "}");
    return out->error;
}
