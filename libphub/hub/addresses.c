/* SPDX-License-Identifier: MIT */
/* addresses: where known nodes could be reached last, on the disk.
 *
 * A node that starts again looks for those it knew, also when its seeds are no
 * more (cluster/address.c).  The file "addresses" of the state directory has
 * the endpoint of each node that was a member once, as this one knew it, and
 * is not forgotten.  It is a hint: whoever answers there says who he is, and
 * nothing is wrong if it is old, or is not there; so it is written a while
 * after an address was new, all at once, and nobody waits for it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include <phub/error.h>

#include "hub/addresses.h"
#include "wire/memory.h"

#define FILE_NAME "addresses"
#define GATHER_MS 1000u            /* changes are written together */
#define NODES_MAX PHUB__ADDRESSES_MAX
#define NODE_SIZE_MAX (PHUB_ENDPOINT_MAX + 32u)    /* encoded */
#define NS_PER_MS 1000000ull

struct address {
    uint64_t node;
    struct phub_bytes endpoint;
};
static PHUB__SCHEMA(address_schema, struct address,
    PHUB__U64(1, struct address, node, PHUB__REQUIRED),
    PHUB__TEXT(2, struct address, endpoint, PHUB_ENDPOINT_MAX,
               PHUB__REQUIRED));

struct kept {
    uint64_t hub;                  /* hash of the id of the hub they are in */
    struct phub__list nodes;       /* struct address */
};
static PHUB__SCHEMA(kept_schema, struct kept,
    PHUB__U64(1, struct kept, hub, PHUB__REQUIRED),
    PHUB__LIST(2, struct kept, nodes, NODES_MAX, &address_schema));

/* One that is in the file. */
struct written {
    uint64_t node;
    uint64_t hash;                 /* of its endpoint */
};

struct phub__addresses_file {
    struct phub__timer *timer;
    struct written *written;       /* by node */
    uint32_t count;
    int armed, failed;
};

static int by_node(const void *a, const void *b)
{
    const struct written *x = a, *y = b;

    return x->node < y->node ? -1 : x->node > y->node;
}

/* These are in the file now; 1 if others were.  If there is no memory, none
 * are: the file is written once more. */
static int replace(struct phub__addresses_file *file,
                   const struct phub__list *nodes)
{
    const struct address *all = nodes->items;
    struct written *written = phub__calloc(nodes->count + 1u, sizeof *written);
    uint32_t i;
    int others;

    for (i = 0; written != NULL && i < nodes->count; i++)
        written[i] = (struct written){
            all[i].node,
            XXH3_64bits(all[i].endpoint.data, all[i].endpoint.size) };
    if (written != NULL)
        qsort(written, nodes->count, sizeof *written, by_node);
    others = written == NULL || file->count != nodes->count ||
             (file->count != 0 && memcmp(file->written, written,
                                         file->count * sizeof *written) != 0);
    phub__free(file->written);
    file->written = written;
    file->count = written != NULL ? nodes->count : 0;
    return others;
}

/* --- writing ----------------------------------------------------------------- */

static void arm(struct phub__hub *hub)
{
    struct phub_env *env = hub->env;

    if (hub->addresses->armed)
        return;
    hub->addresses->armed = 1;
    env->timer_start(env, hub->addresses->timer,
                     env->now_ns(env) + GATHER_MS * NS_PER_MS);
}

static void put(struct phub__hub *hub, struct phub__list *nodes,
                uint64_t node, const char *endpoint)
{
    struct address *all = nodes->items;

    if (node == hub->node || endpoint[0] == '\0' ||
        nodes->count == NODES_MAX ||
        phub__registry_is_forgotten(hub->registry, node))
        return;
    all[nodes->count++] = (struct address){
        node, { (const uint8_t *)endpoint, strlen(endpoint) } };
}

/* Those of today's list, and those that are looked for still. */
static void gather(struct phub__hub *hub, struct phub__list *nodes)
{
    const char *endpoint;
    uint64_t node;
    uint32_t i;

    for (i = 0; i < phub__cluster_member_count(hub->cluster); i++) {
        const struct phub__member *m =
            phub__cluster_member_at(hub->cluster, i);

        put(hub, nodes, m->node, m->endpoint);
    }
    for (i = 0; (endpoint = phub__cluster_remembered(hub->cluster, i,
                                                     &node)) != NULL; i++)
        if (phub__cluster_member(hub->cluster, node) == NULL)
            put(hub, nodes, node, endpoint);
}

