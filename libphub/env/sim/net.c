/* SPDX-License-Identifier: MIT */
/* net: connections between simulated processes, and the paths below them.
 *
 * A link is what a DEALER is: it connects in the background, keeps what is
 * sent before, and connects again when the other side's process is gone; what
 * was on its way then is lost, and its owner gets the hint link_lost.  The
 * other side is noticed to be gone by its reset: at once when it ended, on
 * the next frame otherwise, and not at all while the machine has no power or
 * the way is cut.  A link may be half open: the other side has forgotten it,
 * what is sent vanishes, and its owner notices after a while only.
 *
 * A path is one direction between two machines, with chance of its own.
 * Frames of one link arrive in order unless the network reorders. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "env/sim/private.h"

#define CONNECT_FIRST (50 * PHUB__SIM_MS)   /* as the real one */
#define WHOLE_KEPT 1024u
#define CONNECT_MAX (200 * PHUB__SIM_MS)
#define SHARED_SIZE 512u       /* of bodies whose hash is kept for the next */

/* The body is shared by all that it was sent to. */
struct phub__sim_frame {
    struct phub__sim_frame *next;
    struct phub__link *link;
    struct phub__sim_process *to;   /* the process it was sent to */
    struct phub_buf *body;          /* NULL: none */
    uint64_t arrives;
    uint32_t head_size;
    uint8_t head[PHUB__LINK_HEAD_MAX];
};

/* What each frame looks at comes first, in one line of the cache. */
struct phub__link {
    struct phub__sim_process *process;
    struct phub__sim_process *peer; /* NULL: not connected; owns a reference */
    uint64_t last_at;
    uint32_t refs;                  /* the owner, frames, hints */
    uint32_t frames;                /* sent and not handled */
    int half_open;                  /* the other side has forgotten it */
    int closed;
    int breaking;
    uint32_t to;                    /* the peer's node; or one before, or 0 */
    struct phub__sim_frame *waiting, *waiting_tail;
    struct phub__link *prev, *next;
    struct phub__link *peer_prev, *peer_next; /* of those connected to it */
    struct phub__sim_event *connecting;
    uint64_t retry_ns;
    char endpoint[];
};

static struct phub__sim_path *path_of(struct phub__world *world,
                                      uint32_t from, uint32_t to)
{
    return &world->paths[from * world->paths_side + to];
}

static void link_unref(struct phub__link *link)
{
    struct phub__sim_process *process = link->process;

    if (--link->refs != 0)
        return;
    free(link);
    phub__sim_process_unref(process);
}

static void connected(struct phub__link *link, struct phub__sim_process *peer)
{
    link->peer = peer;
    link->to = peer->node->index;
    peer->refs++;
    link->peer_prev = NULL;
    link->peer_next = peer->connected;
    if (link->peer_next != NULL)
        link->peer_next->peer_prev = link;
    peer->connected = link;
}

static void disconnected(struct phub__link *link)
{
    struct phub__sim_process *peer = link->peer;

    if (peer == NULL)
        return;
    if (link->peer_prev != NULL)
        link->peer_prev->peer_next = link->peer_next;
    else
        peer->connected = link->peer_next;
    if (link->peer_next != NULL)
        link->peer_next->peer_prev = link->peer_prev;
    link->peer = NULL;
    phub__sim_process_unref(peer);
}

static struct phub__sim_frame *frame_new(struct phub__world *world)
{
    struct phub__sim_frame *frame = world->frames_free;

    if (frame == NULL)
        frame = phub__sim_alloc(1, sizeof(*frame));
    else
        world->frames_free = frame->next;
    frame->next = NULL;
    frame->to = NULL;
    frame->body = NULL;
    frame->head_size = 0;
    return frame;
}

static void frame_free(struct phub__sim_frame *frame)
{
    struct phub__world *world = frame->link->process->world;

    frame->link->frames--;
    link_unref(frame->link);
    if (frame->to != NULL)
        phub__sim_process_unref(frame->to);
    phub__buf_unref(&frame->body);
    frame->next = world->frames_free;
    world->frames_free = frame;
}

static size_t frame_size(const struct phub__sim_frame *frame)
{
    return frame->head_size + (frame->body == NULL ? 0 : frame->body->size);
}

