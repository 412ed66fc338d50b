/* SPDX-License-Identifier: MIT */
/* serve: one question of the control socket, and who answers it.
 *
 * Each of these ends the report, now or later; the question is borrowed until
 * return.  Thread: the hub's. */
#ifndef PHUB__HUB_SERVE_H
#define PHUB__HUB_SERVE_H

#include <string.h>

#include "hub/report.h"

/* "key=value" of a question of ls */
#define PHUB__META_WANTED_MAX 16u
#define PHUB__META_WANTED_SIZE \
    (PHUB__META_KEY_MAX + 1u + PHUB__META_VALUE_MAX)

struct phub__question {
    uint64_t reference;
    struct phub_bytes verb;
    struct phub__list ids, children, meta;
    struct phub_bytes node, tag, state, replica;
    uint64_t timeout_ms, count, version;
    bool rollback, no_wait, local;
};

/* serve_lists.c */
void phub__serve_ls(struct phub__report *report,
                    const struct phub__question *q);
void phub__serve_show(struct phub__report *report,
                      const struct phub__question *q);
void phub__serve_causes(struct phub__report *report,
                        const struct phub__question *q);

/* serve_dump.c */
void phub__serve_dump(struct phub__report *report,
                      const struct phub__question *q);

/* serve_node.c */
void phub__serve_nodes(struct phub__report *report,
                       const struct phub__question *q);
void phub__serve_status(struct phub__report *report,
                        const struct phub__question *q);
void phub__serve_logs(struct phub__report *report,
                      const struct phub__question *q);

/* serve_strategy.c */
void phub__serve_strategy(struct phub__report *report,
                          const struct phub__question *q);

static inline int phub__text_is(struct phub_bytes text, const char *word)
{
    return text.size == strlen(word) &&
           memcmp(text.data, word, text.size) == 0;
}

#endif
