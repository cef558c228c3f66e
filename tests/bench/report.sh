#!/bin/sh
# SPDX-License-Identifier: MIT
#
# report.sh FOLDER XEN-VERSION: makes bench.txt, bench.json, bench.svg of the .rows and .counts there.
# Cleave's dom0 is always PVH: its figures are compared with those of Xen's PVH and PV dom0.
set -eu

folder=$1 version=$2
here=$(dirname "$0")

# figures NAME: its "bench" lines, and "count" lines with count.c's counts of the same rows, in that order
figures() {
    tr -d '\r' <"$folder/$1.rows" | grep '^bench [^ ]* [0-9]*$' >"$folder/$1.figures"
    [ "$(wc -l <"$folder/$1.figures")" = "$(wc -l <"$folder/$1.counts")" ] ||
        { echo "bench: $1.counts has not one line for each figure of $1.rows" >&2; exit 1; }
    cat "$folder/$1.figures"
    cut -d ' ' -f 2 "$folder/$1.figures" | paste -d ' ' - "$folder/$1.counts" | sed 's/\(.*\) row /count \1 /'
}

# pv: renames the figures of dom0 itself to the rows with a PV dom0
pv() {
    sed -n 's/^\([a-z]* dom0_[a-z0-9_]*\) /\1@pv_dom0 /p'
}

# tool NAME: the figures of that tool as those of the row tool_*, which compares each hypervisor's own: cleave
# on Cleave, xl on Xen
tool() {
    sed -n "s/^\([a-z]*\) ${1}_\(create\|destroy\)_hello /\1 tool_\2_hello /p"
}

{ figures cleave; figures cleave | pv; figures cleave | tool cleave; } >"$folder/cleave.all"
{ figures xen; figures xen_pv | pv; figures xen | tool xl; } >"$folder/xen.all"

# table FORM
table() {
    awk -v form="$1" -v version="$version" -f "$here/table.awk" \
        "$here/goals" "$folder/cleave.all" "$folder/xen.all"
}

table text >"$folder/bench.txt"
table json >"$folder/bench.json"
table plot >"$folder/bench.plot"
gnuplot -e "rows='$folder/bench.plot'; chart='$folder/bench.svg'; version='$version'" "$here/chart.gp"