static uint64_t frame_hash(struct phub__world *world,
                           const struct phub__sim_frame *frame)
{
    uint64_t hash = phub__sim_hash(frame->head, frame->head_size) * 31;

    if (frame->body == NULL)
        return hash;
    if (frame->body->size < SHARED_SIZE)
        return hash ^ phub__sim_hash(frame->body->data, frame->body->size);
    if (frame->body != world->hashed) {
        phub__buf_unref(&world->hashed);
        world->hashed = phub__buf_ref(frame->body);
        world->hashed_hash = phub__sim_hash(frame->body->data,
                                            frame->body->size);
    }
    return hash ^ world->hashed_hash;
}

/* In one piece, for who receives it; NULL: a test lets it run out of memory.
 * The piece of the last frame is used again if nobody has kept it. */
static struct phub_buf *frame_whole(struct phub__world *world,
                                    const struct phub__sim_frame *frame)
{
    size_t size = frame_size(frame);

    if (world->whole != NULL
        && (size > world->whole_max || world->whole_max > 2 * WHOLE_KEPT
            || atomic_load(&world->whole->refs) != 1))
        phub__buf_unref(&world->whole);
    if (world->whole == NULL) {
        world->whole_max = size < WHOLE_KEPT ? WHOLE_KEPT : size;
        world->whole = phub__buf_new(world->whole_max);
        if (world->whole == NULL)
            return NULL;
    }
    world->whole->size = size;
    memcpy(world->whole->data, frame->head, frame->head_size);
    if (frame->body != NULL && frame->body->size != 0)
        memcpy(world->whole->data + frame->head_size, frame->body->data,
               frame->body->size);
    return world->whole;
}

static const struct phub__sim_net *net_of(const struct phub__world *world,
                                          const struct phub__sim_path *path)
{
    return path->net != NULL ? path->net : &world->options.net;
}

static uint64_t latency(struct phub__world *world, struct phub__sim_path *path)
{
    const struct phub__sim_net *net = net_of(world, path);

    return net->latency_ns + phub__sim_tail(&path->random, net->tail_ns);
}

/* --- connecting ----------------------------------------------------------- */

static struct phub__sim_process **listeners(struct phub__world *world,
                                            const char *endpoint)
{
    return &world->listeners[phub__sim_hash(endpoint, strlen(endpoint))
                             % PHUB__SIM_LISTENERS];
}

static struct phub__sim_process *listener(struct phub__world *world,
                                          const char *endpoint)
{
    struct phub__sim_process *process = *listeners(world, endpoint);

    while (process != NULL && strcmp(process->endpoint, endpoint) != 0)
        process = process->listen_next;
    return process;
}

static void listen_end(struct phub__sim_process *process)
{
    struct phub__sim_process **at = listeners(process->world,
                                              process->endpoint);

    if (process->net_events == NULL)
        return;
    process->net_events = NULL;
    while (*at != process)
        at = &(*at)->listen_next;
    *at = process->listen_next;
}

static void transmit(struct phub__link *link, struct phub__sim_frame *frame);
static void connect_later(struct phub__link *link, uint64_t ns);

static void connect_try(void *arg)
{
    struct phub__link *link = arg;
    struct phub__world *world = link->process->world;
    struct phub__sim_process *peer = listener(world, link->endpoint);
    uint32_t from = link->process->node->index;

    link->connecting = NULL;
    if (peer == NULL || peer->dying || peer->frozen
        || phub__world_is_cut(world, from, peer->node->index)
        || phub__world_is_cut(world, peer->node->index, from)) {
        connect_later(link, link->retry_ns);
        link->retry_ns = link->retry_ns * 2 > CONNECT_MAX
            ? CONNECT_MAX : link->retry_ns * 2;
        return;
    }
    link->retry_ns = CONNECT_FIRST;
    connected(link, peer);
    while (link->waiting != NULL) {
        struct phub__sim_frame *frame = link->waiting;

        link->waiting = frame->next;
        frame->next = NULL;
        transmit(link, frame);
    }
    link->waiting_tail = NULL;
}

static void connect_later(struct phub__link *link, uint64_t ns)
{
    struct phub__world *world = link->process->world;
    uint64_t jitter = phub__world_below(world, PHUB__SIM_NET, ns / 4 + 1);

    link->connecting = phub__sim_event(world, world->now + ns + jitter,
                                       link->process, PHUB__SIM_LINK, 0,
                                       connect_try, NULL, link);
}

static void lost_drop(void *arg)
{
    link_unref(arg);
}

/* The reset arrived at the owner. */
static void lost(void *arg)
{
    struct phub__link *link = arg;
    struct phub__sim_process *process = link->process;

    if (!link->closed && link->peer != NULL) {
        disconnected(link);
        link->breaking = link->half_open = 0;
        connect_later(link, link->retry_ns);
        if (process->net_events != NULL)
            process->net_events->link_lost(process->net_arg, link);
    }
    link_unref(link);
}

