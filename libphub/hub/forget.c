/* SPDX-License-Identifier: MIT */
/* forget: nodes that are gone for good.
 *
 * Nothing expires by a clock, so whoever was a member once is waited for: stops
 * are kept until it has heard of them, a majority counts it, names may be
 * known to it alone.  When it never comes back an operator says so.
 *
 * A node is forgotten by its durable id, for good: a machine that returns with
 * an empty state directory has another id and is a new node.  So what is
 * forgotten is a set of ids that only grows, and each is a cell of the hub's
 * own (host_cells.c): written by a keeper, held by two, on the disks, repaired
 * like rows, at a member that cannot be reached now when it can, at one that
 * comes later with all the rest.  There is nothing to order or to undo.
 *
 * Who hears of it
 *  - counts the node no more as one to wait for, and voids its instances
 *    (registry/stable.c); what it wrote stays until it is overtaken;
 *  - tells the partition strategy that it has left;
 *  - takes it for lost if it is a member still, and starts its children
 *    elsewhere when its lease has run out, as for any that is lost;
 *  - lets it in no more, believes nobody who has, and says why.
 *
 * What is void counts as ended.  So the keeper writes it when the lease of the
 * node has run out (synced_lost.c), and not before: its daemon may be dead, and
 * its guard still have a replica whose place somebody else would be given.
 *
 * The node may live, cut off: an operator can be wrong.  When it hears of it,
 * by such an answer or by its rows, what runs on it ends, and nothing starts
 * there any more, for the others have started it elsewhere; unless it has
 * forgotten who says so.  It is also what keeps an old state directory from
 * doing harm: it is asked for its id before its rows are looked at. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/forget.h"
#include "hub/keeper.h"
#include "hub/redistribute.h"
#include "hub/request.h"
#include "hub/serve.h"
#include "hub/strategies.h"
#include "hub/synced.h"
#include "wire/memory.h"

#define PREFIX "0hub/forgotten/"  /* no strategy's: those begin with 1 to 9 */
#define PREFIX_SIZE (sizeof PREFIX - 1)
#define HEX_SIZE 16u
#define TIMEOUT_MS 10000u         /* unless told */
#define NAMESAKES_MAX 4u          /* told of */

/* --- cells ------------------------------------------------------------------ */

/* The node that the text is the id of; 0: it is none. */
static uint64_t node_of(struct phub_bytes hex)
{
    char text[HEX_SIZE + 1];
    size_t i;

    if (hex.size != HEX_SIZE)
        return 0;
    for (i = 0; i < HEX_SIZE; i++)
        if (strchr("0123456789abcdef", hex.data[i]) == NULL ||
            hex.data[i] == '\0')
            return 0;
    memcpy(text, hex.data, HEX_SIZE);
    text[HEX_SIZE] = '\0';
    return strtoull(text, NULL, 16);
}

static uint64_t node_of_cell(struct phub_bytes id)
{
    if (id.size != 1 + PREFIX_SIZE + HEX_SIZE || id.data[0] != 1 ||
        memcmp(id.data + 1, PREFIX, PREFIX_SIZE) != 0)
        return 0;
    return node_of((struct phub_bytes){ id.data + 1 + PREFIX_SIZE, HEX_SIZE });
}

int phub__forget_is(struct phub_bytes id)
{
    return node_of_cell(id) != 0;
}

static struct phub_bytes key_of(uint64_t node,
                                char key[PREFIX_SIZE + HEX_SIZE + 1])
{
    snprintf(key, PREFIX_SIZE + HEX_SIZE + 1, PREFIX "%016" PRIx64, node);
    return phub__text_of(key);
}

/* What it was called; its id if nobody knew. */
static struct phub_bytes name_of(struct phub__hub *hub, uint64_t node)
{
    char key[PREFIX_SIZE + HEX_SIZE + 1];
    struct phub_bytes name = PHUB_BYTES_NONE;
    struct phub_epoch epoch;

    (void)phub__registry_cell_get(hub->registry, key_of(node, key), &name,
                                  &epoch);
    return name;
}

/* --- hearing of it ------------------------------------------------------------ */

int phub__forget_admits(void *arg, uint64_t node)
{
    const struct phub__hub *hub = arg;

    return phub__registry_admits(hub->registry, node);
}

static void members_forget(struct phub__hub *hub)
{
    struct phub__cluster *cluster = hub->cluster;
    uint32_t i = 0;

    while (i < phub__cluster_member_count(cluster)) {
        uint64_t node = phub__cluster_member_at(cluster, i)->node;
        const struct phub__member *next;

        if (phub__registry_is_forgotten(hub->registry, node))
            phub__cluster_forget(cluster, node, hub->env->boot_ns(hub->env));
        next = phub__cluster_member_at(cluster, i);
        i += next != NULL && next->node == node;
    }
    phub__hub_arm_cluster(hub);
}

