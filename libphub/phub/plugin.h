/* SPDX-License-Identifier: MIT */
/* plugin: the contract between a hub and its strategies, ABI 1.
 *
 * A strategy is one shared object that exports one constant,
 * phub_plugin_abi1, made with PHUB_PLUGIN_DEFINE.  It links nothing of phub:
 * everything it may do is in the struct phub_host given to open(), so the
 * same file runs in phubd and in the simulator.
 *
 * Rules for the author
 * - No clock, randomness, thread, socket, file or blocking call, no writable
 *   static: thousands of instances share one loaded file.
 * - All calls, in both directions, are made on the hub's thread; a host
 *   function never calls back into the plugin before it returns.
 * - Memory has four words.  Borrowed: valid until the call returns (every
 *   argument).  Copied: by the callee (every text and byte given to the
 *   host).  Filled: the caller's buffer with max and count.  Counted: a
 *   struct phub_buf, kept with buf_ref() and given back with buf_unref().
 * - A call that takes time takes a token that the plugin chooses and is
 *   answered by exactly one completed(self, token, rc, result).
 * - Decisions that nodes must compute alike use integers only.
 *
 * Rules that let 1.x last
 * - Every struct begins with its size; members are only appended, nothing is
 *   removed, reordered or retyped, and none has padding.
 * - The host copies min(its, yours) of each struct and uses the copy.
 * - Use PHUB_HAS(host, member) before a member newer than abi_needs.
 *
 * Changelog
 *   1.0  first.
 *   1.1  phub_partition_ops: electors, received, view_changed, reset, forget,
 *        leave;
 *        phub_host: judge_again, defer, work, lease, store_put, store_get,
 *        store_drop, store_sync, cell_get, cell_put, cell_cas, cell_next,
 *        cell_watch, view_label, peer_multicast, peer_congested, child_role,
 *        child_stop, child_presend; phub_view_node: labels;
 *        PHUB_FLAG_SINGLE; phub_redundancy_ops: signals, completed, received,
 *        view_changed; phub_migration_ops: leave.
 *        phub_host: load_publish, load_of, load_watch, rows_next, row_get,
 *        row_metadata, instances_next, plan_submit, plan_cancel, hook_add,
 *        hook_cancel, homes_count; phub_assign_item: metadata, metadata_count;
 *        PHUB_FLAG_METADATA; PHUB_CAUSE_REBALANCE.
 *        phub_host: request_new, request_item, request_option, request_send,
 *        request_await, request_answer, request_cancel, respond, ask_forward,
 *        ask_option, alter_add, alter_id, alter_origin, alter_metadata,
 *        alter_set_metadata, alter_has_tag, alter_add_tag, alter_set_env,
 *        alter_refuse, child_state, handover_put, handover_get, handover_drop,
 *        scored, stream_brief; all kinds: asked; PHUB_EFORGOTTEN.
 *
 * Manual: phub-strategy(7), phub-host(7). */
#ifndef PHUB_PLUGIN_H
#define PHUB_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#include <phub/error.h>
#include <phub/host.h>
#include <phub/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PHUB_PLUGIN_MAGIC 0x62756870u  /* "phub" */
#define PHUB_PLUGIN_ABI_MAJOR 1u
#define PHUB_PLUGIN_ABI_MINOR 1u

enum phub_kind {
    PHUB_KIND_DISTRIBUTION = 1,
    PHUB_KIND_REDUNDANCY = 2,
    PHUB_KIND_SYNC = 3,
    PHUB_KIND_MIGRATION = 4,
    PHUB_KIND_PARTITION = 5
};

/* Flags of a descriptor: low 32 bits are hints, an unknown high bit makes
 * the host refuse the plugin. */
#define PHUB_FLAG_MUST_MATCH 0x1ull  /* all nodes need it with equal params */
#define PHUB_FLAG_PURE 0x2ull        /* assign: same answer on every node */
#define PHUB_FLAG_MAJORITY 0x4ull    /* partition: leases need a majority */
#define PHUB_FLAG_SINGLE 0x8ull      /* distribution: one node per child */
#define PHUB_FLAG_METADATA 0x10ull   /* distribution: items with metadata */
#define PHUB_FLAG_KNOWN 0x1full

struct phub_ctx;   /* the hub, as this instance sees it */
struct phub_buf;   /* counted bytes */
struct phub_view;  /* counted, sorted member list */
struct phub_plan_item;

/* --- the host table -------------------------------------------------------
 * Valid from open() until close() returns. */

struct phub_host {
    uint32_t size;
    uint16_t abi_major;
    uint16_t abi_minor;

    /* Monotonic nanoseconds; the only clock. */
    uint64_t (*now_ns)(struct phub_ctx *ctx);
    uint64_t (*random)(struct phub_ctx *ctx);
    /* Call completed(self, token, 0, NULL) once after delay_ns.
     * Errors: PHUB_ELIMIT at PHUB_PLUGIN_TIMERS_MAX pending. */
    int (*timer)(struct phub_ctx *ctx, uint64_t delay_ns, uint64_t token);
    int (*timer_cancel)(struct phub_ctx *ctx, uint64_t token);

