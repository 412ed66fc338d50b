#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_mutants: each planted bug still applies to the tree, exactly once, so
# that none goes stale; and the runner (tests/mutants/run, which "make mutants"
# runs in full) tells what is caught from what survives and what was not run.

src=$(cd "${PHUB_SRCDIR:-${srcdir:-$(dirname "$0")/..}}" && pwd) || exit 1
run=$src/tests/mutants/run

"$run" --check || exit 1

# A list of our own.  One mutant is caught, and two change nothing; before them
# one does not compile and one leaves its plugins without a file: these two are
# no catch, and what follows them is judged as if they had never been.
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
bad=0

first='/* SPDX-License-Identifier: MIT */'

mutant() {
    printf 'mutant %s\nfile %s\npromise 1\nwhat of this test\n' "$1" "$2"
    printf -- '-- old\n%s\n-- new\n%s\n' "$first" "$first"
    printf '%s\n-- end\n\n' "$3"
}
{
    mutant of_no_file_to_be plugins/swap/swap.c '#error no'
    mutant without_a_plugin plugins/swap/swap.c 'void nowhere(void);
__attribute__((constructor)) static void begin(void) { nowhere(); }'
    mutant of_a_plugin_and_nothing plugins/swap/swap.c '#define NOTHING 1'
    mutant of_the_core_and_nothing libphub/hub/forget.c '#define NOTHING 1'
    sed -n '/^mutant moves_are_not_reported/,/^-- end/p' \
        "$src/tests/mutants/plugins.list"
} >"$dir/own.list"

expect() {
    if ! grep -q "^$1 .*  $2 " "$dir/out"; then
        echo "$1: $2 expected"
        bad=1
    fi
}

"$run" --lists "$dir" --seeds 1..1 --jobs 1 >"$dir/out" 2>&1
rc=$?
expect of_no_file_to_be 'NOT RUN'
expect without_a_plugin 'NOT RUN'
expect of_a_plugin_and_nothing SURVIVED
expect of_the_core_and_nothing SURVIVED
expect moves_are_not_reported 'seed 1'
if [ $rc -ne 1 ]; then
    echo "exit $rc with mutants that were not run, 1 expected"
    bad=1
fi

# A tree that was not built says nothing about mutants.
mkdir "$dir/build"
PHUB_BUILDDIR=$dir/build "$run" --lists "$dir" --seeds 1..1 \
    >"$dir/empty" 2>&1
if [ $? -ne 2 ]; then
    echo "a tree that was not built: exit 2 expected"
    bad=1
fi

[ $bad -eq 0 ] || cat "$dir/out"
exit $bad
