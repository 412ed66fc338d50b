#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check_sim_tool: phub-sim plays, replays, and names what went wrong: a broken
# promise, a plugin that crashes or spins, a command line.

set -u
build=${PHUB_BUILDDIR:-$(cd "$(dirname "$0")/../build" && pwd)}
tool=$build/tools/phub-sim
wicked=$build/tests/sim/.libs/distribution-wicked.so
export PHUB_PLUGIN_PATH=${PHUB_PLUGIN_PATH:-$build/plugins/.libs}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/phub-sim.XXXXXX") || exit 99
trap 'rm -rf "$scratch"' EXIT
failed=0

# One plugin crashes on purpose; a sanitizer shall leave that to the tool.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}handle_segv=0"
export TSAN_OPTIONS="${TSAN_OPTIONS:+$TSAN_OPTIONS:}handle_segv=0"

wrong() { echo "$*"; failed=1; }

# expect CODE PATTERN COMMAND...: exit code, and a line of the output.
expect() {
    local code=$1 pattern=$2 output got
    shift 2
    output=$("$@" 2>&1 </dev/null)
    got=$?
    if [ "$got" -ne "$code" ]; then
        wrong "$*: exit $got, $code expected: $output"
    elif ! grep -q -e "$pattern" <<<"$output"; then
        wrong "$*: no line like '$pattern' in: $output"
    fi
}

run() { "$tool" run "$@"; }

# --- the command line ----------------------------------------------------------

expect 2 '^usage: phub-sim VERB' "$tool"
expect 0 '^Exit code: 0 all promises' "$tool" --help
expect 0 '^phub-sim 0' "$tool" --version
expect 2 '"dance" is not a verb; allowed are run' "$tool" dance
expect 0 '^  crash-in-turn ' run --help
expect 2 "unrecognized option '--wrong'" run --wrong
expect 2 '"x" is no option' run x
expect 2 '"fire" is not a fault; allowed are all, none, crash,' \
    run --faults crash,fire
expect 2 'a word is empty' run --migration hotswap,
expect 2 'allowed is N or FIRST..LAST, 2 to ' run --nodes 1
expect 2 'allowed is N or FIRST..LAST, 2 to ' run --nodes 3..100000
expect 2 'allowed is N or FIRST..LAST, 1 to ' run --children 9999999
expect 2 'allowed is N or FIRST..LAST' run --seeds 5..1
expect 2 'allowed is N or FIRST..LAST' run --seeds 1..x
expect 2 'a number (1 to 1000000) and a unit' run --duration 5
expect 2 'allowed are yes, no, either' run --durable maybe
expect 2 'allowed is 0 to 256' run --jobs 1000
expect 2 'allowed is KIND.NAME=VALUE' run --param vnodes=5
expect 2 'none.so: No such file' run --plugin "$scratch/none.so"
expect 2 'not found; looked in' run --migration teleport
expect 2 'unknown parameter' run --param distribution.nothing=5
expect 2 'take about [0-9.]* GiB .* are free; give fewer' \
    run --seeds 1 --nodes 1024 --children 100000
: >"$scratch/none.so"
expect 2 "cannot open" run --plugin "$scratch/none.so"

# --- good runs -----------------------------------------------------------------

expect 0 '^6 cases, 0 broken' run --seeds 1..6
expect 0 '^4 cases, 0 broken' run --seeds 1..2 --matrix
expect 0 '^1 cases, 0 broken' run --seeds 3 --jobs 0
expect 0 '^2 cases, 0 broken' run --seeds 1..2 --nodes 4 --children 10 \
    --faults partition,crash --migration coldswap --durable yes \
    --duration 10s --clients 1 --param distribution.virtual_nodes=64
expect 0 '^1 cases, 0 broken' run --seeds 1 \
    --plugin "$PHUB_PLUGIN_PATH/migration-hotswap.so"
expect 0 '^3/3 cases\|^3 cases' run --seeds 1..3 --progress

