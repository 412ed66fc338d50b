/* SPDX-License-Identifier: MIT */
/* image: see image.h. */
#include "config.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "strategy/image.h"
#include "strategy/loader.h"
#include "strategy/param.h"

/* --- whole, and for this machine ----------------------------------------- */

static bool bytes_read(int fd, void *to, size_t size, uint64_t offset)
{
    size_t done = 0;

    while (done < size) {
        ssize_t got = pread(fd, (char *)to + done, size - done,
                            (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

/* The beginning of an ELF file, as far as it is alike in all machines. */
static bool header_read(int fd, ElfW(Ehdr) *header)
{
    return bytes_read(fd, header, sizeof *header, 0) &&
           memcmp(header->e_ident, ELFMAG, SELFMAG) == 0;
}

/* The program that runs is what a plugin has to be like. */
static bool own_header(ElfW(Ehdr) *header)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && header_read(fd, header);

    if (fd >= 0)
        (void)close(fd);
    return good;
}

static int machine_check(const ElfW(Ehdr) *theirs, const ElfW(Ehdr) *ours,
                         char *error, size_t error_max)
{
    if (theirs->e_ident[EI_CLASS] != ours->e_ident[EI_CLASS])
        return phub__strategy_error(error, error_max, PHUB_EPLUGIN,
            "is of ELF class %u, this program of %u (1: 32 bits, 2: 64); "
            "build it for this machine", theirs->e_ident[EI_CLASS],
            ours->e_ident[EI_CLASS]);
    if (theirs->e_ident[EI_DATA] != ours->e_ident[EI_DATA])
        return phub__strategy_error(error, error_max, PHUB_EPLUGIN,
            "has ELF byte order %u, this program %u (1: little, 2: big); "
            "build it for this machine", theirs->e_ident[EI_DATA],
            ours->e_ident[EI_DATA]);
    if (theirs->e_machine != ours->e_machine)
        return phub__strategy_error(error, error_max, PHUB_EPLUGIN,
            "is for ELF machine %u, this one is %u; build it for this "
            "machine", theirs->e_machine, ours->e_machine);
    return 0;
}

/* Where a part ends; UINT64_MAX if that is nowhere. */
static uint64_t end_of(uint64_t offset, uint64_t size)
{
    return offset > UINT64_MAX - size ? UINT64_MAX : offset + size;
}

static int size_check(int fd, const ElfW(Ehdr) *header, char *error,
                      size_t error_max)
{
    uint64_t needed, end, size;
    struct stat st;
    unsigned i;

    if (fstat(fd, &st) != 0 || header->e_phentsize != sizeof(ElfW(Phdr)))
        return 0;
    size = (uint64_t)st.st_size;
    needed = end_of(header->e_phoff,
                    (uint64_t)header->e_phnum * header->e_phentsize);
    for (i = 0; i < header->e_phnum && needed <= size; i++) {
        ElfW(Phdr) part;

        if (!bytes_read(fd, &part, sizeof part,
                        header->e_phoff + i * sizeof part))
            break;
        if (part.p_type != PT_LOAD || part.p_filesz == 0)
            continue; /* nothing of the file: zeros may be said to be past it */
        end = end_of(part.p_offset, part.p_filesz);
        if (end > needed)
            needed = end;
    }
    end = end_of(header->e_shoff,
                 (uint64_t)header->e_shnum * header->e_shentsize);
    if (header->e_shoff != 0 && end > needed)
        needed = end;
    if (needed <= size)
        return 0;
    return phub__strategy_error(error, error_max, PHUB_EPLUGIN,
        "is cut off: %" PRIu64 " bytes, its ELF headers say %" PRIu64
        "; install it again", size, needed);
}

int phub__image_check(const char *resolved, char *error, size_t error_max)
{
    ElfW(Ehdr) theirs, ours;
    int fd, rc = 0;

    fd = open(resolved, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    if (header_read(fd, &theirs)) {
        if (own_header(&ours))
            rc = machine_check(&theirs, &ours, error, error_max);
        if (rc == 0)
            rc = size_check(fd, &theirs, error, error_max);
    }
    (void)close(fd);
    return rc;
}

/* --- another one under a known path -------------------------------------- */

/* What this process has loaded; as an image is, never given back. */
struct image {
    dev_t dev;
    ino_t ino;
    struct image *next;
    char spelled[];       /* the path that dlopen knows it by */
};

static struct image *images;
static pthread_mutex_t images_lock = PTHREAD_MUTEX_INITIALIZER;

/* Is spelled "/dir/./././file" of resolved "/dir/file"? */
static bool same_path(const char *spelled, const char *resolved)
{
    size_t dir = (size_t)(strrchr(resolved, '/') + 1 - resolved);
    const char *at = spelled + dir;

    if (strncmp(spelled, resolved, dir) != 0)
        return false;
    while (at[0] == '.' && at[1] == '/')
        at += 2;
    return strcmp(at, resolved + dir) == 0;
}

/* The image of that file, or one to be loaded, with one "./" more than those
 * that were at its path before. */
static struct image *image_for(const char *resolved, const struct stat *st,
                               bool *loaded)
{
    size_t dir = (size_t)(strrchr(resolved, '/') + 1 - resolved);
    size_t size = strlen(resolved), before = 0, i;
    struct image *image;

    *loaded = true;
    for (image = images; image != NULL; image = image->next) {
        if (!same_path(image->spelled, resolved))
            continue;
        if (image->dev == st->st_dev && image->ino == st->st_ino)
            return image;
        before++;
    }
    *loaded = false;
    image = malloc(sizeof *image + size + 2 * before + 1);
    if (image == NULL)
        return NULL;
    image->dev = st->st_dev;
    image->ino = st->st_ino;
    memcpy(image->spelled, resolved, dir);
    for (i = 0; i < before; i++)
        memcpy(image->spelled + dir + 2 * i, "./", 2);
    memcpy(image->spelled + dir + 2 * before, resolved + dir, size - dir + 1);
    return image;
}

int phub__image_open(const char *resolved, const struct stat *st,
                     void **handle, char *error, size_t error_max)
{
    struct image *image;
    bool loaded;
    int rc = 0;

    (void)pthread_mutex_lock(&images_lock);
    image = image_for(resolved, st, &loaded);
    if (image == NULL) {
        (void)pthread_mutex_unlock(&images_lock);
        return phub__strategy_error(error, error_max, PHUB_ENOMEM,
                                    "out of memory");
    }
    *handle = dlopen(image->spelled, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (*handle == NULL)
        rc = phub__strategy_error(error, error_max, PHUB_EPLUGIN, "%s",
                                  dlerror());
    if (!loaded && *handle != NULL) {
        image->next = images;
        images = image;
    } else if (!loaded) {
        free(image);
    }
    (void)pthread_mutex_unlock(&images_lock);
    return rc;
}
