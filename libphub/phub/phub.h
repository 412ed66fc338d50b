/* SPDX-License-Identifier: MIT */
/* phub: host a hub inside a program.
 *
 * Order of calls: phub_hub_new, behaviours and hooks, phub_hub_start, then
 * anything, phub_hub_stop, phub_hub_free; or phub_hub_open, anything,
 * phub_hub_close.  A hub runs on a thread of its own from start to stop.
 * Several hubs may live in one process.
 *
 * Threads: every function here may be called from any thread, except
 * phub_hub_free and phub_hub_close (nobody else may be using the hub) and
 * where a comment says otherwise.  Handlers of hooks and behaviours' functions run on threads of
 * the hub and must not call the waiting functions (phub_future_wait).
 *
 * Results: 0 or a negative PHUB_E*; what a call fills it fills on success
 * only.  Texts are NUL-terminated UTF-8.  Manual: phub_hub(3). */
#ifndef PHUB_PHUB_H
#define PHUB_PHUB_H

#include <stddef.h>
#include <stdint.h>

#include <phub/error.h>
#include <phub/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PHUB_VERSION "0.1.0"
#define PHUB_HOOK_HANDLERS_MAX 256u   /* per hub */
#define PHUB_BATCH_MAX 1000000u       /* children in one start or stop */
#define PHUB_SETTINGS_MAX 1024u       /* lines of phub_hub_open */
#define PHUB_METADATA_MAX 64u         /* pairs per child */
#define PHUB_TAGS_MAX 32u             /* per child */
#define PHUB_MESSAGE_SIZE_MAX (1u << 20)  /* bytes of one message */

struct phub_hub;
struct phub_future;
struct phub_actor;
struct phub_behaviour;

/* Give the library's version, "0.1.0". */
const char *phub_version(void);

/* --- hub ------------------------------------------------------------------ */

/* Make a hub from settings, each "section.key=value" with the sections and
 * keys of phub.conf(5), for example
 *   "hub.id=web", "hub.listen=tcp://127.0.0.1:0",
 *   "strategies.distribution=consistent_hash",
 *   "distribution consistent_hash.virtual_nodes=64".
 * config_file may be NULL; settings win over it, and it over the defaults
 * that are installed (defaults.conf, or the file that the environment's
 * PHUB_DEFAULTS names), which say which strategies there are.
 * Errors: PHUB_ECONFIG, PHUB_EPLUGIN, PHUB_ESYS, PHUB_ENOMEM with the sentence
 * in error.
 * The caller owns the hub. */
int phub_hub_new(const char *config_file, const char *const *settings,
                 size_t settings_count, struct phub_hub **hub, char *error,
                 size_t error_max);
/* Bind, join and run, on a new thread.  Errors as above, and PHUB_ESYS. */
int phub_hub_start(struct phub_hub *hub, char *error, size_t error_max);
/* Move everything away for at most deadline_ms (0: no moves), end what is
 * left, say goodbye.  Waits until that is done: children that take long to
 * end make it up to 15 s longer.  PHUB_ETIMEDOUT: some could not be moved in
 * time and were ended. */
int phub_hub_stop(struct phub_hub *hub, uint32_t deadline_ms);
/* Stops at once what still runs; nulls *hub. */
void phub_hub_free(struct phub_hub **hub);
/* The three in one, for a program that knows what it wants: a hub with these
 * behaviours that runs.  settings is a text of lines, each as above; empty
 * lines and what follows a # that begins one do not count.
 * Errors: as theirs, and PHUB_ELIMIT if the text has more than
 * PHUB_SETTINGS_MAX lines; error says, *hub is not set.  The caller owns the
 * hub. */
int phub_hub_open(const char *settings,
                  const struct phub_behaviour *behaviours,
                  size_t behaviours_count, struct phub_hub **hub, char *error,
                  size_t error_max);
/* phub_hub_stop and phub_hub_free; gives what the first gave. */
int phub_hub_close(struct phub_hub **hub, uint32_t deadline_ms);
/* The endpoint in use, with the real port; borrowed as long as the hub. */
const char *phub_hub_endpoint(const struct phub_hub *hub);
uint64_t phub_hub_node(const struct phub_hub *hub);
/* Wait until this node sees count members, no more and no fewer.
 * PHUB_ETIMEDOUT, PHUB_ESHUTDOWN. */
