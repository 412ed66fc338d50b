#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check_partitions: real daemons, each in a network namespace of its own, cut
# apart in every shape, under each partition strategy.
#
#   check_partitions.sh [--all] [--long] [--nodes N] [--strategy NAME]
#                       [--shape NAME]
#
# The nodes are on a bridge that is in a namespace, too; nothing leaves them.
# A node knows its neighbours' hardware addresses for good, and a way is cut by
# giving it a wrong one: frames that are sent are lost, without an error and
# without an answer, in this direction only.
#
# Shapes: blip   one node is away for a second
#         away   one node (of five: two) is away until all has settled
#         mute   nobody hears the node, but it hears all
#         deaf   it hears nobody, but all hear it
#         link   one link between two nodes is cut, others see both
#         hush   the same, in one direction
#         apart  every node is alone
#         half   one is away, dies and starts again there: the others' links to
#                it are half open when the cut heals
# Each heals after a second (blip), 6 s (link, hush), or when what is to happen
# has happened; with --long ten minutes after that. make check plays blip, away and mute of three nodes.
#
# Each child (pulse.c) notes when it ran. What must hold:
# - where a side needs a majority, or nobody is alone, no child ever runs twice:
#   what ran on the side that lost ends before it starts on the other;
# - a node that is missed for a second costs no child its life;
# - a side that has a majority runs all of them, the other none; under
#   divergence each side runs all;
# - after it has healed each runs once.
# The table says what happened, in ms from the cut: how many instances ended and
# began, when the first one did, for how long a child was nowhere at most, and
# how many children ran twice at any time until all was well again.

# Much is called through must.
# shellcheck disable=SC2317
# shellcheck source-path=SCRIPTDIR
. "${PHUB_SRCDIR:-$(dirname "$0")/..}/tests/tools_fixture.sh"

children=6
nodes_count=3
all_strategies='divergence static_quorum dynamic_quorum majority_quorum keep_oldest'
shapes='blip away mute'
long=no
while [ $# -gt 0 ]; do
    case $1 in
    --all) shapes='blip away mute deaf link hush apart half' ;;
    --long) long=yes ;;
    --nodes) nodes_count=$2; shift ;;
    --strategy) all_strategies=$2; shift ;;
    --shape) shapes=$2; shift ;;
    *) echo "check_partitions: '$1': see the head of the file" >&2; exit 2 ;;
    esac
    shift
done
case $nodes_count in
[3-5]) ;;
*) echo "check_partitions: 3 to 5 nodes" >&2; exit 2 ;;
esac

# --- may we? -----------------------------------------------------------------------

skip() { echo "skipped: $*"; exit 77; }
command -v ip >/dev/null || skip 'there is no ip(8): install iproute2'
[ "$(id -u)" = 0 ] || skip 'network namespaces need root'
probe=phub-$$-probe
why=$(ip netns add "$probe" 2>&1) || skip "no network namespaces: $why"
why=$(ip -n "$probe" link add x type veth peer name y 2>&1 &&
      ip -n "$probe" link add z type bridge 2>&1)
ok=$?
ip netns del "$probe"
[ "$ok" = 0 ] || skip "no veth or bridge: $why"

# --- a world for one strategy -------------------------------------------------------

# In a subshell for each: these are its own. Nodes are a, b, ...
letters=(a b c d e)
nodes=("${letters[@]:0:nodes_count}")
net=
space() { echo "phub-$$-$strategy-$1"; }
address() { local n; n=$(printf '%d' "'$1"); echo "10.77.0.$((n - 96))"; }
hardware() { local n; n=$(printf '%d' "'$1"); printf '02:00:00:00:00:%02x' $((n - 96)); }

# way FROM TO ADDRESS: where FROM's frames to TO go.
way() {
    ip -n "$(space "$1")" neigh replace "$(address "$2")" lladdr "$3" \
        dev eth0 nud permanent
}
cut() { way "$1" "$2" 02:00:00:00:ff:ff; }
heal() {
    local one other
    for one in "${nodes[@]}"; do
        for other in "${nodes[@]}"; do
            [ "$one" = "$other" ] || way "$one" "$other" "$(hardware "$other")"
        done
    done
}

world() {
    local name
    net=$(space net)
    ip netns add "$net" || return 1
    ip -n "$net" link add br0 type bridge
    ip -n "$net" link set br0 up
    for name in "${nodes[@]}"; do
        ip netns add "$(space "$name")" || return 1
        ip -n "$net" link add "to-$name" type veth peer name eth0 \
            netns "$(space "$name")" || return 1
        ip -n "$net" link set "to-$name" master br0 up
        ip -n "$(space "$name")" link set eth0 address "$(hardware "$name")"
        ip -n "$(space "$name")" addr add "$(address "$name")/24" dev eth0
        ip -n "$(space "$name")" link set eth0 up
        ip -n "$(space "$name")" link set lo up
    done
    heal
}

# Called by a trap.
unworld() {
    local name pid
    for pid in "${pid_of[@]}"; do kill -TERM "$pid" 2>/dev/null; done
    for pid in "${pid_of[@]}"; do wait_for 10 gone "$pid"; done
    for pid in "${pid_of[@]}"; do kill -9 "$pid" 2>/dev/null; done
    for name in "${nodes[@]}" net; do
        ip netns del "$(space "$name")" 2>/dev/null
    done
}

