/* SPDX-License-Identifier: MIT */
/* check_embed_children: actors on hubs in this process: messages, metadata,
 * restarts, and moves with their state. */
#include "config.h"

#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <unistd.h>

#include <phub/cbor.h>
#include <phub/client.h>
#include <phub/control.h>

#include "embed_fixture.h"

/* --- actors ------------------------------------------------------------------ */

START_TEST(a_call_reaches_an_actor_on_another_node)
{
    char id[16], name[16] = "";
    struct phub_child one = child(id);
    struct phub_place place = { .size = sizeof place };
    struct phub_future *future = NULL;
    size_t size = 0;
    int far = 0;

    hubs_make(2, "hotswap");
    one.argument = "william";
    one.argument_size = 7;
    for (int i = 0; i < 16; i++) {
        snprintf(id, sizeof id, "x%d", i);
        ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future), 0);
        ck_assert_int_eq(finish(&future, NULL), 0);
        ck_assert_int_eq(phub_lookup(hubs[0], id, &place), 0);
        ck_assert_uint_eq(place.state, 2); /* running */
        far += place.node == phub_hub_node(hubs[1]);
        ck_assert_int_eq(call(hubs[0], id, "+"), 1);
        ck_assert_int_eq(call(hubs[1], id, "+"), 2);
        ck_assert_int_eq(phub_call(hubs[0], id, "n", 1, name, 4, &size,
                                   WAIT_MS), 0);
        ck_assert_uint_eq(size, 7);
        ck_assert_mem_eq(name, "will", 5); /* cut at reply_max */
    }
    ck_assert_int_gt(far, 0);
    ck_assert_int_lt(far, 16);
    hubs_free();
}
END_TEST

START_TEST(what_is_sent_arrives_in_order_and_before_a_later_call)
{
    hubs_make(2, "hotswap");
    start_one(hubs[0], "x");
    for (int i = 0; i < 300; i++)
        ck_assert_int_eq(phub_send(hubs[0], "x", "+", 1), 0);
    ck_assert_int_eq(call(hubs[0], "x", "?"), 300);
    ck_assert_int_eq(phub_send(hubs[0], "x", "", PHUB_MESSAGE_SIZE_MAX + 1ul),
                     PHUB_ELIMIT);
    hubs_free();
}
END_TEST

/* Whatever their names hash to: of so many that are gone some wait where those
 * do that live. */
START_TEST(those_that_are_gone_delay_nobody)
{
    char id[16];
    int i, count = -1;
    size_t size;

    hubs_make(1, "hotswap");
    start_one(hubs[0], "c1");
    for (i = 0; i < 6000; i++) {
        snprintf(id, sizeof id, "gone%d", i);
        ck_assert_int_eq(phub_send(hubs[0], id, "+", 1), 0);
    }
    ck_assert_int_eq(phub_send(hubs[0], "c1", "+", 1), 0);
    ck_assert_int_eq(phub_call(hubs[0], "c1", "?", 1, &count, sizeof count,
                               &size, 5000), 0);
    ck_assert_int_eq(count, 1);
    hubs_free();
}
END_TEST

START_TEST(a_full_mailbox_delays_and_loses_nothing)
{
    enum { COUNT = 30000 };
    int count = 0, rc;

    hubs_make(_i + 1, "hotswap");
    start_one(hubs[0], "x");
    for (int i = 0; i < COUNT; i++)
        do
            rc = phub_send(hubs[0], "x", "+", 1);
        while (rc == PHUB_EBUSY);
    do
        rc = phub_call(hubs[0], "x", "?", 1, &count, sizeof count, NULL,
                       WAIT_MS);
    while (rc == PHUB_EBUSY);
    ck_assert_msg(rc == 0, "%s", phub_strerror(rc));
    ck_assert_int_eq(count, COUNT);
    hubs_free();
}
END_TEST

static sem_t gates[2];
static atomic_int held;

static void hold_hub(void *arg, const struct phub_hook_event *event)
{
    (void)event;
    atomic_fetch_add(&held, 1);
    sem_wait(arg);
}