/* Out of the call that brought it.  The strategy may have started anew, or not
 * have come through with it: it is told of all. */
static void act(void *arg)
{
    struct phub__hub *hub = arg;
    uint64_t node = 0;

    hub->forget_due = 0;
    if (hub->forgotten) {
        phub__redistribution_judge_again(hub);
        return;
    }
    members_forget(hub);
    while ((node = phub__registry_forgotten_next(hub->registry, node)) != 0) {
        phub__call_forget(hub->strategies[PHUB_KIND_PARTITION], node);
        if (phub__strategies_joint(hub) != NULL)
            phub__call_forget(phub__strategies_joint(hub)->strategy, node);
    }
    phub__synced_forget(hub);
}

static void act_later(struct phub__hub *hub)
{
    if (!hub->forget_due && hub->env->defer(hub->env, act, hub) == 0)
        hub->forget_due = 1;
}

void phub__forgotten(struct phub__hub *hub)
{
    if (hub->forgotten)
        return;
    hub->forgotten = 1;
    phub__hub_log(hub, PHUB__LOG_ERROR, "this node was forgotten; nothing "
                  "runs here any more; empty its state directory, it then "
                  "joins as new");
    phub__hub_cause(hub, PHUB_BYTES_NONE, "this node was forgotten");
    act_later(hub);
}

void phub__forget_row_changed(struct phub__hub *hub, struct phub_bytes id)
{
    uint64_t node = node_of_cell(id);
    struct phub_bytes name;

    if (node == 0)
        return;
    if (node == hub->node) {
        phub__forgotten(hub);
        return;
    }
    if (phub__registry_is_forgotten(hub->registry, node))
        return;
    name = name_of(hub, node);
    phub__hub_cause(hub, PHUB_BYTES_NONE, "node '%.*s' was forgotten",
                    (int)name.size, (const char *)name.data);
    phub__hub_log(hub, PHUB__LOG_NOTICE, "node '%.*s' was forgotten: id="
                  "%016" PRIx64, (int)name.size, (const char *)name.data,
                  node);
    (void)phub__registry_node_forget(hub->registry, node);
    act_later(hub);
}

/* --- the keeper's ----------------------------------------------------------- */

int phub__forget_may_not(struct phub__hub *hub,
                         const struct phub__op_item *item, const char **text)
{
    uint64_t node = node_of_cell(item->id);
    int rc = phub__keeper_may_not(hub, item->id, text);

    if ((rc == 0 || rc == PHUB_EAGAIN) && phub__synced_lease_left(hub, node)) {
        *text = "its lease has not run out yet: something may still run there";
        return PHUB_EAGAIN;
    }
    if (rc != 0)
        return rc;
    if (phub__view_index(phub__hub_view(hub), node) != PHUB__VIEW_NONE) {
        *text = "it is a member; drain it or stop its daemon first";
        return PHUB_EREFUSED;
    }
    if (phub__registry_is_forgotten(hub->registry, node)) {
        *text = "it was forgotten already";
        return PHUB_EREPEATED;
    }
    if (phub__registry_forgotten_count(hub->registry) >=
        PHUB__NODES_FORGOTTEN_MAX) {
        *text = "as many nodes as can be have been forgotten";
        return PHUB_ELIMIT;
    }
    if (item->spec.size == 0 || item->spec.size > PHUB_NODE_NAME_MAX) {
        *text = "it has no name";
        return PHUB_EINVAL;
    }
    return 0;
}

/* --- the verb ------------------------------------------------------------------ */

struct sought {
    uint64_t node;
    char name[PHUB_NODE_NAME_MAX + 1];
    char why[256];                /* not */
};

static int refuse_member(struct sought *sought)
{
    snprintf(sought->why, sizeof sought->why,
             "it is a member; drain it or stop its daemon first");
    return PHUB_EREFUSED;
}

/* Those of that name that are gone: exactly one is meant. */
static int seek_name(struct phub__hub *hub, struct sought *sought)
{
    uint32_t i, count = 0;
    size_t size = 0;
    char ids[NAMESAKES_MAX * (HEX_SIZE + 1) + 1] = "";

    for (i = 0; i < phub__cluster_member_count(hub->cluster); i++) {
        const struct phub__member *m =
            phub__cluster_member_at(hub->cluster, i);

        if (strcmp(m->name, sought->name) != 0 ||
            m->state <= PHUB__MEMBER_SUSPECT ||
            phub__registry_is_forgotten(hub->registry, m->node))
            continue;
        sought->node = m->node;
        if (count++ < NAMESAKES_MAX)
            size += (size_t)snprintf(ids + size, sizeof ids - size,
                                     " %016" PRIx64, m->node);
    }
    if (phub__hub_node_by_name(hub, sought->name) != 0) {
        refuse_member(sought);
        size = strlen(sought->why);
        if (count != 0)
            snprintf(sought->why + size, sizeof sought->why - size,
                     "; earlier ones of that name:%s", ids);
        return PHUB_EREFUSED;
    }
    if (count > 1)
        snprintf(sought->why, sizeof sought->why, "%u of that name are gone; "
                 "name one by its id:%s", count, ids);
    return count == 1 ? 0 : count > 1 ? PHUB_EINVAL : PHUB_ENOTFOUND;
}

