#!/bin/sh
# SPDX-License-Identifier: MIT
#
# profile.sh FOLDER IMAGE: prints, for each row of cleave.rows, the functions of the image that executed most,
# with their instructions in all rounds (cleave.profile, from count.c). The release core is optimised as a
# whole: a function includes those inlined into it.
set -eu

folder=$1 image=$2

nm -n "$image" | awk '
    NR == FNR && $2 ~ /^[tT]$/ { at[++n] = $1; name[n] = $3 }
    NR == FNR { next }
    FILENAME ~ /rows$/ { if ($1 == "bench" && NF == 3) row[rows++] = $2; next }
    {
        while (("" $1) != current) { current = "" $1; i = 1 }
        while (i < n && at[i + 1] <= $2) i++
        sum[row[$1] " " name[i]] += $3
    }
    END { for (key in sum) print key, sum[key] }
' - "$folder/cleave.rows" "$folder/cleave.profile" | sort -k1,1 -k3,3nr |
    awk '$1 != last { last = $1; n = 0 } n++ < 25'
