/* SPDX-License-Identifier: MIT */
/* inspect: look at strategies' files from outside a hub.
 *
 * An inspector finds and checks plugins exactly as a hub does, and opens none.
 * Loading runs what the dynamic linker runs of a file, so a program that looks
 * at files it does not trust does so in a child process, as phub-plugin(1).
 *
 * Texts and descriptors borrow from the inspector until it is freed.
 * Thread: one at a time. */
#ifndef PHUB_INSPECT_H
#define PHUB_INSPECT_H

#include <phub/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PHUB_INSPECT_ERROR_MAX 1024u  /* bytes that hold any sentence */

struct phub_inspector;

/* path: directories by ':' beside PHUB_PLUGIN_PATH and the built-in one, or
 * NULL.  Errors: PHUB_ECONFIG, PHUB_ENOMEM. */
int phub_inspector_new(const char *path, struct phub_inspector **inspector,
                       char *error, size_t error_max);
void phub_inspector_free(struct phub_inspector **inspector);

/* The directories in the order of looking, *count of them. */
const char *const *
phub_inspector_dirs(const struct phub_inspector *inspector, uint32_t *count);

/* Find name (or an absolute path; then kind may be 0 for any) and check it.
 * file gets its path.  Errors: PHUB_EPLUGIN, PHUB_ECONFIG, PHUB_ENOMEM. */
int phub_inspector_load(struct phub_inspector *inspector, uint32_t kind,
                        const char *name,
                        const struct phub_plugin **descriptor,
                        const char **file, char *error, size_t error_max);

/* "distribution" ... or NULL; 0 for an unknown word.  Thread: any. */
const char *phub_kind_name(uint32_t kind);
uint32_t phub_kind_of(const char *name);

#ifdef __cplusplus
}
#endif

#endif
