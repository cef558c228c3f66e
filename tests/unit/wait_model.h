/* SPDX-License-Identifier: MIT */
/* A model of core/vcpu.c and core/evtchn.c for tests of vcpus that wait for memory or a page. */
#ifndef WAIT_MODEL_H
#define WAIT_MODEL_H

/* How often dom0 was told by VIRQ_MEM_EVENT. */
extern unsigned int told;

#endif
