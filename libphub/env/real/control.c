/* SPDX-License-Identifier: MIT */
/* control: the socket that phub(1) asks a hub by.
 *
 * Sockets are polled and used directly, not through a uv_pipe_t: so each turn
 * reads a bounded amount, what waits to go out is counted, and no SIGPIPE is
 * raised.  A peer that failed inside a call of the hub's is only shut down;
 * its poll notices, and closed comes from the loop.
 *
 * A peer is in one of three states: open; lingering (close_peer was called:
 * what waits still goes out, nothing is read, the hub hears nothing more); and
 * dead, until libuv has closed its poll. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <phub/error.h>

#include "env/real/control.h"
#include "env/real/private.h"
#include "wire/assert.h"
#include "wire/memory.h"

#define BACKLOG 64
#define ACCEPT_TURN_MAX 16
#define ROOM_MIN 4096u
#define KEEP_MAX 65536u /* bytes of an empty buffer that are kept */
#define STALL_LOOKS 4u
#define NS_PER_MS 1000000u

struct bytes {
    uint8_t *data;
    size_t capacity;
    size_t first; /* bytes before it are done */
    size_t size;  /* end of what is there */
};

struct phub__control_peer {
    uv_poll_t poll;
    struct phub__env_real *real;
    struct phub__control *control;
    struct phub__control_peer *next;
    struct phub__control_peer *prev;
    int fd;
    bool lingering;
    bool failed;
    bool dead;
    struct bytes in;
    struct bytes out;
    uint64_t progress_ns;
    pid_t pid;
    uid_t uid;
    void *data;
};

struct phub__control {
    uv_poll_t poll;
    struct phub__env_real *real;
    int fd;
    int spare;  /* a descriptor for who is refused; -1: none */
    char *path;
    struct phub__control_events events;
    void *arg;
    struct phub__control_peer *peers;
    uint32_t peer_count;
    struct phub__timer *stall;
    bool stall_runs;
    struct phub__control_counters counters;
};

/* --- bytes --------------------------------------------------------------- */

static size_t bytes_count(const struct bytes *bytes)
{
    return bytes->size - bytes->first;
}

/* Make room for size more behind what is there. */
static int bytes_room(struct bytes *bytes, size_t size)
{
    size_t count = bytes_count(bytes);
    size_t capacity;
    uint8_t *data;

    if (bytes->capacity - bytes->size >= size)
        return 0;
    if (bytes->first > 0)
        memmove(bytes->data, bytes->data + bytes->first, count);
    bytes->first = 0;
    bytes->size = count;
    if (bytes->capacity - count >= size)
        return 0;
    capacity = bytes->capacity * 2;
    if (capacity < count + size)
        capacity = count + size;
    data = phub__realloc(bytes->data, capacity);
    if (data == NULL)
        return PHUB_ENOMEM;
    bytes->data = data;
    bytes->capacity = capacity;
    return 0;
}

static void bytes_done(struct bytes *bytes, size_t size)
{
    phub__assert(size <= bytes_count(bytes));
    bytes->first += size;
    if (bytes->first < bytes->size)
        return;
    bytes->first = 0;
    bytes->size = 0;
    if (bytes->capacity > KEEP_MAX) {
        phub__free(bytes->data);
        *bytes = (struct bytes){ 0 };
    }
}

/* --- the end of a peer --------------------------------------------------- */

static void on_peer_closed(uv_handle_t *handle)
{
    struct phub__control_peer *peer = handle->data;
    struct phub__env_real *real = peer->real;

    phub__free(peer->in.data);
    phub__free(peer->out.data);
    phub__free(peer);
    phub__real_closed(real);
}

static void peer_end(struct phub__control_peer *peer)
{
    struct phub__control *control = peer->control;

    phub__assert(!peer->dead);
    peer->dead = true;
    if (peer->next != NULL)
        peer->next->prev = peer->prev;
    if (peer->prev != NULL)
        peer->prev->next = peer->next;
    else
        control->peers = peer->next;
    control->peer_count--;
    phub__real_close(peer->real, (uv_handle_t *)&peer->poll, on_peer_closed);
    close(peer->fd);
}

/* From the loop only: the other side went, or has to. */
static void peer_lost(struct phub__control_peer *peer)
{
    struct phub__control *control = peer->control;
    struct phub__env_real *real = peer->real;

    peer_end(peer);
    if (!peer->lingering)
        control->events.closed(control->arg, peer);
    phub__real_turn_end(real);
}

