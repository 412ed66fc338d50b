# libphub/phub/phub.mk: public headers, installed as <phub/...>; every area lists its own.
# SPDX-License-Identifier: MIT
pkginclude_HEADERS += libphub/phub/error.h libphub/phub/types.h
