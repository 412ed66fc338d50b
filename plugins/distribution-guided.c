/* SPDX-License-Identifier: MIT */
/* guided: children go where their metadata says.
 *
 * The metadata value "nodes" of a child (the parameter key names another) has
 * a seat for each instance, by commas, best first; a seat is a choice of
 * members by '|', the first that is there taking it.  A choice is the name of
 * a node, or label=value for all members with that label, which take turns by
 * child:
 *
 *     nodes=alpha                one instance, on alpha or nowhere
 *     nodes=alpha|beta           on beta while alpha is away
 *     nodes=disk=ssd,disk=ssd    two instances on two nodes with that label
 *
 * Metadata is part of the child's row: every node has it, it survives what the
 * row survives, and a change holds from the next question on.
 *
 * Refused, each in its own words: a child without a mapping, one whose mapping
 * cannot be read, one whose seats are not as many as its instances, and one of
 * whose nodes none is a member.  With
 * fallback = hash a child without a mapping, and a seat without a member, go
 * by the highest hash over node and child (Thaler and Ravishankar: Using
 * Name-Based Mappings to Increase Hit Rates, 1998).  Refusing ends nothing: a
 * child that was running runs on, and one whose node was lost waits for it. */
#include <string.h>

#include <phub/plugin.h>

#define WORD_MAX 320u   /* "key=value" of a label, or a node's name */

struct guided {
    struct phub_ctx *ctx;
    const struct phub_host *host;
    struct phub_bytes key;
    uint64_t fallback;      /* index of the choice: 0 = none, 1 = hash */
};

/* One child's question. */
struct question {
    const struct guided *self;
    const struct phub_view *view;
    const struct phub_assign_item *item;
    uint64_t *nodes;        /* taken so far */
    uint32_t count;
    uint32_t factor;
};

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint64_t rank(const struct phub_bytes *child, uint64_t node)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    size_t i;

    for (i = 0; i < child->size; i++)
        hash = (hash ^ child->data[i]) * UINT64_C(0x100000001b3);
    return mix(hash ^ mix(node));
}

