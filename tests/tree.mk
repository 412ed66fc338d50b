# tests/tree.mk: tests of the source tree itself: style, pages.
# SPDX-License-Identifier: MIT

dist_check_SCRIPTS += tests/style tests/man_pages tests/protocol_page \
	tests/readme tests/check_model.sh
TESTS              += tests/style tests/man_pages tests/protocol_page \
	tests/readme tests/check_model.sh
EXTRA_DIST         += tests/tsan.supp tests/MODEL_SCENARIOS \
	tests/MODEL_WEAKNESSES
