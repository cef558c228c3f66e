#!/bin/sh
# SPDX-License-Identifier: MIT
#
# report.sh FOLDER XEN-VERSION: makes bench.txt, bench.json, bench.svg of cleave.rows and xen.rows there.
set -eu

folder=$1 version=$2
here=$(dirname "$0")

# table FORM
table() {
    awk -v form="$1" -v version="$version" -f "$here/table.awk" \
        "$here/goals" "$folder/cleave.rows" "$folder/xen.rows"
}

table text >"$folder/bench.txt"
table json >"$folder/bench.json"
table plot >"$folder/bench.plot"
gnuplot -e "rows='$folder/bench.plot'; chart='$folder/bench.svg'; version='$version'" "$here/chart.gp"