    /* --- parameters, words for people, counters --- */
    int (*param_uint)(struct phub_ctx *ctx, const char *name, uint64_t *value);
    int (*param_text)(struct phub_ctx *ctx, const char *name,
                      struct phub_bytes *value);  /* borrowed until close */
    /* level: 1 error, 2 warning, 3 notice, 4 debug. */
    void (*log)(struct phub_ctx *ctx, uint32_t level, const char *text);
    /* Say why open() or a decision fails; returns code for `return`. */
    int (*fail)(struct phub_ctx *ctx, int code, const char *text);
    void (*counter_add)(struct phub_ctx *ctx, const char *name, uint64_t n);
    /* Put a sentence into the cause ring of a child (phub why, phub show). */
    void (*cause_note)(struct phub_ctx *ctx, const struct phub_bytes *child,
                       const char *text);

    /* --- this node and the view --- */
    uint64_t (*self)(struct phub_ctx *ctx);
    struct phub_view *(*view)(struct phub_ctx *ctx);  /* borrowed, current */
    void (*view_ref)(struct phub_view *view);
    void (*view_unref)(struct phub_view *view);
    uint64_t (*view_hash)(const struct phub_view *view);
    uint32_t (*view_count)(const struct phub_view *view);
    /* By index 0 .. count-1, sorted by id; set node->size first. */
    int (*view_node)(const struct phub_view *view, uint32_t index,
                     struct phub_view_node *node);
    int (*view_has)(const struct phub_view *view, uint64_t node);

    /* --- counted bytes --- */
    struct phub_buf *(*buf_new)(struct phub_ctx *ctx, const void *data,
                                size_t size);  /* copies; NULL: no memory */
    void (*buf_ref)(struct phub_buf *buf);
    void (*buf_unref)(struct phub_buf *buf);
    struct phub_bytes (*buf_bytes)(const struct phub_buf *buf);

    /* --- plugin to plugin: the same kind and name on another node --- */
    /* In order per node, resent until it is there or the node leaves the
     * view.  node 0: all others.  Errors: PHUB_EBUSY, PHUB_ENODEDOWN,
     * PHUB_ELIMIT above PHUB_PLUGIN_MESSAGE_MAX. */
    int (*peer_send)(struct phub_ctx *ctx, uint64_t node,
                     const struct phub_bytes *message);

    /* --- children --- */
    int (*child_info)(struct phub_ctx *ctx, const struct phub_bytes *child,
                      struct phub_child_info *info);
    int (*child_instance)(struct phub_ctx *ctx, const struct phub_bytes *child,
                          uint32_t index, struct phub_instance *instance);
    /* Children whose home is node, from *cursor (start with 0), at most
     * ids_max; ids borrow until the next call into the host. */
    int (*children_of)(struct phub_ctx *ctx, uint64_t node, uint64_t *cursor,
                       struct phub_bytes *ids, uint32_t ids_max,
                       uint32_t *count);
    /* Ask the distribution strategy: nodes_max owners per child.
     * PHUB_EAGAIN for a join as long as the view has not settled, or the
     * verdict about it is another than to continue. */
    int (*assign_for)(struct phub_ctx *ctx, const struct phub_bytes *child,
                      uint32_t cause, uint64_t *nodes, uint32_t nodes_max,
                      uint32_t *count);
    /* Ask the local instance for its consent; completed rc 0 = ready,
     * PHUB_EBUSY = not now, PHUB_ETIMEDOUT = silent. */
    int (*child_consent)(struct phub_ctx *ctx, const struct phub_bytes *child,
                         uint32_t timeout_ms, uint64_t token);

    /* --- moves: this node is the origin -----------------------------------
     * open -> prepare -> [freeze] -> take_state -> [end] -> send_state ->
     * decide -> finish, or abort anywhere before decide.  The core keeps what
     * must be true (phub(7), promise 3): it refuses a step out of order with
     * PHUB_EINVAL, queues messages for the child from freeze or end on, never
     * lets a timer end a move after decide, and forwards the queue. */
    int (*move_open)(struct phub_ctx *ctx, const struct phub_bytes *child,
                     uint64_t target, uint32_t cause, uint64_t *move);
    /* The target reserves; with PHUB_MOVE_STANDBY it starts a standby.  Where
     * a replica of the child has to end there first, twice timeout_ms. */
    int (*move_prepare)(struct phub_ctx *ctx, uint64_t move, uint32_t flags,
                        uint32_t timeout_ms, uint64_t token);
    /* PHUB_EUNSUPPORTED: the child cannot freeze. */
    int (*move_freeze)(struct phub_ctx *ctx, uint64_t move,
                       uint32_t timeout_ms, uint64_t token);
    /* result: value = size in bytes.  PHUB_EUNSUPPORTED: it has no state. */
    int (*move_take_state)(struct phub_ctx *ctx, uint64_t move,
                           uint32_t timeout_ms, uint64_t token);
    /* End the instance here; spec and state are kept until finish. */
    int (*move_end)(struct phub_ctx *ctx, uint64_t move, uint64_t token);
    /* Stream the state; done when the target holds all of it, checked.  Also
     * for a move without one: the target then knows that none comes. */
    int (*move_send_state)(struct phub_ctx *ctx, uint64_t move,
                           uint32_t timeout_ms, uint64_t token);
    /* Record the new home and let the target go; done when it runs there,
     * or PHUB_ENODEDOWN/PHUB_EREFUSED and the child is back home.  An error
     * that this call itself returns: not decided, and given up as by
     * move_abort with token 0, whose answer comes. */
    int (*move_decide)(struct phub_ctx *ctx, uint64_t move, uint64_t token);
    /* Give up before decide: the target discards, the child goes on here
     * (thawed, or started again with its state). */
    int (*move_abort)(struct phub_ctx *ctx, uint64_t move, const char *why,
                      uint64_t token);
    /* After decide has completed, well or not: forget the move; what is left
     * of a copy that does not run here any more is dropped.  An abort closes
     * the move itself when it completes. */
    void (*move_finish)(struct phub_ctx *ctx, uint64_t move);
    /* Tell whoever waits for this child's migration how it ended. */
    void (*move_report)(struct phub_ctx *ctx, const struct phub_bytes *child,
                        int rc, const char *text);

