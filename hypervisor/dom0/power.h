/* SPDX-License-Identifier: MIT */
/* dom0's ports for power-off and C-states (dom0/power.c). */
#ifndef CLV_DOM0_POWER_H
#define CLV_DOM0_POWER_H

struct domain;

void dom0_add_power_ports(struct domain *d); /* adds its ranges to d's bus */

#endif
