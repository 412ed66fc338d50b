# libphub/wire/wire.mk: reader, writer, messages, session.
# SPDX-License-Identifier: MIT
libphub_core_la_SOURCES += \
	libphub/wire/arena.c libphub/wire/arena.h \
	libphub/wire/assert.h \
	libphub/wire/buf.c libphub/wire/buf.h \
	libphub/wire/codec.c libphub/wire/codec.h \
	libphub/wire/memory.c libphub/wire/memory.h \
	libphub/wire/messages.c libphub/wire/messages.h \
	libphub/wire/number.h \
	libphub/wire/reader.c libphub/wire/reader.h \
	libphub/wire/session.c libphub/wire/session.h \
	libphub/wire/writer.c libphub/wire/writer.h
