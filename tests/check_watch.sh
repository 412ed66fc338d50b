#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check_watch: two real daemons: events of both seen at one, commands of hooks
# that work, hang, write much and cannot be run.

# shellcheck source-path=SCRIPTDIR
. "${PHUB_SRCDIR:-$(dirname "$0")/..}/tests/tools_fixture.sh"

cat >"$scratch/good" <<SH
#!/bin/sh
cat >>"$scratch/good.seen"
SH
cat >"$scratch/hang" <<SH
#!/bin/sh
exec tail -f /dev/null
SH
cat >"$scratch/flood" <<SH
#!/bin/sh
head -c 100000 /dev/zero | tr "\\0" x
head -c 100000 /dev/zero >>"\$0.file"
echo whole >>"\$0.seen"
SH
chmod +x "$scratch/good" "$scratch/hang" "$scratch/flood"

# Counter $2 of node $1 is at least $3.
counted() {
    local value
    value=$("$bin/phub" status --socket "$scratch/$1/sock" |
        awk -v name="$2" '$1 == name { print $2 }')
    [ "${value:-0}" -ge "$3" ]
}
seen() { grep -q -e "$2" "$scratch/$1" 2>/dev/null; }

daemon a --hook "child_started=$scratch/good" \
    --hook "child_registered=$scratch/hang" --hook-timeout-ms 300 \
    --hook "child_registered=$scratch/flood" \
    --hook "child_registered=/none/such"
must 10 'node a is there' members 1
seed=$(phub nodes | awk '$1 == "a" {print $NF}')
daemon b --hook "child_started=$scratch/good" \
    --hook "child_registered=$scratch/hang" --hook-timeout-ms 300 \
    --hook "child_registered=$scratch/flood" \
    --hook "child_registered=/none/such"
must 10 'two nodes' members 2

# --- looking on ----------------------------------------------------------------

"$bin/phub" watch --socket "$scratch/a/sock" >"$scratch/all" 2>&1 &
others+=($!)
"$bin/phub" watch --socket "$scratch/b/sock" --json --event child_started \
    --tag web --limit 4 >"$scratch/json" 2>&1 &
others+=($!)
limited=$!
must 10 'both look on' seen all reconcile_round
expect 0 'x-1 ' phub start --count 4 x-%d --tag web -- "$counter"
expect 0 'y ' phub start y -- "$counter"
must 20 'it ends after its limit' eval '! kill -0 $limited 2>/dev/null'
[ "$(grep -c '"event":"child_started"' "$scratch/json")" = 4 ] ||
    wrong "not four events: $(cat "$scratch/json")"
grep -q '"id":"y"' "$scratch/json" && wrong 'a child without the tag is seen'
for id in x-1 x-2 x-3 x-4 y; do
    must 10 "$id is seen" seen all "child_started $id"
done
for node in a b; do
    must 10 "$node is seen" seen all "  $node .*reconcile_round"
done
expect 1 "event 'no_such' is not known" phub watch --event no_such

# --- commands --------------------------------------------------------------------

for id in x-1 x-2 x-3 x-4 y; do
    must 20 "the command got $id" seen good.seen "\"id\":\"$id\""
done
grep -qv '^{"event":"child_started","hub":"test","node":"[ab]".*}$' \
    "$scratch/good.seen" && wrong 'a line that is no such event'
either() { counted a "$1" "$2" || counted b "$1" "$2"; }
must 20 'one that hangs is killed' either hook_commands_timed_out 1
must 20 'one that writes much is let' seen flood.seen whole
[ "$(stat -c %s "$scratch/flood.file")" -ge 100000 ] ||
    wrong 'a command could not write a file of its own'
must 20 'and one that is not there is counted' either hook_commands_failed 3
expect 0 '^z .*ok' phub start z -- "$counter"

# Nothing is begun before the first lease, and no event is lost by that.
daemon c --hook "*=$scratch/good"
must 20 'it hears of the first events' counted c hook_commands_run 2
counted c hook_commands_failed 1 && wrong 'a command was begun without a lease'

# --- what is not allowed ------------------------------------------------------------

printf '[hub]\nid = t\n[hooks]\nchild_strated = /bin/true\n' >"$scratch/wrong"
expect 2 'wrong:4: \[hooks\] child_strated: unknown event, nearest is child_st' \
    "$bin/phubd" --config "$scratch/wrong"

exit "$failed"
