# SPDX-License-Identifier: MIT
#
# awk -v form=text|json|plot -v version=4.17 -f table.awk GOALS CLEAVE-OUTPUT XEN-OUTPUT
#
# The table of `make bench`. Reads "bench NAME NUMBER" lines; of a repeated name, the smallest number counts.
# "count NAME HYPERVISOR VMRUN VMLOAD VMSAVE WRMSR CR3 KERNEL USER" lines have the instructions of a round by
# executor, and the slow ones; of several, the one with the fewest of the hypervisor counts. Rows are in the
# order of GOALS, others after them. A missing figure is "-" (JSON: null), without a ratio. A side without any
# figure is an error (exit 1), because it did not run.

# Notes for the text and the JSON.
function note_lines(lines) {
    lines[1] = "Executed instructions (-icount, one CPU), the least of many rounds. balloon_*: for each page."
    lines[2] = "xl_*, cleave_*: the tool's whole run in dom0, and what dom0 waits for. tool_*: cleave | xl."
    lines[3] = "Cleave zeroes a page when it gives it to a domain, Xen after the domain that had it has died."
    lines[4] = "Much of Xen's figure for each exit is instruction decoding, for want of next-RIP in this"
    lines[5] = "emulator: on silicon it is less. And an instruction count does not show that VMRUN, VMLOAD,"
    lines[6] = "VMSAVE, MSR and CR3 writes are slow there: these are counted apart. What dom0's own kernel and"
    lines[7] = "programs execute is the same on both: the last table has the hypervisor's own share."
    return 7
}

function row(name) {
    if (!(name in seen)) {
        seen[name] = 1
        names[++rows] = name
    }
}

function goal_name(name) {
    sub(/@.*/, "", name)
    return name
}

# "yes", "no", or "-" if there is nothing to compare
function verdict(name,    base) {
    base = goal_name(name)
    if (!(base in goal) || !(("c", name) in value) || !(("x", name) in value))
        return "-"
    if (base in limit && value["c", name] >= limit[base])
        return "no"
    return value["c", name] <= goal[base] * value["x", name] ? "yes" : "no"
}

function figure(side, name) {
    return (side, name) in value ? sprintf("%.0f", value[side, name]) : "-"
}

function ratio(name) {
    if (!(("c", name) in value) || !(("x", name) in value) || !value["x", name])
        return "-"
    return sprintf("%.3f", value["c", name] / value["x", name])
}

function goal_text(name,    base) {
    base = goal_name(name)
    if (!(base in goal))
        return "-"
    return sprintf("%.2f", goal[base]) (base in limit ? ", <" limit[base] : "")
}

function count(set,    n, key) {
    n = 0
    for (key in set)
        n++
    return n
}

function print_text(    i, n, missed, judged, lines) {
    printf "%-38s %14s %14s %7s %12s %5s\n", "row", "Cleave", "Xen " version, "ratio", "goal", "met?"
    for (i = 1; i <= rows; i++) {
        n = names[i]
        printf "%-38s %14s %14s %7s %12s %5s\n", n, figure("c", n), figure("x", n), ratio(n), goal_text(n),
            verdict(n)
        if (verdict(n) != "-")
            judged[goal_name(n)] = 1
        if (verdict(n) == "no")
            missed[goal_name(n)] = 1
    }
    printf "\n%d of %d goals are met (one goal for all variants of a row).\n\n", count(judged) - count(missed),
        count(judged)
    n = note_lines(lines)
    for (i = 1; i <= n; i++)
        print lines[i]
    if (some_counted) {
        print_counts()
        print_shares()
    }
}

# The side's counts of that name as one word, 2 VMRUN to 6 CR3.
function counts(side, name,    i, text) {
    if (!((side, name) in counted))
        return "-"
    for (i = 2; i <= 6; i++)
        text = text (i > 2 ? " " : "") sprintf("%5d", part[side, name, i])
    return text
}

function print_counts(    i, n) {
    print "\nSlow instructions of the hypervisor in one round, Cleave | Xen " version ":\n"
    printf "%-38s %s | %s\n", "row", "VMRUN VMLOAD VMSAVE WRMSR CR3", "VMRUN VMLOAD VMSAVE WRMSR CR3"
    for (i = 1; i <= rows; i++) {
        n = names[i]
        if (("c", n) in counted || ("x", n) in counted)
            printf "%-38s %29s | %29s\n", n, counts("c", n), counts("x", n)
    }
}