    /* --- sync: what this node knows and others lack --- */
    /* Sequence of the last entry this node wrote. */
    uint64_t (*stream_head)(struct phub_ctx *ctx);
    /* Own entries above from, at most size_max bytes; *next = where to go on.
     * PHUB_EEMPTY if there are none. */
    int (*stream_delta)(struct phub_ctx *ctx, uint64_t from, uint32_t size_max,
                        struct phub_buf **delta, uint64_t *next);
    int (*stream_summary)(struct phub_ctx *ctx, struct phub_buf **summary);
    /* What the writer of summary lacks, at most size_max bytes; *more = 1 if
     * there is more.  PHUB_EEMPTY if it has all. */
    int (*stream_missing)(struct phub_ctx *ctx,
                          const struct phub_bytes *summary, uint32_t size_max,
                          struct phub_buf **delta, uint32_t *more);
    /* Merge; PHUB_EAGAIN: merged, but something before it is missing. */
    int (*stream_apply)(struct phub_ctx *ctx, uint64_t from,
                        const struct phub_bytes *delta);
    /* 1 if the summary says that its writer lacks nothing of ours and we
     * nothing of its. */
    int (*stream_equal)(struct phub_ctx *ctx,
                        const struct phub_bytes *summary);

    /* --- 1.1 ------------------------------------------------------------- */

    /* Partition strategies: after this turn, ask electors() and judge() again
     * with the view that has settled, nobody lost and nobody left. */
    void (*judge_again)(struct phub_ctx *ctx);

    /* --- 1.1: later, and elsewhere --- */
    /* Call completed(self, token, 0, ...) once after this turn, when the event
     * that is being handled is through.  Errors: PHUB_ENOMEM. */
    int (*defer)(struct phub_ctx *ctx, uint64_t token);
    /* Run fn on a worker thread (simulated: a little later, alone).  input is
     * copied; result: rc is what fn returned, buf what it wrote.
     * Errors: PHUB_ELIMIT above PHUB_PLUGIN_WORK_MAX bytes of input or
     * output; PHUB_EBUSY: too much is under way. */
    int (*work)(struct phub_ctx *ctx, phub_work *fn,
                const struct phub_bytes *input, uint32_t output_max,
                uint64_t token);

    /* --- 1.1: the lease of this node --- */
    /* Fill *lease; set lease->size first. */
    int (*lease)(struct phub_ctx *ctx, struct phub_lease *lease);

    /* --- 1.1: a small store in the state directory ---
     * Of this strategy (kind and name) on this node; it survives restarts.
     * A value can be got as soon as put returns; done when it is on the disk,
     * rc PHUB_EIO if it did not get there.  A key is 1 to
     * PHUB_STORE_KEY_MAX bytes.  Errors: PHUB_EINVAL (the key), PHUB_ELIMIT
     * above PHUB_STORE_KEYS_MAX keys or PHUB_STORE_SIZE_MAX bytes of keys and
     * values. */
    int (*store_put)(struct phub_ctx *ctx, const struct phub_bytes *key,
                     const struct phub_bytes *value, uint64_t token);
    /* PHUB_ENOTFOUND if it was never put. */
    int (*store_get)(struct phub_ctx *ctx, const struct phub_bytes *key,
                     struct phub_buf **value);
    int (*store_drop)(struct phub_ctx *ctx, const struct phub_bytes *key,
                      uint64_t token);
    /* Done when all puts and drops so far are on the disk. */
    int (*store_sync)(struct phub_ctx *ctx, uint64_t token);

