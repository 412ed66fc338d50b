# libphub/strategy/strategy.mk: the plugin loader and a typed caller per kind.
# SPDX-License-Identifier: MIT
libphub_core_la_SOURCES += \
	libphub/strategy/caller.c libphub/strategy/caller.h \
	libphub/strategy/file.c libphub/strategy/file.h \
	libphub/strategy/image.c libphub/strategy/image.h \
	libphub/strategy/inspect.c \
	libphub/strategy/loader.c libphub/strategy/loader.h \
	libphub/strategy/note.h \
	libphub/strategy/param.c libphub/strategy/param.h
pkginclude_HEADERS += libphub/phub/inspect.h libphub/phub/plugin.h \
	libphub/phub/host.h
