# libphub/hub/hub.mk: hub, command, keeper, request, redistribution, config.
# SPDX-License-Identifier: MIT
libphub_core_la_SOURCES += libphub/hub/error.c

# conf: phub.conf and phubd's flags, from one table.
libphub_core_la_SOURCES += \
	libphub/hub/conf.c libphub/hub/conf.h libphub/hub/conf_args.c \
	libphub/hub/conf_private.h libphub/hub/conf_table.c \
	libphub/hub/conf_value.c libphub/hub/conf_whole.c
dist_phubsysconf_DATA += phub.conf.example
