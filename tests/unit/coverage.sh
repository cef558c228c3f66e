#!/bin/sh
# SPDX-License-Identifier: MIT
#
# coverage.sh FOLDER TEST...: runs the tests, which were built with gcov counters under FOLDER. Prints, per
# core file, the share of lines executed and of branches taken. For annotated sources:
# gcov -b -o FOLDER/core/mm hypervisor/mm/p2m.c
set -eu

folder=$1
shift
find "$folder" -name '*.gcda' -delete
for test; do
    "$test" >"$folder/log" 2>&1 || {
        cat "$folder/log"
        echo "coverage: $test fails" >&2
        exit 1
    }
done
find "$folder/core" -name '*.gcda' -exec gcov -b -n {} + 2>/dev/null | awk '
    function share(n, all) { return all ? sprintf("%5.1f %%", 100 * n / all) : "      -" }
    function row(lines, all_lines, taken, branches, name) {
        return sprintf("%s of %5d lines  %s of %5d branches  %s", share(lines, all_lines), all_lines,
                       share(taken, branches), branches, name)
    }
    /^File/ { split($0, part, "\047"); file = part[2]; core = file ~ /^hypervisor\/.*\.c$/ }
    /^(Calls|No calls)/ { core = 0 } # a total without a file follows the last one
    !core { next }
    { split($0, part, /[:% ]+/) }
    /^Lines executed/ { line[file] = part[3] / 100 * part[5]; lines[file] = part[5] }
    /^Taken at least/ { taken[file] = part[5] / 100 * part[7]; branches[file] = part[7] }
    END {
        for (f in lines) {
            print row(line[f], lines[f], taken[f], branches[f], f) | "sort -n"
            a += line[f]; b += lines[f]; c += taken[f]; d += branches[f]
        }
        close("sort -n")
        print row(a, b, c, d, "all")
    }'
