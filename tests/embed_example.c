/* SPDX-License-Identifier: MIT */
/* Two hubs in one process, and a thousand actors that count pluses. */
#include <err.h>
#include <phub/phub.h>
#include <pthread.h>
#include <stdio.h>

static void count(void *self, struct phub_actor *me, const void *data, size_t n)
{
    *(int *)self += n != 0 && *(const char *)data == '+';
    phub_actor_reply(me, self, sizeof(int));
}

static struct phub_hub *host(const char *name, const char *seed)
{
    struct phub_behaviour counter = { .size = sizeof counter, .handle = count,
        .name = "counter", .instance_size = sizeof(int) };
    char settings[400], error[256];
    struct phub_hub *hub;

    snprintf(settings, sizeof settings, "hub.id=example\nhub.name=%s\n"
             "hub.listen=tcp://127.0.0.1:0\nhub.seeds=%s", name, seed);
    if (phub_hub_open(settings, &counter, 1, &hub, error, sizeof error) != 0)
        errx(1, "%s: %s", name, error);
    return hub;
}

static void drained(void *out, const struct phub_hook_event *event)
{
    fprintf(out, "b is empty: %s\n", phub_strerror(event->code));
}

static void *look(void *hub) /* on a thread of its own */
{
    struct phub_place place = { .size = sizeof place };
    int n = 0;

    if (phub_lookup(hub, "c500", &place) != 0 ||
        phub_call(hub, "c500", "+", 1, &n, sizeof n, NULL, 5000) != 0)
        errx(1, "c500 does not answer");
    printf("c500 on node %lx counts %d\n", (unsigned long)place.node, n);
    return NULL;
}

int main(void)
{
    struct phub_hub *a = host("a", ""), *b = host("b", phub_hub_endpoint(a));
    struct phub_child thousand = { .size = sizeof thousand, .id = "c%d",
                                   .count = 1000, .behaviour = "counter" };
    struct phub_future *future;
    pthread_t thread;

    phub_hub_wait_members(a, 2, 10000);
    phub_hook_add(b, "drain_completed", 0, drained, stdout, NULL);
    phub_start(a, &thousand, 1, 0, 0, &future);
    printf("start: %s\n", phub_strerror(phub_future_finish(&future, 10000)));
    pthread_create(&thread, NULL, look, b);
    pthread_join(thread, NULL);
    phub_hub_close(&b, 5000); /* its actors move to a */
    return phub_hub_close(&a, 0);
}
