#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_strategy_pages: the pages say what the code says. Every function of the
# host table and of the vtables is in phub-strategy(7), every function of
# libphubswap in phub_swap(3), every shipped strategy has a page with its
# parameters as it declares them, and the example of phub-strategy(7) compiles
# and is a plugin.

set -u
srcdir=${PHUB_SRCDIR:-.}
builddir=${PHUB_BUILDDIR:-.}
man=$srcdir/man
tool=$builddir/tools/phub-plugin
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
failed=0

complain() {
    echo "$1"
    failed=1
}

sed -n 's/.*(\*\([a-z_]*\))(.*/\1/p' "$srcdir/libphub/phub/plugin.h" |
    sort -u >"$scratch/functions"
[ "$(wc -l <"$scratch/functions")" -gt 50 ] || complain "too few functions"
while read -r name; do
    cat "$man/phub-strategy.7" "$man/phub-host.7" | grep "Fn $name\\b" >/dev/null ||
        complain "phub-strategy.7 does not tell of $name"
done <"$scratch/functions"

while read -r name; do
    grep -q "^\\.F[no] $name\\b" "$man/phub_swap.3" ||
        complain "phub_swap.3 does not tell of $name"
done <"$srcdir/tests/abi/libphubswap.list"

# What a page and phub-plugin info have in common: "name 1 3600000 5000".
"$tool" list | while read -r kind name _; do
    page=$man/phub-$kind-$name.7
    if [ ! -f "$page" ]; then
        echo "phub-$kind-$name.7 is missing"
        continue
    fi
    "$tool" info "$kind" "$name" |
        sed -n 's/^    \([a-z_]*\) = \([^ ]*\).*(\([^)]*\))$/\1 \2 \3/p' |
        while read -r param default range; do
            # The text from this parameter's .It to the next, in one line.
            text=$(sed -n "/^\\.It Cm $param /,/^\\.\\(It\\|El\\)/p" "$page" |
                tr '\n' ' ')
            case $range in
            *..*) words="${range%..*} ${range#*..}" ;;
            *) words=$(echo "$range" | tr '|' ' ') ;;
            esac
            for word in $default $words; do
                echo "$text" | grep -qw -e "$word" ||
                    echo "$page: $param: $word is not in it"
            done
        done
done >"$scratch/pages"
[ -s "$scratch/pages" ] && complain "$(cat "$scratch/pages")"

sed -n '/^#include <phub\/plugin.h>/,/^\.Ed/p' "$man/phub-strategy.7" |
    grep -v '^\.Ed' >"$scratch/pair.c"
if ! cc -shared -fPIC -Wall -I"$srcdir/libphub" \
    -o "$scratch/redundancy-pair.so" "$scratch/pair.c"; then
    complain "the example of phub-strategy.7 does not compile"
elif ! "$tool" check "$scratch/redundancy-pair.so" >/dev/null; then
    complain "the example of phub-strategy.7 is no plugin"
fi
exit "$failed"