    /* --- 1.1: cells, values that all nodes of the hub have alike ---
     * Of this strategy (kind and name).  A write is ordered by the key's
     * keeper, spreads and is kept as children's rows are, and survives as long
     * as one node that had it.  A key is 1 to PHUB_CELL_KEY_MAX bytes of UTF-8
     * without control characters. */
    /* What this node knows: a counted copy, and its version (may be NULL),
     * which grows with each write.  PHUB_ENOTFOUND: there is none, or it is
     * empty. */
    int (*cell_get)(struct phub_ctx *ctx, const struct phub_bytes *key,
                    struct phub_buf **value, uint64_t *version);
    /* Done when the keeper and this node have it, or, if this node is the
     * keeper, it and one other, if there is one and it answers; result:
     * value = its version.  size 0: there is none any more.
     * Errors: PHUB_EINVAL (the key), PHUB_ELIMIT above PHUB_CELL_SIZE_MAX
     * bytes, or, as the answer, above PHUB_CELLS_MAX keys ever used;
     * PHUB_EPARTITIONED, PHUB_ETIMEDOUT as the answer. */
    int (*cell_put)(struct phub_ctx *ctx, const struct phub_bytes *key,
                    const struct phub_bytes *value, uint64_t token);
    /* The same, but only if its version is this one (0: there was none ever);
     * else the answer is PHUB_EREFUSED, value = the version that is. */
    int (*cell_cas)(struct phub_ctx *ctx, const struct phub_bytes *key,
                    const struct phub_bytes *value, uint64_t version,
                    uint64_t token);
    /* The key that follows after in order of bytes (size 0: the first), empty
     * ones too; borrows until the next call into the host.  PHUB_EEMPTY. */
    int (*cell_next)(struct phub_ctx *ctx, const struct phub_bytes *after,
                     struct phub_bytes *key);
    /* Call completed(self, token, 0, ...) once when a cell is another one on
     * this node; result: text = its key.  PHUB_EBUSY: somebody waits. */
    int (*cell_watch)(struct phub_ctx *ctx, uint64_t token);

    /* --- 1.1: nodes and children --- */
    /* The value of a label of the node; borrowed as long as the view.
     * PHUB_ENOTFOUND: no such member, or it has no such label. */
    int (*view_label)(const struct phub_view *view, uint64_t node,
                      const struct phub_bytes *label,
                      struct phub_bytes *value);
    /* As peer_send() to each of these, encoded once.  The first error, after
     * all have been tried; *sent (may be NULL) = how many it went to. */
    int (*peer_multicast)(struct phub_ctx *ctx, const uint64_t *nodes,
                          uint32_t count, const struct phub_bytes *message,
                          uint32_t *sent);
    /* 1 if what is sent to node now waits behind a full window. */
    int (*peer_congested)(struct phub_ctx *ctx, uint64_t node);
    /* Tell the instance here this role (enum phub_role) once more, or another
     * one; done when it has taken it.  What is published stays: that is the
     * plan's.  Errors: PHUB_ENOTFOUND: none runs here; as the answer
     * PHUB_EUNSUPPORTED: it knows no roles, PHUB_ETIMEDOUT, its own. */
    int (*child_role)(struct phub_ctx *ctx, const struct phub_bytes *child,
                      uint32_t role, uint64_t token);
    /* Stop the child, as an operator does; done when no instance is left.
     * PHUB_ENOTFOUND as the answer. */
    int (*child_stop)(struct phub_ctx *ctx, const struct phub_bytes *child,
                      uint32_t timeout_ms, uint64_t token);
    /* Migration strategies, from leave() on: freeze the child, take its state
     * and give it to its next home, which keeps it until the child starts
     * there; done when it is there.  A child that gives none before the
     * deadline of leave() costs itself only: its next home is told that the
     * state is missing, and that is done then, with the child's error.
     * Errors: PHUB_EINVAL: this node does not leave; PHUB_ENOTFOUND: no state
     * of it is here; PHUB_ENOPLACE. */
    int (*child_presend)(struct phub_ctx *ctx, const struct phub_bytes *child,
                         uint64_t token);

    /* --- 1.1: load ---
     * Nodes measure only if a strategy asks for it. */
    /* From now on measure each interval_ms (0: no more) and send the result to
     * these nodes, as long as they are members; a node 0 is all others.  It
     * replaces what this strategy asked for before.  Errors: PHUB_EINVAL below
     * PHUB_LOAD_INTERVAL_MIN_MS, PHUB_ELIMIT above PHUB_LOAD_NODES_MAX. */
    int (*load_publish)(struct phub_ctx *ctx, uint32_t interval_ms,
                        const uint64_t *nodes, uint32_t count);
    /* The last of node that came here, or its own; set load->size first.
     * PHUB_ENOTFOUND: none came since it is a member. */
    int (*load_of)(struct phub_ctx *ctx, uint64_t node,
                   struct phub_load *load);
    /* Call completed(self, token, 0, ...) once at the next one; result: value
     * = its node.  PHUB_EBUSY: somebody waits. */
    int (*load_watch)(struct phub_ctx *ctx, uint64_t token);

    /* --- 1.1: rows ---
     * Live children that this node's registry knows, in pieces: *cursor is 0
     * before the first call, and 0 again when all have been seen.  A call looks
     * at budget rows at most (1 .. PHUB_ROWS_BUDGET_MAX) and fills those that
     * fit the query (NULL: all); *count may be 0 although there are more.  One
     * that fits all the while is given exactly once.  stride: bytes from row to
     * row; what is filled is min(stride, the host's size). */
    int (*rows_next)(struct phub_ctx *ctx, const struct phub_rows_query *query,
                     uint64_t *cursor, uint32_t budget, struct phub_row *rows,
                     uint32_t rows_max, uint32_t stride, uint32_t *count);
    /* Set row->size first.  PHUB_ENOTFOUND: none, or it was stopped. */
    int (*row_get)(struct phub_ctx *ctx, const struct phub_bytes *child,
                   struct phub_row *row);
    /* One value of its metadata; borrows until the next call into the host. */
    int (*row_metadata)(struct phub_ctx *ctx, const struct phub_bytes *child,
                        const struct phub_bytes *key,
                        struct phub_bytes *value);
    /* Instances of a child that are not over, from *cursor (start with 0) on,
     * at most max; PHUB_EEMPTY at the end.  stride as above. */
    int (*instances_next)(struct phub_ctx *ctx,
                          const struct phub_bytes *child, uint64_t *cursor,
                          struct phub_instance *instances, uint32_t max,
                          uint32_t stride, uint32_t *count);