int phub_hub_wait_members(struct phub_hub *hub, uint32_t count,
                          uint32_t timeout_ms);

/* --- children ------------------------------------------------------------- */

enum phub_restart {
    PHUB_RESTART_PERMANENT = 0,  /* always */
    PHUB_RESTART_TRANSIENT = 1,  /* unless it ended well */
    PHUB_RESTART_TEMPORARY = 2   /* never */
};

struct phub_pair {
    const char *key;
    const char *value;
};

/* What to start.  Zero the struct, set size, then what you need. */
struct phub_child {
    uint32_t size;
    uint32_t restart;            /* enum phub_restart */
    const char *id;
    const char *behaviour;       /* an actor, or NULL */
    const char *const *argv;     /* a program, ends with NULL, or NULL */
    const void *argument;        /* for the actor's init */
    size_t argument_size;
    const struct phub_pair *metadata;
    size_t metadata_count;
    const char *const *tags;
    size_t tags_count;
    uint32_t ready;              /* program: 1 = wait for its READY */
    uint32_t sticky;             /* 1: leave it where it is while it can */
    uint32_t durable;            /* 1: all nodes may stop, it starts again */
    uint32_t count;              /* 0: one; n: the %d in id becomes 1 to n */
    /* A program that does not speak phub-child(7): commands of a spec, see
     * there.  Each ends with NULL, or is NULL. */
    const char *const *state_get;
    const char *const *state_put;
    const char *const *freeze;
    const char *const *thaw;
    const char *const *health;
};

#define PHUB_START_ROLLBACK 1u   /* one failure undoes the whole batch */

/* Start count children, those that are many by their own count; stop count
 * children.  The future's result has one entry for each.
 * future may be NULL: nobody waits.  timeout_ms 0: 10000.
 * Errors: PHUB_EEMPTY, PHUB_EINVAL, PHUB_ELIMIT, PHUB_EBUSY, PHUB_ESHUTDOWN,
 * PHUB_ENOMEM. */
int phub_start(struct phub_hub *hub, const struct phub_child *children,
               size_t count, uint32_t flags, uint32_t timeout_ms,
               struct phub_future **future);
int phub_stop(struct phub_hub *hub, const char *const *ids, size_t count,
              uint32_t timeout_ms, struct phub_future **future);
/* Move a child to the node of that name, with its state. */
int phub_move(struct phub_hub *hub, const char *id, const char *node,
              uint32_t timeout_ms, struct phub_future **future);

struct phub_answer {
    uint32_t size;
    int32_t code;               /* 0 or PHUB_E* */
    uint64_t node;              /* where it runs or ran */
    int64_t pid;
    const char *id;             /* these borrow until the future is freed */
    const char *node_name;
    const char *text;           /* what went wrong, "" if nothing did */
    uint64_t version;           /* of phub_metadata_set: the new one */
};

/* Wait for the result; timeout_ms counts from this call.  Several threads
 * may wait for one future, before and after it is complete.
 * Errors: PHUB_ETIMEDOUT (wait again), else 0, or PHUB_EFAILED if at least
 * one answer has a code. */
int phub_future_wait(struct phub_future *future, uint32_t timeout_ms);
/* After completion.  PHUB_ENOTFOUND past the end, PHUB_EAGAIN before. */
int phub_future_answer(const struct phub_future *future, size_t index,
                       struct phub_answer *answer);
size_t phub_future_count(const struct phub_future *future);
/* phub_future_wait and phub_future_free, for who needs no answers; after
 * PHUB_ETIMEDOUT nobody waits any more, what was asked goes on. */
int phub_future_finish(struct phub_future **future, uint32_t timeout_ms);
void phub_future_free(struct phub_future **future);

/* --- finding -------------------------------------------------------------- */

struct phub_place {
    uint32_t size;
    uint32_t state;             /* enum phub_instance_state, 0 = none runs */
    uint64_t node;
    int64_t pid;
    struct phub_epoch incarnation;
    struct phub_epoch epoch;
    uint32_t restarts;
    uint32_t durable;
    uint64_t version;           /* of the metadata, for phub_metadata_set */
};

