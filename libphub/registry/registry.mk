# libphub/registry/registry.mk: row, stream, table, query.
# SPDX-License-Identifier: MIT
libphub_core_la_SOURCES += \
	libphub/registry/apply.c \
	libphub/registry/delta.c libphub/registry/delta.h \
	libphub/registry/index.c libphub/registry/index.h \
	libphub/registry/internal.h \
	libphub/registry/merge.c \
	libphub/registry/query.c \
	libphub/registry/ranges.c libphub/registry/ranges.h \
	libphub/registry/registry.c libphub/registry/registry.h \
	libphub/registry/row.c libphub/registry/row.h \
	libphub/registry/series.c libphub/registry/series.h \
	libphub/registry/stable.c \
	libphub/registry/stream.c libphub/registry/stream.h \
	libphub/registry/summary.c \
	libphub/registry/table.c libphub/registry/table.h
