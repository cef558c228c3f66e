#!/bin/sh
# SPDX-License-Identifier: MIT
#
# nested.sh BUNDLE MEMORY CORE-ARGS LAST-LINE: in the dom0 of real Xen, starts Cleave as a guest with that
# bundle (rig/bundle.sh) and waits until a line of its output matches LAST-LINE. Fails if, before that, Cleave
# logs a warning or an error, its dom0 reports a failure (dom0.sh), or Cleave ends. Silence ends with the
# run's TIMEOUT. Called by `make check-nested` (build.mk).
set -u

bundle=$1 memory=$2 args=$3 last=$4
log=/tmp/nested.log

fail() {
    echo "nested: $bundle: $*; the end of what Cleave said:" >&2
    grep '^(d' "$log" | tail -n 30 >&2
    exit 1
}

# Earlier messages are not Cleave's.
xl dmesg -c >/dev/null
xl create /mnt/cleave.cfg "memory=$memory" "ramdisk=\"/mnt/$bundle\"" "extra=\"$args\"" || exit 1
: >"$log"
while :; do
    # in this order, to read its last output
    state=$(xl list cleave 2>/dev/null | awk 'NR == 2 { print $5 }')
    xl dmesg -c >>"$log" || fail "xl dmesg fails"
    grep -E '^\(d[0-9]+\) (\(CLV\) (warning|error)|dom0: FAILED)' "$log" >&2 && fail "it complains"
    grep -q -E "^\(d[0-9]+\) .*($last)" "$log" && break
    case $state in
    '' | *[scd]*) fail "it ended in the state '$state'" ;;
    esac
    sleep 1
done
xl destroy cleave || fail "xl destroy fails"
echo "nested: $bundle: ok"
