/* SPDX-License-Identifier: MIT */
/* sender: those who send messages to children by name, through their node.
 *
 * Each node sends numbered messages to each child that was named, without
 * waiting for replies.  A message may find no way; but what one node sends in
 * one life reaches an instance once, and in the order of sending; and so it
 * does over moves, but not over a fault after which a child begins anew. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "sim/judge.h"
#include "hub/message.h"

#define LETTER_MAX 64u
#define UNSEEN_MAX 512u         /* sent, and not arrived yet */
#define LATE_NS (3 * PHUB__SIM_S)

struct sim_sender {
    struct sim_sender *next;
    struct sim_case *c;
    uint32_t node, child, index;
    uint64_t pace_ns;
    int strict;                    /* without faults nothing may be lost */
    uint64_t id, boot;             /* of its node: of this life */
    uint64_t life, number;         /* lives so far, and sent in this one */
    uint64_t seen_life, seen;      /* what arrived last, and at which */
    uint64_t seen_serial;          /* instance */
    uint64_t sent_ns[UNSEEN_MAX];  /* by number */
};

static void send_one(void *arg)
{
    struct sim_sender *s = arg;
    struct sim_daemon *daemon = sim_daemon(s->c, s->node);
    const char *id = s->c->children[s->child].id;
    char text[LETTER_MAX];
    int size;

    if (daemon == NULL)
        return;
    /* A disk that is lost takes the node's id with it, and the boots. */
    if (s->boot != daemon->hub->boot || s->id != daemon->hub->node) {
        s->id = daemon->hub->node;
        s->boot = daemon->hub->boot;
        s->life++;
        s->number = 0;
    }
    size = snprintf(text, sizeof(text), "%u %" PRIu64 " %" PRIu64, s->index,
                    s->life, s->number + 1);
    if (phub__mail_send(daemon->hub,
                        (struct phub_bytes){ (const uint8_t *)id,
                                             strlen(id) },
                        (struct phub_bytes){ (const uint8_t *)text,
                                             (size_t)size },
                        SIM_OP_TIMEOUT_MS, NULL, NULL) == 0)
        s->sent_ns[++s->number % UNSEEN_MAX] =
            phub__world_now(s->c->world);
}

static int none_may_be_lost(const struct sim_sender *s)
{
    return s->strict && s->c->judges->fault_ns == 0 && s->c->disturbed_ns == 0;
}

/* 1 if something is on its way; where no fault ever was it must arrive. */
static int on_its_way(struct sim_sender *s)
{
    struct sim_case *c = s->c;
    uint64_t next = s->life == s->seen_life ? s->seen + 1 : 1;

    if (!none_may_be_lost(s) || next > s->number)
        return 0;
    if (phub__world_now(c->world) - s->sent_ns[next % UNSEEN_MAX] > LATE_NS)
        sim_broken(c, 3, "message %" PRIu64 " of n%u to child %s has not "
                   "arrived after %u s", next, s->node,
                   c->children[s->child].id, (unsigned)(LATE_NS
                                                        / PHUB__SIM_S));
    return !c->broken;
}

static void tick(void *arg)
{
    struct sim_sender *s = arg;
    struct sim_case *c = s->c;
    uint64_t now = phub__world_now(c->world);

    if (!on_its_way(s) && !c->senders_on)
        return;
    if (c->senders_on && sim_daemon(c, s->node) != NULL
        && !phub__sim_node_frozen(sim_node(c, s->node)))
        phub__sim_node_at(sim_node(c, s->node), now, send_one, NULL, s);
    phub__world_at(c->world, now + s->pace_ns / 2
                   + sim_below(c, PHUB__SIM_CLIENT, s->pace_ns + 1), tick, s);
}

static void arrived(void *arg, const struct phub__sim_child *instance,
                    struct phub_bytes data)
{
    struct sim_case *c = arg;
    struct phub__sim_child_facts facts;
    struct sim_sender *s = c->senders;
    uint64_t life, number;
    uint32_t index;
    char text[LETTER_MAX];

    if (data.size >= sizeof(text))
        return;
    memcpy(text, data.data, data.size);
    text[data.size] = '\0';
    if (sscanf(text, "%" SCNu32 " %" SCNu64 " %" SCNu64, &index, &life,
               &number) != 3)
        return;
    while (s != NULL && s->index != index)
        s = s->next;
    if (s == NULL)
        return;
    phub__sim_child_facts(instance, &facts);
    /* Where no fault ever was, nothing may be missing either. */
    if (none_may_be_lost(s) && life == s->seen_life && s->seen != 0
        && number > s->seen + 1)
        sim_broken(c, 3, "child %s on %s gets message %" PRIu64 " of n%u, and "
                   "its message %" PRIu64 " never came",
                   c->children[s->child].id,
                   phub__sim_node_name(facts.node), number, s->node,
                   s->seen + 1);
    if (life == s->seen_life && number <= s->seen && !sim_was_cut(c)
        && (facts.serial == s->seen_serial || c->judges->fault_ns == 0))
        sim_broken(c, 5, "child %s on %s gets message %" PRIu64 " of n%u "
                   "after its message %" PRIu64, c->children[s->child].id,
                   phub__sim_node_name(facts.node), number, s->node,
                   s->seen);
    if (life == s->life) {
        s->seen_life = life;
        s->seen = number;
        s->seen_serial = facts.serial;
        c->letters++;
    }
}

void sim_senders_init(struct sim_case *c)
{
    c->watch.message = arrived;
}

void sim_senders_start(struct sim_case *c, uint32_t first, uint32_t last,
                       uint64_t pace_ns, int strict)
{
    c->senders_on = 1;
    for (uint32_t i = first; i < last; i++)
        for (uint32_t k = 0; k < c->options.nodes; k++) {
            struct sim_sender *s = sim_own(c, sizeof(*s));

            *s = (struct sim_sender){ .next = c->senders, .c = c, .node = k,
                .child = i, .pace_ns = pace_ns, .strict = strict,
                .index = c->senders == NULL ? 0 : c->senders->index + 1 };
            c->senders = s;
            tick(s);
        }
}

void sim_senders_stop(struct sim_case *c)
{
    c->senders_on = 0;
}