/* Find a child by name in this node's registry; no lock, no network.
 * Errors: PHUB_ENOTFOUND. */
int phub_lookup(struct phub_hub *hub, const char *id,
                struct phub_place *place);
/* Copy one metadata value of the running instance, else of the row, with a
 * NUL.
 * Errors: PHUB_ENOTFOUND, PHUB_ELIMIT if value is too small. */
int phub_lookup_metadata(struct phub_hub *hub, const char *id, const char *key,
                         char *value, size_t value_max);
/* Put count pairs over the metadata of the row; a value "" takes its key
 * away.  version: that of the row when it was read (struct phub_place), or 0
 * for whatever there is.  The answer's version is the new one, its code
 * PHUB_EREFUSED if the row has another version by now, PHUB_ENOTFOUND if
 * there is no such child.  timeout_ms, future and errors as for phub_start. */
int phub_metadata_set(struct phub_hub *hub, const char *id,
                      const struct phub_pair *pairs, size_t count,
                      uint64_t version, uint32_t timeout_ms,
                      struct phub_future **future);
/* Children with a live row. */
uint64_t phub_count(struct phub_hub *hub);

/* Which children: those for which all that is given holds.  Zero the struct,
 * set size, then what you need. */
struct phub_query {
    uint32_t size;
    uint32_t local;             /* 1: their home is this node */
    const char *id;
    const char *tag;
    const char *key;            /* metadata of the row has this key, */
    const char *value;          /* with this value, unless NULL */
    const char *node;           /* their home is the node of that name */
};

/* One of them; everything borrows until the function that gets it returns. */
struct phub_listed {
    uint32_t size;
    uint32_t tags_count;
    const char *id;
    const char *home;           /* name of the node, "" if it is not known */
    const char *const *tags;
    const struct phub_pair *metadata;   /* of the row */
    const struct phub_pair *published;  /* of the instance at home */
    uint32_t metadata_count;
    uint32_t published_count;
    struct phub_place place;
};

/* Not 0: enough. */
typedef int phub_list_fn(void *arg, const struct phub_listed *child);

/* Call fn for each live child that fits, as this node's registry has it; on
 * the caller's thread.  The hub is asked in pieces and never held up: who is
 * there all the time is given once, who comes or goes meanwhile may be.
 * Errors: PHUB_EINVAL, PHUB_ENOMEM, PHUB_EBUSY, PHUB_ESHUTDOWN, and what fn
 * gave, if not 0. */
int phub_list(struct phub_hub *hub, const struct phub_query *query,
              phub_list_fn *fn, void *arg);

#define PHUB_CHANGE_LIFE 1u     /* started, edited or stopped */
#define PHUB_CHANGE_HOME 2u     /* it belongs on another node now */
#define PHUB_CHANGE_INSTANCE 4u /* an instance: its state, pid, metadata */

struct phub_change {
    uint32_t size;
    uint32_t what;              /* PHUB_CHANGE_* */
    const char *id;             /* NULL: so many changed at once that they are
                                 * not told one by one: look at all again */
    const struct phub_place *place; /* as it is now; NULL: stopped */
};

typedef void phub_change_fn(void *arg, const struct phub_change *change);

/* Hear of each change of a child, of those with a tag, or (both NULL) of all,
 * when this node's registry hears of it.  fn runs on the hub's thread; a
 * change may be told twice, and several of one child together.  A child that
 * had the tag is told of to its end.
 * Errors: PHUB_ELIMIT, PHUB_EINVAL, PHUB_ENOMEM, PHUB_EBUSY,
 * PHUB_ESHUTDOWN. */
int phub_subscribe(struct phub_hub *hub, const char *id, const char *tag,
                   phub_change_fn *fn, void *arg, uint64_t *handle);
/* No call follows.  PHUB_ENOTFOUND, and those of before. */
int phub_unsubscribe(struct phub_hub *hub, uint64_t handle);

/* --- messages ------------------------------------------------------------- */

/* Send to a child wherever it is; in order per sender, not lost by a move.
 * What finds no way for 10 s (no such child, for one) is dropped and counted.
 * Errors: PHUB_EBUSY, PHUB_ELIMIT, PHUB_ESHUTDOWN, PHUB_EINVAL,
 * PHUB_ENOMEM. */
