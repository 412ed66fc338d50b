/* SPDX-License-Identifier: MIT */
/* names: from what a configuration says to the endpoints to try.
 *
 *   tcp://..., ipc://...  itself
 *   dns:NAME:PORT         all addresses of NAME, "[...]" allowed around it
 *   file:PATH             an endpoint per line, # begins a comment
 *
 * The resolver and the file are asked on a worker thread. */
#include "config.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "env/real/private.h"
#include "wire/memory.h"

#define LIST_FILE_MAX 65536u /* bytes; what is behind is ignored */
#define WHAT_MAX 4096u

struct phub__real_lookup {
    struct phub__real_lookup *next, **back;
    union {
        uv_getaddrinfo_t dns;
        uv_work_t work;
    } uv;
    struct phub__env_real *real;
    void (*done)(void *arg, const struct phub__resolved *r);
    void *arg;
    int rc;
    uint32_t count;
    char *endpoints[PHUB__RESOLVED_MAX];
    char what[];
};

static void resolve_add(struct phub__real_lookup *resolve, const char *endpoint)
{
    char *copy;

    if (resolve->count == PHUB__RESOLVED_MAX)
        return;
    for (uint32_t i = 0; i < resolve->count; i++)
        if (strcmp(resolve->endpoints[i], endpoint) == 0)
            return;
    copy = phub__strdup(endpoint);
    if (copy == NULL)
        resolve->rc = PHUB_ENOMEM;
    else
        resolve->endpoints[resolve->count++] = copy;
}

static void resolve_end(struct phub__real_lookup *resolve)
{
    struct phub__env_real *real = resolve->real;
    struct phub__resolved result = {
        .rc = resolve->rc,
        .count = resolve->rc == 0 ? resolve->count : 0,
        .endpoints = (const char *const *)resolve->endpoints,
    };

    *resolve->back = resolve->next;
    if (resolve->next != NULL)
        resolve->next->back = resolve->back;
    if (result.rc == 0 && result.count == 0)
        result.rc = PHUB_ENOTFOUND;
    if (!real->freed) {
        resolve->done(resolve->arg, &result);
        phub__real_turn_end(real);
    }
    for (uint32_t i = 0; i < resolve->count; i++)
        phub__free(resolve->endpoints[i]);
    phub__free(resolve);
    phub__real_request_end(real);
}

/* --- dns: ---------------------------------------------------------------- */

static void add_address(struct phub__real_lookup *resolve,
                        const struct addrinfo *info, const char *port)
{
    char address[INET6_ADDRSTRLEN];
    char endpoint[PHUB_ENDPOINT_MAX + 1];
    int size;

    if (info->ai_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)info->ai_addr;

        if (inet_ntop(AF_INET, &in->sin_addr, address, sizeof address) == NULL)
            return;
        size = snprintf(endpoint, sizeof endpoint, "tcp://%s:%s", address,
                        port);
    } else if (info->ai_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)info->ai_addr;

        if (inet_ntop(AF_INET6, &in6->sin6_addr, address,
                      sizeof address) == NULL)
            return;
        size = snprintf(endpoint, sizeof endpoint, "tcp://[%s]:%s", address,
                        port);
    } else {
        return;
    }
    if (size > 0 && (size_t)size < sizeof endpoint)
        resolve_add(resolve, endpoint);
}

static void on_addresses(uv_getaddrinfo_t *uv, int status,
                         struct addrinfo *list)
{
    struct phub__real_lookup *resolve = uv->data;
    const char *port = strrchr(resolve->what, ':');

    if (status != 0)
        resolve->rc = status == UV_EAI_MEMORY ? PHUB_ENOMEM : PHUB_ENOTFOUND;
    for (struct addrinfo *info = list; info != NULL; info = info->ai_next)
        add_address(resolve, info, port + 1);
    uv_freeaddrinfo(list);
    resolve_end(resolve);
}

