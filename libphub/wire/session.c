/* SPDX-License-Identifier: MIT */
/* session: frames to one peer on one lane, in order and exactly once.
 *
 * Sending.  oldest <= s < next are the sequences in the window, a ring that
 * grows to the lane's limit.  When something seems lost (the timer, three
 * equal acknowledgements) everything up to repeat_end goes again, the oldest
 * first and alone; each progress doubles how many follow, since the receiver
 * keeps only a few early ones.  What is sent meanwhile waits for its turn.
 *
 * Receiving.  expected is the next sequence to deliver; early[s % MAX] holds
 * those that came before it.
 *
 * Generations.  A frame carries session S (the sender's) and ack_session A
 * (the one of ours that it knows, 0 if none).  With ours O and the newest
 * known of the peer's P:
 *
 *     S < P    from before its restart: drop, tell
 *     S > P    it has started anew: P = S, and so do both directions
 *     A != O   it does not know us (yet, or any more): deliver nothing, tell
 *
 * Both numbers only grow, so a pair (O, P) comes once, and everything, counted
 * from 1, belongs to one pair: a frame is delivered only to the pair that it
 * was sent to.  Until we know P only the oldest frame is sent, as a knock.
 */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include <phub/error.h>

#include "wire/assert.h"
#include "wire/memory.h"
#include "wire/session.h"

#define SESSION_MAGIC 0x73657331u
#define RING_MIN 2u        /* frames of the first ring; a power of two */
#define EQUAL_ACKS_LOST 3u /* so many mean that the next one is lost */
#define EARLY_ACKS_MAX 4u  /* sent at once for one gap; then by the timer */
#define NEVER UINT64_MAX

struct sent {
    struct phub_buf *body;
    unsigned type;
};

struct early {
    struct phub_buf *frame; /* NULL: free */
    struct phub_bytes body;
    struct phub__envelope envelope;
};

struct phub__session {
    struct phub__session_config config;
    struct phub__session_stats stats;
    uint32_t magic;
    uint32_t frames_max;
    uint64_t bytes_max;
    uint64_t generation;

    struct sent *ring;
    uint32_t ring_size;   /* a power of two, or 0 */
    uint32_t equal_acks;
    uint64_t oldest;
    uint64_t next;
    uint64_t bytes;       /* of bodies in the window */
    uint64_t retry_ns;
    uint64_t retry_due;
    bool repeating;
    uint32_t burst;
    uint64_t repeat_next;
    uint64_t repeat_end;

    uint64_t peer_generation;
    uint64_t expected;
    struct early *early;  /* PHUB__SESSION_EARLY_FRAMES_MAX, or NULL */
    uint64_t early_bytes;
    uint32_t early_acks;
    uint32_t ack_frames;  /* delivered since the last acknowledgement */
    uint64_t ack_bytes;
    uint64_t ack_due;
    uint64_t ack_alone_ns; /* when the last one went alone */
};

/* --- life -------- */

static void sending_init(struct phub__session *s)
{
    s->ring = NULL;
    s->ring_size = 0;
    s->equal_acks = 0;
    s->oldest = 1;
    s->next = 1;
    s->bytes = 0;
    s->retry_ns = PHUB__SESSION_RETRY_MIN_NS;
    s->retry_due = NEVER;
    s->repeating = false;
}

static void receiving_init(struct phub__session *s)
{
    for (uint32_t i = 0; s->early != NULL
         && i < PHUB__SESSION_EARLY_FRAMES_MAX; i++)
        phub__buf_unref(&s->early[i].frame);
    s->expected = 1;
    s->early_bytes = 0;
    s->early_acks = 0;
    s->ack_frames = 0;
    s->ack_bytes = 0;
    s->ack_due = NEVER;
}

int phub__session_new(const struct phub__session_config *config,
                      struct phub__session **session)
{
    struct phub__session *s;
    bool bulk = config->lane == PHUB__LANE_BULK;

    phub__assert(config->lane != PHUB__LANE_PROBE);
    phub__assert(config->self_boot != 0 && config->peer != 0);
    phub__assert(config->peer_boot != 0);
    s = phub__calloc(1, sizeof *s);
    if (s == NULL)
        return PHUB_ENOMEM;
    s->magic = SESSION_MAGIC;
    s->config = *config;
    s->frames_max = bulk ? PHUB__SESSION_BULK_FRAMES_MAX
                         : PHUB__SESSION_CONTROL_FRAMES_MAX;
    s->bytes_max = bulk ? PHUB__SESSION_BULK_BYTES_MAX
                        : PHUB__SESSION_CONTROL_BYTES_MAX;
    s->generation = ++*config->generations;
    sending_init(s);
    receiving_init(s);
    *session = s;
    return 0;
}