int phub_send(struct phub_hub *hub, const char *id, const void *data,
              size_t size);
/* The same with a reply; waits, for 10 s if timeout_ms is 0.  reply_max bytes
 * at most, *reply_size is the real size.  Errors: also PHUB_ETIMEDOUT,
 * PHUB_ENOTFOUND, PHUB_EFAILED (it gave no reply), PHUB_EUNSUPPORTED (it takes
 * no messages), PHUB_ESTOPPED. */
int phub_call(struct phub_hub *hub, const char *id, const void *data,
              size_t size, void *reply, size_t reply_max, size_t *reply_size,
              uint32_t timeout_ms);

/* --- actors --------------------------------------------------------------- */

/* An actor's functions run on one of the hub's worker threads, one at a time
 * per actor.  instance_size zeroed bytes are self. */
struct phub_behaviour {
    uint32_t size;
    uint32_t instance_size;
    const char *name;
    /* argument as given at start.  Not 0 fails the start with that code. */
    int (*init)(void *self, struct phub_actor *actor, const void *argument,
                size_t argument_size);
    /* Handle a message; answer with phub_actor_reply() before returning. */
    void (*handle)(void *self, struct phub_actor *actor, const void *data,
                   size_t size);
    /* Optional, both or none: give the state to put(), take it again. */
    int (*get_state)(void *self, struct phub_actor *actor);
    int (*set_state)(void *self, struct phub_actor *actor, const void *state,
                     size_t size);
    /* Optional. */
    void (*role)(void *self, struct phub_actor *actor, int active);
    void (*terminate)(void *self, struct phub_actor *actor);
};

/* Before phub_hub_start.  Copies; the functions must stay.
 * Errors: PHUB_EEXIST, PHUB_EINVAL, PHUB_ENOMEM. */
int phub_behaviour_add(struct phub_hub *hub,
                       const struct phub_behaviour *behaviour);
/* Only inside an actor's functions. */
const char *phub_actor_id(const struct phub_actor *actor);
int phub_actor_reply(struct phub_actor *actor, const void *data, size_t size);
int phub_actor_put_state(struct phub_actor *actor, const void *state,
                         size_t size);
int phub_actor_publish(struct phub_actor *actor, const char *key,
                       const char *value);
/* End by itself after this call; code 0 = it ended well.  The sign of another
 * code is lost. */
void phub_actor_exit(struct phub_actor *actor, int code);

/* --- hooks ---------------------------------------------------------------- */

#define PHUB_HOOKS(X)                                                         \
    X(pre_node_join, "a node is about to enter the view")                     \
    X(post_node_join, "what its coming caused has begun")                     \
    X(pre_node_leave, "a node is about to leave the view")                    \
    X(post_node_leave, "what its going caused has begun")                     \
    X(pre_redistribution, "children are about to be placed anew")             \
    X(post_redistribution, "the plans are made")                              \
    X(child_started, "an instance runs here")                                 \
    X(child_ended, "an instance is over here")                                \
    X(child_failed, "an instance gave up after too many restarts")            \
    X(child_registered, "a row came to be")                                   \
    X(child_unregistered, "a row was stopped")                                \
    X(migration_started, "a child begins to move away from here")             \
    X(migration_completed, "a child of here runs elsewhere now")              \
    X(migration_failed, "a move was given up; the child stays")               \
    X(handover_delivered, "a state has reached its new instance here")        \
    X(drain_completed, "everything movable has left, or time was up")         \
    X(partitioned, "the partition strategy's verdict changed")                \
    X(shutdown, "the hub is about to stop")                                   \
    X(pre_children_start, "starts were found good here, at their keeper")     \
    X(post_children_start, "what came of them")                               \
    X(pre_children_redistribution, "children of a node that is gone get homes")\
    X(children_forwarded, "an operation was passed on to another node")       \
    X(child_pid_updated, "an instance here was restarted in place")           \
    X(migration_deferred, "a child of here asked to be moved later")          \
    X(drain_started, "everything is to leave this node")                      \
    X(scoreboard_updated, "a strategy scored the nodes")                      \
    X(recovery_state_changed, "this node decides and starts from now on")     \
    X(recovery_parked, "this node waits for others that it knows")            \
    X(pre_recovery_replay, "what belongs here is about to be started")        \
    X(post_recovery_replay, "the first round of starts is over")              \
    X(reconcile_round, "rows and reality were compared")                      \
    X(reconcile_duplicate, "a second instance here ends")                     \
    X(start_overruled, "a newer start of the same name won")                  \
    X(store_failed, "durable rows could not be written")                      \
    X(metadata_changed, "a child's metadata was set here, at its keeper")     \
    X(migration_agreed, "a child of here that asked for it may be moved now")   \
    X(strategy_changed, "this node goes by another strategy from now on")

