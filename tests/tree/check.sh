#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Rules about the source tree that no compiler checks: the tour lists every file of the core, and a file
# includes only earlier ones; the README lists every variable; each header of the core compiles alone;
# exported names begin with their file's name; C is formatted uniformly; and nothing is too long. Run by `make
# check-unit` (build.mk gives HV_CC, the compiler with the core's flags). Each rule prints its violations.
# shellcheck disable=SC2016 # backquotes in patterns
set -eu
export LC_ALL=C

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# rule NAME REMEDY: reads its violations from standard input (so it runs in a subshell, and records failure in
# a file)
rule() {
    cat >"$scratch/broken"
    if [ -s "$scratch/broken" ]; then
        sed "s|^|tree: $1: |" "$scratch/broken"
        echo "tree: $1: $2"
        touch "$scratch/failed"
    fi
}

# differ A B: lines that are in one of two sorted files only, or twice in the second
differ() {
    comm -23 "$1" "$2" | sed 's|$| is missing|'
    uniq "$2" | comm -13 "$1" - | sed 's|$| is named, but not there|'
    uniq -d "$2" | sed 's|$| is named twice|'
}

# --- the tour: "- `file`: question", each file of hypervisor/ once, but headers with their .c or .S ---

(cd hypervisor && find . -type f -name '[a-zA-Z]*.*[a-zA-Z]' ! -name '*.md') | sed 's|^\./||' |
    awk '{ all[$0] } END { for (f in all) { c = s = f; sub(/h$/, "c", c); sub(/h$/, "S", s)
        if (f !~ /\.h$/ || !(c in all || s in all)) print f } }' | sort >"$scratch/files"
sed -n 's/^- `\([^`]*\)`: .*?$/\1/p' hypervisor/README.md | sort >"$scratch/tour"
differ "$scratch/files" "$scratch/tour" |
    rule tour 'mend hypervisor/README.md; an entry is: - `folder/file.c`: question?'

# --- includes: of an earlier chapter of the tour, or of the same; includes.txt has the exceptions ---

