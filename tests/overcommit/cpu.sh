#!/bin/sh
# SPDX-License-Identifier: MIT
#
# overcommit-cpu SCENARIO [SECONDS]: more VMs than CPUs, in dom0, on Cleave or on Xen. Prints what each VM
# should get and what it got, by the time that the hypervisor charged, and exits with 1 if a VM got less (or a
# capped one more) than the scenario allows.
#
#   caps      one VM after the other with caps of 5 to 90 % beside a spinner of small weight (both)
#   weights   four VMs of weights 1 : 2 : 4 : 8 on one CPU (both)
#   reserve   VMs with reservations beside those who spin, yield, nap, come and go (Cleave)
#   server    the course's server: VMs of 16, 8, 4 and 4 vCPUs with 1,000 of 2,000 MHz on 16 CPUs, CPU 16 is
#             dom0's; one MHz more is refused (Cleave, SMP=17)
#   bursts    relaxed VMs that reserve 20 % of a CPU and work 15 ms in each half of a second, overbooked
#             more than 4 : 1 by their histories: each keeps its 95 % of the seconds, a guaranteed one its
#             share, and no time is lost (Cleave)
# shellcheck disable=SC2086
set -eu

scenario=${1:?usage: overcommit-cpu caps|weights|reserve|server|bursts [SECONDS]} seconds=${2:-5}
failed=0
work=$(mktemp -d)
finish() {
    xl list | awk 'NR > 2 { print $2 }' | while read -r id; do cleave destroy "$id"; done
    rm -rf "$work"
}
trap finish EXIT

# spin NAME [KEY=VALUE]...: starts a VM that wants all of its vCPUs' time
spin() {
    name=$1
    shift
    cleave create /guests/spin.cfg name="$name" "$@" >"$work/out"
}

# snapshot FILE: name, CPU time in ns and vCPUs of each domain, behind the time itself
snapshot() {
    awk '{ printf "now %.0f\n", $1 * 1e9 }' /proc/uptime >"$1"
    cleave list --json | sed -n 's/^ *"\(name\|cpu_time_ns\|vcpus\)": "\?\([^",]*\).*/\1 \2/p' >>"$1"
}

# measure: what each domain got in the next seconds, as lines "NAME PERCENT VCPUS"
measure() {
    snapshot "$work/before"
    sleep "$seconds"
    snapshot "$work/after"
    awk '$1 == "now" { elapsed = FNR == NR ? -$2 : elapsed + $2 }
         $1 == "name" { name = $2 }
         $1 == "vcpus" { vcpus[name] = $2 }
         $1 == "cpu_time_ns" { got[name] += FNR == NR ? -$2 : $2; seen[name]++ }
         END {
             for (n in got)
                 if (seen[n] == 2) printf "%s %.4f %d\n", n, got[n] / elapsed * 100, vcpus[n]
         }' \
        "$work/before" "$work/after" | sort >"$work/got"
}

# measure_mhz: the same by the core's own clock, in whole MHz: in a slow machine the two looks of measure
# take seconds, and not the same (Cleave)
measure_mhz() {
    cleave top --batch --json --interval "$seconds" --intervals 1 | tr '{' '\n' | awk -F '[":,}]+' '
        { for (i = 2; i < NF; i++) value[$i] = $(i + 1) }
        $2 == "cleave" { mhz = value["mhz"] }
        value["name"] && value["got_mhz"] != "" {
            printf "%s %.4f %d\n", value["name"], value["got_mhz"] / mhz * 100, value["vcpus"]
        }
        { delete value }' | sort >"$work/got"
}

# check NAME LEAST MOST: percent of a CPU that the VM should have got
check() {
    awk -v name="$1" -v least="$2" -v most="$3" '
        $1 == name { got = $2; found = 1 }
        END {
            bad = !found || got < least || got > most
            printf "%-12s got %9.4f %% of a CPU, should get %g to %g%s\n",
                   name, got, least, most, bad ? "  FAILED" : ""
            exit bad
        }' "$work/got" || failed=1
}

caps() {
    spin other cpu_weight=16 # or a cap of 90 % could not be used up
    for cap in 5 25 50 90; do
        spin "cap$cap"
        xl sched-credit2 -d "cap$cap" -c "$cap"
        sleep 1
        measure
        check "cap$cap" "$(awk "BEGIN { print $cap * 0.99 }")" "$(awk "BEGIN { print $cap * 1.01 }")"
        cleave destroy "cap$cap"
    done
}

