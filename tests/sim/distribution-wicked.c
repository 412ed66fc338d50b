/* SPDX-License-Identifier: MIT */
/* wicked: a distribution strategy that goes wrong in the way it is told to,
 * for check_sim_tool: after so many questions it crashes, spins, waits for
 * ever, or says nothing any more; or it names a node that is no member, too many,
 * none, or another one each time. */
#include <signal.h>
#include <unistd.h>

#include <phub/plugin.h>

enum how { HOW_CRASH, HOW_SPIN, HOW_HANG, HOW_REFUSE, HOW_UNKNOWN,
           HOW_MANY, HOW_NONE, HOW_DIFFERENT };

struct wicked {
    struct phub_ctx *ctx;
    const struct phub_host *host;
    uint64_t how, after, asked;
    volatile uint64_t turns;
};

static int wicked_open(void *self_, struct phub_ctx *ctx,
                       const struct phub_host *host)
{
    struct wicked *self = self_;
    int rc = host->param_uint(ctx, "how", &self->how);

    self->ctx = ctx;
    self->host = host;
    return rc != 0 ? rc : host->param_uint(ctx, "after", &self->after);
}

static void wicked_close(void *self)
{
    (void)self;
}

static int go_wrong(struct wicked *self)
{
    switch ((enum how)self->how) {
    case HOW_CRASH:
        (void)raise(SIGSEGV);
        break;
    case HOW_SPIN:
        while (self->after != 0 || self->turns + 1 != 0)
            self->turns = self->turns + 2;
        break;
    case HOW_HANG:
        for (;;)
            (void)pause();
    case HOW_REFUSE:
        return self->host->fail(self->ctx, PHUB_ENOPLACE, "not today");
    case HOW_UNKNOWN:
    case HOW_MANY:
    case HOW_NONE:
    case HOW_DIFFERENT:
        break;
    }
    return 0;
}

/* An answer, as wrong as it is to be. */
static int answer(struct wicked *self, const struct phub_view *view,
                  uint32_t factor, uint64_t *nodes, uint32_t *count)
{
    struct phub_view_node node = { .size = sizeof node };
    uint32_t index = 0;
    int rc;

    if (self->how == HOW_DIFFERENT)
        index = (uint32_t)(self->host->random(self->ctx) %
                           self->host->view_count(view));
    rc = self->host->view_node(view, index, &node);
    nodes[0] = self->how == HOW_UNKNOWN ? node.id + 1 : node.id;
    *count = self->how == HOW_MANY ? factor + 1 : self->how != HOW_NONE;
    return rc;
}

static int wicked_assign(void *self_, const struct phub_view *view,
                         const struct phub_assign_item *items, uint32_t count,
                         uint32_t stride, uint32_t factor, uint64_t *nodes,
                         uint32_t *counts)
{
    struct wicked *self = self_;
    struct phub_view_node node = { .size = sizeof node };
    int rc = self->host->view_node(view, 0, &node);

    (void)items;
    (void)stride;
    if (self->asked++ >= self->after) {
        rc = go_wrong(self);
        for (uint32_t i = 0; i < count && rc == 0; i++)
            rc = answer(self, view, factor, nodes + (size_t)i * factor,
                        &counts[i]);
        return rc;
    }
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        nodes[(size_t)i * factor] = node.id;
        counts[i] = 1;
    }
    return rc;
}

static const struct phub_distribution_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct wicked),
    .open = wicked_open,
    .close = wicked_close,
    .assign = wicked_assign,
};

static const struct phub_param params[] = {
    { .name = "how", .unit = "", .default_value = "crash",
      .choices = "crash|spin|hang|refuse|unknown|many|none|different", .help = "What goes wrong.",
      .type = PHUB_PARAM_CHOICE },
    { .name = "after", .unit = "calls", .default_value = "0", .max = 1000000,
      .help = "So many questions are answered first.",
      .type = PHUB_PARAM_UINT },
};

PHUB_PLUGIN_DEFINE(wicked, PHUB_KIND_DISTRIBUTION,
    .flags = PHUB_FLAG_MUST_MATCH | PHUB_FLAG_PURE,
    .version = "1.0",
    .license = "MIT",
    .summary = "goes wrong as it is told to",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .ops.distribution = &ops);
