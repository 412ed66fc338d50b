#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_model: what the model's checklist names and what the model gets wrong
# has a test each, that exists, is run, and stands in the list of it.
#
# tests/MODEL_SCENARIOS and tests/MODEL_WEAKNESSES are lines of fields between
# bars: "scenario | tests" and "number | weakness | tests", with one field more
# where phub has something else instead.  Tests, by semicolons, are
#   check_NOUN:name       a test of tests/check_NOUN.c (or battery_KIND.c)
#   NAME.sim              a schedule of tests/scenarios
#   check_NOUN.sh:words   what that script says when it finds it wrong
# or one of
#   missing               there is none yet: no more than the file allows
#   none: REASON          there is no such thing in phub, by design

set -u
root=${PHUB_SRCDIR:-.}
tests=$root/tests
AWK=${AWK:-awk}
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
failed=0
NONE_MAX=12             # things that phub does not have at all

wrong() { echo "$*"; failed=1; }

# What make check runs.
sed -e ':a' -e '/\\$/N' -e 's/\\\n//' -e 'ta' "$tests"/*.mk |
    sed -n 's/^TESTS *+= *//p' | tr -s ' \t' '\n\n' | sed 's|^tests/||' |
    sort -u >"$scratch/run"

# Every test that a tcase has, as check_noun:name; calls may span lines.
for file in "$tests"/check_*.c "$tests"/battery_*.c; do
    name=$(basename "$file" .c)
    grep -qxF -- "$name" "$scratch/run" || continue
    sed -n 's/^START_TEST(\([a-zA-Z0-9_]*\))$/\1/p' "$file" |
        sort >"$scratch/made"
    tr '\n' ' ' <"$file" |
        grep -o 'tcase_add_[a-z_]*( *[a-zA-Z0-9_]*, *[a-zA-Z0-9_]*' |
        sed 's/.*, *//' | sort -u >"$scratch/added"
    comm -12 "$scratch/made" "$scratch/added" | sed "s/^/$name:/"
done | sort >"$scratch/tests"
grep '^[^#]*\.sim |' "$tests/scenarios/LIST" | grep -v '| *open:' |
    sed 's/ .*//' | sort >"$scratch/scenarios"
[ "$(wc -l <"$scratch/tests")" -gt 500 ] || wrong "where are the tests?"
[ "$(wc -l <"$scratch/scenarios")" -gt 50 ] || wrong "where is LIST?"

# there TEST: is it?
there() {
    case $1 in
    *.sim)
        grep -qxF -- "$1" "$scratch/scenarios" ;;
    *.sh:?*)
        script=${1%%:*}
        [ -e "$tests/$script" ] && grep -qxF -- "$script" "$scratch/run" &&
            grep -v '^ *#' "$tests/$script" | grep -qF -- "${1#*:}" ;;
    *)
        grep -qxF -- "$1" "$scratch/tests" ;;
    esac
}

# Lines of FILE without comments, as "what<TAB>tests<TAB>instead", of which
# the first COUNT fields make up what.
entries() {
    grep -v -e '^#' -e '^$' -e '^==' -e '^missing [0-9]*$' "$1" |
        $AWK -F ' *[|] *' -v first="$2" '
        NF < first + 1 || NF > first + 2 {
            print "?\t" $0 "\t"; next }
        { what = $1
          for (i = 2; i <= first; i++) what = what " | " $i
          print what "\t" $(first + 1) "\t" $(first + 2) }'
}

# look FILE FIELDS: each of its entries has a test.
look() {
    list=$(basename "$1")
    allowed=$(sed -n 's/^missing \([0-9]*\)$/\1/p' "$1")
    [ -n "$allowed" ] || wrong "$list does not say how many may be missing"
    entries "$1" "$2" >"$scratch/entries"
    cut -f 1 "$scratch/entries" | sort | uniq -d >"$scratch/twice"
    while read -r line; do
        wrong "$list: twice: $line"
    done <"$scratch/twice"
    : >"$scratch/missing"
    : >"$scratch/none"
    while IFS='	' read -r what named instead; do
        case $what in '?')
            wrong "$list: cannot be read: $named"; continue ;;
        esac
        case $instead in
        '' | 'instead: '?*) ;;
        *) wrong "$list: $what: \"$instead\" is not \"instead: ...\"" ;;
        esac
        case $named in
        missing) echo "$what" >>"$scratch/missing"; continue ;;
        'none: '?*) echo "$what ($named)" >>"$scratch/none"; continue ;;
        '') wrong "$list: $what: no test"; continue ;;
        esac
        echo "$named" | tr ';' '\n' | sed 's/^ *//; s/ *$//' \
            >"$scratch/named"
        while read -r test; do
            there "$test" || wrong "$list: $what: there is no test \"$test\""
        done <"$scratch/named"
    done <"$scratch/entries"
    total=$(wc -l <"$scratch/entries")
    missing=$(wc -l <"$scratch/missing")
    echo "$list: $total entries, $missing without a test," \
        "$(wc -l <"$scratch/none") not in phub"
    sed 's/^/    no test: /' "$scratch/missing"
    sed 's/^/    /' "$scratch/none"
    [ "$missing" -eq "${allowed:-0}" ] ||
        wrong "$list: $missing have no test, but it says $allowed"
    [ "$(wc -l <"$scratch/none")" -le "$NONE_MAX" ] ||
        wrong "$list: too many that phub has not"
}

look "$tests/MODEL_SCENARIOS" 1
# Each part says how many it has, so that none is dropped in silence.
$AWK '/^== / { part = $2; want[part] = $3 }
    /^[^#=]/ && !/^missing [0-9]*$/ { have[part]++ }
    END { for (part in want) {
              count++
              if (want[part] != have[part])
                  print part " has " have[part] + 0 " of " want[part]
          }
          if (count != 8)
              print count + 0 " of 8 parts" }' "$tests/MODEL_SCENARIOS" \
    >"$scratch/parts"
while read -r line; do
    wrong "MODEL_SCENARIOS: $line"
done <"$scratch/parts"

look "$tests/MODEL_WEAKNESSES" 2
i=1
while [ $i -le 42 ]; do
    [ "$(grep -c "^$i |" "$tests/MODEL_WEAKNESSES")" -eq 1 ] ||
        wrong "MODEL_WEAKNESSES: $i is not there once"
    i=$((i + 1))
done
grep -v -e '^#' -e '^$' -e '^missing' "$tests/MODEL_WEAKNESSES" |
    grep -vE '^([1-9]|[1-3][0-9]|4[0-2]|fixed) \|' >"$scratch/other"
while read -r line; do
    wrong "MODEL_WEAKNESSES: not a number from 1 to 42, nor fixed: $line"
done <"$scratch/other"
exit "$failed"
