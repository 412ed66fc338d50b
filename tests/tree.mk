# tests/tree.mk: tests of the source tree itself: style, pages.
# SPDX-License-Identifier: MIT

dist_check_SCRIPTS += tests/style
TESTS              += tests/style
EXTRA_DIST         += tests/tsan.supp