    /* --- 1.1: plans ---
     * Have children moved to targets[0], or the next of targets if that is
     * gone or refuses, at a pace, wherever their homes are.  Children are asked
     * for consent, unless an item's flags say otherwise; sticky ones do not go.
     * deadline_ms is ignored.  Done when the last move has ended: rc 0, or
     * PHUB_EFAILED if some did not go; result: value = moved, count = not,
     * text = the first that did not, and why.
     * Errors: PHUB_EBUSY: one of this strategy is under way; PHUB_ELIMIT above
     * PHUB_PLAN_ITEMS_MAX items or PHUB_PLAN_TARGETS_MAX targets; PHUB_EINVAL:
     * an item without a target or with an id that no child can have. */
    int (*plan_submit)(struct phub_ctx *ctx, const struct phub_plan_item *items,
                       uint32_t count, uint32_t stride,
                       const struct phub_pace *pace, uint64_t token);
    /* Begin no more of them; it is done when those that have begun are, with
     * PHUB_ECANCELLED.  PHUB_ENOTFOUND: there is none. */
    int (*plan_cancel)(struct phub_ctx *ctx);

    /* --- 1.1: hooks --- */
    /* Call fn(self, token, event) after an event of that name, or after all of
     * them by "*", from the loop; handlers of higher priority first, equal ones
     * in the order of adding.  At most PHUB_EVENTS_MAX wait, then they are
     * lost, and counted.  Errors: PHUB_ENOTFOUND (no such event), PHUB_ELIMIT,
     * PHUB_EINVAL (fn). */
    int (*hook_add)(struct phub_ctx *ctx, const char *name, int32_t priority,
                    phub_event_fn *fn, uint64_t token, uint64_t *handle);
    /* No call comes after it.  PHUB_ENOTFOUND. */
    int (*hook_cancel)(struct phub_ctx *ctx, uint64_t handle);

    /* --- 1.1: requests, from a strategy to its like on other nodes ---
     * new -> item for each -> [option] -> send -> completed().  Each item ends
     * in one answer: of the node, of one that it was passed on to,
     * PHUB_ENODEDOWN if that leaves, PHUB_ETIMEDOUT, PHUB_EUNSUPPORTED if
     * nobody there can say. */
    /* count is 1 .. PHUB_REQUEST_ITEMS_MAX; PHUB_EBUSY if too many are under
     * way. */
    int (*request_new)(struct phub_ctx *ctx, uint32_t count,
                       uint32_t timeout_ms, uint32_t flags,
                       uint64_t *request);
    /* Several items may go to one node, this one too.  PHUB_EINVAL past the
     * end or after send, PHUB_EEXIST: it has been said, PHUB_ELIMIT above
     * PHUB_REQUEST_MESSAGE_MAX, PHUB_ENOTFOUND: no such request. */
    int (*request_item)(struct phub_ctx *ctx, uint64_t request,
                        uint32_t index, uint64_t node,
                        const struct phub_bytes *message);
    /* Something that all who are asked may read, wherever it is passed on to;
     * UTF-8, the key of at most 63 bytes, the value of 1024. */
    int (*request_option)(struct phub_ctx *ctx, uint64_t request,
                          const struct phub_bytes *key,
                          const struct phub_bytes *value);
    /* Done when all items have answers: rc 0, or PHUB_EFAILED if one is not 0;
     * result: value = good ones, count = others.  PHUB_EINVAL: an item is
     * missing, or it was sent. */
    int (*request_send)(struct phub_ctx *ctx, uint64_t request,
                        uint64_t token);
    /* The same for one more that waits, before or after that; PHUB_ENOTFOUND
     * PHUB_REQUEST_KEEP_MS after it. */
    int (*request_await)(struct phub_ctx *ctx, uint64_t request,
                         uint64_t token);
    /* Set answer->size first.  Borrows until the next call into the host.
     * PHUB_ENOTFOUND past the end. */
    int (*request_answer)(struct phub_ctx *ctx, uint64_t request,
                          uint32_t index, struct phub_request_answer *answer);
    /* What has no answer gets PHUB_ECANCELLED; before send, and when it is
     * over, it is forgotten.  PHUB_EINVAL: it is being undone. */
    int (*request_cancel)(struct phub_ctx *ctx, uint64_t request);
    /* Answer a question of asked(), once: rc 0 or PHUB_E* but PHUB_EAGAIN,
     * data and text may be NULL.  PHUB_ENOTFOUND: it is answered, or nobody
     * waits for it any more. */
    int (*respond)(struct phub_ctx *ctx, uint64_t ask, int32_t rc,
                   const struct phub_bytes *data, const char *text);
    /* Let another node answer it.  Three times at most, and to no node twice:
     * then its asker gets PHUB_EVIEW.  PHUB_ENODEDOWN: no other member. */
    int (*ask_forward)(struct phub_ctx *ctx, uint64_t ask, uint64_t node);
    /* Borrows until it is answered.  PHUB_EEMPTY: there is no such option. */
    int (*ask_option)(struct phub_ctx *ctx, uint64_t ask,
                      const struct phub_bytes *key,
                      struct phub_bytes *value);

