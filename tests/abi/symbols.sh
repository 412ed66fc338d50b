#!/bin/sh
# SPDX-License-Identifier: MIT
#
# symbols: what our shared objects export and need.
#
#   symbols.sh                 compare
#   symbols.sh --update LIB    write LIB.list as LIB.so is now
#
# - What a library exports a public header declares.
# - LIB.list beside this file is what LIB.so exports, no more and no less. A
#   name is added to it in the commit that adds the function, with a new node
#   in the library's .map after a release; none is ever taken away.
# - A plugin exports its descriptor and needs nothing of ours.

set -u
builddir=${PHUB_BUILDDIR:-.}
here=${PHUB_SRCDIR:-.}/tests/abi
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
failed=0

# Versions, their names, and what sanitizers add are not functions of ours.
exports() {
    nm -D --defined-only "$1" |
        awk '$2 != "A" { sub(/@.*/, "", $3); if ($3 !~ /^_/) print $3 }' |
        LC_ALL=C sort
}

if [ "${1:-}" = --update ]; then
    exports "$builddir/.libs/$2.so" >"$here/$2.list"
    exit
fi

for so in "$builddir"/.libs/libphub*.so; do
    for name in $(exports "$so"); do
        grep -qw "$name" "${PHUB_SRCDIR:-.}"/libphub/phub/*.h && continue
        echo "$so exports $name, which no public header declares"
        failed=1
    done
done

for list in "$here"/*.list; do
    lib=$(basename "$list" .list)
    exports "$builddir/.libs/$lib.so" >"$scratch/have"
    grep -v '^#' "$list" | LC_ALL=C sort >"$scratch/want"
    if ! diff -u "$scratch/want" "$scratch/have" >"$scratch/diff"; then
        echo "$lib.so exports other symbols than $list says:"
        grep '^[-+][^-+]' "$scratch/diff"
        failed=1
    fi
done

plugins=0
for so in "$builddir"/plugins/.libs/*-*.so; do
    plugins=$((plugins + 1))
    if [ "$(exports "$so")" != phub_plugin_abi1 ]; then
        echo "$so exports: $(exports "$so" | tr '\n' ' ')"
        failed=1
    fi
    if nm -D --undefined-only "$so" | grep -w 'phub[a-z_0-9]*'; then
        echo "$so needs these of us"
        failed=1
    fi
done
[ "$plugins" -gt 0 ] || { echo "no plugins found"; failed=1; }
exit "$failed"
