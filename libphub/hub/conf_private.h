/* SPDX-License-Identifier: MIT */
/* conf_private: what the files of conf share, and nobody else. */
#ifndef PHUB__HUB_CONF_PRIVATE_H
#define PHUB__HUB_CONF_PRIVATE_H

#include "hub/conf.h"

/* Check value and keep a copy; a list grows.
 * Errors: PHUB_EINVAL (nothing kept), PHUB_ENOMEM. */
int phub__config_keep(struct phub__config *config,
                      const struct phub__config_row *row, const char *value);
/* Free what a row holds. */
void phub__config_drop(struct phub__config *config,
                       const struct phub__config_row *row);
bool phub__config_is_list(const struct phub__config_row *row);
bool phub__config_is_plugin(const char *text);
const char *phub__config_level_name(uint64_t level);
int phub__config_list_add(struct phub__config_list *list, const char *text,
                          size_t size);
void phub__config_list_fini(struct phub__config_list *list);

/* The row of a key, or NULL; section NULL means in any. */
const struct phub__config_row *phub__config_row(const char *section,
                                                const char *key);

/* Find or add the section of a strategy; NULL when out of memory or full,
 * told in errors. */
struct phub__config_plugin *
phub__config_plugin_add(struct phub__config *config, const char *kind,
                        const char *name, const char *where,
                        struct phub__config_errors *errors);
/* Add "key=value" to it; a flag replaces the row of the file. */
int phub__config_plugin_param(struct phub__config_plugin *plugin,
                              const char *key, const char *value,
                              bool replace);

/* A row of [hooks] that is no key of the table: EVENT = COMMAND.  where says
 * whose it is, "phub.conf:12: [hooks]". */
int phub__config_hook(struct phub__config *config, const char *event,
                      const char *value, const char *where,
                      struct phub__config_errors *errors);
void phub__config_hooks_fini(struct phub__config *config);
void phub__config_hooks_print(const struct phub__config *config, FILE *out);

/* Quote what was found for a terminal: no control bytes, not too long. */
#define PHUB__CONFIG_SHOWN_MAX 96u
const char *phub__config_shown(const char *found,
                               char text[PHUB__CONFIG_SHOWN_MAX]);

#endif
