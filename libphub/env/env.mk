# libphub/env/env.mk: the environment interface, real/ and sim/.
# SPDX-License-Identifier: MIT
noinst_HEADERS += libphub/env/env.h
