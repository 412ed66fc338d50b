/* SPDX-License-Identifier: MIT */
/* replication: several copies of each child, all or one of them active.
 *
 * The active one of an active_passive child is the node with the highest hash
 * over node and child (Thaler and Ravishankar: Using Name-Based Mappings to
 * Increase Hit Rates, 1998): it depends on the copies' own nodes only, so
 * another node that comes or goes changes nothing, and the active ones spread
 * over all nodes.  Who is active is recorded when it is decided; see
 * phub-strategy(7). */
#include <stdint.h>

#include <phub/plugin.h>

#define FACTOR_MAX 64u

struct replication {
    uint32_t factor;          /* 0: one on each node */
    uint32_t signals;
    int active_active;
};

static int equal(const struct phub_bytes *text, const char *word)
{
    size_t i;

    for (i = 0; i < text->size && word[i] != '\0'; i++)
        if (text->data[i] != (uint8_t)word[i])
            return 0;
    return i == text->size && word[i] == '\0';
}

/* 1 if text is a number that is allowed. */
static int number(const struct phub_bytes *text, uint32_t *value)
{
    uint32_t n = 0;
    size_t i;

    for (i = 0; i < text->size; i++) {
        if (text->data[i] < '0' || text->data[i] > '9')
            return 0;
        n = n * 10 + text->data[i] - '0';
        if (n > FACTOR_MAX)
            return 0;
    }
    *value = n;
    return n != 0;
}

static uint32_t signals_of(const struct phub_bytes *word)
{
    if (equal(word, "active"))
        return 1u << PHUB_ROLE_ACTIVE;
    if (equal(word, "passive"))
        return 1u << PHUB_ROLE_PASSIVE;
    if (equal(word, "none"))
        return 0;
    return 1u << PHUB_ROLE_ACTIVE | 1u << PHUB_ROLE_PASSIVE;
}

static int replication_open(void *self_, struct phub_ctx *ctx,
                            const struct phub_host *host)
{
    struct replication *self = self_;
    struct phub_bytes factor, mode, signals;

    if (PHUB_NEED(host, ctx, fail) || PHUB_NEED(host, ctx, param_text))
        return PHUB_EUNSUPPORTED;
    if (host->param_text(ctx, "factor", &factor) != 0 ||
        host->param_text(ctx, "mode", &mode) != 0 ||
        host->param_text(ctx, "signals", &signals) != 0)
        return host->fail(ctx, PHUB_ECONFIG, "parameters are missing");
    if (!equal(&factor, "cluster_size") && !number(&factor, &self->factor))
        return host->fail(ctx, PHUB_ECONFIG, "parameter 'factor' is neither "
                          "a number from 1 to 64 nor cluster_size");
    self->active_active = equal(&mode, "active_active");
    self->signals = signals_of(&signals);
    return 0;
}

static void replication_close(void *self)
{
    (void)self;
}

/* The host makes it no more than there are members. */
static int replication_factor(void *self_, const struct phub_view *view,
                              uint32_t *factor)
{
    const struct replication *self = self_;

    (void)view;
    *factor = self->factor != 0 ? self->factor : FACTOR_MAX;
    return 0;
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint64_t weight(const struct phub_bytes *child, uint64_t node)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    size_t i;

    for (i = 0; i < child->size; i++)
        hash = (hash ^ child->data[i]) * UINT64_C(0x100000001b3);
    return mix(hash ^ mix(node));
}

static int replication_plan(void *self_, const struct phub_view *view,
                            const struct phub_bytes *child,
                            const uint64_t *nodes, uint32_t count,
                            uint32_t *roles)
{
    const struct replication *self = self_;
    uint32_t i, best = 0;

    (void)view;
    for (i = 0; i < count; i++) {
        roles[i] = self->active_active ? PHUB_ROLE_ACTIVE : PHUB_ROLE_PASSIVE;
        if (weight(child, nodes[i]) > weight(child, nodes[best]))
            best = i;
    }
    if (count != 0)
        roles[best] = PHUB_ROLE_ACTIVE;
    return 0;
}

static int replication_signals(void *self_, uint32_t *roles)
{
    const struct replication *self = self_;

    *roles = self->signals;
    return 0;
}

static const struct phub_redundancy_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct replication),
    .open = replication_open,
    .close = replication_close,
    .factor = replication_factor,
    .plan = replication_plan,
    .signals = replication_signals,
};

static const struct phub_param params[] = {
    { .name = "factor", .type = PHUB_PARAM_TEXT, .unit = "copies",
      .default_value = "2", .max = 12,
      .help = "copies of each child, 1 to 64 and at most one on each node, or "
              "cluster_size: one on each" },
    { .name = "mode", .type = PHUB_PARAM_CHOICE, .unit = "",
      .default_value = "active_passive",
      .choices = "active_passive|active_active",
      .help = "one copy is active and the others wait, or all are active" },
    { .name = "signals", .type = PHUB_PARAM_CHOICE, .unit = "",
      .default_value = "all", .choices = "none|active|passive|all",
      .help = "which copies are told their role" },
};

PHUB_PLUGIN_DEFINE(replication, PHUB_KIND_REDUNDANCY,
    .flags = PHUB_FLAG_MUST_MATCH,
    .version = "1.0",
    .license = "MIT",
    .summary = "several copies of each child, all or one of them active",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .ops.redundancy = &ops);