static void no_event(void *arg, const struct phub_hook_event *event)
{
    (void)arg;
    (void)event;
}

/* Hold the threads of both hubs, from when some child starts there. */
static void hold_both(void)
{
    char id[16];
    struct phub_child other = child(id);

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(sem_init(&gates[i], 0, 0), 0);
        ck_assert_int_eq(phub_hook_add(hubs[i], "child_started", 0, hold_hub,
                                       &gates[i], NULL), 0);
    }
    for (int i = 0; i < 32; i++) {
        snprintf(id, sizeof id, "y%d", i);
        ck_assert_int_eq(phub_start(hubs[0], &other, 1, 0, 0, NULL), 0);
    }
    while (atomic_load(&held) < 2)
        sched_yield();
}

static void let_go(int i)
{
    for (int n = 0; n < 32; n++)
        sem_post(&gates[i]);
}

START_TEST(what_a_busy_hub_takes_is_not_lost)
{
    struct phub_place place = { .size = sizeof place };
    struct phub_future *future = NULL;
    static const char letter[8192] = "+"; /* more than the backlog's bytes */
    int sent = 0, count = 0, rc;

    hubs_make(2, "hotswap");
    start_one(hubs[0], "x");
    ck_assert_int_eq(phub_lookup(hubs[0], "x", &place), 0);
    if (place.node == phub_hub_node(hubs[0])) {
        ck_assert_int_eq(phub_move(hubs[0], "x", "b", 0, &future), 0);
        ck_assert_int_eq(finish(&future, NULL), 0);
    }
    hold_both();
    while ((rc = phub_send(hubs[0], "x", letter, sizeof letter)) == 0)
        sent++;
    ck_assert_int_eq(rc, PHUB_EBUSY);
    let_go(0);
    do /* behind all that was sent */
        rc = phub_hook_add(hubs[0], "shutdown", 0, no_event, NULL, NULL);
    while (rc == PHUB_EBUSY);
    ck_assert_int_eq(rc, 0);
    let_go(1);
    do
        rc = phub_call(hubs[0], "x", "?", 1, &count, sizeof count, NULL,
                       WAIT_MS);
    while (rc == PHUB_EBUSY);
    ck_assert_msg(rc == 0, "%s", phub_strerror(rc));
    ck_assert_int_eq(count, sent);
    hubs_free();
    for (int i = 0; i < 2; i++)
        sem_destroy(&gates[i]);
}
END_TEST

START_TEST(a_call_that_is_not_answered_fails_and_does_not_wait)
{
    hubs_make(1, "hotswap");
    start_one(hubs[0], "x");
    ck_assert_int_eq(phub_call(hubs[0], "x", "#", 1, NULL, 0, NULL, WAIT_MS),
                     PHUB_EFAILED);
    hubs_free();
}
END_TEST

START_TEST(metadata_of_row_and_instance_are_found)
{
    const struct phub_pair pairs[] = { { "colour", "red" }, { "born", "no" } };
    const char *tags[] = { "t1", "t2" };
    struct phub_child one = child("x");
    struct phub_future *future = NULL;
    char value[8];

    hubs_make(2, "hotswap");
    one.metadata = pairs;
    one.metadata_count = 2;
    one.tags = tags;
    one.tags_count = 2;
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future), 0);
    ck_assert_int_eq(finish(&future, NULL), 0);
    ck_assert_int_eq(phub_lookup_metadata(hubs[0], "x", "colour", value, 4),
                     0);
    ck_assert_str_eq(value, "red");
    ck_assert_int_eq(phub_lookup_metadata(hubs[0], "x", "colour", value, 3),
                     PHUB_ELIMIT);
    ck_assert_int_eq(phub_lookup_metadata(hubs[0], "x", "shape", value, 8),
                     PHUB_ENOTFOUND);
    /* what the instance publishes is newer */
    ck_assert_int_eq(phub_lookup_metadata(hubs[0], "x", "born", value, 8), 0);
    ck_assert_str_eq(value, "yes");
    hubs_free();
}
END_TEST