# The shares of a round: the hypervisor, kernels, and code at lower addresses (programs; the BIOS).
function share(side, name, i) {
    return (side, name) in counted ? sprintf("%.0f", part[side, name, i]) : "-"
}

function share_ratio(name) {
    if (!(("c", name) in counted) || !(("x", name) in counted) || !part["x", name, 1])
        return "-"
    return sprintf("%.3f", part["c", name, 1] / part["x", name, 1])
}

function print_shares(    i, n) {
    print "\nWho executes one round (512 pages, 64 of foreign_map): in the hypervisor | kernels and programs:\n"
    printf "%-38s %10s %10s %6s | %10s %8s | %10s %8s\n", "row", "Cleave", "Xen " version, "ratio",
        "Cleave: k.", "prog.", "Xen: k.", "prog."
    for (i = 1; i <= rows; i++) {
        n = names[i]
        if (("c", n) in counted || ("x", n) in counted)
            printf "%-38s %10s %10s %6s | %10s %8s | %10s %8s\n", n, share("c", n, 1), share("x", n, 1),
                share_ratio(n), share("c", n, 7), share("c", n, 8), share("x", n, 7), share("x", n, 8)
    }
}

function or_null(text) {
    return text == "-" ? "null" : text
}

function json_counts(side, name, word) {
    if (!((side, name) in counted))
        return ""
    return sprintf("\"%s_counts\": {\"vmrun\": %d, \"vmload\": %d, \"vmsave\": %d, \"wrmsr\": %d, \"cr3\": %d, " \
        "\"hypervisor\": %.0f, \"kernel\": %.0f, \"user\": %.0f}, ", word, part[side, name, 2], part[side, name, 3],
        part[side, name, 4], part[side, name, 5], part[side, name, 6], part[side, name, 1],
        part[side, name, 7], part[side, name, 8])
}

function print_json(    i, n, v, note, lines, base) {
    n = note_lines(lines)
    for (i = 1; i <= n; i++)
        note = note (i > 1 ? " " : "") lines[i]
    printf "{\n  \"unit\": \"executed instructions\",\n  \"xen_version\": \"%s\",\n", version
    printf "  \"note\": \"%s\",\n  \"rows\": [\n", note
    for (i = 1; i <= rows; i++) {
        n = names[i]
        base = goal_name(n)
        v = verdict(n)
        printf "    {\"row\": \"%s\", \"cleave\": %s, \"xen\": %s, \"ratio\": %s, ",
            n, or_null(figure("c", n)), or_null(figure("x", n)), or_null(ratio(n))
        printf "%s%s", json_counts("c", n, "cleave"), json_counts("x", n, "xen")
        printf "\"goal\": %s, \"below\": %s, \"met\": %s}%s\n",
            base in goal ? goal[base] : "null", base in limit ? limit[base] : "null",
            v == "-" ? "null" : v == "yes" ? "true" : "false", i < rows ? "," : ""
    }
    print "  ]\n}"
}

# For gnuplot: only rows with a figure.
function print_plot(    i, n) {
    for (i = 1; i <= rows; i++) {
        n = names[i]
        if (("c", n) in value || ("x", n) in value)
            print n, figure("c", n), figure("x", n)
    }
}

FNR == 1 { file = FILENAME == ARGV[1] ? 1 : FILENAME == ARGV[2] ? 2 : 3 }
{ sub(/\r$/, "") }
file == 1 && NF && !/^#/ {
    row($1)
    goal[$1] = $2 + 0
    if (NF > 2)
        limit[$1] = $3 + 0
}
file > 1 && $1 == "bench" && NF == 3 && $3 ~ /^[0-9]+$/ {
    side = file == 2 ? "c" : "x"
    row($2)
    if (!((side, $2) in value) || $3 + 0 < value[side, $2])
        value[side, $2] = $3 + 0
    measured[side]++
}
file > 1 && $1 == "count" && NF == 10 {
    side = file == 2 ? "c" : "x"
    if (!((side, $2) in counted) || $3 + 0 < counted[side, $2]) {
        counted[side, $2] = $3 + 0
        some_counted = 1
        for (i = 1; i <= 8; i++)
            part[side, $2, i] = $(i + 2) + 0
    }
}

END {
    if (!measured["c"] || !measured["x"]) {
        print "bench: no figures from " (measured["c"] ? "Xen" : "Cleave") ": did it run?" >"/dev/stderr"
        exit 1
    }
    if (form == "json")
        print_json()
    else if (form == "plot")
        print_plot()
    else
        print_text()
}
