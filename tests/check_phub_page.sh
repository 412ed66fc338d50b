#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_phub_page: phub(1) has each verb and option that phub --help has, and
# no other.

set -u
tool=${PHUB_BUILDDIR:-.}/tools/phub
page=${PHUB_SRCDIR:-.}/man/phub.1
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
failed=0

"$tool" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' | sort \
    >"$scratch/verbs"
[ -s "$scratch/verbs" ] || { echo "phub --help shows no verbs"; exit 1; }
while read -r verb; do
    grep -q "^\.Ss $verb\$" "$page" || {
        echo "phub(1) has no .Ss $verb"
        failed=1
    }
    grep -q "^\.Cm $verb\$" "$page" || {
        echo "phub(1) has no $verb in its SYNOPSIS"
        failed=1
    }
    "$tool" "$verb" --help | sed -n 's/^  --\([a-z-]*\).*/\1/p'
done <"$scratch/verbs" | sort -u >"$scratch/flags"
sed -n '/^\./{s/Fl Fl \([a-z][a-z-]*\)/\n=\1\n/g;p}' "$page" |
    sed -n 's/^=//p' | sort -u >"$scratch/page"

for flag in $(comm -23 "$scratch/flags" "$scratch/page"); do
    echo "phub(1) has no --$flag"
    failed=1
done
for flag in $(comm -13 "$scratch/flags" "$scratch/page"); do
    echo "phub has no --$flag, but phub(1) has"
    failed=1
done
exit "$failed"
