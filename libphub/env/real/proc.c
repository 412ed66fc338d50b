/* SPDX-License-Identifier: MIT */
/* proc: what the machine and the hub's programs use, from proc(5).
 *
 * Called on a worker thread, since each program is a file to be read.  A
 * program that ends meanwhile uses nothing.  The machine is told by its boot
 * id: nodes in containers of one machine share its processors, too. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <xxhash.h>

#include <phub/error.h>

#include "env/real/private.h"

#define TEXT_MAX 4096u
#define NS_PER_S UINT64_C(1000000000)

/* The beginning of a file, with a NUL; its size, or 0. */
static size_t slurp(const char *path, char *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = 0;
    ssize_t n;

    if (fd < 0)
        return 0;
    while (size < TEXT_MAX - 1) {
        n = read(fd, text + size, TEXT_MAX - 1 - size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        size += (size_t)n;
    }
    close(fd);
    text[size] = '\0';
    return size;
}

/* "cpu  USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ STEAL GUEST ...": a guest's
 * time is in that of its user already. */
static int machine_cpu(struct phub__load *load)
{
    char text[TEXT_MAX], *at = text + 3, *end;
    uint64_t value;
    unsigned i;

    if (slurp("/proc/stat", text) < 4 || strncmp(text, "cpu ", 4) != 0)
        return PHUB_ESYS;
    for (i = 0; i < 8; i++) {
        value = strtoull(at, &end, 10);
        if (end == at)
            break;
        at = end;
        load->cpu_all += value;
        load->cpu_busy += i == 3 || i == 4 ? 0 : value;
    }
    return i >= 4 ? 0 : PHUB_ESYS;
}

static uint64_t meminfo(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    return at != NULL ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

static uint64_t page_size(void)
{
    long size = sysconf(_SC_PAGESIZE);

    return size > 0 ? (uint64_t)size : 4096;
}

/* "PID (NAME) STATE ..." has the user's and the system's ticks as fields 14
 * and 15, and the resident pages as 24; a name may hold anything. */
static void program(int64_t pid, uint64_t tick_ns, struct phub__load *load)
{
    char path[64], text[TEXT_MAX], *at;
    unsigned field;

    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    if (slurp(path, text) == 0)
        return;
    at = strrchr(text, ')');
    if (at == NULL)
        return;
    for (field = 2; at != NULL && field < 24;) {
        at = strchr(at, ' ');
        if (at == NULL)
            return;
        at++;
        field++;
        if (field == 14 || field == 15)
            load->node_cpu_ns += strtoull(at, NULL, 10) * tick_ns;
    }
    load->node_memory_bytes += strtoull(at, NULL, 10) * page_size();
}

static void own_process(struct phub__load *load)
{
    char text[TEXT_MAX], *at;
    struct timespec used;

    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0)
        load->node_cpu_ns += (uint64_t)used.tv_sec * NS_PER_S +
                             (uint64_t)used.tv_nsec;
    if (slurp("/proc/self/statm", text) != 0 &&
        (at = strchr(text, ' ')) != NULL)
        load->node_memory_bytes += strtoull(at, NULL, 10) * page_size();
}

int phub__real_load(struct phub_env *env, const int64_t *pids,
                    uint32_t pids_count, struct phub__load *load)
{
    long ticks = sysconf(_SC_CLK_TCK), cpus = sysconf(_SC_NPROCESSORS_ONLN);
    char text[TEXT_MAX];
    size_t size;
    uint32_t i;
    int rc;

    (void)env;
    *load = (struct phub__load){ .cpus = cpus > 0 ? (uint32_t)cpus : 1 };
    rc = machine_cpu(load);
    if (rc != 0)
        return rc;
    if (slurp("/proc/meminfo", text) == 0)
        return PHUB_ESYS;
    load->memory_bytes = meminfo(text, "MemTotal:");
    load->memory_free_bytes = meminfo(text, "MemAvailable:");
    if (slurp("/proc/loadavg", text) != 0)
        load->queue_milli = (uint32_t)(strtod(text, NULL) * 1000);
    size = slurp("/proc/sys/kernel/random/boot_id", text);
    if (size != 0)
        load->host = XXH3_64bits(text, size);
    own_process(load);
    for (i = 0; i < pids_count; i++)
        if (pids[i] > 0 && pids[i] != (int64_t)getpid())
            program(pids[i], NS_PER_S / (uint64_t)(ticks > 0 ? ticks : 100),
                    load);
    return 0;
}