static void reset(struct phub__link *link)
{
    struct phub__world *world = link->process->world;
    struct phub__sim_node *peer;

    if (link->closed || link->breaking || link->half_open
        || link->peer == NULL)
        return;
    peer = link->peer->node;
    if (peer->dark || phub__world_is_cut(world, peer->index,
                                         link->process->node->index))
        return;
    link->breaking = 1;
    link->refs++;
    (void)phub__sim_event(world, world->now + latency(world,
                              path_of(world, peer->index,
                                      link->process->node->index)),
                          link->process, PHUB__SIM_LINK, 1, lost, lost_drop,
                          link);
}

/* --- frames --------------------------------------------------------------- */

static void frame_lost(void *arg)
{
    struct phub__sim_frame *frame = arg;
    struct phub__world *world = frame->link->process->world;

    /* World's end drops what is left; then nobody connects any more. */
    world->traffic.lost++;
    if (frame->to != NULL && frame->to == frame->link->peer)
        reset(frame->link);
    frame_free(frame);
}

static void stick(struct phub__sim_cut *cut, struct phub__sim_frame *frame)
{
    frame->next = NULL;
    if (cut->stuck == NULL)
        cut->stuck = frame;
    else
        cut->stuck_tail->next = frame;
    cut->stuck_tail = frame;
}

static void frame_arrived(void *arg)
{
    struct phub__sim_frame *frame = arg;
    struct phub__sim_process *to = frame->to;
    struct phub__world *world = to->world;
    uint32_t from = frame->link->process->node->index;
    struct phub__sim_cut *cut = path_of(world, from, to->node->index)->cut;
    struct phub_buf *whole;

    /* Most are answered. */
    __builtin_prefetch(path_of(world, to->node->index, from));
    if (cut != NULL && cut->since <= frame->arrives) {
        if (cut->held) {
            stick(cut, frame);
        } else {
            world->traffic.lost++;
            frame_free(frame);
        }
        return;
    }
    whole = to->net_events == NULL ? NULL : frame_whole(world, frame);
    frame_free(frame);
    if (whole != NULL)
        to->net_events->received(to->net_arg, whole);
}

static void deliver(struct phub__world *world, struct phub__sim_frame *frame,
                    uint64_t at)
{
    frame->arrives = at;
    (void)phub__sim_event(world, at, frame->to, PHUB__SIM_FRAME,
                          frame_hash(world, frame),
                          frame_arrived, frame_lost, frame);
}

static void repeat(struct phub__world *world,
                   const struct phub__sim_frame *frame, uint64_t at)
{
    struct phub__sim_frame *copy = frame_new(world);

    *copy = *frame;
    copy->next = NULL;
    copy->link->refs++;
    copy->link->frames++;
    copy->to->refs++;
    (void)phub__buf_ref(copy->body);
    world->traffic.repeated++;
    deliver(world, copy, at);
}

/* Put it on the wire of a connected link. */
static void transmit(struct phub__link *link, struct phub__sim_frame *frame)
{
    struct phub__world *world = link->process->world;
    struct phub__sim_path *path = path_of(world, link->process->node->index,
                                          link->to);
    const struct phub__sim_net *net = net_of(world, path);
    uint64_t at = path->free_at > world->now ? path->free_at : world->now;

    frame->to = link->peer;
    frame->to->refs++;
    world->traffic.frames++;
    world->traffic.bytes += frame_size(frame);
    if (net->bytes_per_s != 0) {
        at += frame_size(frame) * PHUB__SIM_S / net->bytes_per_s;
        path->free_at = at;
    }
    at += latency(world, path);
    if (phub__sim_chance(&path->random, net->loss_permille)
        || link->half_open) {
        world->traffic.lost++;
        frame_free(frame);
        return;
    }
    if (phub__sim_chance(&path->random, net->reorder_permille)) {
        at += phub__sim_tail(&path->random, 10 * net->tail_ns);
    } else {
        if (at < link->last_at)
            at = link->last_at;
        link->last_at = at;
    }
    if (phub__sim_chance(&path->random, net->repeat_permille))
        repeat(world, frame, at + phub__sim_tail(&path->random,
                                                 10 * net->tail_ns));
    deliver(world, frame, at);
}

/* --- what env offers ------------------------------------------------------ */

