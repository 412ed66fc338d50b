# libphub/registry/registry.mk: row, stream, table, query.
# SPDX-License-Identifier: MIT
