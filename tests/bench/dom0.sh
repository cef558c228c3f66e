#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What `make bench` runs in dom0, under Cleave and under Xen alike: guests/bench in both forms of the APIC,
# guests/ping, and the tools. Prints "bench NAME NUMBER" lines; the figures of guests/bench in x2APIC mode are
# named NAME@x2apic. The first thing that fails ends it with a status, and with the guest's text.
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

# rows NAME PATTERN SUFFIX: its figures, once the pattern that tells success stands in its text
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

# tool NAME: three rounds of create and destroy
tool() {
    for round in 1 2 3; do
        /mnt/ticks "$1_create_hello" "$1" create /guests/hello.cfg
        sleep 2                 # it is up, and idle
        /mnt/ticks "$1_destroy_hello" "$1" destroy hello
        finish hello
    done
}

guest bench ''
guest bench-x2 @x2apic 'extra=""'

xl create /guests/pong.cfg >&2
xl create /guests/ping.cfg >&2
ping=$(xl domid ping) pong=$(xl domid pong)
xenstore-write "/local/domain/$ping/data/peer" "$pong" "/local/domain/$pong/data/peer" "$ping"
finish ping
rows ping '^ping: ok' ''
finish pong

tool cleave
tool xl
