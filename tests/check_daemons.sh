#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check_daemons: three real daemons on loopback: joins, starts, moves, a crash,
# a quick restart, a drain, and what is refused on the way.

# shellcheck source-path=SCRIPTDIR
. "${PHUB_SRCDIR:-$(dirname "$0")/..}/tests/tools_fixture.sh"

# Valid JSON, as the tool's own reader sees it.
json_valid() {
    local said
    said=$("$@" | "$bin/phub" start --file - --socket "$scratch/none" 2>&1)
    ! grep -q 'standard input:[0-9]' <<<"$said"
}

# --- two daemons join at once ------------------------------------------------------

daemon a
must 10 'node a is there' members 1
seed=$(phub nodes | awk '$1 == "a" {print $NF}')
daemon b
daemon c
must 10 'two join at once' members 3
for viewer in b c; do must 10 "$viewer sees all" members 3; done
viewer=a

# --- joins that are refused, with both values --------------------------------------

mkdir "$scratch/x" "$scratch/y"
daemon x --id other
must 10 'another hub id is refused there' logged x "refused.*test"
must 10 'and here' logged a "refused.*other"
daemon y --param distribution.consistent_hash.virtual_nodes=17
must 10 'other parameters are refused there' logged y 'refused.*consistent_hash'
must 10 'and here' logged a 'refused.*consistent_hash'
kill -9 "${pid_of[x]}" "${pid_of[y]}"
unset 'pid_of[x]' 'pid_of[y]'
members 3 || wrong 'who was refused is a member'

# --- starts ------------------------------------------------------------------------

expect 0 'counter-9 .*ok' phub start --count 9 counter-%d --tag counter \
    --meta owner=test --ready -- "$counter"
must 10 'nine run' running 9
expect 1 'already started' phub start counter-1 -- "$counter"
expect 1 'none/such' phub start missing -- /none/such
expect 1 '1 to 255 are allowed' phub start "$(printf 'x%.0s' {1..256})" -- true
expect 1 'PHUB_ENOTFOUND\|not found' phub stop nobody
expect 1 "no child is called 'nobody'" phub show nobody
expect 1 'not found\|no such child' phub move nobody b
expect 2 'is allowed' phub set counter-1 --sticky perhaps
expect 2 'say what to set' phub set counter-1
expect 0 ' ok ' phub set counter-1 --sticky yes
expect 0 '"sticky": true' phub dump --json
expect 0 ' ok ' phub set counter-1 --sticky no
expect 1 'no member has that name' phub move counter-1 nowhere
expect 1 'no member has that name' phub move counter-1 a --replica nowhere
expect 1 '3 nodes see each other' phub quorum reset 2
expect 1 "'divergence' remembers no number" phub quorum reset 3
expect 2 'is allowed' phub quorum set 3
expect 2 'a number of nodes' phub quorum reset many
expect 2 'a number of nodes' phub quorum reset 1025
expect 0 '^no children' phub ls --tag nothing
expect 0 'owner=test' phub show counter-1
expect 0 'port ' env viewer="$(node_of counter-1)" \
    "$bin/phub" logs counter-1 --socket "$scratch/$(node_of counter-1)/sock"
json_valid phub ls --json || wrong 'ls --json is no JSON'
json_valid phub show --json counter-1 || wrong 'show --json is no JSON'
json_valid phub status --json || wrong 'status --json is no JSON'
json_valid phub nodes --json || wrong 'nodes --json is no JSON'

# Metadata changes while a child runs; the same version does not win twice.
expect 0 '^counter-2 .* ok ' phub set counter-2 colour=red shape=round
expect 0 'colour=red' phub show counter-2
expect 1 'its version is' phub set counter-2 --if-version 1 colour=blue
expect 1 'no such child' phub set nobody colour=blue
expect 0 '^counter-2 .* ok ' phub set counter-2 colour=
if phub show counter-2 | grep -q colour; then
    wrong 'a value that was taken away is still there'
fi

# By metadata, and what one node runs.
count() { "$@" --json | grep -c '"id": "counter-'; }
[ "$(count phub ls --meta owner)" = 9 ] || wrong 'ls --meta KEY'
[ "$(count phub ls --meta owner=test --meta shape=round)" = 1 ] ||
    wrong 'ls --meta KEY=VALUE, twice'
expect 0 '^no children' phub ls --meta owner=tes
expect 0 '^no children' phub ls --meta own
here=$(rows | awk '$2 == "a"' | wc -l)
[ "$(count phub ls --local)" = "$here" ] || wrong 'ls --local'
if phub ls --local --node b | grep -q counter; then
    wrong 'what runs on b runs on a'
fi

# All that there is, the same on each node, and a file of it starts the same.
expect 0 '^  home       [abc], epoch' phub dump
expect 0 'instance   [abc]: running, active, pid [1-9]' phub dump
same_dump() {
    phub dump --json >"$scratch/dump-a" &&
        viewer=b phub dump --json >"$scratch/dump-b" &&
        cmp -s "$scratch/dump-a" "$scratch/dump-b"
}
must 10 'both nodes dump the same' same_dump
json_valid cat "$scratch/dump-a" || wrong 'dump --json is no JSON'
expect 0 '^twin .*ok' phub start twin --tag t --meta m=v --env A=b=c \
    --stop-signal INT --restart transient --backoff 3s --sticky \
    --health true -- /bin/sleep 1000
