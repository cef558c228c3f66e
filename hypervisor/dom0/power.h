/* SPDX-License-Identifier: MIT */
/* The ports by which dom0 leaves the machine or stops a CPU (dom0/power.c). */
#ifndef CLV_DOM0_POWER_H
#define CLV_DOM0_POWER_H

struct domain;

void dom0_add_power_ports(struct domain *d); /* adds its ranges to d's bus */

#endif