enum phub_hook {
#define PHUB_HOOK_ENUM_(name, help) PHUB_HOOK_##name,
    PHUB_HOOKS(PHUB_HOOK_ENUM_)
#undef PHUB_HOOK_ENUM_
    PHUB_HOOK_COUNT
};

/* One child of an event about many. */
struct phub_hook_child {
    uint32_t size;
    int32_t code;               /* what came of it: 0 or PHUB_E* */
    const char *id;
    uint64_t node;              /* where it belongs now, or runs */
    uint64_t from;              /* where it was before, or 0 */
    int64_t pid;
};

struct phub_hook_event {
    uint32_t size;
    enum phub_hook hook;
    uint64_t node;              /* concerned, or 0 */
    const char *child;          /* concerned, or NULL */
    const char *text;           /* for people, or "" */
    int32_t code;
    uint32_t count;             /* children concerned, where many are */
    const struct phub_hook_child *const *children; /* those; or NULL */
    uint32_t children_count;    /* 0, too, when there was no memory for them */
};

typedef void phub_hook_fn(void *arg, const struct phub_hook_event *event);

/* Attach fn to an event by name, or to all by "*"; higher priority first,
 * equal ones in the order of adding.  fn runs on the hub's thread.
 * Errors: PHUB_ENOTFOUND, PHUB_ELIMIT, PHUB_ENOMEM. */
int phub_hook_add(struct phub_hub *hub, const char *name, int priority,
                  phub_hook_fn *fn, void *arg, uint64_t *handle);
int phub_hook_cancel(struct phub_hub *hub, uint64_t handle);
/* "pre_node_join", or NULL. */
const char *phub_hook_name(enum phub_hook hook);

/* The alter hook of the reference's child_data_alter: fn sees each child that
 * is about to be started, where its keeper orders it, may change it, and gives
 * 0, or refuses the start with a PHUB_E*.  Handlers form a chain, by priority
 * and order of adding as above: each sees what those before it made of it.
 * Any node may be a child's keeper, so all add the same ones.
 * phub_hook_cancel() takes the handle.  Errors: as phub_hook_add. */
struct phub_alter;
typedef int phub_alter_fn(void *arg, struct phub_alter *alter);
int phub_alter_add(struct phub_hub *hub, int priority, phub_alter_fn *fn,
                   void *arg, uint64_t *handle);
/* Only inside fn.  Texts borrow until it returns.  What is set is copied;
 * errors: PHUB_EINVAL, PHUB_ELIMIT, PHUB_ENOMEM, PHUB_EUNSUPPORTED (the
 * child is no program, so it has no environment). */
const char *phub_alter_id(const struct phub_alter *alter);
uint64_t phub_alter_origin(const struct phub_alter *alter); /* who asked */
/* NULL: it has none of that key. */
const char *phub_alter_metadata(struct phub_alter *alter, const char *key);
/* value "" takes the key away. */
int phub_alter_set_metadata(struct phub_alter *alter, const char *key,
                            const char *value);
int phub_alter_has_tag(const struct phub_alter *alter, const char *tag);
int phub_alter_add_tag(struct phub_alter *alter, const char *tag);
/* value NULL takes the variable away. */
int phub_alter_set_env(struct phub_alter *alter, const char *name,
                       const char *value);
/* Say why; gives PHUB_EREFUSED, to be returned. */
int phub_alter_refuse(struct phub_alter *alter, const char *text);

#ifdef __cplusplus
}
#endif

#endif