spec_of_twin() {
    phub dump --json | awk '/"id": "twin"/ {n++} n == 1 && /"spec": {/ {on = 1}
        on && /"instances"/ {exit} on' |
        sed '1s/.*/{/; $s/},/}/'
}
spec_of_twin >"$scratch/twin.json"
expect 0 '^twin .*' phub stop twin
expect 0 '^twin .*ok' phub start --file "$scratch/twin.json"
spec_of_twin | cmp - "$scratch/twin.json" ||
    wrong 'what dump said was not started the same'
grep -q '"A": "b=c"' "$scratch/twin.json" || wrong 'dump has no environment'
expect 0 '^twin .*' phub stop twin

# One bad program undoes its whole batch.
printf '[%s, %s]' '{"id": "good", "argv": ["/bin/sleep", "1000"]}' \
    '{"id": "bad", "argv": ["/none/such"], "restart": "temporary"}' \
    >"$scratch/specs.json"
expect 1 'undone' phub start --file "$scratch/specs.json" \
    --on-failure rollback
expect 0 '^good .*stopped' phub show good

# What answers garbage is still there.
port=${seed##*:}
head -c 4096 /dev/urandom >"/dev/tcp/127.0.0.1/$port" || :
members 3 || wrong 'garbage had an effect'

# --- clients, and moves -------------------------------------------------------------

mkfifo "$scratch/ask" "$scratch/tell"
sockets=$scratch/a/sock:$scratch/b/sock:$scratch/c/sock
"$build/tests/journal" "$sockets" counter-{1..9} \
    <"$scratch/ask" >"$scratch/tell" 2>"$scratch/twice" &
others+=($!)
disown
exec 8>"$scratch/ask" 9<"$scratch/tell"
declare -A acked resets wrongs
report() {
    echo report >&8
    while read -r id _ n1 _ _ _ _ _ n4 _ n5 _ <&9 && [ "$id" != end ]; do
        acked[$id]=$n1 resets[$id]=$n4 wrongs[$id]=$n5
    done
}
everyone() {
    report
    for id in counter-{1..9}; do
        [ "${acked[$id]:-0}" -gt 0 ] || return 1
    done
}
# Every client has had an answer since base was taken.
served() {
    local id
    report
    for id in counter-{1..9}; do
        [ "${acked[$id]}" -gt "${base[$id]}" ] || return 1
    done
}
# no_loss WHEN [ID...]: nobody but these began again.
no_loss() {
    local when=$1 id
    local -A base
    shift
    report
    for id in counter-{1..9}; do base[$id]=${acked[$id]}; done
    must 10 "every client is served after $when" served
    for id in counter-{1..9}; do
        [ "${wrongs[$id]}" = 0 ] || wrong "$when: $id answered wrongly"
        case " $* " in
        *" $id "*) ;;
        *) [ "${resets[$id]}" = 0 ] || wrong "$when: $id lost its count" ;;
        esac
    done
    echo mark >&8
}
must 10 'every client is served' everyone
echo mark >&8
from=$(node_of counter-1)
for to in a b c; do [ "$to" = "$from" ] || break; done
expect 0 "counter-1 .*ok" phub move counter-1 "$to"
[ "$(node_of counter-1)" = "$to" ] || wrong "counter-1 is not on $to"
no_loss move

# --- versions of states ----------------------------------------------------------------

# A child whose program is another on each node: nobody is given a state that
# its program cannot read, and then the child goes on where it is.
count_of() {
    local port
    port=$(phub show versioned | sed -n 's/.*port=\([0-9]*\).*/\1/p')
    exec 5<>"/dev/tcp/127.0.0.1/$port"
    echo "$1" >&5
    read -r count <&5
    exec 5>&-
    echo "$count"
}
for name in a b c; do echo 3 >"$scratch/version.$name"; done
# shellcheck disable=SC2016
expect 0 'versioned .*ok' phub start versioned --ready -- /bin/sh -c \
    'exec "$1" "$(cat "$0/version.$PHUB_NODE")"' "$scratch" "$counter"
must 10 'ten run' running 10
from=$(node_of versioned)
for to in a b c; do [ "$to" = "$from" ] || break; done
pid=$(pid_of_child versioned)
[ "$(count_of inc)" = 1 ] || wrong 'the count does not begin with 1'
echo 2 >"$scratch/version.$to"
expect 1 'version 3.*its own is 2' phub move versioned "$to"
[ "$(row_of versioned | awk '{print $2, $3, $4}')" = "$from running $pid" ] ||
    wrong 'a child whose state was refused is not where it was'
[ "$(count_of inc)" = 2 ] || wrong 'a refused move lost the count'
echo 4 >"$scratch/version.$to"
expect 0 'versioned .*ok' phub move versioned "$to"
[ "$(count_of inc)" = 3 ] || wrong 'a later version lost the count'
expect 1 'version 4.*its own is 3' phub move versioned "$from"
[ "$(node_of versioned)" = "$to" ] || wrong 'it went back with its state'
expect 0 'versioned .*ok' phub stop versioned
must 10 'nine run again' running 9