START_TEST(metadata_changes_while_an_actor_lives)
{
    const struct phub_pair set[] = { { "colour", "red" }, { "size", "4" } };
    const struct phub_pair unset = { "colour", "" };
    struct phub_place place = { .size = sizeof place };
    struct phub_future *future = NULL;
    uint64_t version;
    char value[8];
    int code;

    hubs_make(2, "hotswap");
    start_one(hubs[0], "x");
    ck_assert_int_eq(phub_metadata_set(hubs[1], "x", set, 2, 0, 0, &future),
                     0);
    ck_assert_int_eq(phub_future_wait(future, WAIT_MS), 0);
    version = answer_of(future, 0).version;
    phub_future_free(&future);
    while (phub_lookup(hubs[0], "x", &place) != 0 || place.version < version)
        sched_yield();
    ck_assert_uint_eq(place.version, version);
    ck_assert_int_eq(phub_lookup_metadata(hubs[0], "x", "size", value, 8), 0);
    ck_assert_str_eq(value, "4");
    ck_assert_int_eq(phub_metadata_set(hubs[0], "x", &unset, 1, version, 0,
                                       &future), 0);
    ck_assert_int_eq(finish(&future, NULL), 0);
    ck_assert_int_eq(phub_metadata_set(hubs[0], "x", set, 1, version, 0,
                                       &future), 0);
    ck_assert_int_eq(finish(&future, &code), PHUB_EFAILED);
    ck_assert_int_eq(code, PHUB_EREFUSED);
    ck_assert_int_eq(phub_metadata_set(hubs[0], "nobody", set, 1, 0, 0,
                                       &future), 0);
    ck_assert_int_eq(finish(&future, &code), PHUB_EFAILED);
    ck_assert_int_eq(code, PHUB_ENOTFOUND);
    ck_assert_int_eq(phub_metadata_set(hubs[0], "x", set, 0, 0, 0, NULL),
                     PHUB_EEMPTY);
    ck_assert_int_eq(phub_metadata_set(hubs[0], "x", NULL, 1, 0, 0, NULL),
                     PHUB_EINVAL);
    ck_assert_int_eq(phub_metadata_set(hubs[0], "x", set, 65, 0, 0, NULL),
                     PHUB_ELIMIT);
    hubs_free();
}
END_TEST

struct seen {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int started, ended, failed, moved;
};

static struct seen seen = { .lock = PTHREAD_MUTEX_INITIALIZER,
                            .changed = PTHREAD_COND_INITIALIZER };

static void on_event(void *arg, const struct phub_hook_event *event)
{
    (void)arg;
    pthread_mutex_lock(&seen.lock);
    seen.started += event->hook == PHUB_HOOK_child_started;
    seen.ended += event->hook == PHUB_HOOK_child_ended;
    seen.failed += event->hook == PHUB_HOOK_child_failed;
    seen.moved += event->hook == PHUB_HOOK_migration_completed;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void wait_for(const int *what, int count)
{
    pthread_mutex_lock(&seen.lock);
    while (*what < count)
        pthread_cond_wait(&seen.changed, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
}

START_TEST(an_actor_that_ends_badly_is_started_again)
{
    struct phub_place place = { .size = sizeof place };

    hubs_make(1, "hotswap");
    ck_assert_int_eq(phub_hook_add(hubs[0], "*", 0, on_event, NULL, NULL), 0);
    start_one(hubs[0], "x");
    ck_assert_int_eq(call(hubs[0], "x", "+"), 1);
    ck_assert_int_eq(call(hubs[0], "x", "!"), 1);
    wait_for(&seen.started, 2);
    ck_assert_int_eq(call(hubs[0], "x", "?"), 0);
    ck_assert_int_eq(phub_lookup(hubs[0], "x", &place), 0);
    ck_assert_uint_eq(place.restarts, 1);
    hubs_free();
    ck_assert_int_eq(atomic_load(&inits), 2);
    ck_assert_int_eq(atomic_load(&terminates), 2);
}
END_TEST

START_TEST(a_transient_actor_that_ends_well_is_over)
{
    struct phub_child one = child("x");
    struct phub_future *future = NULL;

    hubs_make(1, "hotswap");
    ck_assert_int_eq(phub_hook_add(hubs[0], "child_ended", 0, on_event, NULL,
                                   NULL), 0);
    one.restart = PHUB_RESTART_TRANSIENT;
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future), 0);
    ck_assert_int_eq(finish(&future, NULL), 0);
    ck_assert_int_eq(call(hubs[0], "x", "."), 0);
    wait_for(&seen.ended, 1);
    hubs_free();
    ck_assert_int_eq(atomic_load(&inits), 1);
}
END_TEST

