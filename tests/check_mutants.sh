#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_mutants: each planted bug still applies to the tree, exactly once, so
# that none goes stale (tests/mutants/run, which "make mutants" runs in full).

exec "${PHUB_SRCDIR:-${srcdir:-$(dirname "$0")/..}}/tests/mutants/run" --check
