#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check_tools: what phub and phubd say when they are told nonsense, and the
# exit codes of both.

# shellcheck source-path=SCRIPTDIR
. "${PHUB_SRCDIR:-$(dirname "$0")/..}/tests/tools_fixture.sh"
tool=$bin/phub
daemon=$bin/phubd

# --- phub: usage is 2 ----------------------------------------------------------

expect 2 '^usage: phub VERB' "$tool"
expect 0 '^Exit code: 0 done' "$tool" --help
expect 0 '^phub 0' "$tool" --version
expect 2 '"dance" is not a verb' "$tool" dance
expect 2 '"--wrong" is not an option of ls' "$tool" ls --wrong
expect 2 'needs a value: NODE' "$tool" ls --node
expect 2 'takes no value' "$tool" ls --json=yes
expect 2 'is used as: phub show ID' "$tool" show
expect 2 'is used as: phub move' "$tool" move one
expect 2 'a time has a number and a unit' "$tool" stop x --timeout 5
expect 2 '"--" has no meaning here' "$tool" ls -- sleep
expect 2 'name the child' "$tool" start
expect 2 "what is 'x' to run" "$tool" start x
expect 2 'KEY=VALUE is needed' "$tool" start x --meta wrong -- true
expect 2 'permanent, transient and temporary' \
    "$tool" start x --restart sometimes -- true
expect 2 'a name like TERM' "$tool" start x --stop-signal LOUD -- true
expect 2 'needs a %d' "$tool" start x --count 3 -- true
expect 2 '"rollback" is allowed' "$tool" start x --on-failure cry -- true
expect 2 'name the children to stop' "$tool" stop
expect 2 'say what to set: KEY=VALUE' "$tool" set x
expect 2 'KEY=VALUE is needed' "$tool" set x wrong
expect 2 'KEY=VALUE is needed' "$tool" set x =wrong
expect 2 '--meta: needs\|needs a value: KEY' "$tool" ls --meta
expect 2 'takes no value' "$tool" ls --local=yes
many=()
for i in {1..17}; do many+=(--meta "k$i"); done
expect 2 "16 --meta at most" "$tool" ls "${many[@]}"
expect 2 'is used as: phub forget' "$tool" forget
expect 2 'is used as: phub dump' "$tool" dump x
for verb in start stop ls show why nodes status logs move drain set dump forget; do
    expect 0 "^usage: phub $verb" "$tool" "$verb" --help
done

expect 2 '^phub: --state "idle": starting, .* and lost are allowed' \
    "$tool" ls --state idle
expect 2 '^phub: --state "lost": it is "running" already, and can be given' \
    "$tool" ls --state running --state lost
expect 2 '^phub: --node "b": it is "a" already' "$tool" ls --node a --node=b
expect 2 '^phub: --node "b": it is "a" already' "$tool" watch --node a --node b

# An empty name is that of a variable that was not set, and names nobody.
expect 2 '^phub: operand 1 is empty: .* phub drain \[NODE\]' "$tool" drain ''
expect 2 '^phub: operand 1 is empty: .* phub forget NODE' "$tool" forget ''
expect 2 '^phub: operand 3 is empty' "$tool" move x y ''
expect 2 '^phub: operand 1 is empty' "$tool" move '' a
for verb in start stop ls show why logs set watch; do
    expect 2 '^phub: operand 1 is empty' "$tool" "$verb" ''
done
expect 2 '^phub: --replica "": NODE cannot be empty' \
    "$tool" move x a --replica ''
expect 2 '^phub: --node "": NODE cannot be empty' "$tool" ls --node=
expect 2 '^phub: --tag "": TAG cannot be empty' "$tool" stop --tag ''
expect 2 '^phub: --state "": STATE cannot be empty' "$tool" ls --state ''
expect 2 '^phub: --event "": EVENT cannot be empty' "$tool" watch --event ''
expect 2 "what is 'x' to run" "$tool" start x --health ''

