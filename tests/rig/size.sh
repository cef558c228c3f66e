#!/bin/sh
# SPDX-License-Identifier: MIT
#
# size.sh CORE-ELF LINES TEXT-KB: how big everything is, and the core against its budget: code lines as cloc
# counts them (.c .S .h of hypervisor/, no comments, no blanks) and .text. Exits with 1 when the budget is
# exceeded.
set -eu

core=$1 budget_lines=$2 budget_text=$3

# lines FOLDER [CLOC-OPTION...]: code lines of C, headers and assembly
lines() {
    cloc --quiet --csv --include-ext=c,h,S "$@" 2>/dev/null |
        awk -F, '$2 == "SUM" { n = $5 } END { print n + 0 }'
}

printf '%-28s %8s\n' 'code lines (.c .S .h)' 'cloc'
for folder in hypervisor/*/ dom0-tools/*/ xenstore-schema/ guests/*/ tests/*/; do
    [ -d "$folder" ] && printf '  %-26s %8d\n' "${folder%/}" "$(lines "$folder")"
done

core_lines=0
[ ! -d hypervisor ] || core_lines=$(lines hypervisor)
printf '%-28s %8d of %d lines\n' 'the core, hypervisor/' "$core_lines" "$budget_lines"

text=0
if [ -r "$core" ]; then
    # .text has a budget; the other sections, by the kind of memory that they take
    size -A "$core" | awk '$1 ~ /^\.(text|rodata|data|bss|init)/ { printf "  %-26s %8d bytes\n", $1, $2 }'
    text=$(size -A "$core" | awk '$1 ~ /^\.(init\.)?text/ { n += $2 } END { print n + 0 }')
    printf '%-28s %8d of %d KB\n' '.text' "$(((text + 1023) / 1024))" "$budget_text"
fi

[ "$core_lines" -le "$budget_lines" ] && [ "$text" -le $((budget_text * 1024)) ] || {
    echo "size: the core is over its budget" >&2
    exit 1
}
