#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check_switch: the strategies of three real daemons are changed while nine
# children run, by command and by a rolling restart, and nothing is lost.

# shellcheck source-path=SCRIPTDIR
. "${PHUB_SRCDIR:-$(dirname "$0")/..}/tests/tools_fixture.sh"

# used KIND NAME: each of them goes by it.
used() {
    local viewer
    for viewer in a b c; do
        phub strategy 2>/dev/null |
            awk -v kind="$1" -v name="$2" \
                '$1 == kind && $2 == name && $3 == "used" { n++ }
                 END { exit !n }' || return 1
    done
}
pids() { rows | awk '{ print $1, $4 }' | sort; }
same_pids() { [ "$(pids)" = "$before" ]; }

# --- usage ---------------------------------------------------------------------

daemon a
must 10 'node a is there' members 1
expect 2 'is allowed' phub strategy get sync
expect 2 'set is used as' phub strategy set sync
expect 1 'no such kind' phub strategy set colour red
expect 1 "'nonsense'.*not found" phub strategy set sync nonsense
expect 1 "nearest is 'fanout'" phub strategy set sync gossip fanoot=2
expect 0 '^sync  *pubsub  *used  *0 ' phub strategy
expect 0 '"id": "sync"' phub strategy --json

# --- by command ----------------------------------------------------------------

seed=$(phub nodes | awk '$1 == "a" {print $NF}')
daemon b
daemon c
for viewer in a b c; do must 10 "$viewer sees three" members 3; done
viewer=a
expect 0 'counter-9 .*ok' phub start --count 9 counter-%d --tag counter \
    --ready -- "$counter"
must 10 'nine run' running 9
before=$(pids)
expect 0 "migration is 'coldswap' on 3 nodes" \
    phub strategy set migration coldswap
expect 0 "goes by migration 'coldswap' already" \
    phub strategy set migration coldswap
expect 0 "sync is 'gossip' on 3 nodes" phub strategy set sync gossip fanout=2
expect 0 "partition is 'majority_quorum' on 3 nodes" \
    phub strategy set partition majority_quorum --timeout 30s
must 5 'all go by them' used migration coldswap
must 5 'all go by them' used sync gossip
must 5 'all go by them' used partition majority_quorum
must 5 'the processes are the same' same_pids
other=$([ "$(node_of counter-1)" = b ] && echo c || echo b)
expect 0 ' ok ' phub move counter-1 "$other"
must 5 'nine run' running 9

# --- under the new ones a daemon is lost, and comes back ---------------------------

kill -9 "${pid_of[c]}"
must 20 'all run on two' members 2
must 20 'all run on two' running 9
nowhere_near_c() { ! rows | awk '$2 == "c"' | grep -q .; }
must 20 'none on c' nowhere_near_c
must 10 'and all run' running 9
daemon c
must 20 'three again' members 3
must 10 'c knows what was chosen' used migration coldswap
must 5 'and goes by it' used partition majority_quorum

# --- by a rolling restart --------------------------------------------------------------

strategies=(--distribution consistent_hash --redundancy singularity
            --sync pubsub --migration autonomous --partition divergence)
for node in a b c; do
    viewer=$([ "$node" = a ] && echo b || echo a)
    seed=$(phub nodes | awk -v n="$node" \
        '$1 != n && $2 == "alive" {print $NF; exit}')
    used migration autonomous && wrong "$node is not restarted, and all agree"
    kill -9 "${pid_of[$node]}"
    must 5 "$node is gone" gone "${pid_of[$node]}"
    daemon "$node"
    must 20 "$node is back" logged "$node" 'says .autonomous.'
    must 20 'three again' members 3
    viewer=$node
    must 20 "$node sees them" members 3
done
viewer=a
must 30 'it is what all say' used migration autonomous
expect 0 '^sync  *gossip  *used' phub strategy
must 20 'nine run' running 9
exit "$failed"
