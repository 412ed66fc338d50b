#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_promises: phub(7) says of each judge of phub-sim(1) what it judges, in
# the order of the promises, and the numbers that it names are those of the
# source.

set -u
root=${PHUB_SRCDIR:-.}
sim=$root/tools/sim
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
failed=0

wrong() { echo "phub(7): $*"; failed=1; }

sed -n '/^\.Sh PROMISES AS THEY ARE JUDGED$/,/^\.Sh LIMITS$/p' \
    "$root/man/phub.7" >"$scratch/section"
[ -s "$scratch/section" ] || { wrong "no section about judges"; exit 1; }

# item NAME: what is said of that judge; common: what comes before the first.
item() {
    awk -v name="$1" '/^\.It Sy / { on = $3 == name } on' "$scratch/section"
}
awk '/^\.It Sy / { exit } 1' "$scratch/section" >"$scratch/common"

# The table at the head of judge.c: name, number, claim.
sed -n 's/^ \*   \([a-z]*\)  *\([0-9][0-9]*\)  .*/\1 \2/p' "$sim/judge.c" \
    >"$scratch/judges"
[ "$(wc -l <"$scratch/judges")" -eq "$(ls "$sim"/judge_*.c | wc -l)" ] ||
    wrong "judge.c does not name each judge_*.c"
sed -n 's/^\.It Sy \([a-z]*\)$/\1/p' "$scratch/section" >"$scratch/page"
cut -d ' ' -f 1 "$scratch/judges" | cmp -s - "$scratch/page" ||
    wrong "the judges are $(tr '\n' ' ' <"$scratch/page")"
while read -r name number; do
    [ -e "$sim/judge_$name.c" ] || wrong "there is no judge_$name.c"
    item "$name" | grep -q "^Promise $number[.,]" ||
        wrong "judge $name has promise $number"
done <"$scratch/judges"

# number FILE CONSTANT TEXT NAME: its value stands before TEXT.
number() {
    value=$(sed -n "s/^#define $2 *(*\(UINT64_C(\)*\([0-9]*\).*/\2/p" \
        "$sim/$1")
    value=$(printf '%s' "${value:-?}" |
        sed 's/\([0-9]\)\([0-9][0-9][0-9]\)$/\1,\2/')
    [ "$3" != "in seconds" ] || value="${value%,000} s"
    [ "$3" = "in seconds" ] || value="$value $3"
    if [ "$4" = common ]; then cat "$scratch/common"; else item "$4"; fi |
        tr '\n' ' ' | grep -qF -- "$value" ||
        wrong "$4: $1 has $2, \"$value\""
}
number case.h SIM_QUIET_NS s common
number case.h SIM_MERGE_NS s common
number case.h SIM_OP_TIMEOUT_MS "in seconds" request
number operator.c MARGIN_NS s request
number judge_lost.c CALM_NS s lost
number judge_lost.c HOLDERS_MIN registries lost
number judge_resurrected.c SPAWN_NS ms resurrected
number judge_forgotten.c HEARD_NS s forgotten
number judge_request.c WELL_NS s request
number judge_request.c CALM_CHILDREN children request
number judge_request.c CALM_MS "in seconds" request
number judge_registry.c REPAIR_MS "in seconds" registry
number judge_registry.c REPAIR_PAIR_BYTES "bytes for each pair" registry
number judge_registry.c REPAIR_ROW_BYTES "bytes for each member" registry
number judge_quorum.c STOPPED_NS s quorum
number judge_quorum.c CALM_NS s quorum
number judge.h SIM_LATE_NS s growth
number judge_growth.c TIMERS_PER_HUB timers growth
number judge_growth.c TIMERS_PER_INSTANCE "per instance" growth
number judge_growth.c LINKS_PER_MEMBER "links per node" growth
number judge_growth.c LINKS_STRANGERS more growth
number judge_growth.c STEADY_SLACK_BYTES bytes growth
number judge_delay.c CALL_MAX_NS ms delay
number judge_delay.c SLOW_NS ms delay
number judge_delay.c FLOOD_MESSAGES messages delay
number judge_cause.c LATE_NS s cause
number ../../libphub/hub/synced_whole.c PATIENCE_MS "in seconds" resurrected
exit "$failed"