START_TEST(a_stopped_actor_is_terminated_and_gone)
{
    const char *ids[] = { "x" };
    struct phub_place place = { .size = sizeof place };
    struct phub_future *future = NULL;

    hubs_make(2, "hotswap");
    start_one(hubs[0], "x");
    ck_assert_int_eq(phub_stop(hubs[1], ids, 1, 0, &future), 0);
    ck_assert_int_eq(finish(&future, NULL), 0);
    ck_assert_int_eq(atomic_load(&terminates), 1);
    ck_assert_int_eq(phub_lookup(hubs[1], "x", &place), PHUB_ENOTFOUND);
    ck_assert_uint_eq(phub_count(hubs[1]), 0);
    start_one(hubs[1], "x"); /* a new incarnation */
    hubs_free();
}
END_TEST

/* --- moves ------------------------------------------------------------------- */

static const char *const migrations[] = { "hotswap", "coldswap" };

START_TEST(an_actor_moves_with_its_state)
{
    struct phub_place place = { .size = sizeof place };
    struct phub_future *future = NULL;
    const char *there;
    int rc;

    hubs_make(2, migrations[_i]);
    start_one(hubs[0], "x");
    for (int i = 1; i <= 6; i++) {
        ck_assert_int_eq(phub_lookup(hubs[0], "x", &place), 0);
        there = place.node == phub_hub_node(hubs[0]) ? "b" : "a";
        ck_assert_int_eq(call(hubs[0], "x", "+"), i);
        ck_assert_int_eq(phub_move(hubs[1], "x", there, 0, &future), 0);
        rc = phub_future_wait(future, WAIT_MS);
        ck_assert_msg(rc == 0, "%s", answer_of(future, 0).text);
        phub_future_free(&future);
        ck_assert_int_eq(call(hubs[1], "x", "?"), i);
    }
    ck_assert_int_eq(atomic_load(&states_got), 6);
    ck_assert_int_eq(atomic_load(&states_set), 6);
    hubs_free();
    ck_assert_int_eq(atomic_load(&inits), atomic_load(&terminates));
}
END_TEST

START_TEST(a_hub_that_stops_gives_its_actors_to_the_other)
{
    static struct phub_child many[200];
    static char ids[200][16];
    struct phub_place place = { .size = sizeof place };
    struct phub_future *future = NULL;
    int of_b = 0;

    hubs_make(2, migrations[_i]);
    for (int i = 0; i < 200; i++) {
        snprintf(ids[i], sizeof ids[i], "c%d", i);
        many[i] = child(ids[i]);
    }
    ck_assert_int_eq(phub_start(hubs[0], many, 200, 0, 0, &future), 0);
    ck_assert_int_eq(finish(&future, NULL), 0);
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(call(hubs[0], ids[i], "+"), 1);
        ck_assert_int_eq(phub_lookup(hubs[0], ids[i], &place), 0);
        of_b += place.node == phub_hub_node(hubs[1]);
    }
    ck_assert_int_gt(of_b, 0);
    ck_assert_int_eq(phub_hub_stop(hubs[1], WAIT_MS), 0);
    ck_assert_int_eq(phub_hub_wait_members(hubs[0], 1, WAIT_MS), 0);
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(call(hubs[0], ids[i], "+"), 2);
        ck_assert_int_eq(phub_lookup(hubs[0], ids[i], &place), 0);
        ck_assert_uint_eq(place.node, phub_hub_node(hubs[0]));
    }
    ck_assert_int_eq(atomic_load(&states_set), of_b);
    /* the stopped one still answers look-ups, and refuses the rest */
    ck_assert_int_eq(phub_lookup(hubs[1], ids[0], &place), 0);
    ck_assert_int_eq(phub_send(hubs[1], ids[0], "+", 1), PHUB_ESHUTDOWN);
    ck_assert_int_eq(phub_start(hubs[1], many, 1, 0, 0, NULL),
                     PHUB_ESHUTDOWN);
    ck_assert_int_eq(phub_hub_stop(hubs[1], 0), 0);
    hubs_free();
}
END_TEST