static int net_listen(struct phub_env *env, const char *endpoint,
                      const struct phub__net_events *events, void *arg,
                      char *actual, size_t actual_max, char *error,
                      size_t error_max)
{
    struct phub__sim_process *process = phub__sim_of(env);
    const char *port = strrchr(endpoint, ':');
    struct phub__sim_process *other;

    listen_end(process);
    if (port != NULL && (strcmp(port, ":0") == 0 || strcmp(port, ":*") == 0))
        (void)snprintf(process->endpoint, sizeof(process->endpoint),
                       "tcp://%.63s:7000", process->node->name);
    else
        (void)snprintf(process->endpoint, sizeof(process->endpoint), "%.255s",
                       endpoint);
    other = listener(process->world, process->endpoint);
    if (other != NULL && other != process) {
        (void)snprintf(error, error_max, "cannot bind %s: in use", endpoint);
        return PHUB_ESYS;
    }
    process->net_events = events;
    process->net_arg = arg;
    process->listen_next = *listeners(process->world, process->endpoint);
    *listeners(process->world, process->endpoint) = process;
    (void)snprintf(actual, actual_max, "%s", process->endpoint);
    return 0;
}

static void net_close(struct phub_env *env)
{
    listen_end(phub__sim_of(env));
}

static int link_open(struct phub_env *env, const char *endpoint,
                     enum phub__link_kind kind, struct phub__link **where)
{
    struct phub__sim_process *process = phub__sim_of(env);
    size_t size = strlen(endpoint) + 1;
    struct phub__link *link = phub__sim_alloc_lines(1, sizeof(*link) + size);

    (void)kind;
    memcpy(link->endpoint, endpoint, size);
    link->process = process;
    process->refs++;
    link->refs = 1;
    link->retry_ns = CONNECT_FIRST;
    link->next = process->links;
    if (link->next != NULL)
        link->next->prev = link;
    process->links = link;
    if (!process->dead)
        connect_later(link, 2 * process->world->options.net.latency_ns);
    *where = link;
    return 0;
}

static int link_send(struct phub_env *env, struct phub__link *link,
                     const uint8_t *head, size_t head_size,
                     struct phub_buf *body)
{
    struct phub__sim_process *process = phub__sim_of(env);
    struct phub__sim_frame *frame;

    if (!phub__sim_effect(process))
        return 0;
    if (link->frames >= PHUB__SIM_LINK_FRAMES_MAX) {
        process->world->traffic.refused++;
        return PHUB_EBUSY;
    }
    phub__assert(head_size <= PHUB__LINK_HEAD_MAX);
    __builtin_prefetch(path_of(process->world, process->node->index, link->to));
    frame = frame_new(process->world);
    frame->body = phub__buf_ref(body);
    frame->head_size = (uint32_t)head_size;
    if (head_size != 0)
        memcpy(frame->head, head, head_size);
    frame->link = link;
    link->refs++;
    link->frames++;
    if (link->peer != NULL) {
        transmit(link, frame);
        return 0;
    }
    if (link->waiting == NULL)
        link->waiting = frame;
    else
        link->waiting_tail->next = frame;
    link->waiting_tail = frame;
    return 0;
}

static void link_close(struct phub_env *env, struct phub__link **where)
{
    struct phub__link *link = *where;
    struct phub__sim_process *process = phub__sim_of(env);

    if (link == NULL)
        return;
    *where = NULL;
    phub__sim_event_cancel(process->world, &link->connecting);
    while (link->waiting != NULL) {
        struct phub__sim_frame *frame = link->waiting;

        link->waiting = frame->next;
        frame_free(frame);
    }
    disconnected(link);
    link->closed = 1;
    if (link->prev != NULL)
        link->prev->next = link->next;
    else
        process->links = link->next;
    if (link->next != NULL)
        link->next->prev = link->prev;
    link_unref(link);
}

/* --- life ----------------------------------------------------------------- */

void phub__sim_net_init(struct phub_env *env)
{
    env->net_listen = net_listen;
    env->net_close = net_close;
    env->link_open = link_open;
    env->link_send = link_send;
    env->link_close = link_close;
}

void phub__sim_net_end(struct phub__sim_process *process)
{
    struct phub__link *link = process->connected;

    listen_end(process);
    for (; link != NULL; link = link->peer_next)
        reset(link);
}

uint32_t phub__sim_net_links(const struct phub__sim_process *process)
{
    uint32_t count = 0;

    for (const struct phub__link *link = process->links; link != NULL;
         link = link->next)
        count++;
    return count;
}

void phub__sim_net_free(struct phub__sim_process *process)
{
    while (process->links != NULL) {
        struct phub__link *link = process->links;

        link_close(&process->env, &link);
    }
}