static void peer_fail(struct phub__control_peer *peer)
{
    peer->failed = true;
    shutdown(peer->fd, SHUT_RDWR);
}

/* --- sending ------------------------------------------------------------- */

static void on_peer(uv_poll_t *poll, int status, int events);

static void peer_watch(struct phub__control_peer *peer)
{
    int events = peer->lingering ? 0 : UV_READABLE;

    if (bytes_count(&peer->out) > 0)
        events |= UV_WRITABLE;
    uv_poll_start(&peer->poll, events | UV_DISCONNECT, on_peer);
}

static void stall_start(struct phub__control *control)
{
    struct phub_env *env = &control->real->env;

    if (control->stall_runs)
        return;
    control->stall_runs = true;
    env->timer_start(env, control->stall, env->now_ns(env) +
                     (uint64_t)PHUB__CONTROL_STALL_MS / STALL_LOOKS *
                     NS_PER_MS);
}

static void on_stall(void *arg)
{
    struct phub__control *control = arg;
    struct phub_env *env = &control->real->env;
    uint64_t now = env->now_ns(env);
    bool waiting = false;

    control->stall_runs = false;
    for (struct phub__control_peer *peer = control->peers; peer != NULL;
         peer = peer->next) {
        if (bytes_count(&peer->out) == 0)
            continue;
        waiting = true;
        if (now - peer->progress_ns >=
            (uint64_t)PHUB__CONTROL_STALL_MS * NS_PER_MS && !peer->failed) {
            control->counters.closed_slow++;
            peer_fail(peer);
        }
    }
    if (waiting)
        stall_start(control);
}

/* Send what waits as far as it goes.  False if the other side is gone. */
static bool peer_flush(struct phub__control_peer *peer)
{
    struct phub_env *env = &peer->real->env;

    while (bytes_count(&peer->out) > 0) {
        ssize_t put = send(peer->fd, peer->out.data + peer->out.first,
                           bytes_count(&peer->out),
                           MSG_NOSIGNAL | MSG_DONTWAIT);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno == EAGAIN;
        bytes_done(&peer->out, (size_t)put);
        peer->progress_ns = env->now_ns(env);
    }
    return true;
}

int phub__control_send(struct phub__control_peer *peer, struct phub_bytes body)
{
    struct phub__control *control = peer->control;
    struct phub_env *env = &peer->real->env;
    size_t before = bytes_count(&peer->out);
    size_t size = PHUB__CONTROL_HEAD + body.size;

    phub__assert(!peer->dead && !peer->lingering);
    if (body.size > PHUB__CONTROL_FRAME_MAX)
        return PHUB_ELIMIT;
    if (peer->failed)
        return PHUB_EBUSY;
    if (before + size > PHUB__CONTROL_OUTPUT_MAX) {
        control->counters.closed_slow++;
        peer_fail(peer);
        return PHUB_EBUSY;
    }
    if (bytes_room(&peer->out, size) != 0) {
        peer_fail(peer); /* else it would wait for this for ever */
        return PHUB_ENOMEM;
    }
    phub__control_head_put(peer->out.data + peer->out.size, body.size);
    if (body.size > 0)
        memcpy(peer->out.data + peer->out.size + PHUB__CONTROL_HEAD,
               body.data, body.size);
    peer->out.size += size;
    control->counters.sent++;
    if (before > 0)
        return 0; /* the poll goes on with it */
    peer->progress_ns = env->now_ns(env);
    if (!peer_flush(peer))
        peer_fail(peer);
    if (bytes_count(&peer->out) > 0) {
        peer_watch(peer);
        stall_start(control);
    }
    return 0;
}

/* --- receiving ----------------------------------------------------------- */

/* Hand over the whole frames that are there.  False: over the limit. */
static bool peer_frames(struct phub__control_peer *peer)
{
    struct phub__control *control = peer->control;
    struct phub__env_real *real = peer->real;

    while (!peer->dead && !peer->lingering && !peer->failed &&
           bytes_count(&peer->in) >= PHUB__CONTROL_HEAD) {
        const uint8_t *frame = peer->in.data + peer->in.first;
        size_t size = phub__control_head_get(frame);

        if (size > PHUB__CONTROL_FRAME_MAX) {
            control->counters.refused_size++;
            return false;
        }
        if (bytes_count(&peer->in) - PHUB__CONTROL_HEAD < size)
            break;
        control->counters.received++;
        control->events.received(control->arg, peer, (struct phub_bytes){
                                 frame + PHUB__CONTROL_HEAD, size });
        bytes_done(&peer->in, PHUB__CONTROL_HEAD + size);
        phub__real_turn_end(real);
    }
    return true;
}

