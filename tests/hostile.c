/* SPDX-License-Identifier: MIT */
/* hostile: a child that breaks one rule of phub-child(7), for tests.
 *
 *   hostile silent   says hello, and never ready
 *   hostile deaf     takes no signal but SIGKILL and no stop
 *   hostile flood    publishes without end
 *   hostile garbage  sends datagrams that are no messages
 *   hostile late     gives its state long after it was asked for, and twice
 *   hostile twice    gives its state at once, and again, with another one
 *
 * It speaks the channel by the page alone, without the library. */
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <phub/cbor.h>
#include <phub/child.h>

#define CHANNEL 3
#define LATE_MS 1500
#define GARBAGE 64 /* datagrams; the hub closes the channel at the 16th */

static const char *mode;

static int is(const char *what)
{
    return strcmp(mode, what) == 0;
}

static void say(struct phub_cbor_writer *w)
{
    if (send(CHANNEL, w->buf, w->size, MSG_NOSIGNAL) < 0)
        exit(1);
}

static void say_hello(void)
{
    uint64_t can = PHUB_CHILD_CAN_FREEZE | PHUB_CHILD_CAN_STATE;
    struct phub_cbor_writer w;
    uint8_t bytes[64];

    if (is("silent"))
        can |= PHUB_CHILD_CAN_DEFER_READY;
    phub_cbor_writer_init(&w, bytes, sizeof bytes);
    phub_cbor_write_map(&w, 4);
    phub_cbor_write_uint(&w, PHUB_CHILD_KEY_VERB);
    phub_cbor_write_uint(&w, PHUB_CHILD_HELLO);
    phub_cbor_write_uint(&w, PHUB_CHILD_KEY_VERSION);
    phub_cbor_write_uint(&w, PHUB_CHILD_VERSION);
    phub_cbor_write_uint(&w, PHUB_CHILD_KEY_CAPABILITIES);
    phub_cbor_write_uint(&w, can);
    phub_cbor_write_uint(&w, PHUB_CHILD_KEY_STATE_VERSION);
    phub_cbor_write_uint(&w, 1);
    say(&w);
}

static void say_done(uint64_t ref, const char *body)
{
    struct phub_cbor_writer w;
    uint8_t bytes[128];

    phub_cbor_writer_init(&w, bytes, sizeof bytes);
    phub_cbor_write_map(&w, body != NULL ? 4 : 3);
    phub_cbor_write_uint(&w, PHUB_CHILD_KEY_VERB);
    phub_cbor_write_uint(&w, PHUB_CHILD_DONE);
    phub_cbor_write_uint(&w, PHUB_CHILD_KEY_REF);
    phub_cbor_write_uint(&w, ref);
    if (body != NULL) {
        phub_cbor_write_uint(&w, PHUB_CHILD_KEY_BODY);
        phub_cbor_write_bytes(&w, body, strlen(body));
    }
    phub_cbor_write_uint(&w, PHUB_CHILD_KEY_CODE);
    phub_cbor_write_uint(&w, 0);
    say(&w);
}

static void publish(unsigned number)
{
    struct phub_cbor_writer w, map;
    uint8_t bytes[128], body[64];
    char text[16];

    snprintf(text, sizeof text, "%u", number);
    phub_cbor_writer_init(&map, body, sizeof body);
    phub_cbor_write_map(&map, 1);
    phub_cbor_write_cstr(&map, "n");
    phub_cbor_write_cstr(&map, text);
    phub_cbor_writer_init(&w, bytes, sizeof bytes);
    phub_cbor_write_map(&w, 2);
    phub_cbor_write_uint(&w, PHUB_CHILD_KEY_VERB);
    phub_cbor_write_uint(&w, PHUB_CHILD_PUBLISH);
    phub_cbor_write_uint(&w, PHUB_CHILD_KEY_BODY);
    phub_cbor_write_bytes(&w, body, map.size);
    say(&w);
}

static void give_state(uint64_t ref)
{
    if (is("late"))
        poll(NULL, 0, LATE_MS);
    say_done(ref, "one");
    say_done(ref, "two");
}

static void hear(const uint8_t *bytes, size_t size)
{
    uint64_t pairs = 0, key = 0, verb = 0, ref = 0;
    struct phub_cbor_reader r;

    phub_cbor_reader_init(&r, bytes, size);
    for (phub_cbor_read_map(&r, &pairs); pairs > 0 && !r.error; pairs--) {
        phub_cbor_read_uint(&r, &key);
        if (key == PHUB_CHILD_KEY_VERB)
            phub_cbor_read_uint(&r, &verb);
        else if (key == PHUB_CHILD_KEY_REF)
            phub_cbor_read_uint(&r, &ref);
        else
            phub_cbor_skip(&r);
    }
    if (verb == PHUB_CHILD_STOP && !is("deaf"))
        exit(0);
    if (verb == PHUB_CHILD_TAKE_STATE)
        give_state(ref);
    else if (ref != 0)
        say_done(ref, NULL);
}

int main(int argc, char **argv)
{
    static uint8_t bytes[PHUB_CHILD_MESSAGE_MAX];
    ssize_t size;
    unsigned i;

    if (argc != 2) {
        fputs("usage: phub start ID -- hostile MODE\n", stderr);
        return 2;
    }
    mode = argv[1];
    if (is("deaf")) {
        signal(SIGTERM, SIG_IGN);
        signal(SIGINT, SIG_IGN);
    }
    say_hello();
    if (is("garbage")) {
        memset(bytes, 0xff, sizeof bytes);
        for (i = 1; i <= GARBAGE; i++)
            if (send(CHANNEL, bytes, i * 100, MSG_NOSIGNAL) < 0)
                break;
        for (;;)
            pause();
    }
    for (i = 0; is("flood"); i++)
        publish(i);
    while ((size = recv(CHANNEL, bytes, sizeof bytes, 0)) > 0)
        hear(bytes, (size_t)size);
    return 0;
}