# 0 is not the default in other words.
for verb in 'start x' 'stop x' 'move x a' drain 'set x k=v' 'forget a' \
    'strategy set a b'; do
    # shellcheck disable=SC2086
    expect 2 '^phub: --timeout "0s": 1ms or more is allowed' \
        "$tool" $verb --timeout 0s
done
expect 2 '^phub: --if-version "0": 1 or more' "$tool" set x --if-version 0 k=v
expect 2 '^phub: --lines "0": 1 or more' "$tool" logs x --lines 0
expect 2 '^phub: --causes "0": 1 or more' "$tool" why x --causes 0
expect 2 '^phub: --limit "0": 1 or more' "$tool" watch --limit 0
expect 3 'no hub' "$tool" start x --checkpoint 0s --socket "$scratch/none" -- a

# These ranges are the hub's.
ranges=$(sed -n 's/^ *NUMBER(\(.*\), [0-9]*, \(.*\), \(.*\)),$/\1 \2 \3/p' \
    "${PHUB_SRCDIR:-$(dirname "$0")/..}/libphub/child/spec.c" |
    grep -v checkpoint_ms)
[ "$(wc -l <<<"$ranges")" = 8 ] || wrong "8 ranges are expected: $ranges"
while read -r key min max; do
    option=${key//_/-} unit=''
    [ "$option" = "${option%-ms}" ] || unit=ms
    expect 2 "^phub: --${option%-ms} 0$unit: $min$unit to $max$unit are all" \
        "$tool" start x "--${option%-ms}" "0$unit" -- true
    printf '{"id": "x", "argv": ["true"], "%s": 0}' "$key" >"$scratch/0.json"
    expect 2 "child 'x': $key = 0: $min to $max are allowed" \
        "$tool" start --file "$scratch/0.json"
done <<<"$ranges"

# A limit is said.
many=()
for i in {1..65}; do many+=("k$i=v"); done
expect 2 '^phub: watch takes 64 operands at most, not 65: phub watch \[ID' \
    "$tool" watch "${many[@]}"
expect 2 '^phub: set takes 65 operands at most, not 66: phub set ID \[KEY' \
    "$tool" set x "${many[@]}"
expect 3 'no hub' "$tool" set x "${many[@]:1}" --socket "$scratch/none"

# --- a file of specs -----------------------------------------------------------

spec() { printf '%s' "$1" >"$scratch/specs.json"; }
spec '{"id": "x", "argv": ["true"]'
expect 2 'specs.json:1:' "$tool" start --file "$scratch/specs.json"
spec '{"id": "x", "argv": "true"}'
expect 2 "child 'x': argv = \"true\": a list of texts is needed" \
    "$tool" start --file "$scratch/specs.json"
spec '[{"id": "x", "argv": ["true"], "colour": 1}]'
expect 2 '"colour" is not a word of a spec' \
    "$tool" start --file "$scratch/specs.json"
spec '[{"argv": ["true"]}]'
expect 2 'child number 1: it has no "id"' \
    "$tool" start --file "$scratch/specs.json"
spec '[]'
expect 2 'it has no children' "$tool" start --file "$scratch/specs.json"
expect 2 "^phub: cannot open '$scratch/none.json': No such file" \
    "$tool" start --file "$scratch/none.json"
expect 2 "^phub: cannot read $scratch: Is a directory" \
    "$tool" start --file "$scratch"
spec '{"children": [{"id": "x", "argv": ["true"]}], "durable": true}'
expect 2 '"durable" has no meaning beside "children"' \
    "$tool" start --file "$scratch/specs.json"
spec '{"children": {"id": "x", "argv": ["true"]}}'
expect 2 'it has no children' "$tool" start --file "$scratch/specs.json"
spec '[]'
expect 2 'names the children' "$tool" start x --file "$scratch/specs.json"
while read -r key option; do
    # shellcheck disable=SC2086
    expect 2 "^phub: --${option%% *} belongs into the file: .*\"$key\"" \
        "$tool" start --file "$scratch/specs.json" --$option
done <<'OPTIONS'
durable durable
sticky sticky
ready ready
tags tag t
metadata meta k=v
env env K=v
cwd cwd /
count count 3
restarts_max restarts-max 3
backoff_max_ms backoff-max 1s
stop_signal stop-signal HUP
health health true
OPTIONS

# --- no hub is 3 ----------------------------------------------------------------

expect 3 'no hub listens at' "$tool" ls --socket "$scratch/none"
expect 3 '"name": "PHUB_ENOHUB"' "$tool" ls --json --socket "$scratch/none"
expect 3 "'$scratch/env'" env PHUB_SOCKET="$scratch/env" "$tool" nodes

# --- phub-bench ------------------------------------------------------------------

bench=$bin/phub-bench
for value in 0 1000001 -1 many 99999999999999999999; do
    expect 2 "^phub-bench: --children \"$value\": 1 to 1000000 are allowed" \
        "$bench" --children "$value"
done
for value in 1048577 '' 1k; do
    expect 2 "^phub-bench: --state \"$value\": 0 to 1048576 are allowed" \
        "$bench" --state "$value"
done
expect 2 '^usage: phub-bench' "$bench" --wrong
# A single child mostly stays where it is: then no move was measured.
figures=$("$bench" --children 1) || wrong "phub-bench --children 1: exit $?"
grep -q '^moved to a third node that joins ' <<<"$figures" ||
    wrong "phub-bench --children 1: $figures"
! grep -q ' -[0-9]' <<<"$figures" || wrong "phub-bench: $figures"

# --- what cannot be printed fails -------------------------------------------------

to_full() { "$@" >/dev/full; }
to_nobody() { "$@" >&-; }
while read -r name rest; do
    program=$bin/$name
    [ "$name" != phub-guard ] || program=$PHUB_GUARD
    # shellcheck disable=SC2086
    expect 0 . "$program" $rest
    # shellcheck disable=SC2086
    expect 1 "^$name: cannot write to standard output: No space left" \
        to_full "$program" $rest
    # shellcheck disable=SC2086
    expect 1 "^$name: cannot write to standard output: Bad file desc" \
        to_nobody "$program" $rest
done <<OPTIONS
phub --help
phub ls --help
phub --version
phubd --help
phubd --version
phubd --check-config --id x ${strategies[*]}
phub-plugin --help
phub-plugin --version
phub-plugin exists --json sync pubsub
phub-plugin info consistent_hash
phub-bench --help
phub-bench --version
phub-guard --help
phub-guard --version
OPTIONS
# More than a buffer.
expect 1 '^phub-plugin: cannot write to standard output' \
    to_full "$bin/phub-plugin" list --json

# --- phubd ------------------------------------------------------------------------

expect 0 '^usage: phubd' "$daemon" --help
expect 0 '^phubd 0' "$daemon" --version
expect 2 'bogus' "$daemon" --bogus
expect 2 'allowed is' "$daemon" --id x --settle-ms fast --check-config
expect 2 'is not set' "$daemon" --id x --check-config
expect 0 '^settle_ms = 500' "$daemon" --id x "${strategies[@]}" --check-config

conf=$scratch/phub.conf
printf '[hub]\nid = x\n[members]\nsettle_ms = fast\n' >"$conf"
expect 2 'phub.conf:4: .*settle_ms = "fast": allowed is an integer' \
    "$daemon" --config "$conf" --check-config
printf '[hub]\nid = x\ncolour = blue\n' >"$conf"
expect 2 'phub.conf:3: .*colour' "$daemon" --config "$conf"
expect 2 'none.conf' "$daemon" --config "$scratch/none.conf"
expect 2 'not found; looked in' "$daemon" --id x "${strategies[@]}" \
    --migration teleport --check-config
expect 2 'not found; looked in' "$daemon" --id x "${strategies[@]}" \
    --migration teleport --state-dir "$scratch/state" \
    --control "$scratch/sock"

# A state directory that cannot be one, and a control socket that is taken.
: >"$scratch/file"
expect 1 "$scratch/file" "$daemon" --id x "${strategies[@]}" \
    --listen tcp://127.0.0.1:0 --state-dir "$scratch/file" \
    --control "$scratch/sock"
expect 1 "guard '/none/guard'" env PHUB_GUARD=/none/guard "$daemon" --id x \
    "${strategies[@]}" --listen tcp://127.0.0.1:0 \
    --state-dir "$scratch/g-state" --control "$scratch/sock"
daemon a
must 10 'node a is there' members 1
expect 1 "$scratch/a/state" "$daemon" --id x "${strategies[@]}" \
    --listen tcp://127.0.0.1:0 --state-dir "$scratch/a/state" \
    --control "$scratch/sock"
expect 1 "$scratch/a/sock" "$daemon" --id x "${strategies[@]}" \
    --listen tcp://127.0.0.1:0 --state-dir "$scratch/x-state" \
    --control "$scratch/a/sock"
port=$(phub nodes | awk '$1 == "a" {print $NF}')
expect 1 "$port" "$daemon" --id x "${strategies[@]}" --listen "$port" \
    --state-dir "$scratch/y-state" --control "$scratch/y"

# What is printed does not become part of what the hub is asked.
for format in '' --json; do
    # shellcheck disable=SC2086
    expect 1 '^phub: cannot write to standard output' to_full phub nodes $format
    # shellcheck disable=SC2086
    expect 1 '^phub: cannot write to standard output: Bad file desc' \
        to_nobody phub nodes $format
done
expect 0 '^control_malformed  *0$' phub status
# What does not fit a buffer fails before the end.
expect 0 'many-40 .*ok' phub start many-%d --count 40 -- sleep 1000
for format in '' --json; do
    # shellcheck disable=SC2086
    said=$(to_full phub ls $format 2>&1)
    rc=$?
    [ "$rc" = 1 ] && [[ $said == 'phub: cannot write to standard output'* ]] ||
        wrong "phub ls $format into a full disk: exit $rc: $said"
done
expect 0 'many-40 .*ok' phub stop many-{1..40}

# What a child writes is printed as it is, whatever it writes.
written='a\0b \303\244 \377 \355\240\200 \342\202\254 \360\237\220\221\r\033[1m\n'
# shellcheck disable=SC2059
printf "$written" >"$scratch/written"
expect 0 'writer .*ok' phub start writer -- \
    /bin/sh -c 'cat "$0"; exec sleep 1000' "$scratch/written"
written_is() { phub logs writer 2>&1 | cmp -s - "$scratch/written"; }
wait_for 10 written_is ||
    wrong "logs of a child that writes bytes: $(phub logs writer | od -c)"
# In JSON each byte that is not UTF-8 is Latin-1, and the others what they are.
expect 0 '"text": "a\\u0000b ä ÿ í.* € 🐑' phub logs writer --json

# One that has written nothing is not one that runs elsewhere.
expect 0 'mute .*ok' phub start mute -- sleep 1000
expect 0 "^phub: 'mute' has written nothing yet$" phub logs mute
expect 0 '^\[\]$' phub logs mute --json
expect 1 "logs of 'nobody': this node keeps no output" phub logs nobody

# What is named and is not there fails, by its name.
expect 1 "^phub: no child is called 'nobody'; phub ls shows all$" \
    phub ls mute nobody
expect 1 '^mute ' phub ls mute nobody
expect 1 "'nobody'" phub ls nobody --json
expect 0 '^no children$' phub ls nobody --state failed
expect 1 "^phub: no node is called 'z'; phub nodes shows all$" phub ls --node z
expect 0 '^no children$' phub ls --node a --state failed
expect 0 '^mute ' phub ls --node a
for state in starting running frozen stopping failed standby waiting lost; do
    expect 0 . phub ls --state "$state"
done

# Signals.
kill -HUP "${pid_of[a]}"
must 5 'SIGHUP is told about' logged a 'SIGHUP is ignored'
kill -TERM "${pid_of[a]}"
must 10 'a daemon alone leaves at SIGTERM' gone "${pid_of[a]}"
[ ! -e "$scratch/a/sock" ] || wrong 'the control socket is left behind'
expect 3 'no hub listens at' phub ls

# What systemd is told.
mkdir "$scratch/n"
: >"$scratch/n/log"
"$build/tests/notified" "$scratch/n/notify" "$daemon" --id x --name n \
    "${strategies[@]}" --listen tcp://127.0.0.1:0 \
    --state-dir "$scratch/n/state" --control "$scratch/n/sock" \
    >"$scratch/n/log" 2>/dev/null </dev/null &
others+=($!)
must 10 'it is told that the daemon is ready' logged n READY=1
pid_of[n]=$(sed -n 's/^pid //p' "$scratch/n/log")
kill -TERM "${pid_of[n]}"
must 10 'and that it is stopping' logged n STOPPING=1
must 10 'it ends' gone "${others[0]}"
wait "${others[0]}" || wrong "a daemon that leaves exits with $?"

# A hub that ends while it is listened to.
daemon w
viewer=w
must 10 'node w is there' members 1
phub watch >"$scratch/w/seen" 2>"$scratch/w/said" &
others+=($!)
must 10 'watch looks on' grep -q reconcile_round "$scratch/w/seen"
expect 0 'x .*ok' phub start x -- sleep 1000
must 10 'watch hears of it' grep -q ' x' "$scratch/w/seen"
kill -KILL "${pid_of[w]}"
must 10 'watch ends' gone "${others[-1]}"
grep -q "^phub: the hub at '$scratch/w/sock' closed the connection while \
listening to it; its log says why$" "$scratch/w/said" ||
    wrong "watch: $(cat "$scratch/w/said")"

# A second signal ends it at once, whatever is still there.
daemon b --drain-timeout-ms 600000
viewer=b
must 10 'node b is there' members 1
expect 0 'deaf .*ok' phub start deaf --stop-timeout 60s -- \
    /bin/sh -c 'trap "" TERM; while :; do read -r x; done <>"$0"' \
    "$scratch/never"
kill -TERM "${pid_of[b]}"
must 5 'it begins to leave' logged b 'SIGTERM: moving'
kill -TERM "${pid_of[b]}"
must 5 'a second signal ends it' gone "${pid_of[b]}"
logged b 'asked twice' || wrong 'it does not say so'

# Who is asked while it begins is asked again, and does not do nothing.
daemon s
viewer=s
must 10 'node s is there' members 1
expect 0 'asleep .*ok' phub start --durable asleep -- sleep 1000
kill -KILL "${pid_of[s]}"
must 10 'it is gone' gone "${pid_of[s]}"
daemon s
until phub stop asleep >"$scratch/said" 2>&1; [ $? != 3 ]; do :; done
grep -q '^asleep .*ok' "$scratch/said" ||
    wrong "a stop while it begins: $(cat "$scratch/said")"
[ -z "$(rows)" ] || wrong "and it runs: $(rows)"

# A strategy that crashes takes its daemon down, which names it.
viewer=k
daemon k --distribution "$build/tests/sim/.libs/distribution-wicked.so"
must 10 'node k is there' members 1
phub start fatal -- sleep 1000 >/dev/null 2>&1
must 10 'it is taken down' gone "${pid_of[k]}"
logged k "distribution strategy 'wicked' took this daemon down: SIG[A-Z]* in \
assign(); phub-strategy(7)" || logged k Sanitizer ||
    wrong "it does not say what crashed: $(cat "$scratch/k/log")"

exit "$failed"