static void *sender(void *arg)
{
    atomic_int *left = arg;
    intptr_t acked = 0;

    while (atomic_fetch_sub(left, 1) > 0) {
        int rc = phub_call(hubs[0], "x", "+", 1, NULL, 0, NULL, WAIT_MS);

        ck_assert_msg(rc == 0, "%s", phub_strerror(rc));
        acked++;
    }
    return (void *)acked;
}

START_TEST(no_acknowledged_call_is_lost_while_an_actor_moves)
{
    atomic_int left = 2000;
    struct phub_place place = { .size = sizeof place };
    struct phub_future *future = NULL;
    const char *there;
    pthread_t threads[2];
    void *acked;
    intptr_t sum = 0;

    hubs_make(2, "hotswap");
    start_one(hubs[0], "x");
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, sender, &left);
    for (int moves = 0; moves < 8; moves++) {
        int rc;

        ck_assert_int_eq(phub_lookup(hubs[0], "x", &place), 0);
        there = place.node == phub_hub_node(hubs[0]) ? "b" : "a";
        ck_assert_int_eq(phub_move(hubs[0], "x", there, 0, &future), 0);
        rc = phub_future_wait(future, WAIT_MS);
        ck_assert_msg(rc == 0, "%s", answer_of(future, 0).text);
        phub_future_free(&future);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], &acked);
        sum += (intptr_t)acked;
    }
    ck_assert_int_eq(call(hubs[0], "x", "?"), (int)sum);
    hubs_free();
}
END_TEST

/* --- what a daemon has --------------------------------------------------------- */

static char dir[64], control[96];

static void hub_with_dir(void)
{
    char state[96], socket[128], guard[512];
    const char *settings[] = { "hub.id=test", "hub.name=a", state, socket,
        "hub.listen=tcp://127.0.0.1:0", "members.settle_ms=20",
        "strategies.distribution=consistent_hash", "strategies.sync=pubsub",
        "strategies.redundancy=singularity", "strategies.migration=hotswap",
        "strategies.partition=divergence", "hub.log_level=error",
        "members.lease_ms=30000" };
    const char *build = getenv("PHUB_BUILDDIR");
    char error[512] = "";
    int rc;

    snprintf(guard, sizeof guard, "%s/tools/phub-guard",
             build != NULL ? build : ".");
    setenv("PHUB_GUARD", guard, 1);
    snprintf(state, sizeof state, "hub.state_dir=%s/state", dir);
    snprintf(control, sizeof control, "%s/control", dir);
    snprintf(socket, sizeof socket, "hub.control=%s", control);
    rc = phub_hub_new(NULL, settings, 13, &hubs[0], error, sizeof error);
    ck_assert_msg(rc == 0, "%d: %s", rc, error);
    ck_assert_int_eq(phub_behaviour_add(hubs[0], &counter), 0);
    rc = phub_hub_start(hubs[0], error, sizeof error);
    ck_assert_msg(rc == 0, "%d: %s", rc, error);
}

/* The guard ends by itself once nobody needs it, and takes its files along:
 * until it has, the directory may fill again while it is being emptied. */
static void dir_remove(void)
{
    char command[96];
    int tries = 500;

    snprintf(command, sizeof command, "rm -rf %s 2>/dev/null", dir);
    while (system(command) != 0 && --tries > 0)
        (void)poll(NULL, 0, 20);
    ck_assert_int_gt(tries, 0);
}