weights() {
    xl vcpu-pin Domain-0 all 0 >/dev/null
    for weight in 1 2 4 8; do
        spin "weight$weight" cpus=0 cpu_weight=$((weight * 64))
    done
    sleep 1
    measure
    awk '/^weight/ { w = substr($1, 7); x = $2 / w; sum += x; squares += x * x; n++ }
         END {
             jain = sum * sum / (n * squares)
             printf "Jain index by weight: %.6f\n", jain
             exit !(n == 4 && jain >= 0.999)
         }' \
        "$work/got" || failed=1
    cat "$work/got"
}

reserve() {
    cleave cpu set Domain-0 --host-mhz 1000 cpu_mhz=100
    spin spinner cpu_weight=4096
    spin yielder 'extra=yield=50'
    spin napper 'extra=work=20 sleep=180'
    for mhz in 50 250 400; do
        spin "kept$mhz" cpu_mhz=$mhz
    done
    while :; do
        cleave create -p /guests/hello.cfg name=come-and-go
        cleave destroy come-and-go
    done >/dev/null 2>&1 &
    comes=$!
    sleep 1
    measure
    kill $comes
    wait $comes 2>/dev/null || :
    cleave destroy come-and-go 2>/dev/null || :
    for mhz in 50 250 400; do
        check "kept$mhz" "$(awk "BEGIN { print $mhz / 10 * 0.995 }")" 100
    done
}

server() {
    cleave cpu set Domain-0 --host-mhz 2000 cpus=16 cpu_mhz=1000
    for vm in 'a 16' 'b 8' 'c 4' 'd 4'; do
        set -- $vm
        spin "$1" vcpus="$2" cpu_mhz=1000 cosched=1
    done
    if spin refused cpu_mhz=1 2>"$work/error"; then
        echo 'one MHz more was not refused: FAILED'
        failed=1
    fi
    cat "$work/error"
    spin spare
    sleep 5
    measure_mhz
    check a 760 840
    check b 380 420
    check c 190 210
    check d 190 210
    check spare 0 20
    cleave cpu show
}

# again NAME: starts a VM with the load of burst1, whose history it has, as if it had run before
again() {
    cleave define /guests/spin.cfg name="$1" $relaxed "$load" >"$work/out"
    cp "/var/lib/cleave/vms/$(readlink /var/lib/cleave/names/burst1)/usage" \
        "/var/lib/cleave/vms/$(readlink "/var/lib/cleave/names/$1")/usage"
    cleave start "$1" >"$work/out" 2>"$work/error"
}

bursts() {
    relaxed='cpu_mhz=200 cpu_class=relaxed' load='extra=work=15000 sleep=485000'
    cleave cpu set Domain-0 --host-mhz 1000 cpu_mhz=100
    spin kept cpu_mhz=200 cpu_weight=16
    cleave pause kept # the machine idles while it can
    for n in 1 2 3; do
        spin "burst$n" $relaxed "$load"
    done
    echo 'a minute of history...'
    sleep 75
    while [ "$n" -lt 16 ] && again "burst$((n + 1))"; do
        n=$((n + 1))
    done
    echo "$n VMs reserve $((n * 200)) of 700 MHz that are free for them"
    [ "$n" -ge 14 ] || { cat "$work/error"; echo 'less than 4 : 1: FAILED'; failed=1; }
    cleave unpause kept
    echo 'half a minute of all of them...'
    seconds=30
    measure
    check kept 19.9 100
    awk '{ got += $2 }
         END {
             printf "all together got %.4f %% of the CPU%s\n", got, got < 98 ? ": FAILED" : ""
             exit got < 98
         }' "$work/got" || failed=1
    cleave cpu show
    cleave cpu show | awk '
        $2 == "relaxed" {
            count++
            if ($(NF - 1) == "-" || $(NF - 1) < 95) {
                print $1 ": FAILED: kept", $(NF - 1), "%"
                bad = 1
            }
        }
        END { exit bad || !count }' || failed=1
}

"$scenario"
if [ -e /var/lib/cleave/cpu.json ]; then cleave cpu set Domain-0 default; fi
exit $failed
