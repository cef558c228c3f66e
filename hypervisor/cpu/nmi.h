/* SPDX-License-Identifier: MIT */
/* NMIs that the core did not send (cpu/nmi.c). */
#ifndef CLV_CPU_NMI_H
#define CLV_CPU_NMI_H

#include "types.h"

struct trap_frame;

void nmi_init(void); /* parses nmi=; before apic_init_cpu */
bool nmi_is_fatal(void);
void nmi_softirq(void);
void nmi_handle(const struct trap_frame *f);

#endif