void phub__session_free(struct phub__session **session)
{
    struct phub__session *s = *session;

    *session = NULL;
    if (s == NULL)
        return;
    phub__assert(s->magic == SESSION_MAGIC);
    for (uint64_t at = s->oldest; at < s->next; at++)
        phub__buf_unref(&s->ring[at & (s->ring_size - 1)].body);
    phub__free(s->ring);
    receiving_init(s);
    phub__free(s->early);
    s->magic = 0;
    phub__free(s);
}

/* Count both directions from 1 again; what is in the window is given up. */
static void restart(struct phub__session *s, int rc)
{
    struct sent *ring = s->ring;
    uint32_t size = s->ring_size;
    uint64_t at = s->oldest, end = s->next;

    /* First of all, since failed() may send. */
    sending_init(s);
    receiving_init(s);
    s->stats.restarts++;
    for (; at < end; at++) {
        struct sent *sent = &ring[at & (size - 1)];

        s->stats.failed++;
        if (s->config.io.failed != NULL)
            s->config.io.failed(s->config.io.arg, sent->type, sent->body, rc);
        phub__buf_unref(&sent->body);
    }
    phub__free(ring);
}

void phub__session_fail(struct phub__session *s, int rc)
{
    phub__assert(s->magic == SESSION_MAGIC);
    s->generation = ++*s->config.generations;
    restart(s, rc);
}

uint64_t phub__session_next(const struct phub__session *s)
{
    return s->next;
}

uint64_t phub__session_acked(const struct phub__session *s)
{
    return s->oldest;
}

void phub__session_stats(const struct phub__session *s,
                         struct phub__session_stats *stats)
{
    *stats = s->stats;
    stats->window_frames = (uint32_t)(s->next - s->oldest);
    stats->window_bytes = s->bytes;
}

/* --- sending -------- */

static void emit(struct phub__session *s, uint64_t sequence, unsigned type,
                 struct phub_buf *body)
{
    struct phub__envelope envelope = {
        .type = (uint16_t)type,
        .lane = (uint8_t)s->config.lane,
        .target = s->config.peer,
        .target_boot = s->config.peer_boot,
        .sequence = sequence,
        .session = s->generation,
        .ack = s->expected - 1,
        .ack_session = s->peer_generation,
    };

    s->ack_frames = 0;
    s->ack_bytes = 0;
    s->ack_due = NEVER;
    s->config.io.emit(s->config.io.arg, &envelope, body);
}

static void emit_again(struct phub__session *s, uint64_t sequence)
{
    struct sent *sent = &s->ring[sequence & (s->ring_size - 1)];

    s->stats.repeated++;
    emit(s, sequence, sent->type, sent->body);
}

static void ack_alone(struct phub__session *s, uint64_t now_ns)
{
    s->stats.acks_sent++;
    s->ack_alone_ns = now_ns;
    emit(s, 0, PHUB__MESSAGE_SESSION_ACK, NULL);
}

static bool ring_grow(struct phub__session *s)
{
    uint32_t size = s->ring_size == 0 ? RING_MIN : s->ring_size * 2;
    struct sent *ring = phub__malloc(size * sizeof *ring);

    if (ring == NULL)
        return false;
    for (uint64_t at = s->oldest; at < s->next; at++)
        ring[at & (size - 1)] = s->ring[at & (s->ring_size - 1)];
    phub__free(s->ring);
    s->ring = ring;
    s->ring_size = size;
    return true;
}

int phub__session_send(struct phub__session *s, unsigned type,
                       struct phub_buf *body, uint64_t now_ns)
{
    uint64_t size = body != NULL ? body->size : 0;
    uint64_t sequence = s->next;