# A seed replays, with its trace or without.
hash_of() { sed -n 's/.*hash \([0-9a-f]\{16\}\),.*/\1/p'; }
first=$(run --seeds 7 --trace | hash_of)
again=$(run --seeds 7 --trace | hash_of)
other=$(run --seeds 8 --trace | hash_of)
plain=$(run --seeds 7 --json | sed -n 's/.*"hash":"\([0-9a-f]*\)".*/\1/p')
[ -n "$first" ] || wrong 'a trace has no hash'
[ "$first" = "$again" ] || wrong "seed 7 gave $first, then $again"
[ "$first" = "$plain" ] || wrong "seed 7 gave $first, without trace $plain"
[ "$first" != "$other" ] || wrong "seeds 7 and 8 both gave $first"

# --- JSON, the report, the picture -----------------------------------------------

calm=(--nodes 5 --children 20 --gap 15s --operators no --faults join,leave
      --child 'sim state freeze' --migration hotswap)
expect 0 '^blackout of a planned move, ms .* [1-9][0-9]*$' \
    run --seeds 1..3 "${calm[@]}" --report --svg "$scratch/x.svg"
expect 0 'consistent_hash, singularity, pubsub, coldswap, divergence' \
    run --seeds 1 --matrix --report
expect 2 'none/x.svg: No such file' run --svg "$scratch/none/x.svg"
expect 2 'allowed is "sim WORD..."' run --child nothing
expect 2 'allowed are yes, no' run --operators maybe
for plot in Nodes 'Children per node' 'Moves per second' \
    'Messages per node and second' 'KiB per node and second'; do
    grep -q ">$plot<" "$scratch/x.svg" || wrong "the picture has no '$plot'"
done
if command -v xmllint >/dev/null; then
    xmllint --noout "$scratch/x.svg" || wrong 'the picture is not XML'
fi
run --seeds 1..2 --json --report >"$scratch/x.json" || wrong "--json: exit $?"
if command -v jq >/dev/null; then
    run --seed 4 --json --trace >"$scratch/t.json"
    jq -se 'length > 100 and .[-2].seed == 4 and .[0].time == 1
            and ([.[].node] | unique | length) > 3' "$scratch/t.json" \
        >/dev/null || wrong "the trace is $(head -n 5 "$scratch/t.json")"
    [ "$(jq -s 'length' "$scratch/x.json")" = 4 ] ||
        wrong 'two seeds, a count and a report are not four objects'
    jq -se '.[0].hash != null and .[2].cases == 2
            and .[3].blackout_ms.p50 != null' "$scratch/x.json" >/dev/null ||
        wrong "not what was expected: $(cat "$scratch/x.json")"
fi

# least PLANNED LOSSES LEAST LINE...: moves of 300 children when that is done to
# three nodes and a fourth.
least() {
    local wanted="$1 $2 $3" got
    shift 3
    printf '%s\n' 'nodes 4' 'children 300' 'clients 0' "$1" 'start a..c' \
        'wait 3s' 'start children at a' 'wait 15s' 'start d' 'wait 15s' \
        "${@:2}" 'wait 15s' >"$scratch/least.sim"
    got=$("$tool" scenario --report --json "$scratch/least.sim" |
          jq -r 'select(.report) | "\(.moves_planned) \(.moves_after_losses) \(
                 .moves_least)"')
    [ "$got" = "$wanted" ] || wrong "$*: $got moves, $wanted expected"
}
if command -v jq >/dev/null; then
    least 75 0 75 'weight d 1000'
    least 120 0 120 'weight d 2000'
    least 150 0 150 'weight d 1000' 'leave a'
    least 75 75 150 'weight d 1000' 'crash a'
    least 120 60 180 'weight d 2000' 'crash a'
    least 150 75 225 'weight d 1000' 'crash a' 'wait 15s' 'start a'
    least 75 0 75 'weight d 1000' 'crash a' 'wait 200ms' 'start a'
    # Eight of the ten are not there, and nothing asks for those moves.
    least 83 0 75 'weight d 1000' 'move c0..c9 to b'
fi

# --- what goes wrong is named ----------------------------------------------------

