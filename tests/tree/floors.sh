#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: floors.sh check|text|dot FOLDER
#
# Compares the calls within the core, from its object files under FOLDER (nm: defined and undefined symbols),
# with the plan in floors.txt. check: fails on an upward call, or a loop of calls between files, that is not
# in floors.txt, and on an exception that is no longer needed. text: prints the actual floors. dot: the same
# as a graph for graphviz.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/../.."

# One line per symbol: needs or defines, its file, its name. Skips stale objects of files that moved.
(cd "$2" && find . -name '*.o' ! -path './include-xen/*' -exec nm -A {} +) | sed 's|^\./||; s|\.o:| |' |
    while read -r file rest; do
        if [ "$file" != "${last:-}" ]; then
            last=$file
            there=$(ls hypervisor/"$file".[cS] 2>/dev/null || true)
        fi
        [ -z "$there" ] || echo "$file $rest"
    done |
    awk '$(NF - 1) == "U" { print "needs", $1, $NF }
        NF == 4 && $3 ~ /^[A-Z]$/ { print "defines", $1, $NF }' | sort | awk -v mode="$1" '
function folder(file) { sub(/\/.*/, "", file); return file }
function fail(text) { print "floors: " text; failed = 1 }

# Marks what `from` reaches by calls that are not upwards, except permitted ones.
function reach(from, origin,    i, n, to) {
    n = split(calls[from], to, " ")
    for (i = 1; i <= n; i++)
        if (!((origin, to[i]) in reached)) {
            reached[origin, to[i]] = 1
            reach(to[i], origin)
        }
}

BEGIN {
    while ((getline line < "tests/tree/floors.txt") > 0) {
        if (line ~ /^#/ || line == "")
            continue
        n = split(line, word, " ")
        if (word[1] == "floor") {
            floors++
            for (i = 2; i <= n; i++)
                level[word[i]] = floors
            names[floors] = substr(line, 7)
        } else if (word[1] == "service") {
            service[word[2]] = 1
        } else if (word[1] == "loop") {
            loops++
            for (i = 2; i <= n && word[i] != ":"; i++)
                excuse[loops, word[i]] = 1
        }
    }
}
$1 == "defines" { home[$3] = $2; files[$2] = 1 }
$1 == "needs" { count++; needer[count] = $2; needed[count] = $3; files[$2] = 1 }

END {
    for (file in files)
        if (!(folder(file) in level))
            fail(file ": its folder has no floor in tests/tree/floors.txt")
    for (i = 1; i <= count; i++) {
        a = needer[i]; b = home[needed[i]]
        if (b == "" || a == b || needed[i] in service)
            continue
        for (l = 1; l <= loops; l++)
            if ((l, a) in excuse && (l, b) in excuse)
                break
        if (l <= loops) {
            used[l] = 1
            between[folder(a), folder(b)]++
            continue
        }
        if (level[folder(a)] < level[folder(b)])
            fail(a " calls upwards: " needed[i] " of " b)
        if (!((a, b) in by))
            calls[a] = calls[a] " " b
        by[a, b] = needed[i]
        between[folder(a), folder(b)]++
    }
    for (l = 1; l <= loops; l++)
        if (!(l in used))
            fail("excuse " l " of tests/tree/floors.txt is not needed any more")
    for (file in files)
        reach(file, file)
    for (file in files)
        if ((file, file) in reached) {
            text = file " is in a loop:"
            n = split(calls[file], to, " ")
            for (i = 1; i <= n; i++)
                if ((to[i], file) in reached)
                    text = text " " to[i] " (" by[file, to[i]] ")"
            fail(text)
        }
    if (mode == "text")
        for (l = floors; l > 0; l--) {
            n = split(names[l], here, " ")
            for (i = 1; i <= n; i++) {
                text = ""
                for (m = floors; m > 0; m--) {
                    k = split(names[m], there, " ")
                    for (j = 1; j <= k; j++)
                        if (there[j] != here[i] && (here[i], there[j]) in between)
                            text = text " " there[j]
                }
                printf "%d  %-10s calls%s\n", l, here[i], text == "" ? " nobody" : text
            }
        }
    if (mode == "dot") {
        print "digraph floors {\n  rankdir = TB; node [shape = box, fontname = sans]"
        for (l = floors; l > 0; l--)
            print "  { rank = same; " names[l] " }"
        for (pair in between) {
            split(pair, two, SUBSEP)
            if (two[1] != two[2])
                print "  " two[1] " -> " two[2]
        }
        print "}"
    }
    if (mode == "check" && !failed)
        print "floors: no call upwards, no loop but " loops " that have a reason"
    exit failed
}'