param() {
    case $strategy in
    static_quorum) echo "quorum_size=$((nodes_count / 2 + 1))" ;;
    majority_quorum) echo "initial_size=$nodes_count" ;;
    dynamic_quorum) echo threshold_s=900 ;;
    esac
}

node_start() {
    local name=$1 other seeds='' option
    for other in "${nodes[@]}"; do
        seeds=$seeds${seeds:+,}tcp://$(address "$other"):7440
    done
    option=$(param)
    mkdir -p "$home/$name"
    # Not a function: $! is to be the daemon.
    ip netns exec "$(space "$name")" "$bin/phubd" --id "$strategy" --name "$name" \
        --listen "tcp://$(address "$name"):7440" --seeds "$seeds" \
        --state-dir "$home/$name/state" --control "$home/$name/sock" \
        --drain-timeout-ms 0 --lease-ms 2800 \
        --suspicion-min-ms 1500 --suspicion-ms 2000 --rejoin-interval-ms 500 \
        --rejoin-interval-max-ms 2000 \
        --distribution consistent_hash --redundancy singularity \
        --sync pubsub --migration coldswap --partition "$strategy" \
        ${option:+--param partition.$strategy.$option} \
        >>"$home/$name/log" 2>&1 </dev/null &
    pid_of[$name]=$!
    disown
}

ask() {
    local name=$1 verb=$2
    shift 2
    "$bin/phub" "$verb" --socket "$home/$name/sock" "$@" 2>/dev/null
}
sees() { [ "$(ask "$1" nodes | grep -c ' alive ')" = "$2" ]; }
all_see_all() {
    local name
    for name in "${nodes[@]}"; do sees "$name" "$nodes_count" || return 1; done
}

