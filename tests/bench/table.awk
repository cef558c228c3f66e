# SPDX-License-Identifier: MIT
#
# awk -v form=text|json|plot -v version=4.17 -f table.awk GOALS CLEAVE-OUTPUT XEN-OUTPUT
#
# The table of `make bench`. The outputs are those of dom0.sh; "bench NAME NUMBER" lines count in them, and a
# name that comes several times counts with its least number. Rows stand in the order of GOALS, what is not in
# there behind. What was not measured is "-" (JSON: null), and has no ratio; a side without any figure is an
# error (exit 1), because it did not run.

# Shown by the text and in the JSON.
function note_lines(lines) {
    lines[1] = "Executed instructions (-icount, one CPU), the least of many rounds. balloon_*: for each page."
    lines[2] = "xl_* and cleave_*: the tool's whole run in dom0, with the time that dom0 waits for others."
    lines[3] = "Much of Xen's figure for each exit is instruction decoding, for want of next-RIP in this"
    lines[4] = "emulator: on silicon it is less. And an instruction count does not show that VMRUN, VMLOAD,"
    lines[5] = "VMSAVE, MSR and CR3 writes are slow there."
    return 5
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

# "yes", "no", or "-" where there is nothing to compare
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
}

function or_null(text) {
    return text == "-" ? "null" : text
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
        printf "\"goal\": %s, \"below\": %s, \"met\": %s}%s\n",
            base in goal ? goal[base] : "null", base in limit ? limit[base] : "null",
            v == "-" ? "null" : v == "yes" ? "true" : "false", i < rows ? "," : ""
    }
    print "  ]\n}"
}

# For gnuplot: only rows that somebody measured.
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