void phub__sim_net_grow(struct phub__world *world)
{
    uint32_t side = world->nodes_count;
    uint32_t old = world->paths_side;
    struct phub__sim_path *paths;

    if (side <= old)
        return;
    while (side < 2 * old)
        side++;
    paths = phub__sim_alloc_lines((size_t)side * side, sizeof(*paths));
    for (uint32_t i = 0; i < side; i++)
        for (uint32_t j = 0; j < side; j++) {
            if (i < old && j < old)
                paths[i * side + j] = world->paths[i * old + j];
            else
                phub__sim_seed(&paths[i * side + j].random,
                               world->options.seed, 100000 + i, j);
        }
    free(world->paths);
    world->paths = paths;
    world->paths_side = side;
}

void phub__sim_net_fini(struct phub__world *world)
{
    uint32_t paths = world->paths_side * world->paths_side;

    for (uint32_t i = 0; i < paths && world->paths_own != 0; i++)
        free(world->paths[i].net);
    free(world->paths);
    phub__buf_unref(&world->hashed);
    phub__buf_unref(&world->whole);
    while (world->frames_free != NULL) {
        struct phub__sim_frame *frame = world->frames_free;

        world->frames_free = frame->next;
        free(frame);
    }
}

/* --- faults --------------------------------------------------------------- */

void phub__world_net(struct phub__world *world,
                     const struct phub__sim_net *net)
{
    world->options.net = *net;
}

void phub__world_path(struct phub__world *world, uint32_t from, uint32_t to,
                      const struct phub__sim_net *net)
{
    struct phub__sim_path *path = path_of(world, from, to);

    if (path->net != NULL && net == NULL) {
        world->paths_own--;
        free(path->net);
        path->net = NULL;
    }
    if (net == NULL)
        return;
    if (path->net == NULL) {
        path->net = phub__sim_alloc(1, sizeof(*path->net));
        world->paths_own++;
    }
    *path->net = *net;
}

int phub__world_is_cut(const struct phub__world *world, uint32_t from,
                       uint32_t to)
{
    return world->paths[from * world->paths_side + to].cut != NULL;
}

void phub__world_cut(struct phub__world *world, uint32_t from, uint32_t to,
                     int held)
{
    struct phub__sim_path *path = path_of(world, from, to);

    if (path->cut != NULL || from == to)
        return;
    path->cut = phub__sim_alloc(1, sizeof(*path->cut));
    path->cut->held = held;
    path->cut->since = world->now;
}

void phub__world_half_open(struct phub__world *world, uint32_t from,
                           uint32_t to, uint64_t ns)
{
    struct phub__sim_process *process = world->nodes[from]->process;
    struct phub__link *link = process == NULL ? NULL : process->links;

    for (; link != NULL; link = link->next) {
        if (link->peer == NULL || link->peer->node->index != to
            || link->half_open || link->breaking)
            continue;
        link->half_open = 1;
        link->refs++;
        (void)phub__sim_event(world, world->now + ns, process, PHUB__SIM_LINK,
                              2, lost, lost_drop, link);
    }
}

void phub__world_heal(struct phub__world *world, uint32_t from, uint32_t to)
{
    struct phub__sim_path *path = path_of(world, from, to);
    struct phub__sim_frame *frame;
    uint64_t at = world->now;

    if (path->cut == NULL)
        return;
    frame = path->cut->stuck;
    free(path->cut);
    path->cut = NULL;
    while (frame != NULL) {
        struct phub__sim_frame *next = frame->next;

        frame->next = NULL;
        at += latency(world, path) / 16 + 1;
        if (frame->link->last_at < at)
            frame->link->last_at = at;
        deliver(world, frame, at);
        frame = next;
    }
}

void phub__world_partition(struct phub__world *world, const uint32_t *groups,
                           int held)
{
    for (uint32_t i = 0; i < world->nodes_count; i++)
        for (uint32_t j = 0; j < world->nodes_count; j++) {
            if (groups[i] != groups[j])
                phub__world_cut(world, i, j, held);
            else
                phub__world_heal(world, i, j);
        }
}

void phub__world_heal_all(struct phub__world *world)
{
    for (uint32_t i = 0; i < world->nodes_count; i++)
        for (uint32_t j = 0; j < world->nodes_count; j++)
            phub__world_heal(world, i, j);
}

void phub__world_traffic(const struct phub__world *world,
                         struct phub__sim_traffic *traffic)
{
    *traffic = world->traffic;
}