    /* --- 1.1: the chain of child_data_alter (phub_hook_add(3)) --- */
    /* At the keeper, before a child is placed and its row is written, have
     * fn(self, token, alter) change it, or refuse the start with what it
     * returns.  hook_cancel() takes the handle. */
    int (*alter_add)(struct phub_ctx *ctx, int32_t priority,
                     phub_strategy_alter_fn *fn, uint64_t token,
                     uint64_t *handle);
    /* Inside fn only; what is returned borrows until it returns. */
    const char *(*alter_id)(const struct phub_alter *alter);
    uint64_t (*alter_origin)(const struct phub_alter *alter);
    const char *(*alter_metadata)(struct phub_alter *alter, const char *key);
    int (*alter_set_metadata)(struct phub_alter *alter, const char *key,
                              const char *value);
    int (*alter_has_tag)(const struct phub_alter *alter, const char *tag);
    int (*alter_add_tag)(struct phub_alter *alter, const char *tag);
    int (*alter_set_env)(struct phub_alter *alter, const char *name,
                         const char *value);
    int (*alter_refuse)(struct phub_alter *alter, const char *text);

    /* --- 1.1: how full nodes are --- */
    /* How many live children have their home on each member of view, by its
     * index, as this node's registry knows; *all = live children, wherever
     * their homes are.  PHUB_EINVAL if members are more than counts_max. */
    int (*homes_count)(struct phub_ctx *ctx, const struct phub_view *view,
                       uint32_t *counts, uint32_t counts_max, uint64_t *all);

    /* --- 1.1: states of children --- */
    /* Read the state of the instance here, which goes on; result: buf, value =
     * the child's version of it.  Errors: PHUB_ENOTFOUND: none runs here,
     * PHUB_EBUSY: it is on its way, PHUB_EINVAL (timeout_ms 0); as the answer
     * PHUB_EUNSUPPORTED: it has none, PHUB_ETIMEDOUT, its own. */
    int (*child_state)(struct phub_ctx *ctx, const struct phub_bytes *child,
                       uint32_t timeout_ms, uint64_t token);
    /* Have node keep this state of a child that runs here, for at most ttl_ms
     * (PHUB_HANDOVER_TTL_MAX_MS): if this node is lost and the child starts
     * there next, it begins with it.  Only of a child whose spec has
     * checkpoint_ms: it takes what is stale.  A later one replaces it.  Done
     * when it is there.  Errors: as above, PHUB_EREFUSED (the spec),
     * PHUB_EBUSY (one is on its way), PHUB_ELIMIT above PHUB_STATE_SIZE_MAX,
     * PHUB_ENODEDOWN: node is no other member. */
    int (*handover_put)(struct phub_ctx *ctx, uint64_t node,
                        const struct phub_bytes *child,
                        struct phub_buf *state, uint32_t ttl_ms,
                        uint64_t token);
    /* What waits on this node for the child: counted, with its version (may
     * be NULL).  PHUB_ENOTFOUND; PHUB_EEMPTY: what waits is the news that
     * there is none. */
    int (*handover_get)(struct phub_ctx *ctx, const struct phub_bytes *child,
                        struct phub_buf **state, uint64_t *version);
    /* PHUB_EREFUSED: it is the last there is, its home has ended it. */
    int (*handover_drop)(struct phub_ctx *ctx,
                         const struct phub_bytes *child);
    /* Tell people (event scoreboard_updated) that count nodes have scores. */
    void (*scored)(struct phub_ctx *ctx, uint32_t count, const char *text);
    /* A summary in 30 bytes: good for stream_equal(), and for nothing else. */
    int (*stream_brief)(struct phub_ctx *ctx, struct phub_buf **summary);
};

/* Is member offered by this host? */
#define PHUB_HAS(host, member)                                                \
    ((host)->size >= offsetof(struct phub_host, member) +                     \
                         sizeof((host)->member) &&                            \
     (host)->member != NULL)