static int seek_id(struct phub__hub *hub, struct sought *sought)
{
    uint64_t node = node_of(phub__text_of(sought->name));
    const struct phub__member *member;

    if (node == 0)
        return PHUB_ENOTFOUND;
    if (phub__view_index(phub__hub_view(hub), node) != PHUB__VIEW_NONE)
        return refuse_member(sought);
    if (phub__registry_is_forgotten(hub->registry, node))
        return PHUB_EREPEATED;
    sought->node = node;
    member = phub__cluster_member(hub->cluster, node);
    if (member != NULL)
        snprintf(sought->name, sizeof sought->name, "%s", member->name);
    return member != NULL || phub__registry_is_known(hub->registry, node)
        ? 0 : PHUB_ENOTFOUND;
}

static int seek_forgotten(struct phub__hub *hub, const struct sought *sought)
{
    uint64_t node = 0;

    while ((node = phub__registry_forgotten_next(hub->registry, node)) != 0)
        if (phub__text_is(name_of(hub, node), sought->name))
            return PHUB_EREPEATED;
    return PHUB_ENOTFOUND;
}

static int seek(struct phub__hub *hub, struct phub_bytes text,
                struct sought *sought)
{
    int rc = PHUB_ENOTFOUND;

    memset(sought, 0, sizeof *sought);
    if (text.size != 0 && text.size <= PHUB_NODE_NAME_MAX) {
        memcpy(sought->name, text.data, text.size);
        rc = seek_name(hub, sought);
        if (rc == PHUB_ENOTFOUND)
            rc = seek_id(hub, sought);
        if (rc == PHUB_ENOTFOUND)
            rc = seek_forgotten(hub, sought);
    }
    if (rc == PHUB_ENOTFOUND)
        snprintf(sought->why, sizeof sought->why, "no node of that name or id "
                 "is known; phub nodes shows those that are");
    return rc;
}

static void told(struct phub__report *report, int rc, const char *name,
                 const char *why)
{
    char text[2 * PHUB_NODE_NAME_MAX + 256];

    if (rc == PHUB_EREPEATED)
        snprintf(text, sizeof text, "node '%s' was forgotten already", name);
    else if (rc == 0)
        snprintf(text, sizeof text, "node '%s' is forgotten; with an empty "
                 "state directory it joins as new", name);
    else
        snprintf(text, sizeof text, "node '%s': %s", name, why);
    phub__report_end(report, rc == PHUB_EREPEATED ? 0 : rc, text);
}

static void done(void *arg, struct phub__request *request)
{
    const struct phub__request_item *item = &request->items[0];
    char name[PHUB_NODE_NAME_MAX + 1];

    snprintf(name, sizeof name, "%.*s", (int)item->op.spec.size,
             (const char *)item->op.spec.data);
    told(arg, item->code, name, item->text != NULL && item->text[0] != '\0'
                                    ? item->text : phub_strerror(item->code));
}

struct phub__request *phub__forget_request(struct phub__hub *hub,
                                           uint64_t node, const char *name,
                                           uint64_t timeout_ms)
{
    struct phub__request *request =
        phub__request_new(hub, PHUB__OP_CELL, 1, timeout_ms);
    char key[PREFIX_SIZE + HEX_SIZE + 1];
    uint8_t id[PHUB_CHILD_ID_MAX];

    if (request == NULL)
        return NULL;
    request->items[0].op.id =
        phub__request_copy(request, phub__cell_id(key_of(node, key), id));
    request->items[0].op.spec = phub__request_copy(request,
                                                   phub__text_of(name));
    return request;
}

void phub__serve_forget(struct phub__report *report,
                        const struct phub__question *q)
{
    struct phub__request *request;
    struct sought sought;
    int rc = seek(report->hub, q->node, &sought);

    if (rc != 0) {
        told(report, rc, sought.name, sought.why);
        return;
    }
    request = phub__forget_request(report->hub, sought.node, sought.name,
                                   q->timeout_ms != 0 ? q->timeout_ms
                                                      : TIMEOUT_MS);
    if (request == NULL)
        phub__report_end(report, PHUB_EBUSY,
                         "too many requests are under way");
    else
        phub__request_send(request, done, report);
}
