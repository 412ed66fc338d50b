# tests/hub.mk: tests of libphub/hub.
# SPDX-License-Identifier: MIT
