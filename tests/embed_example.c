/* SPDX-License-Identifier: MIT */
/* Two hubs in one process, and a thousand actors that count messages. */
#include <phub/phub.h>
#include <pthread.h>
#include <stdio.h>

static struct phub_hub *hubs[2];
static struct phub_child children[1000];
static char ids[1000][16];

static void count(void *self, struct phub_actor *actor, const void *data,
                  size_t size)
{
    (void)data, (void)size;
    ++*(int *)self;
    phub_actor_reply(actor, self, sizeof(int));
}

static void joined(void *name, const struct phub_hook_event *event)
{
    printf("%s sees %s\n", (char *)name, event->text);
}

static int host(int i, char *name, const char *hub_name, const char *seeds)
{
    const char *settings[] = { "hub.id=example", hub_name, seeds,
        "hub.listen=tcp://127.0.0.1:0", "members.settle_ms=50",
        "strategies.distribution=consistent_hash", "strategies.sync=pubsub",
        "strategies.redundancy=singularity", "strategies.migration=hotswap",
        "strategies.partition=divergence" };
    struct phub_behaviour counter = { .size = sizeof counter,
        .name = "counter", .instance_size = sizeof(int), .handle = count };
    char error[256] = "";

    if (phub_hub_new(NULL, settings, 10, &hubs[i], error, 256) == 0 &&
        phub_behaviour_add(hubs[i], &counter) == 0 &&
        phub_hook_add(hubs[i], "post_node_join", 0, joined, name, NULL) == 0 &&
        phub_hub_start(hubs[i], error, sizeof error) == 0)
        return 1;
    return fprintf(stderr, "%s: %s\n", name, error), 0;
}

static void *look(void *id) /* on a thread of its own, by the other hub */
{
    struct phub_place place = { .size = sizeof place };
    int n = 0, rc = phub_lookup(hubs[1], id, &place);

    if (rc == 0)
        rc = phub_call(hubs[1], id, "+1", 2, &n, sizeof n, NULL, 5000);
    printf("%s on node %s counts %d: %s\n", (char *)id,
           place.node == phub_hub_node(hubs[0]) ? "a" : "b", n,
           phub_strerror(rc));
    return rc == 0 ? id : NULL;
}

int main(void)
{
    struct phub_future *started = NULL;
    char seeds[300] = "hub.seeds=";
    void *found = NULL;
    pthread_t thread;

    if (!host(0, "a", "hub.name=a", seeds))
        return 1;
    snprintf(seeds, sizeof seeds, "hub.seeds=%s", phub_hub_endpoint(hubs[0]));
    if (!host(1, "b", "hub.name=b", seeds))
        return 1;
    phub_hub_wait_members(hubs[0], 2, 10000);
    for (int i = 0; i < 1000; i++) {
        snprintf(ids[i], sizeof ids[i], "c%d", i);
        children[i] = (struct phub_child){ .size = sizeof children[i],
                                           .id = ids[i],
                                           .behaviour = "counter" };
    }
    if (phub_start(hubs[0], children, 1000, 0, 0, &started) == 0)
        printf("1000 actors: %s\n",
               phub_strerror(phub_future_wait(started, 10000)));
    phub_future_free(&started);
    pthread_create(&thread, NULL, look, ids[500]);
    pthread_join(thread, &found);
    phub_hub_stop(hubs[1], 5000); /* its actors move to a */
    for (int i = 0; i < 2; i++)
        phub_hub_free(&hubs[i]);
    return found == NULL;
}
