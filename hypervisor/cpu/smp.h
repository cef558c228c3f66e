/* SPDX-License-Identifier: MIT */
/* Stops the other CPUs before the machine goes down (cpu/smp.c). */
#ifndef CLV_CPU_SMP_H
#define CLV_CPU_SMP_H

struct trap_frame;

/* For panic, reboot and power-off. Also takes over the console, whose lock may be held. */
void smp_stop_others(void);
void smp_report_stopped(void); /* logs where each one stopped */
/* Handles an NMI: a stop request from another CPU, or one that no CPU has sent. */
void smp_nmi(const struct trap_frame *f);

#endif
