#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Rules about the source tree that no compiler checks: the tour names every file of the core, the README names
# every variable, each header of the core compiles alone, and nothing is too long. Run by `make check-unit`
# (build.mk gives HV_CC, the compiler with the core's flags). Each rule prints what breaks it.
# shellcheck disable=SC2016 # backquotes in patterns
set -eu
export LC_ALL=C

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# rule NAME REMEDY: its violations come on standard input (so this runs in a subshell: a file remembers)
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

# --- the tour: "- `file`: question", each file of hypervisor/ once ---

(cd hypervisor && find . -type f -name '[a-zA-Z]*.*[a-zA-Z]' ! -name '*.md') | sed 's|^\./||' |
    sort >"$scratch/files"
sed -n 's/^- `\([^`]*\)`: .*?$/\1/p' hypervisor/README.md | sort >"$scratch/tour"
differ "$scratch/files" "$scratch/tour" |
    rule tour 'mend hypervisor/README.md; an entry is: - `folder/file.c`: question?'

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

# --- length: lines and files; legacy.txt has the files that were longer before the rule ---

find Makefile Config.mk .ci/run hypervisor dom0-tools guests tests xenstore-schema -type f |
    grep -E '\.(c|h|S|sh|mk|lds)$|^[A-Z.][^/]*(/run)?$' | sort >"$scratch/sources"
xargs awk 'length > 110 { print FILENAME ":" FNR ": " length " columns" }
    FNR == 701 { print FILENAME ": more than 700 lines" }' <"$scratch/sources" >"$scratch/long"
grep -v '^#' tests/tree/legacy.txt | sed 's/$/:/' >"$scratch/legacy"
grep -vFf "$scratch/legacy" "$scratch/long" |
    rule length '110 columns and 700 lines at most: break lines; give the second idea a file of its own'

[ ! -e "$scratch/failed" ] || exit 1
echo "tree: $(wc -l <"$scratch/tour") files in the tour, $(wc -l <"$scratch/variables") variables: in order"