    phub__assert(s->magic == SESSION_MAGIC);
    if (size > PHUB__FRAME_MAX - PHUB__ENVELOPE_MAX)
        return PHUB_ELIMIT;
    if (s->next - s->oldest == s->frames_max
        || size > s->bytes_max - s->bytes)
        return PHUB_EBUSY;
    if (s->next - s->oldest == s->ring_size && !ring_grow(s))
        return PHUB_ENOMEM;
    if (s->next == s->oldest)
        s->retry_due = now_ns + s->retry_ns;
    s->ring[sequence & (s->ring_size - 1)] =
        (struct sent){ phub__buf_ref(body), type };
    s->next++;
    s->bytes += size;
    s->stats.sent++;
    if (s->repeating)
        s->repeat_end = s->next;
    else if (s->peer_generation != 0 || sequence == s->oldest)
        emit(s, sequence, type, body);
    return 0;
}

/* Something is lost: send the oldest again, more as that makes progress. */
static void repeat(struct phub__session *s, uint64_t now_ns)
{
    if (s->oldest == s->next)
        return;
    s->repeating = true;
    s->burst = 1;
    s->repeat_next = s->oldest + 1;
    s->repeat_end = s->next;
    s->retry_due = now_ns + s->retry_ns;
    emit_again(s, s->oldest);
}

static void repeat_more(struct phub__session *s)
{
    if (s->oldest >= s->repeat_end) {
        s->repeating = false;
        return;
    }
    if (s->burst < PHUB__SESSION_BURST_MAX)
        s->burst *= 2;
    if (s->repeat_next < s->oldest)
        s->repeat_next = s->oldest;
    while (s->repeat_next < s->repeat_end
           && s->repeat_next < s->oldest + s->burst)
        emit_again(s, s->repeat_next++);
}

/* Everything up to ack has arrived; alone: and nothing came with that. */
static int acknowledged(struct phub__session *s, uint64_t ack, bool alone,
                        uint64_t now_ns)
{
    if (ack >= s->next) {
        s->stats.malformed++;
        return PHUB_EPROTO;
    }
    if (ack < s->oldest) {
        if (alone && ack + 1 == s->oldest && s->oldest < s->next
            && !s->repeating && ++s->equal_acks == EQUAL_ACKS_LOST)
            repeat(s, now_ns);
        return 0;
    }
    while (s->oldest <= ack) {
        struct sent *sent = &s->ring[s->oldest & (s->ring_size - 1)];

        s->bytes -= sent->body != NULL ? sent->body->size : 0;
        phub__buf_unref(&sent->body);
        s->oldest++;
    }
    s->equal_acks = 0;
    s->retry_ns = PHUB__SESSION_RETRY_MIN_NS;
    s->retry_due = s->oldest < s->next ? now_ns + s->retry_ns : NEVER;
    if (s->repeating)
        repeat_more(s);
    return 0;
}

/* --- receiving -------- */

static void ack_by(struct phub__session *s, uint64_t due_ns)
{
    if (due_ns < s->ack_due)
        s->ack_due = due_ns;
}

/* Tell the peer who we are; not for every frame of a flood. */
static void tell(struct phub__session *s, uint64_t now_ns)
{
    uint64_t due_ns = s->ack_alone_ns + PHUB__SESSION_ACK_DELAY_NS;

    if (due_ns <= now_ns)
        ack_alone(s, now_ns);
    else
        ack_by(s, due_ns);
}

/* Follow boots and generations.  True if the frame is of this session. */
static bool current(struct phub__session *s,
                    const struct phub__envelope *envelope, uint64_t now_ns)
{
    if (envelope->target_boot != s->config.self_boot
        || envelope->boot < s->config.peer_boot) {
        s->stats.stale++;
        return false;
    }
    if (envelope->boot > s->config.peer_boot) {
        s->config.peer_boot = envelope->boot;
        s->peer_generation = 0;
        restart(s, PHUB_ENODEDOWN);
    }
    if (envelope->session > s->peer_generation) {
        bool first = s->peer_generation == 0;

        s->peer_generation = envelope->session;
        if (first)
            repeat(s, now_ns);
        else
            restart(s, PHUB_ENODEDOWN);
    }
    if (envelope->session == s->peer_generation
        && envelope->ack_session == s->generation)
        return true;
    if (envelope->ack_session != 0 || envelope->sequence == 0)
        s->stats.stale++;
    tell(s, now_ns);
    return false;
}

/* It counts first: what is said in answer to it acknowledges it. */
static bool deliver(struct phub__session *s,
                    const struct phub__envelope *envelope,
                    struct phub_buf *frame, struct phub_bytes body)
{
    uint32_t early_acks = s->early_acks;

