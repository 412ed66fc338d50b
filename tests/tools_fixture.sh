# SPDX-License-Identifier: MIT
# tools_fixture: real daemons in a scratch directory, for tests in bash.
# shellcheck shell=bash
#
# daemon NAME [FLAG...]  start one; its pid is in ${pid_of[NAME]}
# phub VERB ...          ask $viewer
# expect CODE PATTERN COMMAND...   exit code, and a line of the output
# wait_for SECONDS COMMAND...      until it succeeds
# Whatever was started is ended at exit.
#
# What fails while a daemon says that it was not run, and a process that only
# sleeps says so, too, fails on a machine that stands still, where leases end and
# states come too late as they should: it is tried again, twice.  Not if a daemon
# aborted.  A test that stops a daemon itself says so in $stopped.

set -u
build=${PHUB_BUILDDIR:-$(cd "$(dirname "$0")/../build" && pwd)}
bin=$build/tools
if [ -x "$build/tools/.libs/phubd" ]; then
    bin=$build/tools/.libs
    export LD_LIBRARY_PATH=$build/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi
export PHUB_GUARD=$build/tools/phub-guard
export PHUB_PLUGIN_PATH=${PHUB_PLUGIN_PATH:-$build/plugins/.libs}
unset PHUB_SOCKET NOTIFY_SOCKET
scratch=$(mktemp -d "${TMPDIR:-/tmp}/phub-tools.XXXXXX") || exit 99
mkfifo "$scratch/never"
declare -A pid_of
others=()
failed=0
stopped=0
witness_pid=''
viewer=a
seed=''
counter=$build/tests/counter
strategies=(--distribution consistent_hash --redundancy singularity
            --sync pubsub --migration hotswap --partition divergence)

# Notes when it slept much longer than it wanted to.
witness() {
    local before now
    while [ -e "$scratch/never" ]; do
        before=${EPOCHREALTIME//[!0-9]/}
        read -r -t 0.1 <>"$scratch/never"
        now=${EPOCHREALTIME//[!0-9]/}
        [ $((now - before)) -lt 700000 ] || : >"$scratch/stood-still"
    done
}

stood_still() {
    [ -e "$scratch/stood-still" ] &&
        ! grep -qE 'Sanitizer|runtime error|assertion failed' \
            "$scratch"/*/log &&
        [ "$(cat "$scratch"/*/log | grep -c 'this node was not run for')" \
            -gt "$stopped" ]
}

tidy() {
    local rc=$? pid
    for pid in "${pid_of[@]}" "${others[@]}" $witness_pid; do
        kill -9 "$pid" 2>/dev/null
    done
    [ -n "${PHUB_KEEP:-}" ] && [ "$rc" != 0 ] && echo "kept: $scratch" && return
    if [ "$rc" != 0 ] && [ "${PHUB_ATTEMPT:=1}" -lt 3 ] && stood_still; then
        echo "attempt $PHUB_ATTEMPT of 3: this machine stood still"
        rm -rf "$scratch"
        PHUB_ATTEMPT=$((PHUB_ATTEMPT + 1)) exec "$BASH" "$0"
    fi
    rm -rf "$scratch"
}
trap tidy EXIT
trap 'PHUB_ATTEMPT=3; exit 1' INT TERM
(trap - EXIT INT TERM; witness 2>/dev/null) &
witness_pid=$!
disown

wrong() { echo "$*"; failed=1; }

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

pause() { read -r -t 0.02 <>"$scratch/never" || :; }

wait_for() {
    local limit=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $limit ] || return 1
        pause
    done
}

# must SECONDS WHAT COMMAND...: the rest makes no sense without.
must() {
    local limit=$1 what=$2
    shift 2
    wait_for "$limit" "$@" && return
    echo "not within $limit s: $what"
    phub nodes
    phub ls
    tail -n 5 "$scratch"/*/log
    exit 1
}

daemon() {
    local name=$1
    shift
    mkdir -p "$scratch/$name"
    : >>"$scratch/$name/log"
    "$bin/phubd" --id test --name "$name" --listen tcp://127.0.0.1:0 \
        ${seed:+--seeds "$seed"} --state-dir "$scratch/$name/state" \
        --control "$scratch/$name/sock" --drain-timeout-ms 8000 \
        "${strategies[@]}" "$@" >>"$scratch/$name/log" 2>&1 </dev/null &
    pid_of[$name]=$!
    disown
}

phub() {
    local verb=$1
    shift
    "$bin/phub" "$verb" --socket "$scratch/$viewer/sock" "$@"
}

rows() { phub ls 2>/dev/null | tail -n +2; }
row_of() { rows | awk -v id="$1" '$1 == id'; }
node_of() { row_of "$1" | awk '{print $2}'; }
pid_of_child() { row_of "$1" | awk '{print $4}'; }
members() { [ "$(phub nodes 2>/dev/null | grep -c ' alive ')" = "$1" ]; }
running() { [ "$(rows | awk '$3 == "running"' | wc -l)" = "$1" ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }
logged() { grep -q -e "$2" "$scratch/$1/log"; }
status_of() { phub status | awk -v key="$1" '$1 == key {print $2}'; }