/* Without it a restart goes by seeds alone. */
static void saved(void *arg, int rc)
{
    struct phub__hub *hub = arg;

    if (rc == PHUB_EUNSUPPORTED || rc == PHUB_ENOTFOUND)
        return;
    if (rc != 0) {
        if (!hub->addresses->failed)
            phub__hub_log(hub, PHUB__LOG_WARNING,
                          "cannot write '" FILE_NAME "' to the state "
                          "directory: %s; trying again", phub_strerror(rc));
        hub->addresses->count = 0;
        arm(hub);
    }
    hub->addresses->failed = rc != 0;
}

static void write_out(struct phub__hub *hub, const struct kept *kept)
{
    struct phub__builder out;
    int rc;

    phub__builder_init(&out, NODES_MAX * NODE_SIZE_MAX);
    rc = phub__encode(&kept_schema, kept, &out);
    if (rc == 0)
        rc = hub->env->file_do(hub->env, PHUB__FILE_REPLACE, FILE_NAME,
                               out.data, out.size, saved, hub);
    if (rc != 0)
        saved(hub, rc);
    phub__builder_fini(&out);
}

static void save(void *arg)
{
    struct phub__hub *hub = arg;
    struct kept kept = { .hub = hub->hub_hash };

    hub->addresses->armed = 0;
    kept.nodes.items = phub__calloc(NODES_MAX, sizeof(struct address));
    if (kept.nodes.items == NULL) {
        saved(hub, PHUB_ENOMEM);
        return;
    }
    gather(hub, &kept.nodes);
    if (replace(hub->addresses, &kept.nodes))
        write_out(hub, &kept);
    phub__free(kept.nodes.items);
}

void phub__addresses_changed(struct phub__hub *hub, uint64_t node)
{
    const struct phub__member *m = phub__cluster_member(hub->cluster, node);
    const struct phub__addresses_file *file = hub->addresses;
    const struct written key = { .node = node }, *written;

    if (!hub->started || node == hub->node || m == NULL)
        return;
    written = file->count == 0
        ? NULL : bsearch(&key, file->written, file->count, sizeof key,
                         by_node);
    if (written == NULL ||
        written->hash != XXH3_64bits(m->endpoint, strlen(m->endpoint)))
        arm(hub);
}

/* --- reading ------------------------------------------------------------------ */

static void remember(struct phub__hub *hub, const struct kept *kept)
{
    const struct address *all = kept->nodes.items;
    char endpoint[PHUB_ENDPOINT_MAX + 1];
    uint32_t i;

    if (kept->hub != hub->hub_hash)
        return;
    (void)replace(hub->addresses, &kept->nodes);
    for (i = 0; i < kept->nodes.count; i++) {
        memcpy(endpoint, all[i].endpoint.data, all[i].endpoint.size);
        endpoint[all[i].endpoint.size] = '\0';
        (void)phub__cluster_remember(hub->cluster, all[i].node, endpoint);
    }
}

void phub__addresses_load(struct phub__hub *hub)
{
    struct phub_buf *file = NULL;
    struct phub__arena arena;
    struct kept kept;
    int rc = hub->env->file_read(hub->env, FILE_NAME, &file);

    if (rc == PHUB_ENOTFOUND || rc == PHUB_EUNSUPPORTED)
        return;
    phub__arena_init(&arena, NULL, 0, NODES_MAX * 2 * NODE_SIZE_MAX);
    if (rc == 0)
        rc = phub__decode(&kept_schema, phub__buf_bytes(file), &kept, &arena,
                          NULL);
    if (rc == 0)
        remember(hub, &kept);
    else
        phub__hub_log(hub, PHUB__LOG_WARNING,
                      "ignoring '" FILE_NAME "' of the state directory: %s; "
                      "looking for others at seeds only", phub_strerror(rc));
    phub__buf_unref(&file);
    phub__arena_fini(&arena);
}

int phub__addresses_new(struct phub__hub *hub)
{
    hub->addresses = phub__calloc(1, sizeof *hub->addresses);
    if (hub->addresses == NULL)
        return PHUB_ENOMEM;
    hub->addresses->timer = hub->env->timer_new(hub->env, save, hub);
    return hub->addresses->timer != NULL ? 0 : PHUB_ENOMEM;
}

void phub__addresses_free(struct phub__hub *hub)
{
    if (hub->addresses == NULL)
        return;
    if (hub->addresses->timer != NULL)
        hub->env->timer_free(hub->env, &hub->addresses->timer);
    phub__free(hub->addresses->written);
    phub__free(hub->addresses);
    hub->addresses = NULL;
}
