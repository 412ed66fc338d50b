/* SPDX-License-Identifier: MIT */
/* bad_abi2: a descriptor for a host of another major. */
#include "bad.h"

extern PHUB_PLUGIN_EXPORT const int phub_plugin_abi2;
const int phub_plugin_abi2 = 2;