bool phub__real_port_ok(const char *port)
{
    uint32_t number = 0;

    if (port[0] == '\0' || strlen(port) > 5)
        return false;
    for (; *port != '\0'; port++) {
        if (*port < '0' || *port > '9')
            return false;
        number = number * 10 + (uint32_t)(*port - '0');
    }
    return number > 0 && number <= 65535;
}

static int start_dns(struct phub__real_lookup *resolve)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    const char *what = resolve->what + strlen("dns:");
    const char *colon = strrchr(what, ':');
    char name[256];
    size_t size;

    if (colon == NULL || !phub__real_port_ok(colon + 1))
        return PHUB_EINVAL;
    size = (size_t)(colon - what);
    if (size >= 2 && what[0] == '[' && what[size - 1] == ']') {
        what++;
        size -= 2;
    }
    if (size == 0 || size >= sizeof name)
        return PHUB_EINVAL;
    memcpy(name, what, size);
    name[size] = '\0';
    resolve->uv.dns.data = resolve;
    return uv_getaddrinfo(resolve->real->loop, &resolve->uv.dns, on_addresses,
                          name, NULL, &hints) == 0 ? 0 : PHUB_ENOTFOUND;
}

/* --- file: and plain ----------------------------------------------------- */

static void on_file(uv_work_t *work)
{
    struct phub__real_lookup *resolve = work->data;
    char line[PHUB_ENDPOINT_MAX + 64];
    size_t left = LIST_FILE_MAX;
    FILE *file;

    if (strncmp(resolve->what, "file:", 5) != 0) {
        resolve_add(resolve, resolve->what);
        return;
    }
    file = fopen(resolve->what + 5, "re");
    if (file == NULL) {
        resolve->rc = PHUB_ENOTFOUND;
        return;
    }
    while (left > sizeof line && fgets(line, sizeof line, file) != NULL) {
        char *start = line + strspn(line, " \t");
        size_t size;

        left -= strlen(line);
        start[strcspn(start, "#\r\n")] = '\0';
        size = strlen(start);
        while (size > 0 && (start[size - 1] == ' ' || start[size - 1] == '\t'))
            start[--size] = '\0';
        if (size > 0 && size <= PHUB_ENDPOINT_MAX)
            resolve_add(resolve, start);
    }
    fclose(file);
}

static void on_file_done(uv_work_t *work, int status)
{
    (void)status;
    resolve_end(work->data);
}

static int start_file(struct phub__real_lookup *resolve)
{
    resolve->uv.work.data = resolve;
    return uv_queue_work(resolve->real->loop, &resolve->uv.work, on_file,
                         on_file_done) == 0 ? 0 : PHUB_ESYS;
}

int phub__real_resolve(struct phub_env *env, const char *what,
                       void (*done)(void *arg,
                                    const struct phub__resolved *r),
                       void *arg)
{
    struct phub__env_real *real = phub__real_of(env);
    size_t size = strlen(what);
    struct phub__real_lookup *resolve;
    int rc;

    if (size == 0 || size > WHAT_MAX)
        return PHUB_EINVAL;
    resolve = phub__calloc(1, sizeof *resolve + size + 1);
    if (resolve == NULL)
        return PHUB_ENOMEM;
    resolve->real = real;
    resolve->done = done;
    resolve->arg = arg;
    memcpy(resolve->what, what, size + 1);
    rc = strncmp(what, "dns:", 4) == 0 ? start_dns(resolve)
                                       : start_file(resolve);
    if (rc != 0) {
        phub__free(resolve);
        return rc;
    }
    resolve->next = real->lookups;
    resolve->back = &real->lookups;
    if (resolve->next != NULL)
        resolve->next->back = &resolve->next;
    real->lookups = resolve;
    real->requests++;
    return 0;
}

void phub__real_resolve_stop(struct phub__env_real *real)
{
    struct phub__real_lookup *resolve;

    for (resolve = real->lookups; resolve != NULL; resolve = resolve->next)
        (void)uv_cancel((uv_req_t *)&resolve->uv);
}
