/* SPDX-License-Identifier: MIT */
/* Machine checks (cpu/mcheck.c). */
#ifndef CLV_CPU_MCHECK_H
#define CLV_CPU_MCHECK_H

void mcheck_init_cpu(void); /* before CR4.MCE is set */
void mcheck_report(void);   /* logs the valid banks of this CPU */

#endif