# As the fixture's, with what this world says.
must() {
    local limit=$1 what=$2
    shift 2
    wait_for "$limit" "$@" && return
    echo "not within $limit s: $what"
    ask a nodes
    ask a ls
    beating
    tail -n 5 "$home"/*/log
    exit 1
}

# --- the journal -------------------------------------------------------------------

now_ms() { awk '{printf "%d\n", $1 * 1000}' /proc/uptime; }

# Instances that acted within the last 400 ms, as lines: id node pid.
beating() {
    tail -n 400 "$home/beats" | awk -v now="$(now_ms)" '
        $1 > now - 400 { seen[$2 " " $3 " " $4] = 1 }
        END { for (i in seen) print i }' | sort
}
# Each child acts, once.
each_once() {
    [ "$(beating | wc -l)" = "$children" ] &&
        [ "$(beating | awk '{print $1}' | sort -u | wc -l)" = "$children" ]
}
# act_on COUNT NODE...: so many instances act on these nodes.
act_on() {
    local count=$1
    shift
    [ "$(beating | awk -v on=" $* " 'index(on, " " $2 " ")' | wc -l)" = "$count" ]
}
whole() { all_see_all && each_once; }
all_are_there() { each_once && act_on "$children" "${rest[@]}"; }
# Whoever will be alone has something to lose; a move may be refused for as long
# as nodes come and go.
burdened() {
    whole || return 1
    act_on 0 "${lone[@]}" || act_on 1 "${lone[@]}" || return 0
    ask a move child-1 "$last" >/dev/null
    ask a move child-2 "${lone[0]}" >/dev/null
    return 1
}
founded() { ask a status | grep -q 'electors_changes'; }

# told FROM UNTIL: what happened between, as words for the table: ended,
# began, first end, first begin, longest gap, twice.
told() {
    awk -v from="$1" -v until="$2" '
        $1 > until { next }
        {
            k = $2 " " $4
            if (!(k in first)) { first[k] = $1; order[++n] = k; id[k] = $2 }
            last[k] = $1
            if ($1 >= from) {
                if ($2 in beat && $1 - beat[$2] > gap) gap = $1 - beat[$2]
            }
            beat[$2] = $1
        }
        END {
            fe = fb = "-"
            for (i = 1; i <= n; i++) {
                k = order[i]
                if (last[k] < until - 300 && last[k] > from - 100) {
                    ended++
                    if (fe == "-" || last[k] - from < fe) fe = last[k] - from
                }
                if (first[k] >= from) {
                    began++
                    if (fb == "-" || first[k] - from < fb) fb = first[k] - from
                }
                for (j = 1; j < i; j++) {
                    o = order[j]
                    if (id[o] == id[k] && last[o] >= first[k] &&
                        last[k] >= from)
                        twice[id[k]] = 1
                }
            }
            for (i in beat) if (until - beat[i] > gap) gap = until - beat[i]
            for (i in twice) t++
            printf "%d %d %s %s %d %d\n", ended, began, fe, fb, gap, t
        }' "$home/beats"
}

# --- one case ------------------------------------------------------------------------

last=${nodes[nodes_count - 1]}
lone=("$last")
[ "$nodes_count" -lt 5 ] || lone=(d e)
rest=("${nodes[@]:0:nodes_count - ${#lone[@]}}")

sever() {
    local one other
    case $1 in
    blip|away|half)
        for one in "${lone[@]}"; do
            for other in "${rest[@]}"; do cut "$one" "$other"; cut "$other" "$one"; done
        done ;;
    mute) for other in "${rest[@]}"; do
              for one in "${lone[@]}"; do cut "$one" "$other"; done
          done ;;
    deaf) for other in "${rest[@]}"; do
              for one in "${lone[@]}"; do cut "$other" "$one"; done
          done ;;
    link) cut a b; cut b a ;;
    hush) cut a b ;;
    apart) for one in "${nodes[@]}"; do
               for other in "${nodes[@]}"; do
                   [ "$one" = "$other" ] || cut "$one" "$other"
               done
           done ;;
    esac
}

# Two of the same child are only allowed to divergence.
strict() { [ "$strategy" != divergence ]; }

# What must have come about while it is cut.
settled() {
    case $1 in
    away|half|mute|deaf)
        if strict; then
            must 30 "$strategy $1: all run where most are, and no others" \
                all_are_there
        else
            must 30 "$strategy $1: all run where most are" \
                act_on "$children" "${rest[@]}"
            [ "$1" = half ] ||
                must 30 "$strategy $1: all run where few are, too" \
                    act_on "$children" "${lone[@]}"
        fi ;;
    apart)
        if strict; then
            must 30 "$strategy apart: none runs" act_on 0 "${nodes[@]}"
        else
            must 30 "$strategy apart: all run everywhere" \
                act_on $((children * nodes_count)) "${nodes[@]}"
        fi ;;
    esac
}

hold() {
    local until=$((SECONDS + $1))
    while [ $SECONDS -lt "$until" ]; do read -r -t 1 <>"$scratch/never" || :; done
}

play() {
    local shape=$1 from until facts took twice ended
    must 40 "$strategy $shape: all is well before" whole
    must 40 "$strategy $shape: two run where few are" burdened
    hold 1   # whoever came back gets its share
    must 40 "$strategy $shape: two still run where few are" burdened
    from=$(now_ms)
    sever "$shape"
    if [ "$shape" = blip ]; then
        hold 1
    else
        if [ "$shape" = half ]; then
            kill -9 "${pid_of[$last]}"
            wait_for 10 gone "${pid_of[$last]}"
            node_start "$last"
        fi
        settled "$shape"
        [ "$long" = no ] || hold 600
        case $shape in link|hush) hold 6 ;; esac
    fi
    until=$(now_ms)
    facts=$(told "$from" "$until")
    heal
    took=$(($(now_ms) - from))
    must 60 "$strategy $shape: healed" whole
    twice=$(told "$from" "$(now_ms)")
    twice=${twice##* }
    ended=${facts%% *}
    # shellcheck disable=SC2086
    printf '%-16s %-6s %7d %6s %6s %10s %11s %7s %6s\n' "$strategy" "$shape" \
        $((until - from)) ${facts% *} "$twice" >>"$home/table"
    strict && [ "$twice" != 0 ] &&
        wrong "$strategy $shape: $twice children ran twice"
    # On a busy machine a second may take longer than a node is waited for.
    [ "$shape" = blip ] && [ "$took" -lt 1800 ] && [ "$ended" != 0 ] &&
        wrong "$strategy blip: $ended children ended"
    return 0
}

# In a subshell.
strategy_play() {
    local name shape
    strategy=$1
    home=$scratch/$1
    pid_of=()
    mkdir -p "$home"
    : >"$home/beats"
    trap 'unworld >/dev/null 2>&1' EXIT
    trap 'exit 1' INT TERM
    world || { echo "$strategy: no world"; exit 1; }
    # The first is the oldest.
    if [ "$strategy" = keep_oldest ]; then
        node_start a
        must 20 'keep_oldest: the oldest begins' founded
    fi
    for name in "${nodes[@]}"; do
        [ -n "${pid_of[$name]:-}" ] || node_start "$name"
    done
    must 40 "$strategy: all nodes meet" all_see_all
    must 40 "$strategy: children start" ask a start --count "$children" \
        'child-%d' -- "$build/tests/pulse" "$home/beats" >/dev/null
    for shape in $shapes; do play "$shape"; done
    exit "$failed"
}

workers=()
trap 'kill "${workers[@]}" 2>/dev/null; wait; exit 1' INT TERM
for one in $all_strategies; do
    strategy_play "$one" >"$scratch/$one.said" 2>&1 &
    workers+=($!)
done
for pid in "${workers[@]}"; do wait "$pid" || failed=1; done
for one in $all_strategies; do
    [ ! -s "$scratch/$one.said" ] || cat "$scratch/$one.said"
done
printf '%-16s %-6s %7s %6s %6s %10s %11s %7s %6s\n' STRATEGY SHAPE CUT_MS \
    ENDED BEGAN FIRST_END FIRST_BEGIN GAP_MS TWICE
for one in $all_strategies; do
    cat "$scratch/$one/table" 2>/dev/null || failed=1
done
exit "$failed"
