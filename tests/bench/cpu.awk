# SPDX-License-Identifier: MIT
#
# The table of `make bench-cpu` from the lines of cpu.sh, first Cleave's, then Xen's (FNR == 1 tells them
# apart): what a guest got against what it should have got, in windows of 1 s and 100 ms that begin at each 10
# ms; how long nobody ran it; how equal weights made the shares (Jain's index, 1: exactly by weight). With
# plot=FILE it writes there, for gnuplot, the percent of each 100 ms that one with a cap of 50 % had.

FNR == 1 { who++ }

$4 ~ /^[0-9]+:$/ {
    step = $4 + 0
    if (!((who, $1, $2) in first))
        first[who, $1, $2] = step
    for (i = 5; i <= NF; i++)
        had[who, $1, $2, step++] = $i
    last[who, $1, $2] = step
    if (!((who, $1, $2) in number)) {
        number[who, $1, $2] = $3
        guests[who, $1] = guests[who, $1] " " $2
    }
}

$4 == "gap" {
    if ($5 > gap[who, $1])
        gap[who, $1] = $5
}

$4 == "naps" { late[who, $1] = $7 " / " $8 " / " $9 }

# the time that a guest had in `steps` times 10 ms from step at on, as a share of them
function share(w, scenario, guest, at, steps,    sum, i) {
    for (i = at; i < at + steps; i++)
        sum += had[w, scenario, guest, i]
    return sum / (steps * 10000)
}

# the worst error of all windows, in percent of what was asked for; `short`: only what is missing counts
function worst(w, scenario, guest, steps, short,    at, off, most) {
    for (at = first[w, scenario, guest]; at + steps <= last[w, scenario, guest]; at++) {
        off = (1 - share(w, scenario, guest, at, steps) * 100 / number[w, scenario, guest]) * 100
        if (off < 0)
            off = short ? 0 : -off
        if (off > most)
            most = off
    }
    return most + 0
}

# Jain's index of the shares divided by their weights, in the worst window; steps 0: over all steps that all saw
function jain(w, scenario, steps,    names, n, from, to, i, at, x, sum, squares, index_, least) {
    n = split(guests[w, scenario], names, " ")
    for (i = 1; i <= n; i++) {
        if (i == 1 || first[w, scenario, names[i]] > from)
            from = first[w, scenario, names[i]]
        if (i == 1 || last[w, scenario, names[i]] < to)
            to = last[w, scenario, names[i]]
    }
    if (!steps)
        steps = to - from
    least = 1
    for (at = from; at + steps <= to; at++) {
        sum = squares = 0
        for (i = 1; i <= n; i++) {
            x = share(w, scenario, names[i], at, steps) / number[w, scenario, names[i]]
            sum += x
            squares += x * x
        }
        index_ = squares ? sum * sum / (n * squares) : 0
        if (index_ < least)
            least = index_
    }
    return least
}

function row(text, cleave, xen, goal) {
    printf "%-64s %18s %18s %8s\n", text, cleave, xen, goal
}

function present(w, scenario) { return (w, scenario) in guests }

function number_or_dash(w, scenario, format, value) {
    return present(w, scenario) ? sprintf(format, value) : "-"
}

function caps(cap,    s, text) {
    s = "cap" cap
    text = "cap " cap " %: "
    row(text "error of the worst 1 s, %", number_or_dash(1, s, "%.2f", worst(1, s, s, 100)),
        number_or_dash(2, s, "%.2f", worst(2, s, s, 100)), cap == 1 ? "0.5" : "0.05")
    if (cap > 1)
        row(text "error of the worst 100 ms, %", number_or_dash(1, s, "%.2f", worst(1, s, s, 10)),
            number_or_dash(2, s, "%.2f", worst(2, s, s, 10)), "0.1")
    row(text "longest gap, ms", number_or_dash(1, s, "%.1f", gap[1, s] / 1000),
        number_or_dash(2, s, "%.1f", gap[2, s] / 1000), cap == 1 ? "10" : "")
}

function shares(s, text, goal_100ms, goal_all, goal_gap) {
    row(text ": Jain's index of the worst 100 ms", number_or_dash(1, s, "%.4f", jain(1, s, 10)),
        number_or_dash(2, s, "%.4f", jain(2, s, 10)), goal_100ms)
    row(text ": Jain's index of all", number_or_dash(1, s, "%.6f", jain(1, s, 0)),
        number_or_dash(2, s, "%.6f", jain(2, s, 0)), goal_all)
    row(text ": longest gap, ms", number_or_dash(1, s, "%.1f", gap[1, s] / 1000),
        number_or_dash(2, s, "%.1f", gap[2, s] / 1000), goal_gap)
}

END {
    row("one CPU, as its guests see it", "Cleave", "Xen, credit2", "goal")
    caps(1); caps(5); caps(25); caps(50); caps(90)
    shares("weights", "weights 1 : 2 : 4 : 8", "0.995", "0.9999", "20")
    shares("equal", "four equal ones and a sleeper", "", "", "20")
    row("a sleeper beside four: late by, p50 / p99 / max us", late[1, "sleeper"], late[2, "sleeper"], "")
    s = "promised"
    row("half promised beside a storm: short in the worst 1 s, %",
        number_or_dash(1, s, "%.2f", worst(1, s, s, 100, 1)), "-", "")
    row("half promised beside a storm: short in the worst 100 ms, %",
        number_or_dash(1, s, "%.2f", worst(1, s, s, 10, 1)), "-", "0.5")
    row("half promised beside a storm: longest gap, ms",
        number_or_dash(1, s, "%.1f", gap[1, s] / 1000), "-", "")
    if (plot)
        for (w = 1; w <= 2; w++) {
            for (at = first[w, "cap50", "cap50"]; at + 10 <= last[w, "cap50", "cap50"]; at += 10)
                print (at - first[w, "cap50", "cap50"]) / 100, share(w, "cap50", "cap50", at, 10) * 100 >plot
            print "\n" >plot
        }
}
