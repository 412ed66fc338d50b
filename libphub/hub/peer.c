/* SPDX-License-Identifier: MIT */
/* peer: what this node says to others, and hears from them.
 *
 * A peer is a member of the view: a link (DEALER) for probes and control and a
 * session for the reliable lane; a second of each for bulk, when there is
 * some.  It is made when the node enters the view and freed when it leaves or
 * restarts; what was not acknowledged is lost then, and whoever sent it hears
 * of the node's going from the request manager.
 * The cluster's messages go to members and strangers (stranger.c) alike.
 * A frame is taken apart, counted if it is not for us, and given to whoever
 * owns its type (deliver.c), as is what this node sends to itself. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/deliver.h"
#include "hub/move.h"
#include "hub/peer.h"
#include "hub/stranger.h"
#include "hub/watch.h"
#include "wire/memory.h"
#include "wire/session.h"

#define BACKLOG_FRAMES_MAX 65536u      /* per peer, behind a full window */
#define BACKLOG_BYTES_MAX 67108864u
#define STRANGER_SPARE_MS 5000u
#define NS_PER_MS 1000000ull
#define PEERS_FIRST 8u      /* a power of 2 */

/* A control message that waits for room in its session's window. */
struct waiting {
    struct waiting *next;
    struct phub_buf *body;
    uint32_t type;
};

struct peer {
    uint64_t node;
    uint64_t boot;
    struct phub__link *links[2];           /* by enum phub__link_kind */
    struct phub__hub *hub;
    struct phub__session *sessions[2];     /* of bulk: NULL until it is used */
    struct waiting *first, **last;
    uint64_t noted;                        /* what it was sent, once */
    uint64_t due_ns;                       /* of its sessions */
    uint32_t at;                           /* in due[], if due_ns is a time */
    uint32_t waiting_count;
    size_t waiting_bytes;
    struct peer *next, **back;
};

/* All that a probe needs, side by side. */
struct slot {
    struct peer *peer;                     /* NULL: it is free */
    uint64_t node;
    struct phub__link *control;            /* its link, once there is one */
};

struct phub__peers {
    struct peer *peers;
    struct slot *slots;                    /* by a hash of node; open */
    struct peer **due;                     /* a heap by due_ns */
    uint32_t count, due_count;
    uint32_t room, slots_count;            /* of due; twice that, a power
                                            * of 2 */
    struct phub__timer *timer;
    uint64_t armed_ns;                     /* 0: the timer does not run */
    uint64_t generations;
    int owed;                              /* what waits found no memory */
    struct phub__strangers *strangers;
};

/* --- finding --------------------------------------------------------------------- */

/* Where node is looked for first. */
static uint32_t place_of(const struct phub__peers *peers, uint64_t node)
{
    return (uint32_t)(node * UINT64_C(0x9fb21c651e98df25) >> 32) &
           (peers->slots_count - 1);
}

/* The slot of node, or the free one where it would go. */
static struct slot *slot_of(const struct phub__peers *peers, uint64_t node)
{
    uint32_t at = place_of(peers, node);

    for (;; at = (at + 1) & (peers->slots_count - 1)) {
        struct slot *slot = &peers->slots[at];

        if (slot->peer == NULL || slot->node == node)
            return slot;
    }
}

static struct peer *find(struct phub__hub *hub, uint64_t node)
{
    return hub->peers->slots_count == 0 ? NULL
                                        : slot_of(hub->peers, node)->peer;
}

static void slots_put(struct phub__peers *peers, struct peer *peer)
{
    *slot_of(peers, peer->node) = (struct slot){
        peer, peer->node, peer->links[PHUB__LINK_CONTROL] };
}

/* Those behind it may have gone past its place. */
static void slots_take(struct phub__peers *peers, struct slot *slot)
{
    uint32_t mask = peers->slots_count - 1;
    uint32_t at = (uint32_t)(slot - peers->slots);

    slot->peer = NULL;
    for (;;) {
        struct peer *next;

        at = (at + 1) & mask;
        next = peers->slots[at].peer;
        if (next == NULL)
            return;
        peers->slots[at].peer = NULL;
        slots_put(peers, next);
    }
}

