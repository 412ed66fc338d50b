# libphub/hub/hub.mk: hub, command, keeper, request, redistribution, config.
# SPDX-License-Identifier: MIT
libphub_core_la_SOURCES += libphub/hub/error.c