    s->expected++;
    s->early_acks = 0;
    s->ack_frames++;
    s->ack_bytes += body.size;
    s->stats.delivered++;
    if (s->config.io.deliver(s->config.io.arg, envelope, frame, body) == 0)
        return true;
    s->expected--;
    s->early_acks = early_acks;
    s->ack_frames--;
    s->ack_bytes -= body.size;
    s->stats.delivered--;
    s->stats.dropped++;
    return false;
}

/* Deliver those that waited for the one just delivered. */
static void deliver_early(struct phub__session *s)
{
    struct early *early, taken;
    bool taken_well;

    while (s->early != NULL) {
        early = &s->early[s->expected % PHUB__SESSION_EARLY_FRAMES_MAX];
        if (early->frame == NULL)
            return;
        taken = *early;
        early->frame = NULL;
        s->early_bytes -= taken.frame->size;
        taken_well = deliver(s, &taken.envelope, taken.frame, taken.body);
        phub__buf_unref(&taken.frame);
        if (!taken_well)
            return;
    }
}

/* Keep a frame that came before its turn, if there is room. */
static void keep(struct phub__session *s,
                 const struct phub__envelope *envelope,
                 struct phub_buf *frame, struct phub_bytes body)
{
    struct early *early;

    if (s->early == NULL)
        s->early = phub__calloc(PHUB__SESSION_EARLY_FRAMES_MAX,
                                sizeof *s->early);
    if (s->early == NULL
        || envelope->sequence - s->expected >= PHUB__SESSION_EARLY_FRAMES_MAX
        || frame->size > PHUB__SESSION_EARLY_BYTES_MAX - s->early_bytes) {
        s->stats.dropped++;
        return;
    }
    early = &s->early[envelope->sequence % PHUB__SESSION_EARLY_FRAMES_MAX];
    if (early->frame != NULL) {
        s->stats.duplicates++;
        return;
    }
    early->frame = phub__buf_ref(frame);
    early->body = body;
    early->envelope = *envelope;
    s->early_bytes += frame->size;
    s->stats.early++;
}

int phub__session_received(struct phub__session *s,
                           const struct phub__envelope *envelope,
                           struct phub_buf *frame, struct phub_bytes body,
                           uint64_t now_ns)
{
    bool alone = envelope->sequence == 0;
    int rc;

    phub__assert(s->magic == SESSION_MAGIC);
    if (envelope->node != s->config.peer
        || envelope->lane != s->config.lane || envelope->session == 0
        || alone != (envelope->type == PHUB__MESSAGE_SESSION_ACK)) {
        s->stats.malformed++;
        return PHUB_EPROTO;
    }
    if (!current(s, envelope, now_ns))
        return 0;
    rc = acknowledged(s, envelope->ack, alone, now_ns);
    if (alone || rc != 0)
        return rc;
    if (envelope->sequence < s->expected) {
        s->stats.duplicates++;
        ack_by(s, now_ns);
        return 0;
    }
    if (envelope->sequence > s->expected) {
        keep(s, envelope, frame, body);
        if (s->early_acks < EARLY_ACKS_MAX) {
            s->early_acks++;
            ack_alone(s, now_ns);
        } else {
            ack_by(s, now_ns);
        }
        return 0;
    }
    if (!deliver(s, envelope, frame, body))
        return 0;
    deliver_early(s);
    if (s->ack_frames >= s->frames_max / 16
        || s->ack_bytes >= s->bytes_max / 8)
        ack_alone(s, now_ns);
    else if (s->ack_frames > 0)
        ack_by(s, now_ns + PHUB__SESSION_ACK_DELAY_NS);
    return 0;
}

/* --- time -------- */

void phub__session_tick(struct phub__session *s, uint64_t now_ns)
{
    phub__assert(s->magic == SESSION_MAGIC);
    if (s->retry_due <= now_ns) {
        s->retry_ns *= 2;
        if (s->retry_ns > PHUB__SESSION_RETRY_MAX_NS)
            s->retry_ns = PHUB__SESSION_RETRY_MAX_NS;
        repeat(s, now_ns);
    }
    if (s->ack_due <= now_ns)
        ack_alone(s, now_ns);
}

uint64_t phub__session_deadline(const struct phub__session *s)
{
    return s->ack_due < s->retry_due ? s->ack_due : s->retry_due;
}