/* Room for one more. */
static int grow(struct phub__peers *peers)
{
    uint32_t room = peers->room == 0 ? PEERS_FIRST : peers->room * 2;
    struct slot *slots;
    struct peer **due, *peer;

    if (peers->count < peers->room)
        return 0;
    slots = phub__calloc(room * 2, sizeof *slots);
    due = slots == NULL ? NULL
        : phub__realloc(peers->due, room * sizeof(struct peer *));
    if (due == NULL) {
        phub__free(slots);
        return PHUB_ENOMEM;
    }
    peers->due = due;
    phub__free(peers->slots);
    peers->slots = slots;
    peers->room = room;
    peers->slots_count = room * 2;
    for (peer = peers->peers; peer != NULL; peer = peer->next)
        slots_put(peers, peer);
    return 0;
}

/* --- deadlines -------------------------------------------------------------------- */

static void due_put(struct phub__peers *peers, uint32_t at, struct peer *peer)
{
    peers->due[at] = peer;
    peer->at = at;
}

/* The peer at that place may be too low or too high in the heap. */
static void due_sift(struct phub__peers *peers, uint32_t at)
{
    struct peer *peer = peers->due[at];

    while (at > 0 && peer->due_ns < peers->due[(at - 1) / 2]->due_ns) {
        due_put(peers, at, peers->due[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child + 1 < peers->due_count &&
            peers->due[child + 1]->due_ns < peers->due[child]->due_ns)
            child++;
        if (child >= peers->due_count ||
            peers->due[child]->due_ns >= peer->due_ns)
            break;
        due_put(peers, at, peers->due[child]);
        at = child;
    }
    due_put(peers, at, peer);
}

static void due_set(struct peer *peer, uint64_t due_ns)
{
    struct phub__peers *peers = peer->hub->peers;
    uint64_t was = peer->due_ns;

    if (due_ns == was)
        return;
    peer->due_ns = due_ns;
    if (was == UINT64_MAX)
        due_put(peers, peers->due_count++, peer);
    if (due_ns != UINT64_MAX) {
        due_sift(peers, peer->at);
        return;
    }
    if (peer->at != --peers->due_count) {
        due_put(peers, peer->at, peers->due[peers->due_count]);
        due_sift(peers, peer->at);
    }
}

/* Its sessions were used: look at what they wait for. */
static void due_update(struct peer *peer)
{
    uint64_t due_ns = UINT64_MAX;
    int i;

    for (i = 0; i < 2; i++) {
        uint64_t at = peer->sessions[i] == NULL
            ? UINT64_MAX : phub__session_deadline(peer->sessions[i]);

        due_ns = at < due_ns ? at : due_ns;
    }
    due_set(peer, due_ns);
}

/* --- out ------------------------------------------------------------------------ */

static enum phub__link_kind kind_of(unsigned lane)
{
    return lane == PHUB__LANE_BULK ? PHUB__LINK_BULK : PHUB__LINK_CONTROL;
}

/* A member restarts at another endpoint only as another peer. */
static struct phub__link *link_of(struct peer *peer, unsigned lane)
{
    enum phub__link_kind kind = kind_of(lane);
    const struct phub__member *member;
    struct phub_env *env;

    if (peer->links[kind] != NULL)
        return peer->links[kind];
    env = peer->hub->env;
    member = phub__cluster_member(peer->hub->cluster, peer->node);
    if (member == NULL || member->boot != peer->boot ||
        env->link_open(env, member->endpoint, kind, &peer->links[kind]) != 0)
        return NULL;
    if (kind == PHUB__LINK_CONTROL)
        slot_of(peer->hub->peers, peer->node)->control = peer->links[kind];
    return peer->links[kind];
}

static void envelope_fill(struct phub__hub *hub,
                          struct phub__envelope *envelope,
                          uint8_t head[PHUB__ENVELOPE_MAX], size_t *size)
{
    envelope->hub = hub->hub_hash;
    envelope->node = hub->node;
    envelope->boot = hub->boot;
    envelope->lamport = hub->lamport;
    envelope->view = phub__view_hash(phub__hub_view(hub));
    phub__envelope_write(envelope, head, size);
    hub->counters.frames_out++;
}

static int put(struct phub__hub *hub, struct phub__link *link,
               struct phub__envelope *envelope, struct phub_buf *body)
{
    uint8_t head[PHUB__ENVELOPE_MAX];
    size_t size;

    if (link == NULL)
        return PHUB_ENODEDOWN;
    envelope_fill(hub, envelope, head, &size);
    return hub->env->link_send(hub->env, link, head, size, body);
}

/* The same with bytes of the caller's.  What is small goes with the head. */
static void put_bytes(struct phub__hub *hub, struct phub__link *link,
                      struct phub__envelope *envelope, const uint8_t *body,
                      size_t body_size)
{
    uint8_t head[PHUB__LINK_HEAD_MAX];
    struct phub_buf *buf;
    size_t size;

    if (link == NULL)
        return;
    envelope_fill(hub, envelope, head, &size);
    if (body_size <= sizeof head - size) {
        memcpy(head + size, body, body_size);
        (void)hub->env->link_send(hub->env, link, head, size + body_size,
                                  NULL);
        return;
    }
    buf = phub__buf_copy(body, body_size);
    if (buf != NULL)
        (void)hub->env->link_send(hub->env, link, head, size, buf);
    phub__buf_unref(&buf);
}

static void emit(void *arg, struct phub__envelope *envelope,
                 struct phub_buf *body)
{
    struct peer *peer = arg;

    (void)put(peer->hub, link_of(peer, envelope->lane), envelope, body);
}

/* Move what waits into the window, as far as there is room. */
static void drain_backlog(struct peer *peer)
{
    uint64_t now = peer->hub->env->now_ns(peer->hub->env);
    struct waiting *w;
    int rc;

    while ((w = peer->first) != NULL) {
        rc = phub__session_send(peer->sessions[PHUB__LINK_CONTROL], w->type,
                                w->body, now);
        peer->hub->peers->owed |= rc == PHUB_ENOMEM;
        if (rc == PHUB_EBUSY || rc == PHUB_ENOMEM)
            return; /* after the next acknowledgement, or in a round */
        peer->first = w->next;
        if (peer->first == NULL)
            peer->last = &peer->first;
        peer->waiting_count--;
        peer->waiting_bytes -= w->body->size;
        phub__buf_unref(&w->body);
        phub__free(w);
    }
}

static int backlog(struct peer *peer, uint32_t type, struct phub_buf *body)
{
    struct waiting *w;

    if (peer->waiting_count >= BACKLOG_FRAMES_MAX ||
        peer->waiting_bytes + body->size > BACKLOG_BYTES_MAX)
        return PHUB_EBUSY;
    w = phub__calloc(1, sizeof *w);
    if (w == NULL)
        return PHUB_ENOMEM;
    w->type = type;
    w->body = phub__buf_ref(body);
    *peer->last = w;
    peer->last = &w->next;
    peer->waiting_count++;
    peer->waiting_bytes += body->size;
    return 0;
}

/* A session began anew (the peer had us out of its view for a while) before
 * this was acknowledged: it may have arrived or not.  What may arrive twice is
 * sent again; a request that may not is answered by us. */
static void failed(void *arg, unsigned type, struct phub_buf *body, int rc)
{
    struct peer *peer = arg;
    struct phub__hub *hub = peer->hub;
    int again = 0;

    switch ((enum phub__message)type) {
    case PHUB__MESSAGE_VIEW_SYNC:
    case PHUB__MESSAGE_GATHERED:
    case PHUB__MESSAGE_COVER:
    case PHUB__MESSAGE_COVERED:
    case PHUB__MESSAGE_DELTA:
    case PHUB__MESSAGE_RESPONSE:
    case PHUB__MESSAGE_PEER:
    case PHUB__MESSAGE_STATE_ACK:
    case PHUB__MESSAGE_CHILD_REPLY:
        again = 1;
        break;
    case PHUB__MESSAGE_REQUEST:
        again = phub__op_lost(hub, body, rc);
        break;
    case PHUB__MESSAGE_STATE:
        phub__state_lost(hub, peer->node);
        break;
    case PHUB__MESSAGE_EVENTS:
        phub__watch_unsent(hub, peer->node, body);
        break;
    default:
        break; /* a message is counted */
    }
    if (again)
        (void)backlog(peer, type, body);
    else if (type == PHUB__MESSAGE_CHILD_MESSAGE)
        hub->counters.messages_dropped++;
}

static void arm(struct phub__hub *hub)
{
    struct phub__peers *peers = hub->peers;
    struct phub_env *env = hub->env;
    uint64_t at = peers->due_count == 0 ? 0 : peers->due[0]->due_ns;

    if (at == peers->armed_ns)
        return;
    peers->armed_ns = at;
    if (at == 0)
        env->timer_stop(env, peers->timer);
    else
        env->timer_start(env, peers->timer, at);
}

static void tick(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__peers *peers = hub->peers;
    uint64_t now = hub->env->now_ns(hub->env);
    int i;

    peers->armed_ns = 0;
    while (peers->due_count != 0 && peers->due[0]->due_ns <= now) {
        struct peer *peer = peers->due[0];

        for (i = 0; i < 2; i++)
            if (peer->sessions[i] != NULL &&
                phub__session_deadline(peer->sessions[i]) <= now) {
                phub__session_tick(peer->sessions[i], now);
                drain_backlog(peer);
            }
        due_update(peer);
    }
    arm(hub);
}

static int deliver(void *arg, const struct phub__envelope *envelope,
                   struct phub_buf *frame, struct phub_bytes body);

/* The session of that lane, if there is none yet. */
static int session_open(struct peer *peer, unsigned lane)
{
    struct phub__session_config config = {
        .self_boot = peer->hub->boot, .peer = peer->node,
        .peer_boot = peer->boot, .lane = lane,
        .generations = &peer->hub->peers->generations,
        .io = { peer, emit, deliver, failed } };
    struct phub__session **session = &peer->sessions[kind_of(lane)];

    return *session != NULL ? 0 : phub__session_new(&config, session);
}

int phub__peer_send(struct phub__hub *hub, uint64_t node, uint32_t type,
                    struct phub_buf *body)
{
    struct peer *peer;
    int rc;

    if (node == hub->node)
        return phub__own_send(hub, type, body);
    peer = find(hub, node);
    if (peer == NULL)
        return PHUB_ENODEDOWN;
    if (phub__message_lane(type) == PHUB__LANE_BULK) {
        rc = session_open(peer, PHUB__LANE_BULK);
        if (rc == 0)
            rc = phub__session_send(peer->sessions[PHUB__LINK_BULK], type,
                                    body, hub->env->now_ns(hub->env));
    } else if (peer->first != NULL)
        rc = backlog(peer, type, body); /* in order */
    else {
        rc = phub__session_send(peer->sessions[PHUB__LINK_CONTROL], type,
                                body, hub->env->now_ns(hub->env));
        if (rc == PHUB_EBUSY)
            rc = backlog(peer, type, body);
    }
    due_update(peer);
    arm(hub);
    return rc;
}

int phub__peer_send_struct(struct phub__hub *hub, uint64_t node,
                           uint32_t type, const struct phub__schema *schema,
                           const void *in)
{
    struct phub__builder builder;
    struct phub_buf *body = NULL;
    int rc;

    phub__builder_init(&builder, PHUB__FRAME_MAX - PHUB__ENVELOPE_MAX);
    rc = phub__encode(schema, in, &builder);
    if (rc == 0)
        rc = phub__builder_take(&builder, &body);
    if (rc == 0)
        rc = phub__peer_send(hub, node, type, body);
    phub__buf_unref(&body);
    phub__builder_fini(&builder);
    return rc;
}

int phub__peer_congested(struct phub__hub *hub, uint64_t node)
{
    const struct peer *peer = find(hub, node);

    return peer != NULL && peer->first != NULL;
}

void phub__peers_note_sent(struct phub__hub *hub)
{
    struct peer *peer;

    for (peer = hub->peers->peers; peer != NULL; peer = peer->next)
        peer->noted =
            phub__session_next(peer->sessions[PHUB__LINK_CONTROL]) +
            peer->waiting_count;
}

int phub__peers_unheard(const struct phub__hub *hub)
{
    const struct peer *peer;

    for (peer = hub->peers->peers; peer != NULL; peer = peer->next)
        if (phub__session_acked(peer->sessions[PHUB__LINK_CONTROL]) <
            peer->noted)
            return 1;
    return 0;
}

/* --- to anybody --------------------------------------------------------------------- */

static struct phub__link *probe_link(struct phub__hub *hub,
                                     const struct phub__cluster_to *to)
{
    const struct slot *slot = to->node == 0 || hub->peers->slots_count == 0
        ? NULL : slot_of(hub->peers, to->node);

    if (slot == NULL || slot->peer == NULL)
        return phub__stranger_link(hub->peers->strangers, to->endpoint);
    return slot->control != NULL ? slot->control
                                 : link_of(slot->peer, PHUB__LANE_PROBE);
}

void phub__peer_ahead(void *arg, uint64_t node)
{
    const struct phub__peers *peers = ((struct phub__hub *)arg)->peers;

    if (peers->slots_count != 0)
        __builtin_prefetch(slot_of(peers, node)->control);
}

void phub__peer_cluster_send(void *arg, const struct phub__cluster_to *to,
                             enum phub__cluster_type type,
                             const uint8_t *body, size_t size)
{
    struct phub__hub *hub = arg;
    struct phub__envelope envelope = {
        .type = (uint16_t)type, .lane = PHUB__LANE_PROBE,
        .target = to->node, .target_boot = to->boot };

    put_bytes(hub, probe_link(hub, to), &envelope, body, size);
}

/* --- in ------------------------------------------------------------------------------ */

static int deliver(void *arg, const struct phub__envelope *envelope,
                   struct phub_buf *frame, struct phub_bytes body)
{
    struct peer *peer = arg;
    struct phub_buf *part;

    part = phub__buf_slice(frame, (size_t)(body.data - frame->data),
                           body.size);
    if (part == NULL)
        return PHUB_ENOMEM;
    phub__deliver(peer->hub, peer->node, envelope->type, part);
    phub__buf_unref(&part);
    return 0;
}

static void received(void *arg, struct phub_buf *frame)
{
    struct phub__hub *hub = arg;
    struct phub__envelope e;
    struct phub_bytes body;
    struct peer *peer;
    int rc = phub__frame_open(phub__buf_bytes(frame), &e, &body);

    hub->counters.frames_in++;
    if (rc != 0 && rc != PHUB_EVERSION) {
        hub->counters.frames_malformed++;
        return;
    }
    if (e.lane == PHUB__LANE_PROBE && e.type >= 1 &&
        e.type <= PHUB__CLUSTER_TYPE_MAX) {
        struct phub__cluster_from from = {
            e.node, e.boot, e.target, e.target_boot, e.view };

        if (hub->peers->slots_count != 0) /* the answer goes there */
            __builtin_prefetch(hub->peers->slots +
                               place_of(hub->peers, e.node));
        if (e.hub != hub->hub_hash)
            hub->counters.frames_foreign++;
        (void)phub__cluster_receive(hub->cluster, &from,
                                    (enum phub__cluster_type)e.type,
                                    body.data, body.size,
                                    hub->env->boot_ns(hub->env));
        phub__hub_arm_cluster(hub);
        return;
    }
    if (rc != 0 || e.hub != hub->hub_hash) {
        hub->counters.frames_foreign++;
        return;
    }
    peer = find(hub, e.node);
    if (peer == NULL || peer->boot != e.boot ||
        (e.target != 0 && e.target != hub->node) ||
        (e.target_boot != 0 && e.target_boot != hub->boot) ||
        e.lane == PHUB__LANE_PROBE) {
        hub->counters.frames_stale++; /* it is sent again if it matters */
        return;
    }
    phub__hub_epoch_seen(hub, e.lamport);
    if (session_open(peer, e.lane) != 0)
        return; /* as if it were lost: it is sent again */
    (void)phub__session_received(peer->sessions[kind_of(e.lane)], &e, frame,
                                 body, hub->env->now_ns(hub->env));
    peer = find(hub, e.node); /* handling it may have changed the view */
    if (peer != NULL) {
        drain_backlog(peer);
        due_update(peer);
    }
    arm(hub);
}

/* Many are lost at once when many nodes end: what is looked at lies in a row. */
static void link_lost(void *arg, struct phub__link *link)
{
    struct phub__hub *hub = arg;
    const struct phub__peers *peers = hub->peers;

    for (uint32_t i = 0; i < peers->slots_count; i++)
        if (peers->slots[i].control == link && peers->slots[i].peer != NULL) {
            phub__cluster_link_lost(hub->cluster, peers->slots[i].node,
                                    hub->env->boot_ns(hub->env));
            phub__hub_arm_cluster(hub);
            return;
        }
}

const struct phub__net_events phub__peers_events = {
    .received = received,
    .link_lost = link_lost,
};

/* --- life ------------------------------------------------------------------------------- */

static void peer_free(struct peer *peer)
{
    struct phub_env *env = peer->hub->env;
    struct waiting *w;
    int i;

    while ((w = peer->first) != NULL) {
        peer->first = w->next;
        phub__buf_unref(&w->body);
        phub__free(w);
    }
    for (i = 0; i < 2; i++) {
        phub__session_free(&peer->sessions[i]);
        if (peer->links[i] != NULL)
            env->link_close(env, &peer->links[i]);
    }
    phub__free(peer);
}

static void peer_new(struct phub__hub *hub, uint64_t node, uint64_t boot)
{
    struct peer *peer = phub__calloc(1, sizeof *peer);

    if (peer == NULL || grow(hub->peers) != 0) {
        phub__free(peer);
        return;
    }
    peer->last = &peer->first;
    peer->hub = hub;
    peer->node = node;
    peer->boot = boot;
    peer->due_ns = UINT64_MAX;
    if (session_open(peer, PHUB__LANE_CONTROL) != 0) {
        peer_free(peer);
        return;
    }
    peer->next = hub->peers->peers;
    peer->back = &hub->peers->peers;
    if (peer->next != NULL)
        peer->next->back = &peer->next;
    hub->peers->peers = peer;
    slots_put(hub->peers, peer);
    hub->peers->count++;
}

static void peer_end(struct peer *peer)
{
    struct phub__peers *peers = peer->hub->peers;

    *peer->back = peer->next;
    if (peer->next != NULL)
        peer->next->back = peer->back;
    slots_take(peers, slot_of(peers, peer->node));
    peers->count--;
    due_set(peer, UINT64_MAX);
    peer_free(peer);
}

static void peer_drop(struct phub__hub *hub, uint64_t node)
{
    struct peer *peer = find(hub, node);

    if (peer != NULL)
        peer_end(peer);
}

void phub__peer_view_changed(struct phub__hub *hub,
                             const struct phub__view_change *change)
{
    uint32_t i;

    for (i = 0; i < change->lost_count; i++)
        peer_drop(hub, change->lost[i].node);
    for (i = 0; i < change->left_count; i++)
        peer_drop(hub, change->left[i].node);
    for (i = 0; i < phub__view_count(change->new_view); i++) {
        const struct phub_view_node *n = phub__view_at(change->new_view, i);
        struct peer *peer = find(hub, n->id);

        if (n->id == hub->node || (peer != NULL && peer->boot == n->boot))
            continue;
        peer_drop(hub, n->id);
        peer_new(hub, n->id, n->boot);
    }
    arm(hub);
}

/* There was no memory for one when its node came, or for what waits. */
void phub__peers_round(struct phub__hub *hub)
{
    struct phub_view *view = phub__hub_view(hub);
    struct peer *peer;
    uint32_t i;

    if (hub->peers->count + 1 >= phub__view_count(view) && !hub->peers->owed)
        return;
    hub->peers->owed = 0;
    for (i = 0; i < phub__view_count(view); i++) {
        const struct phub_view_node *n = phub__view_at(view, i);

        if (n->id == hub->node)
            continue;
        peer = find(hub, n->id);
        if (peer == NULL) {
            peer_new(hub, n->id, n->boot);
        } else if (peer->first != NULL) {
            drain_backlog(peer);
            due_update(peer);
        }
    }
    arm(hub);
}

int phub__peers_new(struct phub__hub *hub)
{
    struct phub__peers *peers = phub__calloc(1, sizeof *peers);

    if (peers == NULL)
        return PHUB_ENOMEM;
    hub->peers = peers;
    peers->timer = hub->env->timer_new(hub->env, tick, hub);
    /* One that is lost is asked before that, and its link kept: it is heard at
     * once when a cut ends. */
    peers->strangers = phub__strangers_new(
        hub->env, (hub->options.cluster.rejoin_interval_max +
                   STRANGER_SPARE_MS) * NS_PER_MS);
    if (peers->timer == NULL || peers->strangers == NULL ||
        phub__own_new(hub) != 0) {
        phub__peers_free(hub);
        return PHUB_ENOMEM;
    }
    return 0;
}

void phub__peers_free(struct phub__hub *hub)
{
    struct phub__peers *peers = hub->peers;

    if (peers == NULL)
        return;
    while (peers->peers != NULL)
        peer_end(peers->peers);
    phub__own_free(hub);
    phub__strangers_free(&peers->strangers);
    hub->env->timer_free(hub->env, &peers->timer);
    phub__free(peers->slots);
    phub__free(peers->due);
    phub__free(peers);
    hub->peers = NULL;
}