# --- a daemon that is back before anybody notices ------------------------------------

# Not counter-1: it was moved, and may go home when the view changes.
victim=$(rows | awk '$2 != "a" && $1 != "counter-1" {print $2}' | sort |
         uniq -c | sort -rn | awk 'NR == 1 {print $2}')
before=$(rows | awk -v n="$victim" \
             '$2 == n && $1 != "counter-1" {print $1, $2, $3, $4}')
kill -9 "${pid_of[$victim]}"
must 10 "$victim is gone" gone "${pid_of[$victim]}"
daemon "$victim"
restarted() {
    [ "$(phub nodes --json | grep -c '"boot": 2')" = 1 ] && members 3
}
must 10 'it is back with a new boot id' restarted
adopted() {
    local line now
    now=$(rows | awk '{print $1, $2, $3, $4}')
    while read -r line; do
        grep -qxF -e "$line" <<<"$now" || return 1
    done <<<"$before"
}
must 5 'its children are the same processes' adopted
no_loss restart

# --- a daemon that is killed, and one that is stopped -----------------------------------

# Its children end with the lease, before they run elsewhere; how: KILL, STOP.
lose() {
    local how=$1 pid lost old
    lost=$(rows | awk -v n="$victim" '$2 == n {printf "%s ", $1}')
    old=$(rows | awk -v n="$victim" '$2 == n {printf "%s ", $4}')
    [ -n "$lost" ] || wrong "$how: $victim runs nothing"
    kill "-$how" "${pid_of[$victim]}"
    must 20 "$how: its children run elsewhere" elsewhere
    for pid in $old; do
        gone "$pid" || wrong "$how: process $pid of $victim is still there"
    done
    no_loss "$how" "$lost"
}
elsewhere() {
    ! rows | awk -v n="$victim" '$2 == n' | grep -q . && running 9
}
has_children() {
    members 3 && running 9 &&
        rows | awk -v n="$victim" '$2 == n' | grep -q counter
}
lose KILL
daemon "$victim"
must 10 'it is a member again' members 3
if ! wait_for 5 has_children; then
    expect 0 ' ok ' phub move counter-1 "$victim"
fi
must 10 'it runs something' has_children
no_loss 'coming back'
lose STOP
stopped=1
kill -CONT "${pid_of[$victim]}"
must 10 'it is a member after it was stopped' members 3
must 10 'and all run' running 9
no_loss 'going on'

# --- a child that ends -------------------------------------------------------------------

old=$(pid_of_child counter-2)
kill -9 "$old"
another() {
    local pid
    pid=$(pid_of_child counter-2)
    [ -n "$pid" ] && [ "$pid" != "$old" ] && running 9
}
must 10 'a killed child is restarted' another
no_loss child counter-2

# --- drain, and leaving -------------------------------------------------------------------

expect 0 'is drained' phub drain c
nothing_on_c() { [ -z "$(rows | awk '$2 == "c"')" ]; }
must 5 'and who is asked sees that nothing is left on c' nothing_on_c
no_loss drain
kill -TERM "${pid_of[c]}"
must 10 'c leaves' gone "${pid_of[c]}"
must 5 'and is seen to' members 2

# --- one that is gone for good ------------------------------------------------------------

expect 1 "node 'b': it is a member; drain it or stop its daemon first" \
    phub forget b
expect 1 'no node of that name or id is known' phub forget z
expect 0 "node 'c' is forgotten" phub forget c
expect 0 "node 'c' was forgotten already" phub forget c --json
forgets_c() { viewer=b phub nodes | grep -q ' b \|^b ' &&
              ! viewer=b phub nodes | grep -q '^c '; }
must 10 'b forgets it, too' forgets_c
daemon c
must 10 'with what it has it is refused, and told what to do' logged c \
    'join.*refused: node "c" was forgotten; empty its state directory, it then'
must 5 'and runs nothing' logged c 'nothing runs here any more'
members 2 || wrong 'one that was forgotten is a member'
expect 0 'was forgotten; empty its state directory' env viewer=c \
    "$bin/phub" status --socket "$scratch/c/sock"
kill -TERM "${pid_of[c]}"
must 10 'it can be stopped' gone "${pid_of[c]}"
rm -rf "$scratch/c/state"
daemon c
must 10 'empty it joins as new' members 3
kill -TERM "${pid_of[c]}"
must 20 'c leaves again' gone "${pid_of[c]}"
must 5 'and is seen to' members 2
kill -TERM "${pid_of[b]}"
must 15 'b moves all away and leaves' gone "${pid_of[b]}"
must 5 'a is alone' members 1
must 10 'and runs all' running 9
no_loss leave

expect 0 '^counter-1 .*ok' phub stop --tag counter
expect 0 'no children' phub ls
kill -TERM "${pid_of[a]}"
must 10 'a leaves' gone "${pid_of[a]}"
exit "$failed"
