/* SPDX-License-Identifier: MIT */
/*
 * Parses Prometheus' text format, version 0.0.4, more strictly than Prometheus: each family has its
 * HELP, its TYPE and then all its series, no series is there twice, only counters end with _total,
 * and label values are UTF-8.
 */
#ifndef TESTS_TOOLS_PROMETHEUS_H
#define TESTS_TOOLS_PROMETHEUS_H

#include <stdbool.h>

/* False: problem has the line and the reason. */
bool prometheus_check(const char *text, char problem[256]);

/* Finds the value of the series written exactly so, with its labels. False: there is none. */
bool prometheus_value(const char *text, const char *series, double *value);

#endif
