#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Grafana's dashboard must only ask for metrics that `cleave metrics` prints, by labels that these have. Run
# by make check-unit.
set -eu

dashboard=dom0-tools/debian/grafana.json
metrics=dom0-tools/cleave/metrics.c
failed=0

names=$(grep -o 'cleave_[a-z_]*' "$dashboard" | sort -u)
[ "$(echo "$names" | wc -l)" -ge 10 ] || { echo "grafana_test: fewer than 10 metrics in $dashboard"; failed=1; }
for name in $names; do
    grep -q "\"$name\"" "$metrics" || { echo "grafana_test: $dashboard asks for $name, which there is not"; failed=1; }
done
for label in $(grep -oE '\{\{[a-z]*\}\}|[a-z]+=~' "$dashboard" | tr -d '{}=~' | sort -u); do
    grep -qE "(write_label|begin_series)\\(.*\"$label\"" "$metrics" ||
        { echo "grafana_test: $dashboard names the label $label, which no metric has"; failed=1; }
done
[ $failed = 0 ] || exit 1
echo "grafana: $(echo "$names" | wc -l) metrics of the dashboard exist"
