/* SPDX-License-Identifier: MIT */
/* words: what a hub says: log lines, causes, hooks, and names of nodes.
 *
 * A cause is kept in the ring that phub why reads, and is a debug line too. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hub/hub.h"
#include "wire/memory.h"

void phub__hub_log(struct phub__hub *hub, enum phub__log_level level,
                   const char *format, ...)
{
    char text[1024];
    va_list args;

    if (hub->env->deaf >> level & 1)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    hub->env->log(hub->env, level, text);
}

void phub__hub_cause(struct phub__hub *hub, struct phub_bytes child,
                     const char *format, ...)
{
    char text[PHUB__CAUSE_TEXT_MAX + 1];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    phub__causes_note(hub->causes, hub->env->wall_ms(hub->env), child, text);
    phub__hub_log(hub, PHUB__LOG_DEBUG, "%.*s%s%s", (int)child.size,
                  child.size != 0 ? (const char *)child.data : "",
                  child.size != 0 ? ": " : "", text);
}

void phub__hub_hook(struct phub__hub *hub, enum phub_hook hook, uint64_t node,
                    struct phub_bytes child, int code, uint32_t count,
                    const char *text)
{
    struct phub_hook_event event = { .size = sizeof event, .hook = hook,
                                     .node = node, .text = text,
                                     .code = code, .count = count };
    char id[PHUB_CHILD_ID_MAX + 1];

    if (!phub__hooks_wanted(hub->hooks, hook))
        return;
    if (child.size != 0) {
        memcpy(id, child.data, child.size);
        id[child.size] = '\0';
        event.child = id;
    }
    phub__hooks_run(hub->hooks, &event);
}

int phub__hub_hook_wanted(const struct phub__hub *hub, enum phub_hook hook)
{
    return phub__hooks_wanted(hub->hooks, hook);
}

/* Pointers, what they point to, and the ids, in one piece. */
static const struct phub_hook_child **
list_children(const struct phub__hook_child *children, uint32_t count)
{
    const struct phub_hook_child **list;
    struct phub_hook_child *child;
    size_t bytes = 0;
    uint32_t i;
    char *id;

    for (i = 0; i < count; i++)
        bytes += children[i].id.size + 1;
    list = phub__calloc(1, count * (sizeof *list + sizeof *child) + bytes);
    if (list == NULL)
        return NULL;
    child = (struct phub_hook_child *)(void *)(list + count);
    id = (char *)(child + count);
    for (i = 0; i < count; i++, child++) {
        *child = (struct phub_hook_child){
            .size = sizeof *child, .code = children[i].code, .id = id,
            .node = children[i].node, .from = children[i].from,
            .pid = children[i].pid };
        memcpy(id, children[i].id.data, children[i].id.size);
        id += children[i].id.size + 1;
        list[i] = child;
    }
    return list;
}

void phub__hub_hook_children(struct phub__hub *hub, enum phub_hook hook,
                             uint64_t node,
                             const struct phub__hook_child *children,
                             uint32_t count, const char *text)
{
    struct phub_hook_event event = { .size = sizeof event, .hook = hook,
                                     .node = node, .text = text,
                                     .count = count };
    const struct phub_hook_child **list;

    if (count == 0 || !phub__hooks_wanted(hub->hooks, hook))
        return;
    list = list_children(children, count);
    if (list != NULL) {
        event.children = list;
        event.children_count = count;
    }
    phub__hooks_run(hub->hooks, &event);
    phub__free(list);
}

const char *phub__hub_name_of(const struct phub__hub *hub, uint64_t node)
{
    const struct phub__member *member;

    if (node == hub->node)
        return hub->name;
    member = hub->cluster != NULL ? phub__cluster_member(hub->cluster, node)
                                  : NULL;
    return member != NULL ? member->name : "";
}

void phub__hub_node_name(const struct phub__hub *hub, uint64_t node,
                         char *name, size_t name_max)
{
    const char *known = phub__hub_name_of(hub, node);

    if (known[0] != '\0')
        snprintf(name, name_max, "node '%s'", known);
    else
        snprintf(name, name_max, "node %016llx", (unsigned long long)node);
}

uint64_t phub__hub_node_by_name(const struct phub__hub *hub, const char *name)
{
    uint32_t i;

    for (i = 0; i < phub__cluster_member_count(hub->cluster); i++) {
        const struct phub__member *m =
            phub__cluster_member_at(hub->cluster, i);

        if (strcmp(m->name, name) == 0 && m->state <= PHUB__MEMBER_SUSPECT)
            return m->node;
    }
    return 0;
}

const char *phub__state_name(uint32_t state)
{
    switch ((enum phub_instance_state)state) {
    case PHUB_INSTANCE_STARTING: return "starting";
    case PHUB_INSTANCE_RUNNING: return "running";
    case PHUB_INSTANCE_FROZEN: return "frozen";
    case PHUB_INSTANCE_STOPPING: return "stopping";
    case PHUB_INSTANCE_FAILED: return "failed";
    case PHUB_INSTANCE_STANDBY: return "standby";
    case PHUB_INSTANCE_GONE: return "gone";
    }
    return "waiting";
}
