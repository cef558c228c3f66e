/* SPDX-License-Identifier: MIT */
/* Stops the other CPUs, for the end of the machine (cpu/smp.c). */
#ifndef CLV_CPU_SMP_H
#define CLV_CPU_SMP_H

struct trap_frame;

/* for panic, reboot, power-off; the console takes no lock any more */
void smp_stop_others(void);
void smp_report_stopped(void); /* where they were */
/* an NMI: another CPU stops this one, or it is none of ours */
void smp_nmi(const struct trap_frame *f);

#endif
