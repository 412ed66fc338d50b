/* SPDX-License-Identifier: MIT */
/* link_name: links to hosts that have a name; see link_name.c. */
#ifndef PHUB__ENV_LINK_NAME_H
#define PHUB__ENV_LINK_NAME_H

#include "env/real/net.h"

/* tcp://HOST:PORT, and HOST is no number? */
bool phub__link_is_named(const char *endpoint);

/* Connect dealer, the link's, as soon as the name is known.  PHUB_ENOMEM. */
int phub__link_name_new(struct phub__real_net *net, struct phub__link *link,
                        void *dealer, const char *endpoint,
                        struct phub__link_name **name);
/* Keep what is sent until then.  PHUB_EEXIST: it is known, send it; PHUB_EBUSY:
 * there is no room; PHUB_ENOMEM. */
int phub__link_name_hold(struct phub__link_name *name, const uint8_t *head,
                         size_t head_size, struct phub_buf *body);
/* It is connected to where, or not any more; name may be NULL.  What is told of
 * an earlier place does not count. */
void phub__link_name_connected(struct phub__link_name *name, const char *where,
                               bool connected);
/* Before dealer is closed. */
void phub__link_name_free(struct phub__link_name **name);
/* No answer comes any more. */
void phub__link_names_fini(struct phub__real_net *net);

#endif