bad() { run --seeds 5 --faults none --plugin "$wicked" "$@"; }
expect 1 "^seed 5, .* plugin 'wicked' crashed (Segmentation fault) in assign" \
    bad
expect 1 "again: phub-sim run --seeds 5 .*--plugin $wicked" bad
expect 1 '^10 cases, 10 broken' run --seeds 1..50 --jobs 1 --plugin "$wicked"
expect 1 '^12 cases, 12 broken' run --seeds 1..12 --plugin "$wicked" \
    --keep-going
expect 1 "plugin 'wicked' spins in assign" bad --param distribution.how=spin
# Wrong answers are not followed, and cost no child that runs (a start is
# refused, so people start none); others each time are followed where they are
# written into a row.
expect 0 '^12 cases, 0 broken' run --seeds 1..12 --plugin "$wicked" \
    --param distribution.how=different
for how in unknown many none; do
    expect 0 '^4 cases, 0 broken' run --seeds 1..4 --faults join \
        --operators no --plugin "$wicked" --param "distribution.how=$how" \
        --param distribution.after=3
done
expect 1 '^seed [0-9]*, .*: promise [15]: .*' \
    run --seeds 1..20 --faults power --plugin "$wicked" \
    --param distribution.how=refuse --param distribution.after=1

# --- what a seed does can be written as a scenario, which does the same ----------

expect 2 '\-\-save is for one seed' run --seeds 1..2 --save "$scratch/x.sim"
if command -v jq >/dev/null; then
    for seed in 1 2 3 4 5 6; do
        first=$(run --seed $seed --json --operators no \
                --save "$scratch/x.sim" | jq -rs '.[0].hash')
        again=$("$tool" scenario --json "$scratch/x.sim" |
                jq -rs '.[0].hash')
        [ -n "$first" ] && [ "$first" = "$again" ] ||
            wrong "seed $seed gave $first, as a scenario $again"
    done
fi

run --seed 7 --save "$scratch/x.sim" >/dev/null
expect 0 '^1 variants, 0 broken' "$tool" scenario "$scratch/x.sim"

# --- a schedule that breaks is made small -----------------------------------------

# shrunk MAX OPTION...: at most so many lines are left, and still break.
shrunk() {
    local most=$1 got
    shift
    "$tool" shrink "$@" --save "$scratch/small.sim" >"$scratch/said" 2>&1
    got=$?
    [ $got -eq 1 ] || wrong "shrink $*: exit $got: $(cat "$scratch/said")"
    got=$(grep -c '^at ' "$scratch/small.sim")
    [ "$got" -le "$most" ] ||
        wrong "shrink $*: $got actions: $(cat "$scratch/small.sim")"
}

unplaced=(--plugin "$wicked" --param distribution.how=refuse
          --param distribution.after=1)
seed=$(run --seeds 1..20 --faults power "${unplaced[@]}" |
       sed -n 's/^seed \([0-9]*\),.*/\1/p' | sort -n | head -n 1)
: >"$scratch/LIST"
shrunk 10 --seed "$seed" --faults power "${unplaced[@]}"
grep -q "^small.sim | seed $seed | .*promise [15].* | open: " "$scratch/LIST" ||
    wrong "LIST is $(cat "$scratch/LIST")"
expect 1 'variant 0: .*promise [15]: ' \
    "$tool" scenario --plugin "$wicked" "$scratch/small.sim"
shrunk 3 --seed 5 --plugin "$wicked"
expect 1 "variant 0, .* plugin 'wicked' crashed .* in assign" \
    "$tool" scenario --plugin "$wicked" "$scratch/small.sim"
# Two breaks of one promise: fewer actions would do for the other.
twice=(--faults crash,power,child --durable no --operators no
       --redundancy replication --param redundancy.factor=2
       --plugin "$wicked" --param distribution.how=refuse
       --param distribution.after=2)
seed=$(run --seeds 20..40 --keep-going "${twice[@]}" |
       sed -n 's/^seed \([0-9]*\),.*, and no instance of it acts .*/\1/p' |
       sort -n | tail -n 1)
