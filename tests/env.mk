# tests/env.mk: tests of libphub/env.
# SPDX-License-Identifier: MIT
