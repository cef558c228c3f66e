#!/bin/sh
# SPDX-License-Identifier: MIT
#
# size.sh CORE-ELF LINES TEXT-KB 'FOLDER STATEMENTS ...': prints all sizes, and compares the core with its
# budgets. Each folder of hypervisor/ has a budget in statements (semicolons of .c and .h, without comments),
# so that a long expression costs the same on one line or several. There is one for all code lines as counted
# by cloc (.c .S .h, no comments, no blanks), and one for .text in KB. Exits with 1 if a budget is exceeded.
set -eu

core=$1 budget_lines=$2 budget_text=$3 budget_statements=$4
over=

# lines FOLDER [CLOC-OPTION...]: code lines of C, headers and assembly
lines() {
    cloc --quiet --csv --include-ext=c,h,S "$@" 2>/dev/null |
        awk -F, '$2 == "SUM" { n = $5 } END { print n + 0 }'
}

printf '%-28s %8s\n' 'code lines (.c .S .h)' 'cloc'
for folder in hypervisor/*/ dom0-tools/*/ xenstore-schema/ guests/*/ tests/*/; do
    [ -d "$folder" ] && printf '  %-26s %8d\n' "${folder%/}" "$(lines "$folder")"
done

statements() {
    find "$1" -name '*.[ch]' -exec gcc -fpreprocessed -dD -E -P {} \; | tr -cd ';' | wc -c
}

if [ -d hypervisor ]; then
    printf '%-28s %8s %8s\n' 'statements of the core' ';' budget
    for folder in hypervisor/*/; do
        name=$(basename "$folder") n=$(statements "$folder")
        budget=$(echo "$budget_statements" | tr -s ' ' '\n' | sed -n "/^$name\$/{n;p}")
        printf '  %-26s %8d %8d\n' "$name" "$n" "${budget:-0}"
        [ "$n" -le "${budget:-0}" ] || over="$over $name"
    done
fi

core_lines=0
[ ! -d hypervisor ] || core_lines=$(lines hypervisor)
printf '%-28s %8d of %d lines\n' 'the core, hypervisor/' "$core_lines" "$budget_lines"

text=0
if [ -r "$core" ]; then
    # .text has a budget; other sections are grouped by kind of memory
    size -A "$core" | awk '$1 ~ /^\.(text|rodata|data|bss|init)/ { printf "  %-26s %8d bytes\n", $1, $2 }'
    text=$(size -A "$core" | awk '$1 ~ /^\.(init\.)?text/ { n += $2 } END { print n + 0 }')
    printf '%-28s %8d of %d KB\n' '.text' "$(((text + 1023) / 1024))" "$budget_text"
fi

[ "$core_lines" -le "$budget_lines" ] || over="$over code-lines"
[ "$text" -le $((budget_text * 1024)) ] || over="$over .text"
[ -z "$over" ] || {
    echo "size: over the budget (Config.mk, BUDGET_...):$over" >&2
    exit 1
}
