#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_plugin_tool: phub-plugin lists, shows and checks, and says with its exit
# code what it found.

set -u
tool="${PHUB_BUILDDIR:-.}/tools/phub-plugin"
bad="${PHUB_BUILDDIR:-.}/tests/abi/.libs"
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
failed=0

# One plugin crashes on purpose; a sanitizer shall leave that to the tool.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}handle_segv=0"
export TSAN_OPTIONS="${TSAN_OPTIONS:+$TSAN_OPTIONS:}handle_segv=0"

# expect CODE PATTERN COMMAND...: exit code, and a line of the output.
expect() {
    code=$1; pattern=$2; shift 2
    output=$("$@" 2>&1)
    got=$?
    if [ "$got" -ne "$code" ]; then
        echo "$*: exit $got, $code expected: $output"
        failed=1
    elif ! printf '%s\n' "$output" | grep -q -e "$pattern"; then
        echo "$*: no line like '$pattern' in: $output"
        failed=1
    fi
}

expect 0 '^usage: phub-plugin' "$tool" --help
expect 2 'which command?' "$tool"
expect 2 'wrong command' "$tool" dance
expect 2 'wrong command' "$tool" info
expect 2 '^usage' "$tool" --wrong list
expect 2 'an ABI is written 1.N' "$tool" --abi 2.0 exists sync pubsub

# pkg-config says the ABI that the tool says, and so the plugins' header.
abi=$(sed -n 's/^abi=//p' "${PHUB_BUILDDIR:-.}/phub-plugin.pc")
expect 0 ", plugin ABI ${abi:-none}\$" "$tool" --version

expect 0 '^sync  *pubsub  *1.0 ' "$tool" list
expect 0 '"name": "hotswap"' "$tool" --json list
expect 0 'virtual_nodes = 256 points  (1..4096)' "$tool" info consistent_hash
expect 0 'must-match pure' "$tool" info distribution/consistent_hash
expect 0 'must-match pure' "$tool" info distribution consistent_hash
expect 2 'is not a kind' "$tool" info distributed consistent_hash
expect 1 'not found; looked in' "$tool" info nothing
expect 0 '"default": "5000"' "$tool" --json info pubsub

expect 0 '' "$tool" exists sync pubsub
expect 1 '' "$tool" exists sync nothing
expect 2 'is not a kind' "$tool" exists synk pubsub
expect 0 '' "$tool" exists sync pubsub --abi 1.2
expect 0 '' "$tool" --path "$bad" exists distribution bad_open

expect 0 "fits plugin ABI 1.1" "$tool" check "$bad/distribution-bad_future.so"
expect 1 'uses feature bit 33' "$tool" check "$bad/distribution-bad_flags.so"
expect 1 'No such file' "$tool" check "$bad/none.so"
expect 1 'is not an absolute path' "$tool" --path here list

# A plugin that crashes, and one that ends the process, are told about.
expect 1 'crashed while loading: Segmentation fault' \
    "$tool" check "$bad/distribution-bad_crash.so"
expect 1 'lacks mandatory function assign' "$tool" --path "$bad" list

# What others may write is refused; what hides behind another is not listed.
mkdir "$scratch/a" && cp "$bad/distribution-bad_future.so" "$scratch/a/" &&
    chmod 666 "$scratch/a/distribution-bad_future.so"
expect 1 'may be written by others: mode 0666' \
    "$tool" check "$scratch/a/distribution-bad_future.so"
chmod 644 "$scratch/a/distribution-bad_future.so"
expect 0 "\"file\": \"$scratch/a/" \
    env PHUB_PLUGIN_PATH="$scratch/a" "$tool" --json list

exit "$failed"