/* False: the other side is gone, or has to go. */
static bool peer_read(struct phub__control_peer *peer)
{
    size_t room;
    ssize_t got;

    if (bytes_room(&peer->in, ROOM_MIN) != 0)
        return false;
    room = peer->in.capacity - peer->in.size;
    if (room > PHUB__CONTROL_READ_TURN_MAX)
        room = PHUB__CONTROL_READ_TURN_MAX;
    got = recv(peer->fd, peer->in.data + peer->in.size, room, MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    if (got == 0)
        return false;
    peer->in.size += (size_t)got;
    return peer_frames(peer);
}

static void on_peer(uv_poll_t *poll, int status, int events)
{
    struct phub__control_peer *peer = poll->data;
    struct phub__env_real *real = peer->real;
    size_t before = bytes_count(&peer->out);
    bool alive = status == 0 && !peer->failed;

    if (alive && (events & UV_WRITABLE) != 0)
        alive = peer_flush(peer);
    if (alive && !peer->lingering && (events & UV_READABLE) != 0)
        alive = peer_read(peer);
    else if (alive && peer->lingering && (events & UV_DISCONNECT) != 0)
        alive = false;
    if (peer->dead)
        return;
    if (!alive || (peer->lingering && bytes_count(&peer->out) == 0)) {
        peer_lost(peer);
        return;
    }
    if (before > 0 && bytes_count(&peer->out) == 0) {
        peer_watch(peer);
        if (peer->control->events.drained != NULL && !peer->lingering)
            peer->control->events.drained(peer->control->arg, peer);
        phub__real_turn_end(real);
    }
}

/* --- accepting ----------------------------------------------------------- */

static void peer_new(struct phub__control *control, int fd)
{
    struct phub__env_real *real = control->real;
    struct phub__control_peer *peer = NULL;
    struct ucred who = { 0 };
    socklen_t size = sizeof who;

    if (control->peer_count < PHUB__CONTROL_PEERS_MAX &&
        phub__env_real_fds_spare(&real->env, 1))
        peer = phub__calloc(1, sizeof *peer);
    if (peer == NULL || uv_poll_init(real->loop, &peer->poll, fd) != 0) {
        control->counters.refused_peers++;
        phub__free(peer);
        close(fd);
        return;
    }
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
    real->handles++;
    peer->poll.data = peer;
    peer->real = real;
    peer->control = control;
    peer->fd = fd;
    peer->pid = who.pid;
    peer->uid = who.uid;
    peer->next = control->peers;
    if (peer->next != NULL)
        peer->next->prev = peer;
    control->peers = peer;
    control->peer_count++;
    control->counters.connected++;
    peer_watch(peer);
    control->events.connected(control->arg, peer);
    phub__real_turn_end(real);
}

static int spare_open(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* All descriptors are used.  One that waits to be accepted would wake the loop
 * again and again: it gets the spare one, and is refused.  libuv does the same
 * for its own sockets. */
static bool refuse_next(struct phub__control *control)
{
    int fd;

    if (control->spare >= 0)
        close(control->spare);
    fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        control->counters.refused_peers++;
        close(fd);
    }
    control->spare = spare_open();
    return fd >= 0;
}

static void on_connections(uv_poll_t *poll, int status, int events)
{
    struct phub__control *control = poll->data;

    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPT_TURN_MAX && control->fd >= 0; i++) {
        int fd = accept4(control->fd, NULL, NULL,
                         SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0)
            peer_new(control, fd);
        else if ((errno != EMFILE && errno != ENFILE) ||
                 !refuse_next(control))
            return;
    }
}

/* --- listening ----------------------------------------------------------- */