/* In open(): 0 if the host offers member, else PHUB_EUNSUPPORTED, said. */
#define PHUB_NEED(host, ctx, member)                                          \
    (PHUB_HAS(host, member) ? 0 : phub_host_lacks(host, ctx, #member))

static inline int phub_host_lacks(const struct phub_host *host,
                                  struct phub_ctx *ctx, const char *member)
{
    static const char before[] = "the host does not offer ";
    char text[96];
    size_t at, i;

    for (at = 0; before[at] != '\0'; at++)
        text[at] = before[at];
    for (i = 0; member[i] != '\0' && at < sizeof text - 1; i++)
        text[at++] = member[i];
    text[at] = '\0';
    if (!PHUB_HAS(host, fail))
        return PHUB_EUNSUPPORTED;
    /* In parentheses because Check has a macro of that name. */
    return (host->fail)(ctx, PHUB_EUNSUPPORTED, text);
}

/* --- the kinds ------------------------------------------------------------
 * Members before the blank line are mandatory for every kind; the host
 * allocates instance_size zeroed bytes as self. */

#define PHUB_OPS_COMMON_                                                      \
    uint32_t size;                                                            \
    uint32_t instance_size;                                                   \
    int (*open)(void *self, struct phub_ctx *ctx,                             \
                const struct phub_host *host);                                \
    void (*close)(void *self);

struct phub_assign_item {
    uint32_t size;
    uint32_t cause;               /* enum phub_cause */
    struct phub_bytes id;
    const uint64_t *holders;      /* nodes that run it now */
    uint64_t holders_count;
    uint64_t home;                /* 0 = none */
    const struct phub_bytes *tags;
    uint64_t tags_count;

    /* --- 1.1, with PHUB_FLAG_METADATA, as tags are; else 0 ---------------- */
    const struct phub_meta *metadata;
    uint64_t metadata_count;
};

/* Where a child belongs. */
struct phub_distribution_ops {
    PHUB_OPS_COMMON_
    /* Mandatory.  For each item fill nodes[i * factor ...] with counts[i]
     * different members of view, best first (at most factor).  view lacks
     * members that are drained, unless all are.  stride: bytes
     * from item to item.  A count of 0 means "no node may hold it" and is
     * reported as PHUB_ENOPLACE; it never stops a running child. */
    int (*assign)(void *self, const struct phub_view *view,
                  const struct phub_assign_item *items, uint32_t count,
                  uint32_t stride, uint32_t factor, uint64_t *nodes,
                  uint32_t *counts);
    /* Optional: the view changed; rebuild rings. */
    void (*view_changed)(void *self, const struct phub_view *view);
    void (*completed)(void *self, uint64_t token, int32_t rc,
                      const struct phub_result *result);
    void (*received)(void *self, uint64_t node,
                     const struct phub_bytes *message);

    /* --- 1.1 ------------------------------------------------------------- */

    phub_asked_fn *asked; /* optional: somebody's request_item() */
};

enum phub_role { PHUB_ROLE_PASSIVE = 0, PHUB_ROLE_ACTIVE = 1 };

/* How many copies, and who is active. */
struct phub_redundancy_ops {
    PHUB_OPS_COMMON_
    /* Mandatory.  Copies wanted per child in this view: 1 or more. */
    int (*factor)(void *self, const struct phub_view *view, uint32_t *factor);
    /* Mandatory.  roles[i] for nodes[i]: enum phub_role. */
    int (*plan)(void *self, const struct phub_view *view,
                const struct phub_bytes *child, const uint64_t *nodes,
                uint32_t count, uint32_t *roles);

    /* --- 1.1 ------------------------------------------------------------- */

    /* Optional: of which roles do children hear?  Bits 1 << enum phub_role;
     * without it of both. */
    int (*signals)(void *self, uint32_t *roles);
    void (*completed)(void *self, uint64_t token, int32_t rc,
                      const struct phub_result *result);
    void (*received)(void *self, uint64_t node,
                     const struct phub_bytes *message);
    void (*view_changed)(void *self, const struct phub_view *view);
    phub_asked_fn *asked; /* optional: somebody's request_item() */
};

/* When and to whom registry entries go. */
struct phub_sync_ops {
    PHUB_OPS_COMMON_
    /* Mandatory.  This node wrote entries up to head (once per loop turn). */
    void (*changed)(void *self, uint64_t head);
    /* Mandatory. */
    void (*received)(void *self, uint64_t node,
                     const struct phub_bytes *message);
    void (*view_changed)(void *self, const struct phub_view *view);
    void (*completed)(void *self, uint64_t token, int32_t rc,
                      const struct phub_result *result);

    /* --- 1.1 ------------------------------------------------------------- */

    phub_asked_fn *asked; /* optional: somebody's request_item() */
};

struct phub_plan_item {
    uint32_t size;
    uint32_t cause;               /* enum phub_cause */
    struct phub_bytes id;
    const uint64_t *targets;      /* best first; [0] is where it should go */
    uint64_t targets_count;
    uint32_t flags;               /* PHUB_PLAN_* */
    uint32_t deadline_ms;         /* 0 = none; counted from now */
};

#define PHUB_PLAN_NO_CONSENT 1u   /* do not ask the child */

/* How a child and its state go from here to there. */
struct phub_migration_ops {
    PHUB_OPS_COMMON_
    /* Mandatory.  Carry out a batch; every item ends in one move_report(). */
    int (*begin)(void *self, const struct phub_plan_item *items,
                 uint32_t count, uint32_t stride);
    /* Mandatory. */
    void (*completed)(void *self, uint64_t token, int32_t rc,
                      const struct phub_result *result);
    /* Optional: give up what has not been decided (shutdown, freeze). */
    void (*cancel)(void *self, const struct phub_bytes *child);
    void (*received)(void *self, uint64_t node,
                     const struct phub_bytes *message);
    void (*view_changed)(void *self, const struct phub_view *view);

    /* --- 1.1 ------------------------------------------------------------- */

    /* Optional: this node leaves, and what begin() was asked to move away in
     * time is moved.  What is still here ends in deadline_ms: its states may
     * go ahead, by child_presend().  Without it all of them do. */
    void (*leave)(void *self, uint32_t deadline_ms);
    phub_asked_fn *asked; /* optional: somebody's request_item() */
};

enum phub_verdict {
    PHUB_VERDICT_CONTINUE = 1,  /* all goes on */
    PHUB_VERDICT_FREEZE = 2,    /* start and redistribute nothing */
    PHUB_VERDICT_STOP = 3       /* end the children here */
};

struct phub_judge {
    uint32_t size;
    uint32_t lost_count;
    const struct phub_view *old_view;
    const struct phub_view *new_view;
    const uint64_t *lost;        /* no goodbye */
    const uint64_t *left;        /* said goodbye */
    uint64_t left_count;
    uint64_t now_ns;
};

/* A node that has a say in who may run children, and how much: in the set of
 * electors that is, and in the one that it is being changed to. */
struct phub_elector {
    uint32_t size;
    uint32_t reserved_;          /* 0 */
    uint64_t node;               /* a member or not */
    uint32_t weight;             /* 0: not one of the set that is */
    uint32_t weight_next;        /* 0 for all: it is not being changed */
};

#define PHUB_ELECTORS_MAX 1024u

/* What to do when nodes are missing. */
struct phub_partition_ops {
    PHUB_OPS_COMMON_
    /* Mandatory.  Asked before anything is redistributed. */
    int (*judge)(void *self, const struct phub_judge *judge,
                 uint32_t *verdict);
    /* Optional: how many nodes a majority is counted over (MAJORITY). */
    int (*electorate)(void *self, const struct phub_view *view,
                      uint32_t *count);
    void (*completed)(void *self, uint64_t token, int32_t rc,
                      const struct phub_result *result);

    /* --- 1.1 ------------------------------------------------------------- */

    /* Optional, MAJORITY; goes before electorate().  Fill electors, sorted by
     * node, size set: a lease takes grants of more than half of their weight,
     * this node's own included, and while there is a next set, of more than
     * half of that one's too.  version grows with each change; grants of a
     * node that has a later version do not count.  *count = 0: every member
     * has weight 1, and electorate() says of how many. */
    int (*electors)(void *self, const struct phub_view *view,
                    struct phub_elector *electors, uint32_t max,
                    uint32_t *count, uint64_t *version);
    void (*received)(void *self, uint64_t node,
                     const struct phub_bytes *message);
    /* Optional: the view changed; not yet settled. */
    void (*view_changed)(void *self, const struct phub_view *view);
    /* Optional: an operator says that the nodes of view are all there are, and
     * what was remembered of others does not count from now on.
     * Errors: PHUB_EAGAIN: nothing is remembered yet; its own. */
    int (*reset)(void *self, const struct phub_view *view);
    /* Optional: that node, no member, never comes back.  Said again after a
     * start, and when another one is forgotten. */
    void (*forget)(void *self, uint64_t node);
    phub_asked_fn *asked; /* optional: somebody's request_item() */
    /* Optional: this node leaves, in deadline_ms at the latest; asked again
     * until it goes.  0: it may go; PHUB_EAGAIN: not yet, others have to take
     * note of it first. */
    int (*leave)(void *self, uint32_t deadline_ms);
};

union phub_ops {
    const void *any;
    const struct phub_distribution_ops *distribution;
    const struct phub_redundancy_ops *redundancy;
    const struct phub_sync_ops *sync;
    const struct phub_migration_ops *migration;
    const struct phub_partition_ops *partition;
};

/* --- the descriptor -------------------------------------------------------- */

struct phub_plugin {
    uint32_t magic;
    uint32_t size;
    uint16_t abi_needs;   /* minor that it cannot run without */
    uint16_t abi_built;   /* minor it was compiled with, for messages */
    uint32_t kind;        /* enum phub_kind */
    uint64_t flags;
    uint32_t wire_min;    /* versions of its messages it can speak */
    uint32_t wire_max;
    const char *name;
    const char *version;
    const char *license;
    const char *summary;
    const struct phub_param *params;
    uint32_t params_count;
    uint32_t params_stride;
    union phub_ops ops;
};

#if defined(__GNUC__)
#define PHUB_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define PHUB_PLUGIN_EXPORT
#endif

/* Define the descriptor; the rest of the initialiser follows:
 *   PHUB_PLUGIN_DEFINE(ring, PHUB_KIND_DISTRIBUTION,
 *       .version = "1.0", .license = "MIT", .summary = "...",
 *       .params = params, .params_count = 2, .ops.distribution = &ops);
 * With PHUB_PLUGIN_STATIC the symbol is phub_plugin_abi1_NAME. */
#ifdef PHUB_PLUGIN_STATIC
#define PHUB_PLUGIN_SYMBOL_(name) phub_plugin_abi1_##name
#else
#define PHUB_PLUGIN_SYMBOL_(name) phub_plugin_abi1
#endif

#define PHUB_PLUGIN_DEFINE(name_, kind_, ...)                                 \
    extern PHUB_PLUGIN_EXPORT const struct phub_plugin                        \
        PHUB_PLUGIN_SYMBOL_(name_);                                           \
    const struct phub_plugin PHUB_PLUGIN_SYMBOL_(name_) = {                   \
        .magic = PHUB_PLUGIN_MAGIC,                                           \
        .size = sizeof(struct phub_plugin),                                   \
        .abi_built = PHUB_PLUGIN_ABI_MINOR,                                   \
        .kind = (kind_),                                                      \
        .name = #name_,                                                       \
        .params_stride = sizeof(struct phub_param),                           \
        __VA_ARGS__                                                           \
    }

#ifdef __cplusplus
}
#endif

#endif
