#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Grafana's dashboard must only ask for metrics that `cleave metrics` prints, by labels that these have. Run
# by make check-unit.
set -eu

dashboard=dom0-tools/debian/grafana.json
metrics=dom0-tools/cleave/metrics.c
failed=0

fault() {
    echo "grafana_test: $*"
    failed=1
}


names=$(grep -o 'cleave_[a-z_]*' "$dashboard" | sort -u)
[ "$(echo "$names" | wc -l)" -ge 10 ] || fault "$dashboard asks for fewer than 10 metrics"
for name in $names; do
    grep -q "\"$name\"" "$metrics" || fault "$dashboard asks for $name, which there is not"
done
for label in $(grep -oE '\{\{[a-z]*\}\}|[a-z]+=~' "$dashboard" | tr -d '{}=~' | sort -u); do
    grep -qE "(write_label|begin_series)\\(.*\"$label\"" "$metrics" ||
        fault "$dashboard names the label $label, which no metric has"
done
[ $failed = 0 ] || exit 1
echo "grafana: $(echo "$names" | wc -l) metrics of the dashboard exist"
