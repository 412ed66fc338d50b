# tests/tree.mk: tests of the source tree itself: style, pages.
# SPDX-License-Identifier: MIT