awk '
function chapter_of(file,    c, s) {
    c = s = file
    sub(/h$/, "c", c)
    sub(/h$/, "S", s)
    return file in chapter ? chapter[file] : c in chapter ? chapter[c] : chapter[s]
}
FILENAME ~ /README/ {
    if (/^## [0-9]+\./)
        number = $2 + 0
    else if (match($0, /^- `[^`]+`/))
        chapter[substr($0, 4, RLENGTH - 4)] = number
    next
}
FILENAME ~ /includes\.txt/ {
    if (!/^#/ && NF)
        excuse[$1, $2] = FNR
    next
}
/^#include "/ {
    split($0, part, "\"")
    file = substr(FILENAME, length("hypervisor/") + 1)
    folder = file
    sub(/\/.*/, "", folder)
    header = part[2] ~ /\// && part[2] !~ /^public/ ? part[2] : "include/" part[2]
    if (chapter_of(header) <= chapter_of(file))
        next
    if ((file, part[2]) in excuse)
        used[file, part[2]]
    else if ((folder, part[2]) in excuse)
        used[folder, part[2]]
    else
        print file " includes " part[2] " of chapter " chapter_of(header)
}
END {
    for (pair in excuse)
        if (!(pair in used))
            print "tests/tree/includes.txt:" excuse[pair] ": is not needed any more"
}' hypervisor/README.md tests/tree/includes.txt hypervisor/*/*.[chS] |
    rule includes 'use what was read before, or give a reason in tests/tree/includes.txt'

# --- variables: rows "| `NAME` |" of the README, and what Config.mk and the fragments offer ---

sed -n 's/^\([A-Z0-9_]*\) *?=.*/\1/p' Config.mk hypervisor/build.mk | sort >"$scratch/offered"
sed -n 's/^| `\([A-Z0-9_]*\)` .*/\1/p' README.md | sort >"$scratch/variables"
differ "$scratch/offered" "$scratch/variables" | rule variables 'mend the table of variables in README.md'

# --- headers: each compiles alone ---

for header in hypervisor/include/*.h hypervisor/include/public/*.h hypervisor/[!i]*/*.h; do
    # shellcheck disable=SC2086 # words on purpose
    ${HV_CC:?run by make check-unit} -fsyntax-only -x c "$header" 2>"$scratch/words" ||
        echo "$header does not compile alone: $(grep -m 1 error "$scratch/words")"
done | rule headers 'include what the header uses, in the header'

# --- names: an exported one tells its file; names.txt has the exceptions ---

cd "${HV_OBJECTS:?run by make check-unit}"
find . -name '*.o' ! -path './include-xen/*' -exec nm -A {} + >"$scratch/symbols"
cd "$OLDPWD"
sed 's|^\./||; s|\.o:| |' "$scratch/symbols" | awk '
function here(stem) { return !system("test -e hypervisor/" stem ".c -o -e hypervisor/" stem ".S") }
FILENAME ~ /names\.txt/ {
    for (i = 2; !/^#/ && i <= NF && $i != ":"; i++) {
        pattern = $i
        sub(/\*/, ".*", pattern)
        allowed[$1] = allowed[$1] " ^" pattern "$"
    }
    next
}
NF == 4 && $3 ~ /^[A-Z]$/ && $4 !~ /^__/ && here($1) {
    split($1, path, "/")
    first = path[2]
    sub(/_.*/, "", first)
    if ($4 ~ "^(" path[1] "|" first "|" path[2] ")(_|$)")
        next
    n = split(allowed[path[1]] allowed[$1], patterns, " ")
    for (i = 1; i <= n; i++)
        if ($4 ~ patterns[i])
            next
    print "hypervisor/" $1 ": " $4
}' tests/tree/names.txt - |
    rule names 'begin an exported name with the name of its file'

# --- static functions of the core: one name, one function, so that grep finds it ---

awk '/^static / && match($0, /[a-z_0-9]+\(/) {
    name = substr($0, RSTART, RLENGTH - 1)
    if (name in file && file[name] != FILENAME)
        print name " is in " file[name] " and in " FILENAME
    file[name] = FILENAME
}' hypervisor/*/*.c | rule statics 'give one of the two another name'

# --- form: .clang-format, and what it cannot say ---

find hypervisor dom0-tools guests tests xenstore-schema -name '*.[ch]' | sort >"$scratch/formed"
xargs clang-format-14 --dry-run -Werror <"$scratch/formed" 2>&1 | sed -n 's/: error:.*/ is not formed/p' |
    rule form 'run: clang-format-14 -i FILE'
xargs awk 'length > 100 { print FILENAME ":" FNR ": " length " columns" }' <"$scratch/formed" |
    rule columns '100 columns at most: break texts, put comments above their lines'
xargs awk -f tests/tree/conditionals.awk <"$scratch/formed" |
    rule conditionals 'a conditional in another one: use if, switch or a function'

# --- length: lines and files; legacy.txt has the files that were longer before the rule ---

find Makefile Config.mk .ci/run hypervisor dom0-tools guests tests xenstore-schema -type f |
    grep -E '\.(c|h|S|sh|mk|lds)$|^[A-Z.][^/]*(/run)?$' | sort >"$scratch/sources"
xargs awk 'length > 110 { print FILENAME ":" FNR ": " length " columns" }
    FNR == 801 { print FILENAME ": more than 800 lines" }' <"$scratch/sources" >"$scratch/long"
grep -v '^#' tests/tree/legacy.txt | sed 's/$/:/' >"$scratch/legacy"
grep -vFf "$scratch/legacy" "$scratch/long" |
    rule length '110 columns and 800 lines at most: break lines; give the second idea a file of its own'

[ ! -e "$scratch/failed" ] || exit 1
echo "tree: $(wc -l <"$scratch/tour") files in the tour, $(wc -l <"$scratch/variables") variables: in order"
