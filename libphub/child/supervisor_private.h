/* SPDX-License-Identifier: MIT */
/* supervisor_private: what supervisor.c and instance.c share. */
#ifndef PHUB__CHILD_SUPERVISOR_PRIVATE_H
#define PHUB__CHILD_SUPERVISOR_PRIVATE_H

#include "child/supervisor.h"
#include "wire/arena.h"
#include "wire/buf.h"

#define PHUB__INSTANCE_MAGIC 0x7c3a91d5u

/* One verb or command that is not answered yet. */
struct phub__instance_call {
    struct phub__instance_call *next;
    struct phub__instance *instance;  /* NULL: it ended meanwhile */
    uint64_t ref;
    phub__verb_done *done;
    void *arg;
    struct phub__timer *timer;
    int command;                      /* a command of the spec, not a verb */
    int late_rc;                      /* it could not even begin */
    const char *late_text;
};

struct phub__instance {
    uint32_t magic;
    enum phub__phase phase;
    struct phub__supervisor *supervisor;
    struct phub__instance *prev, *next;   /* all of the supervisor */
    struct phub__instance *bucket_next;   /* by handle */
    struct phub__runner *runner;
    uint64_t handle;                      /* 0: no process */
    uint64_t indexed;                     /* handle it is indexed under */
    int64_t pid;
    struct phub_epoch incarnation;
    struct phub_epoch epoch;
    struct phub_buf *spec_bytes;
    struct phub__spec spec;
    struct phub__arena arena;
    struct phub_buf *state;               /* to be put, until it runs */
    struct phub__timer *timer;
    struct phub__timer *health_timer;
    struct phub__timer *thaw_timer;       /* THAW could not be sent */
    struct phub__instance_call *calls;
    uint32_t calls_count;
    uint32_t capabilities;
    uint32_t restarts;
    uint32_t restarts_row;                /* since the last healthy run */
    uint32_t not_begun;                   /* times since it began last */
    uint32_t unhealthy;
    uint64_t running_since;
    int spawn_rc;
    int refuse_rc;
    int undelivered;     /* the machine could not give it its state */
    int capabilities_known, started, ready, loaded, healthy;
    int standby, first, ever_ran, committing, ended;
    uint32_t freezing;                    /* FREEZE that are not answered */
    int thaw_owed;                        /* when they are */
    int thawing;                          /* THAW is being sent */
    uint32_t thaws_failed, thaws_again;   /* since the last freeze */
    int answered_late;                    /* last: what could not begin */
    int kill_owed;                        /* 2 hard: it was not made yet */
    int adopted;                          /* and not settled yet */
    int awaits;                           /* adopted: began without its state */
    uint64_t adopted_ns;                  /* this process; 0: made here */
    int identified, was_standby, was_frozen, settle_owed;
    int commit_owed;                      /* COMMIT once it says HELLO */
    int loading, load_owed;               /* a standby takes its state */
    int state_code;                       /* it is told that there is none */
    uint32_t own_version;                 /* of the states it gives */
    uint32_t role;                        /* enum phub_role */
    int role_told;                        /* the child hears of it */
    int role_known;                       /* 0: adopted, and not asked yet */
    int role_owed;                        /* ROLE once it says HELLO */
    phub__verb_done *commit_done;
    void *commit_arg;
    struct phub__pair metadata[PHUB__INSTANCE_METADATA_MAX];
    uint32_t metadata_count;
    void *owner;
    char why[256];
    char ill[160];                        /* it was killed for that, or "" */
    uint32_t id_size;
    char id[PHUB_CHILD_ID_MAX + 1];
};

struct phub__supervisor {
    struct phub_env *env;
    const struct phub__supervisor_events *events;
    void *arg;
    uint64_t node;
    char node_name[PHUB_NODE_NAME_MAX + 1];
    uint64_t last_handle;
    uint64_t last_ref;
    struct phub__instance *instances;
    struct phub__instance **buckets;      /* by handle */
    uint32_t buckets_count, indexed_count;
    struct phub__runner *runners[PHUB__RUNNERS_MAX];
    struct phub__runner *attaching;       /* whose adoption is going on */
    uint32_t runners_count, runners_attached;
    uint64_t deadline_ns;   /* as told last, boot-time clock */
    uint64_t answers_late;  /* nobody waited for them any more */
};

extern const struct phub__runner_events phub__supervisor_runner_events;

struct phub__instance *phub__instance_new(struct phub__supervisor *supervisor,
                                          struct phub_bytes id,
                                          struct phub_epoch incarnation,
                                          struct phub_epoch epoch);
struct phub__instance *phub__supervisor_find(struct phub__supervisor *s,
                                             uint64_t handle);
void phub__supervisor_index(struct phub__supervisor *supervisor,
                            struct phub__instance *instance);
void phub__supervisor_adopt(void *arg,
                            const struct phub__runner_adopted *child);
/* An adopted child said more of itself; identified: all of it. */
void phub__instance_adopted_told(struct phub__instance *instance,
                                 int identified);
/* Its row has brought its spec. */
void phub__instance_adopted_spec(struct phub__instance *instance);
void phub__instance_timer_fired(void *arg);
void phub__instance_health_fired(void *arg);
void phub__instance_thaw_fired(void *arg);
/* One that could not be sent is not sent again. */
void phub__instance_thaw_forget(struct phub__instance *instance);
void phub__instance_begin(struct phub__instance *instance);
void phub__instance_end(struct phub__instance *instance,
                        enum phub__ended why, int rc, const char *text);
void phub__instance_kill(struct phub__instance *instance, int hard);
void phub__instance_refuse(struct phub__instance *instance, int rc,
                           const char *why);
void phub__instance_set_phase(struct phub__instance *instance,
                              enum phub__phase phase);
void phub__instance_check_ready(struct phub__instance *instance);
void phub__instance_put_state(struct phub__instance *instance);
/* Why, with both versions where there are any. */
void phub__instance_state_refused(const struct phub__instance *instance,
                                  int rc, const char *text, char *why,
                                  size_t why_max);
void phub__instance_send_role(struct phub__instance *instance);
void phub__instance_send_commit(struct phub__instance *instance);
void phub__instance_describe(struct phub__instance *instance,
                             struct phub__runner_start *start);
void phub__instance_call(struct phub__instance *instance, enum phub__verb verb,
                         struct phub_buf *body, uint32_t timeout_ms,
                         phub__verb_done *done, void *arg);
/* The same with a code: PUT_STATE of a state that is missing. */
void phub__instance_call_code(struct phub__instance *instance,
                              enum phub__verb verb, int code,
                              struct phub_buf *body, uint32_t timeout_ms,
                              phub__verb_done *done, void *arg);
void phub__instance_command(struct phub__instance *instance,
                            const struct phub__list *argv,
                            struct phub_buf *input, uint32_t timeout_ms,
                            phub__verb_done *done, void *arg);
void phub__instance_answered(struct phub__instance *instance,
                             const struct phub__verb_message *message);
void phub__instance_publish(struct phub__instance *instance,
                            const struct phub__verb_message *message);
/* What a process published ends with it. */
void phub__instance_unpublish(struct phub__instance *instance);
void phub__instance_fail_calls(struct phub__instance *instance, int rc,
                               const char *text);

#endif
