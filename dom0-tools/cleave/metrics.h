/* SPDX-License-Identifier: MIT */
/* cleave metrics: the text format of Prometheus, version 0.0.4. */
#ifndef CLEAVE_METRICS_H
#define CLEAVE_METRICS_H

#include <stdio.h>

#include "balance.h"
#include "sample.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Writes all metrics of a sample, and of what the balancer knows of the same machine. */
void metrics_write(FILE *out, const struct sample *sample, const struct balance *balance);

#endif