/* Whether nobody answers at the socket that is there. */
static bool is_stale(const struct sockaddr_un *address, socklen_t size)
{
    struct stat status;
    bool stale;
    int fd;

    if (lstat(address->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    stale = connect(fd, (const struct sockaddr *)address, size) != 0 &&
            errno == ECONNREFUSED;
    close(fd);
    return stale;
}

static int bind_at(int fd, const char *path)
{
    struct sockaddr_un address;
    socklen_t size;
    int dir_fd;
    int rc = phub__control_address(path, &address, &size, &dir_fd);

    if (rc != 0) {
        errno = rc == PHUB_ENOTFOUND ? ENOENT : ENAMETOOLONG;
        return PHUB_ESYS;
    }
    /* Linux gives the path the mode of the socket. */
    if (fchmod(fd, 0600) != 0)
        rc = PHUB_ESYS;
    else if (bind(fd, (struct sockaddr *)&address, size) != 0) {
        rc = PHUB_ESYS;
        if (errno == EADDRINUSE) {
            rc = PHUB_EEXIST;
            if (is_stale(&address, size) && unlink(address.sun_path) == 0)
                rc = bind(fd, (struct sockaddr *)&address, size) == 0
                    ? 0 : PHUB_ESYS;
        }
    }
    if (dir_fd >= 0) {
        int number = errno;

        close(dir_fd);
        errno = number;
    }
    return rc;
}

static int open_socket(struct phub__control *control, char *error,
                       size_t error_max)
{
    int rc = PHUB_ESYS;

    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                         0);
    if (control->fd >= 0)
        rc = bind_at(control->fd, control->path);
    if (rc == 0 && (listen(control->fd, BACKLOG) != 0 ||
                    uv_poll_init(control->real->loop, &control->poll,
                                 control->fd) != 0)) {
        rc = PHUB_ESYS;
        unlink(control->path);
    }
    if (rc == PHUB_EEXIST)
        phub__real_fail(error, error_max, rc, "control socket \"%s\" is in"
                        " use, or is no socket", control->path);
    else if (rc != 0)
        phub__real_fail(error, error_max, rc, "cannot listen on control"
                        " socket \"%s\": %s", control->path, strerror(errno));
    return rc;
}

static void on_control_closed(uv_handle_t *handle)
{
    struct phub__control *control = handle->data;
    struct phub__env_real *real = control->real;

    phub__free(control->path);
    phub__free(control);
    phub__real_closed(real);
}

int phub__control_listen(struct phub_env *env, const char *path,
                         const struct phub__control_events *events, void *arg,
                         struct phub__control **result, char *error,
                         size_t error_max)
{
    struct phub__env_real *real = phub__real_of(env);
    struct phub__control *control = phub__calloc(1, sizeof *control);
    int rc = PHUB_ENOMEM;

    if (control == NULL)
        return phub__real_fail(error, error_max, rc, "out of memory");
    control->fd = -1;
    control->spare = spare_open();
    control->real = real;
    control->events = *events;
    control->arg = arg;
    control->path = phub__strdup(path);
    control->stall = env->timer_new(env, on_stall, control);
    if (control->path == NULL || control->stall == NULL)
        phub__real_fail(error, error_max, rc, "out of memory");
    else
        rc = open_socket(control, error, error_max);
    if (rc != 0) {
        env->timer_free(env, &control->stall);
        if (control->fd >= 0)
            close(control->fd);
        if (control->spare >= 0)
            close(control->spare);
        phub__free(control->path);
        phub__free(control);
        return rc;
    }
    real->handles++;
    control->poll.data = control;
    uv_poll_start(&control->poll, UV_READABLE, on_connections);
    *result = control;
    return 0;
}

void phub__control_close(struct phub__control **control_ptr)
{
    struct phub__control *control = *control_ptr;
    struct phub_env *env;

    if (control == NULL)
        return;
    *control_ptr = NULL;
    env = &control->real->env;
    while (control->peers != NULL)
        peer_end(control->peers);
    env->timer_free(env, &control->stall);
    unlink(control->path);
    phub__real_close(control->real, (uv_handle_t *)&control->poll,
                     on_control_closed);
    close(control->fd);
    control->fd = -1;
    if (control->spare >= 0)
        close(control->spare);
}

/* --- questions ----------------------------------------------------------- */

size_t phub__control_pending(const struct phub__control_peer *peer)
{
    return bytes_count(&peer->out);
}

void phub__control_close_peer(struct phub__control_peer **peer_ptr)
{
    struct phub__control_peer *peer = *peer_ptr;

    if (peer == NULL)
        return;
    *peer_ptr = NULL;
    phub__assert(!peer->dead && !peer->lingering);
    if (bytes_count(&peer->out) == 0 || peer->failed) {
        peer_end(peer);
        return;
    }
    peer->lingering = true;
    peer_watch(peer);
}

void **phub__control_data(struct phub__control_peer *peer)
{
    return &peer->data;
}

void phub__control_who(const struct phub__control_peer *peer, pid_t *pid,
                       uid_t *uid)
{
    *pid = peer->pid;
    *uid = peer->uid;
}

void phub__control_counters(const struct phub__control *control,
                            struct phub__control_counters *counters)
{
    *counters = control->counters;
}
