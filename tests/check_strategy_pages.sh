#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_strategy_pages: the pages say what the code says. Every function of the
# host table is in phub-host(7), of the vtables in phub-strategy(7), every one of
# libphubswap in phub_swap(3), every shipped strategy has a page with its
# parameters as it declares them, each of which a test sets, and the example of
# phub-strategy(7) compiles and is a plugin.

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

# functions PAGE AT_LEAST <HEADER
functions() {
    sed -n 's/.*(\*\([a-z_]*\))(.*/\1/p' | sort -u >"$scratch/functions"
    [ "$(wc -l <"$scratch/functions")" -gt "$2" ] ||
        complain "too few functions for $1"
    while read -r name; do
        grep -q "Fn $name\\b" "$man/$1" || complain "$1 does not tell of $name"
    done <"$scratch/functions"
}

header=$srcdir/libphub/phub/plugin.h
sed -n '/^struct phub_host {/,/^};/p' "$header" >"$scratch/host"
sed '/^struct phub_host {/,/^};/d' "$header" >"$scratch/tables"
functions phub-host.7 50 <"$scratch/host"
functions phub-strategy.7 10 <"$scratch/tables"

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

# What no test ever sets may do nothing: "name=" or "kind.name=".
cat "$srcdir"/tests/*.c "$srcdir"/tests/*.sh "$srcdir"/tests/sim/MATRIX |
    grep -o '["." (]*[a-z_]*=[^=]' >"$scratch/set"
"$tool" list | while read -r kind name _; do
    "$tool" info "$kind" "$name" | sed -n 's/^    \([a-z_]*\) = .*/\1/p' |
        while read -r param; do
            grep -q "[\".]$param=" "$scratch/set" ||
                echo "no test sets $param of $kind-$name"
        done
done >"$scratch/unset"
[ -s "$scratch/unset" ] && complain "$(cat "$scratch/unset")"

sed -n '/^#include <phub\/plugin.h>/,/^\.Ed/p' "$man/phub-strategy.7" |
    grep -v '^\.Ed' >"$scratch/pair.c"
if ! cc -shared -fPIC -Wall -I"$srcdir/libphub" \
    -o "$scratch/redundancy-pair.so" "$scratch/pair.c"; then
    complain "the example of phub-strategy.7 does not compile"
elif ! "$tool" check "$scratch/redundancy-pair.so" >/dev/null; then
    complain "the example of phub-strategy.7 is no plugin"
fi
exit "$failed"
