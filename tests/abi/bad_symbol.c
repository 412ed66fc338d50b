/* SPDX-License-Identifier: MIT */
/* bad_symbol: no descriptor at all. */
#include "bad.h"

extern PHUB_PLUGIN_EXPORT const int phub_plugin_abix;
const int phub_plugin_abix = 1;
