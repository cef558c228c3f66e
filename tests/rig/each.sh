#!/bin/sh
# SPDX-License-Identifier: MIT
#
# each.sh PROGRAM...: runs test programs, as many at a time as there are CPUs. What one says comes when it has
# ended. Fails if one fails, after all have run.
set -u

# shellcheck disable=SC2016
printf '%s\n' "$@" | xargs -P "$(nproc)" -I PROGRAM sh -c '
    said=$(mktemp)
    PROGRAM >"$said" 2>&1
    rc=$?
    cat "$said"
    rm -f "$said"
    [ $rc = 0 ] || echo "PROGRAM: FAILED ($rc)"
    exit $rc'