START_TEST(a_hub_with_a_directory_is_the_same_node_again_and_can_be_asked)
{
    struct phub_client *client = NULL;
    uint64_t node;

    snprintf(dir, sizeof dir, "/tmp/phub-embed-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    hub_with_dir();
    node = phub_hub_node(hubs[0]);
    ck_assert_int_eq(phub_client_open(control, 5000, &client), 0);
    phub_client_close(&client);
    phub_hub_free(&hubs[0]);
    hub_with_dir();
    ck_assert_uint_eq(phub_hub_node(hubs[0]), node);
    phub_hub_free(&hubs[0]);
    dir_remove();
}
END_TEST

static void pose(struct phub_client *client, const char *verb)
{
    uint8_t bytes[32];
    struct phub_cbor_writer w;

    phub_cbor_writer_init(&w, bytes, sizeof bytes);
    phub_cbor_write_map(&w, 1);
    phub_cbor_write_uint(&w, PHUB_CONTROL_VERB);
    phub_cbor_write_cstr(&w, verb);
    ck_assert_int_eq(phub_client_send(client, (struct phub_bytes){
                                          bytes, w.size }, WAIT_MS), 0);
}

/* Mark whom a record names: "cN". */
static void read_child(struct phub_cbor_reader *r, uint8_t *told)
{
    uint64_t pairs = 0, key = 0;
    const char *id;
    size_t size;

    for (phub_cbor_read_map(r, &pairs); pairs > 0; pairs--) {
        ck_assert(phub_cbor_read_uint(r, &key));
        if (key == PHUB_CONTROL_R_ID && told != NULL) {
            ck_assert(phub_cbor_read_text(r, &id, &size));
            told[strtoul(id + 1, NULL, 10)]++;
        } else {
            ck_assert(phub_cbor_skip(r));
        }
    }
}

/* Read one answer to its end; gives its size in bytes. */
static size_t read_answer(struct phub_client *client, uint8_t *told)
{
    bool more = true;
    size_t bytes = 0;

    while (more) {
        struct phub_bytes body;
        struct phub_cbor_reader r;
        uint64_t pairs = 0, key = 0, count = 0;

        ck_assert_int_eq(phub_client_receive(client, WAIT_MS, &body), 0);
        bytes += body.size;
        more = false;
        phub_cbor_reader_init(&r, body.data, body.size);
        for (phub_cbor_read_map(&r, &pairs); pairs > 0; pairs--) {
            ck_assert(phub_cbor_read_uint(&r, &key));
            ck_assert_uint_ne(key, PHUB_CONTROL_CODE);
            if (key == PHUB_CONTROL_MORE)
                ck_assert(phub_cbor_read_bool(&r, &more));
            else if (key != PHUB_CONTROL_RECORDS)
                ck_assert(phub_cbor_skip(&r));
            else
                for (phub_cbor_read_array(&r, &count); count > 0; count--)
                    read_child(&r, told);
        }
        ck_assert(phub_cbor_read_end(&r));
    }
    return bytes;
}

#define LISTED 5000
#define LIST_TAGS 32

START_TEST(a_list_above_8_mib_is_given_whole_to_who_reads_late)
{
    static struct phub_child many[LISTED];
    static char ids[LISTED][16], tags[LIST_TAGS][64];
    static uint8_t told[LISTED];
    const char *each[LIST_TAGS];
    struct phub_client *late = NULL, *other = NULL;
    struct phub_future *future = NULL;
    int rc;

    snprintf(dir, sizeof dir, "/tmp/phub-embed-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    hub_with_dir();
    for (int i = 0; i < LIST_TAGS; i++) {
        memset(tags[i], 't', 63);
        tags[i][0] = (char)('a' + i % 16);
        tags[i][1] = (char)('a' + i / 16);
        each[i] = tags[i];
    }
    for (int i = 0; i < LISTED; i++) {
        snprintf(ids[i], sizeof ids[i], "c%d", i);
        many[i] = child(ids[i]);
        many[i].tags = each;
        many[i].tags_count = LIST_TAGS;
    }
    ck_assert_int_eq(phub_start(hubs[0], many, LISTED, 0, 100000, &future),
                     0);
    rc = phub_future_wait(future, 100000);
    for (size_t i = 0; i < LISTED; i++)
        ck_assert_msg(rc == 0 || answer_of(future, i).code == 0, "%zu: %s", i,
                      answer_of(future, i).text);
    phub_future_free(&future);
    ck_assert_int_eq(phub_client_open(control, WAIT_MS, &late), 0);
    ck_assert_int_eq(phub_client_open(control, WAIT_MS, &other), 0);
    pose(late, "ls");
    for (int i = 0; i < 100; i++) { /* the hub has many turns */
        pose(other, "nodes");
        read_answer(other, NULL);
    }
    ck_assert_uint_gt(read_answer(late, told), 8u << 20);
    for (int i = 0; i < LISTED; i++)
        ck_assert_uint_eq(told[i], 1);
    pose(late, "nodes"); /* it is as good as before */
    read_answer(late, NULL);
    phub_client_close(&late);
    phub_client_close(&other);
    phub_hub_free(&hubs[0]);
    dir_remove();
}
END_TEST

START_TEST(a_program_runs_beside_actors)
{
    const char *argv[] = { "/bin/sleep", "600", NULL };
    struct phub_child two[2] = { child("x"), child("sleep") };
    struct phub_future *future = NULL;
    struct phub_place place = { .size = sizeof place };
    int rc;

    snprintf(dir, sizeof dir, "/tmp/phub-embed-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    hub_with_dir();
    two[1].behaviour = NULL;
    two[1].argv = argv;
    ck_assert_int_eq(phub_start(hubs[0], two, 2, 0, 0, &future), 0);
    rc = phub_future_wait(future, WAIT_MS);
    ck_assert_msg(rc == 0, "%s", answer_of(future, 1).text);
    phub_future_free(&future);
    ck_assert_int_eq(phub_lookup(hubs[0], "sleep", &place), 0);
    ck_assert_int_gt(place.pid, 1);
    ck_assert_int_eq(kill((pid_t)place.pid, 0), 0);
    ck_assert_int_eq(call(hubs[0], "x", "+"), 1);
    ck_assert_int_eq(phub_hub_stop(hubs[0], 0), 0);
    ck_assert_int_ne(kill((pid_t)place.pid, 0), 0);
    phub_hub_free(&hubs[0]);
    dir_remove();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embed_children");
    TCase *tc = tcase_create("embed_children");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, a_call_reaches_an_actor_on_another_node);
    tcase_add_test(tc, what_is_sent_arrives_in_order_and_before_a_later_call);
    tcase_add_test(tc, what_a_busy_hub_takes_is_not_lost);
    tcase_add_test(tc, those_that_are_gone_delay_nobody);
    tcase_add_loop_test(tc, a_full_mailbox_delays_and_loses_nothing, 0, 2);
    tcase_add_test(tc, a_call_that_is_not_answered_fails_and_does_not_wait);
    tcase_add_test(tc, metadata_of_row_and_instance_are_found);
    tcase_add_test(tc, metadata_changes_while_an_actor_lives);
    tcase_add_test(tc, an_actor_that_ends_badly_is_started_again);
    tcase_add_test(tc, a_transient_actor_that_ends_well_is_over);
    tcase_add_test(tc, a_stopped_actor_is_terminated_and_gone);
    tcase_add_loop_test(tc, an_actor_moves_with_its_state, 0, 2);
    tcase_add_loop_test(tc, a_hub_that_stops_gives_its_actors_to_the_other, 0,
                        2);
    tcase_add_test(tc, no_acknowledged_call_is_lost_while_an_actor_moves);
    tcase_add_test(
        tc, a_hub_with_a_directory_is_the_same_node_again_and_can_be_asked);
    tcase_add_test(tc,
                   a_list_above_8_mib_is_given_whole_to_who_reads_late);
    tcase_add_test(tc, a_program_runs_beside_actors);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
