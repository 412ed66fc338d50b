/* SPDX-License-Identifier: MIT */
/* exec_path: a child's directory, the names in it, and its variables. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <xxhash.h>

#include <phub/error.h>

#include "env/real/exec_private.h"

#define HASH_TEXT 18u /* "%%" and 16 digits; escapes have no "%%" */

static bool is_plain(uint8_t c, size_t at)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           (c == '.' && at > 0);
}

void phub__exec_name(struct phub_bytes id, char *name)
{
    size_t size = 0;
    size_t at;

    for (at = 0; at < id.size; at++) {
        size_t need = is_plain(id.data[at], at) ? 1 : 3;

        if (size + need > PHUB__EXEC_NAME_MAX)
            break;
        if (need == 1)
            name[size] = (char)id.data[at];
        else
            snprintf(name + size, 4, "%%%02X", id.data[at]);
        size += need;
    }
    name[size] = '\0';
    if (at < id.size) {
        size = PHUB__EXEC_NAME_MAX - HASH_TEXT;
        snprintf(name + size, PHUB__EXEC_NAME_MAX + 1 - size, "%%%%%016llx",
                 (unsigned long long)XXH3_64bits(id.data, id.size));
    }
}

uint32_t phub__exec_hash(const char *name)
{
    return (uint32_t)XXH3_64bits(name, strlen(name));
}

/* Those that wait for it come again and again: say a reason once. */
static void say_no_dir(struct phub__exec *exec, const char *name, int error)
{
    if (exec->dir_errno != error)
        phub__real_logf(exec->real, PHUB__LOG_ERROR,
                        "cannot make directory \"%s/children/%s\": %s",
                        exec->dir, name, strerror(error));
    exec->dir_errno = error;
}

char *phub__exec_child_dir(struct phub__exec *exec, struct phub_bytes id)
{
    char name[PHUB__EXEC_NAME_MAX + 1];
    size_t size;
    char *dir;

    phub__exec_name(id, name);
    if (mkdirat(exec->children_fd, name, 0700) == 0) {
        exec->dir_errno = 0;
    } else if (errno != EEXIST) {
        say_no_dir(exec, name, errno);
        return NULL;
    }
    size = strlen(exec->dir) + strlen("/children/") + strlen(name) + 1;
    dir = phub__malloc(size);
    if (dir != NULL)
        snprintf(dir, size, "%s/children/%s", exec->dir, name);
    return dir;
}

static void add_text(struct phub__exec_env *env, const char *text)
{
    env->items[env->count++] =
        (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
}

int phub__exec_env_init(struct phub__exec_env *env, struct phub__exec *exec,
                        const struct phub__runner_start *start,
                        const struct phub__exec_child *child)
{
    size_t size;
    char *dir;

    memset(env, 0, sizeof *env);
    if (phub__exec_left_removes(exec, start->id))
        return PHUB_EBUSY;
    dir = phub__exec_child_dir(exec, start->id);
    if (dir == NULL)
        return PHUB_EIO;
    size = strlen("PHUB_CHILD_DIR=") + strlen(dir) + 1;
    env->dir = phub__malloc(size);
    if (env->dir == NULL) {
        phub__free(dir);
        return PHUB_ENOMEM;
    }
    snprintf(env->dir, size, "PHUB_CHILD_DIR=%s", dir);
    phub__free(dir);
    add_text(env, env->dir);
    if (child != NULL && child->pid != 0) {
        snprintf(env->pid, sizeof env->pid, "PHUB_CHILD_PID=%lld",
                 (long long)child->pid);
        add_text(env, env->pid);
    }
    for (uint32_t i = 0; child != NULL && i < child->meta_count; i++)
        add_text(env, child->meta[i]);
    env->cwd = start->spec->cwd;
    if (env->cwd.size == 0)
        env->cwd = (struct phub_bytes){
            (const uint8_t *)strchr(env->dir, '=') + 1,
            strlen(strchr(env->dir, '=') + 1)
        };
    return 0;
}

void phub__exec_env_fini(struct phub__exec_env *env)
{
    phub__free(env->dir);
    env->dir = NULL;
}
