# libphub/registry/registry.mk: row, stream, table, query.
# SPDX-License-Identifier: MIT
noinst_HEADERS += libphub/registry/registry.h
