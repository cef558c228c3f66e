#!/bin/sh
# SPDX-License-Identifier: MIT
#
# cpu.sh HYPERVISOR SECONDS: the program of `make bench-cpu` in dom0, under Cleave and Xen: guests/meter
# shares the only CPU with others by caps and weights of `xl sched-credit2`, which mean the same on both.
# Prints what each saw as lines "SCENARIO GUEST NUMBER TEXT", NUMBER being its weight or cap. A reservation is
# measured on Cleave only. cpu.awk reads the lines.
set -eu

hypervisor=$1 seconds=$2
console=/var/log/xen/console
started=

# guest NAME [KEY=VALUE]...: one that wants the CPU and measures what it gets, from `go` on
guest() {
    name=$1
    shift
    rm -f "$console/guest-$name.log"
    xl create -p /guests/meter.cfg "name=\"$name\"" "$@" >&2
    started="$started $name"
}

go() {
    for name in $started; do
        xl unpause "$name"
    done
}

# report SCENARIO NAME NUMBER: waits until that guest has measured, and prints what it saw
report() {
    until grep -q '^meter ends' "$console/guest-$2.log" 2>/dev/null; do
        sleep 1
    done
    tr -d '\r' <"$console/guest-$2.log" | sed -n "s/^meter \([0-9]*:\|gap\|naps\)/$1 $2 $3 \1/p"
}

finish() {
    for name in $started; do
        xl destroy "$name"
    done
    started=
}

measure="extra=\"seconds=$seconds\""

# a cap, beside a spinner without, whose weight leaves it 90 %
for cap in 1 5 25 50 90; do
    guest other "$measure"
    xl sched-credit2 -d other -w 16
    guest "cap$cap" "$measure"
    xl sched-credit2 -d "cap$cap" -c "$cap"
    go
    report "cap$cap" "cap$cap" "$cap"
    finish
done

for weight in 1 2 4 8; do
    guest "weight$weight" "$measure"
    xl sched-credit2 -d "weight$weight" -w $((weight * 128))
done
go
for weight in 1 2 4 8; do
    report weights "weight$weight" "$weight"
done
finish

# a sleeper that wakes beside four that want the CPU
for n in 1 2 3 4; do
    guest "equal$n" "$measure"
done
guest sleeper "extra=\"seconds=$seconds nap=5000\""
go
report sleeper sleeper 0
for n in 1 2 3 4; do
    report equal "equal$n" 1
done
finish

[ "$hypervisor" = cleave ] || exit 0

# a half is promised, beside a spinner of 16 times the weight, one that yields and one that naps
cleave cpu set Domain-0 --host-mhz 1000 cpu_mhz=100 >&2
cleave create /guests/spin.cfg name=spinner cpu_weight=4096 >&2
cleave create /guests/spin.cfg name=yielder extra=yield=50 >&2
cleave create /guests/spin.cfg name=napper 'extra=work=20 sleep=180' >&2
cleave create /guests/meter.cfg name=promised cpu_mhz=500 "$measure" >&2
report promised promised 50
