/* SPDX-License-Identifier: MIT */
/* options: what a hub is told, from a configuration. */
#ifndef PHUB__HUB_OPTIONS_H
#define PHUB__HUB_OPTIONS_H

#include "hub/conf.h"
#include "hub/hub.h"

/* Fill o from config, which must outlive its use: texts are borrowed.  name
 * has room for the host's name, which stands in for an empty hub.name.
 * Errors: PHUB_ECONFIG if the host's name is no name for a node. */
int phub__options_fill(const struct phub__config *config,
                       char name[PHUB_NODE_NAME_MAX + 1],
                       struct phub__hub_options *o);

#endif
