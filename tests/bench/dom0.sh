#!/bin/sh
# SPDX-License-Identifier: MIT
#
# dom0.sh [dom0]: the program of `make bench` in dom0, under Cleave and Xen: guests/bench in xAPIC and x2APIC
# mode and with two vCPUs, guests/ping, dom0's own work with a guest's frames, and the tools. With an
# argument, only dom0's. Prints "bench NAME NUMBER" lines in the order of measurement; figures of guests/bench
# in x2APIC mode are named NAME@x2apic. The first failure ends it with a status and the guest's text.
set -eu

console=/var/log/xen/console
patience=120

# finish NAME: waits until that guest is gone
finish() {
    left=$patience
    while xl domid "$1" >/dev/null 2>&1; do
        left=$((left - 1))
        [ $left -gt 0 ] || fail "$1" "still there after $patience s"
        sleep 1
    done
    sleep 1                     # xenconsoled has written the rest
}

# fail NAME TEXT
fail() {
    echo "bench: guest $1: $2; its console:" >&2
    cat "$console/guest-$1.log" >&2 || true
    exit 1
}

# rows NAME PATTERN SUFFIX: prints its figures, once its text has the pattern that means success
rows() {
    grep -q "$2" "$console/guest-$1.log" || fail "$1" "'$2' is not in its text"
    tr -d '\r' <"$console/guest-$1.log" | sed -n "s/^bench \([a-z0-9_]*\) \([0-9]*\)\$/bench \1$3 \2/p"
}

# guest NAME SUFFIX [KEY=VALUE]...: a run of guests/bench
guest() {
    name=$1 suffix=$2
    shift 2
    xl create /guests/bench.cfg "name=\"$name\"" "$@" >&2
    finish "$name"
    rows "$name" '^bench: done' "$suffix"
}

# tool NAME ROW MIB ROUNDS: create and destroy
tool() {
    for round in $(seq "$4"); do
        /mnt/ticks "$1_create_$2" "$1" create /guests/hello.cfg "memory=$3"
        sleep 2                 # it is up, and idle
        /mnt/ticks "$1_destroy_$2" "$1" destroy hello
        finish hello
    done
}

# dom0's own, next to an idle guest
dom0() {
    xl create /guests/hello.cfg >&2
    sleep 2
    /mnt/dom0 "$(xl domid hello)"
    xl destroy hello
    finish hello
}

if [ $# -gt 0 ]; then
    dom0
    exit
fi

guest bench ''
guest bench-x2 @x2apic 'extra=""'
guest bench-two '' vcpus=2 'extra="rows=two"'

xl create /guests/pong.cfg >&2
xl create /guests/ping.cfg >&2
ping=$(xl domid ping) pong=$(xl domid pong)
xenstore-write "/local/domain/$ping/data/peer" "$pong" "/local/domain/$pong/data/peer" "$ping"
finish ping
rows ping '^ping: ok' ''
finish pong

dom0
for name in cleave xl; do
    tool $name hello 4 3
    tool $name 1gib 1024 1
done