static int same(const struct phub_bytes *a, const struct phub_bytes *b)
{
    return a->size == b->size &&
           (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

/* The part of text before the next separator; text goes on behind it. */
static struct phub_bytes part(struct phub_bytes *text, char separator)
{
    struct phub_bytes word = { text->data, 0 };

    while (word.size < text->size &&
           text->data[word.size] != (uint8_t)separator)
        word.size++;
    text->data += word.size;
    text->size -= word.size;
    if (text->size != 0) {
        text->data++;
        text->size--;
    }
    return word;
}

static int taken(const struct question *q, uint64_t node)
{
    uint32_t i;

    for (i = 0; i < q->count; i++)
        if (q->nodes[i] == node)
            return 1;
    return 0;
}

/* Does a choice name this member? */
static int fits(const struct question *q, const struct phub_bytes *choice,
                const struct phub_view_node *node)
{
    struct phub_bytes value = *choice, label = part(&value, '='), is;

    if (label.size == choice->size)
        return same(choice, &node->name);
    return q->self->host->view_label(q->view, node->id, &label, &is) == 0 &&
           same(&is, &value);
}

/* The member for a choice (NULL: any of them) that is not taken: by hash if
 * there are several.  0: none. */
static uint64_t member_for(const struct question *q,
                           const struct phub_bytes *choice)
{
    const struct phub_host *host = q->self->host;
    uint32_t count = host->view_count(q->view), i;
    uint64_t best = 0, best_rank = 0, r;

    for (i = 0; i < count; i++) {
        struct phub_view_node node = { .size = sizeof node };

        if (host->view_node(q->view, i, &node) != 0 || taken(q, node.id))
            continue;
        if (choice != NULL ? !fits(q, choice, &node) : node.weight == 0)
            continue;
        r = rank(&q->item->id, node.id);
        if (best == 0 || r > best_rank) {
            best = node.id;
            best_rank = r;
        }
    }
    return best;
}

/* Words, one '|' or ',' between two, none empty, labels with a name. */
static int readable(struct phub_bytes mapping, uint32_t *seats)
{
    if (mapping.size == 0 || mapping.data[mapping.size - 1] == ',')
        return 0;
    for (*seats = 0; mapping.size != 0; ++*seats) {
        struct phub_bytes seat = part(&mapping, ',');

        if (seat.size == 0 || seat.data[seat.size - 1] == '|')
            return 0;
        while (seat.size != 0) {
            struct phub_bytes choice = part(&seat, '|');

            if (choice.size == 0 || choice.size > WORD_MAX ||
                choice.data[0] == '=')
                return 0;
        }
    }
    return 1;
}

static const struct phub_bytes *mapping_of(const struct question *q)
{
    const struct phub_assign_item *item = q->item;
    uint64_t i;

    for (i = 0; i < item->metadata_count; i++)
        if (same(&item->metadata[i].key, &q->self->key))
            return &item->metadata[i].value;
    return NULL;
}

/* Why not, for people: "child 'c7' <what>". */
static int refuse(const struct question *q, int code, const char *what)
{
    static const char before[] = "child '";
    char text[PHUB_CHILD_ID_MAX + 160];
    size_t at = sizeof before - 1, n = q->item->id.size;

    if (n > PHUB_CHILD_ID_MAX)
        n = PHUB_CHILD_ID_MAX;
    memcpy(text, before, at);
    memcpy(text + at, q->item->id.data, n);
    at += n;
    text[at++] = '\'';
    text[at++] = ' ';
    for (n = 0; what[n] != '\0' && at < sizeof text - 1; n++)
        text[at++] = what[n];
    text[at] = '\0';
    return q->self->host->fail(q->self->ctx, code, text);
}

static void fill_up(struct question *q, uint32_t count)
{
    uint64_t node;

    while (q->count < count && (node = member_for(q, NULL)) != 0)
        q->nodes[q->count++] = node;
}

static int seats_fill(struct question *q, struct phub_bytes mapping)
{
    uint32_t left;

    for (left = q->factor; left != 0 && mapping.size != 0; left--) {
        struct phub_bytes seat = part(&mapping, ',');
        uint64_t node = 0;

        while (node == 0 && seat.size != 0) {
            struct phub_bytes choice = part(&seat, '|');

            node = member_for(q, &choice);
        }
        if (node != 0)
            q->nodes[q->count++] = node;
    }
    if (q->self->fallback)
        fill_up(q, q->factor);
    return q->count != 0 ? 0
        : refuse(q, PHUB_ENOPLACE, "has a mapping to nodes none of which is "
                                   "a member");
}

static int place(struct question *q)
{
    const struct phub_bytes *mapping = mapping_of(q);
    uint32_t members = q->self->host->view_count(q->view), seats;

    if (members == 0)
        return 0;
    if (mapping == NULL && q->self->fallback) {
        fill_up(q, q->factor);
        return 0;
    }
    if (mapping == NULL)
        return refuse(q, PHUB_EINVAL, "has no mapping: its metadata does not "
                                      "say to which nodes it belongs");
    if (!readable(*mapping, &seats))
        return refuse(q, PHUB_EINVAL, "has a mapping that cannot be read: "
                      "seats by ',', choices by '|', each a node's name or "
                      "label=value");
    /* Where members are fewer than instances the factor is cut to them. */
    if (seats < q->factor || (seats > q->factor && q->factor < members))
        return refuse(q, PHUB_EINVAL, "has a mapping of another number of "
                                      "nodes than it has instances");
    return seats_fill(q, *mapping);
}

static int guided_assign(void *self_, const struct phub_view *view,
                         const struct phub_assign_item *items, uint32_t count,
                         uint32_t stride, uint32_t factor, uint64_t *nodes,
                         uint32_t *counts)
{
    struct guided *self = self_;
    const uint8_t *at = (const uint8_t *)items;
    uint32_t i;

    for (i = 0; i < count; i++, at += stride, nodes += factor) {
        struct question q = {
            .self = self, .view = view, .nodes = nodes, .factor = factor,
            .item = (const struct phub_assign_item *)(const void *)at };
        int rc = place(&q);

        if (rc != 0)
            return rc;
        counts[i] = q.count;
    }
    return 0;
}

static int guided_open(void *self_, struct phub_ctx *ctx,
                       const struct phub_host *host)
{
    struct guided *self = self_;

    if (PHUB_NEED(host, ctx, fail) || PHUB_NEED(host, ctx, param_uint) ||
        PHUB_NEED(host, ctx, param_text) || PHUB_NEED(host, ctx, view_count) ||
        PHUB_NEED(host, ctx, view_node) || PHUB_NEED(host, ctx, view_label))
        return PHUB_EUNSUPPORTED;
    self->ctx = ctx;
    self->host = host;
    if (host->param_text(ctx, "key", &self->key) != 0 ||
        host->param_uint(ctx, "fallback", &self->fallback) != 0)
        return host->fail(ctx, PHUB_ECONFIG, "parameters are missing");
    if (self->key.size == 0)
        return host->fail(ctx, PHUB_ECONFIG, "parameter 'key' is empty");
    return 0;
}

static void guided_close(void *self)
{
    (void)self;
}

static const struct phub_distribution_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct guided),
    .open = guided_open,
    .close = guided_close,
    .assign = guided_assign,
};

static const struct phub_param params[] = {
    { .name = "key", .type = PHUB_PARAM_TEXT, .unit = "",
      .default_value = "nodes",
      .help = "metadata key whose value is a child's mapping" },
    { .name = "fallback", .type = PHUB_PARAM_CHOICE, .unit = "",
      .default_value = "none", .choices = "none|hash",
      .help = "where a child goes without a mapping, or without its nodes" },
};

PHUB_PLUGIN_DEFINE(guided, PHUB_KIND_DISTRIBUTION,
    .flags = PHUB_FLAG_MUST_MATCH | PHUB_FLAG_PURE | PHUB_FLAG_METADATA,
    .abi_needs = 1,
    .version = "1.0",
    .license = "MIT",
    .summary = "children go to the nodes that their metadata names",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .ops.distribution = &ops);