shrunk 12 --seed "$seed" "${twice[@]}"
grep -q '^manner c0.* role$' "$scratch/small.sim" ||
    wrong "who is not told what it is like knows no roles: $(cat "$scratch/small.sim")"
expect 1 'variant 0: .*: promise 1: .*, and no instance of it acts ' \
    "$tool" scenario --plugin "$wicked" "$scratch/small.sim"
shrunk 4 --seed "$seed" "${twice[@]}" --any
expect 1 'variant 0: .*: promise 1: .*, and not as many as that are there ' \
    "$tool" scenario --plugin "$wicked" "$scratch/small.sim"
expect 0 '^seed 5 breaks nothing' "$tool" shrink --seed 5
expect 2 'name one seed' "$tool" shrink --seeds 1..5
expect 2 '\-\-matrix has no meaning here' "$tool" shrink --matrix

# --- named schedules -------------------------------------------------------------

scenarios=${PHUB_SRCDIR:-$(dirname "$0")/..}/tests/scenarios
scenario() { "$tool" scenario "$@"; }
printf 'nodes 3\nfreeze n1 fro 2s\n' >"$scratch/bad.sim"
printf 'nodes 3\nscene\ncrash n7\n' >"$scratch/far.sim"
printf 'children 1\nscene\nexpect c0 stopped\n' >"$scratch/broken.sim"
expect 2 '^usage: phub-sim scenario' scenario
expect 2 'found "--seeds"' scenario --seeds 1 "$scratch/far.sim"
expect 2 'none.sim: cannot be read' scenario "$scratch/none.sim"
expect 2 "bad.sim:2: found 'fro', allowed is the end of the line" \
    scenario "$scratch/bad.sim"
expect 2 'far.sim:3: found n7, allowed are n0 to n2 (variant 0)' \
    scenario "$scratch/far.sim"
expect 0 '^let NAME = NUMBER$' scenario --forms
expect 0 '^28 variants, 0 broken' scenario \
    "$scenarios/01_target_is_slow.sim" \
    "$scenarios/02_confirmation_is_lost.sim"
expect 0 '^1 variants, 0 broken' run --variant 2 \
    --scenario "$scenarios/01_target_is_slow.sim"
expect 1 'variant 3: .*: child c0 is not stopped' scenario --variant 3 \
    "$scratch/broken.sim"
expect 1 'again: phub-sim scenario --variant 3 --migration coldswap --trace ' \
    scenario --variant 3 --migration coldswap "$scratch/broken.sim"
expect 1 "plugin 'wicked' crashed (Segmentation fault) in assign" \
    scenario --plugin "$wicked" "$scenarios/01_target_is_slow.sim"
expect 0 '"variant":0,"broken":false' scenario --json --variant 0 \
    "$scenarios/01_target_is_slow.sim"

# --- the bench -------------------------------------------------------------------

expect 0 '"nodes":12,"children":24,' "$tool" bench --only thousand \
    --nodes 12 --children 24 --json
expect 2 'nodes 9: allowed is a number from 10 to 1024' \
    "$tool" bench --only thousand --nodes 9
expect 2 'thousand is not run: 1024 nodes with 100000 children take about [0-9]' \
    "$tool" bench --only thousand --nodes 1024 --children 100000

# --- every option is in the manual -----------------------------------------------

page=${PHUB_SRCDIR:-$(dirname "$0")/..}/man/phub-sim.1
for option in $({ run --help; "$tool" shrink --help; "$tool" bench --help; } |
               sed -n 's/^  --\([a-z-]*\).*/\1/p'); do
    grep -q "^\.It Fl -$option\>" "$page" ||
        wrong "man/phub-sim.1: --$option is missing"
done
for fault in $(run --help | sed -n '/^faults/,$s/^  \([a-z-]*\) .*/\1/p'); do
    grep -q "^\.It Cm $fault\$" "$page" ||
        wrong "man/phub-sim.1: the fault $fault is missing"
done

exit "$failed"
