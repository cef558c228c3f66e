#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tests table.awk with invented outputs; part of `make check-unit`.
set -eu

here=$(dirname "$0")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

cat >"$scratch/goals" <<END
# a comment
null_call 0.10 300
slow      0.10
unknown   0.20
big       0.20
END
printf '%s\n' 'text of dom0' 'bench null_call 250' 'bench slow 900' 'bench slow 700' 'bench slow@b 99' \
    'bench only_cleave 5' 'bench big 5000000000' 'bench broken -' 'bench two 1 2' \
    'count slow 99 9 9 9 9 9 9 9' 'count slow 50 1 2 3 4 5 6000000000 70' >"$scratch/cleave"
printf '%b\n' 'bench null_call 5000\r' 'bench slow 1000' 'bench slow@b 1000' 'bench only_xen 7' \
    'bench big 9000000000' 'count slow 200 1 0 0 0 0 640 71' >"$scratch/xen"

# form FORM [CLEAVE XEN]
form() {
    awk -v form="$1" -v version=1.2 -f "$here/table.awk" "$scratch/goals" "${2:-$scratch/cleave}" \
        "${3:-$scratch/xen}"
}

# same NAME: compares $scratch/out with standard input
same() {
    if diff -u - "$scratch/out"; then
        echo "table: $1: ok"
    else
        echo "table: $1: FAILED"
        failed=1
    fi
}

form text | sed '/^$/q' | tr -s ' ' | sed '/^$/d' >"$scratch/out"
same text <<END
row Cleave Xen 1.2 ratio goal met?
null_call 250 5000 0.050 0.10, <300 yes
slow 700 1000 0.700 0.10 no
unknown - - - 0.20 -
big 5000000000 9000000000 0.556 0.20 no
slow@b 99 1000 0.099 0.10 yes
only_cleave 5 - - - -
only_xen - 7 - - -
END

form text | grep -e 'goals are met' -e next-RIP >"$scratch/out"
same 'verdict and note' <<END
1 of 3 goals are met (one goal for all variants of a row).
Much of Xen's figure for each exit is instruction decoding, for want of next-RIP in this
END

form text | grep '^slow .*|' | tr -s ' ' >"$scratch/out"
same 'slow instructions, and who executes' <<END
slow 1 2 3 4 5 | 1 0 0 0 0
slow 50 200 0.250 | 6000000000 70 | 640 71
END

form json | grep -e null_call -e unknown -e only_xen >"$scratch/out"
same json <<END
    {"row": "null_call", "cleave": 250, "xen": 5000, "ratio": 0.050, "goal": 0.1, "below": 300, "met": true},
    {"row": "unknown", "cleave": null, "xen": null, "ratio": null, "goal": 0.2, "below": null, "met": null},
    {"row": "only_xen", "cleave": null, "xen": 7, "ratio": null, "goal": null, "below": null, "met": null}
END

form plot >"$scratch/out"
same plot <<END
null_call 250 5000
slow 700 1000
big 5000000000 9000000000
slow@b 99 1000
only_cleave 5 -
only_xen - 7
END

# The limit applies independently, and a figure equal to it exceeds it.
echo 'bench null_call 300' >"$scratch/limit"
form text "$scratch/limit" | grep '^null_call' | tr -s ' ' >"$scratch/out"
same limit <<END
null_call 300 5000 0.060 0.10, <300 no
END

# A run without figures is an error, not a table of dashes.
: >"$scratch/empty"
for side in Cleave Xen; do
    cleave=$scratch/cleave xen=$scratch/xen
    [ $side = Xen ] && xen=$scratch/empty || cleave=$scratch/empty
    form text "$cleave" "$xen" || echo "status $?"
done >"$scratch/out" 2>&1
same 'no figures' <<END
bench: no figures from Cleave: did it run?
status 1
bench: no figures from Xen: did it run?
status 1
END

exit $failed
