/* SPDX-License-Identifier: MIT */
/* Pause, shutdown and crash of a domain (core/domain_shutdown.c). */
#ifndef CLV_CORE_DOMAIN_SHUTDOWN_H
#define CLV_CORE_DOMAIN_SHUTDOWN_H

#include "lib.h"
#include "types.h"

struct domain;
struct vcpu;

/* Pauses nest. _sync also waits until no vcpu is on a CPU: never call it from a vcpu of d. */
void domain_pause(struct domain *d);
void domain_pause_sync(struct domain *d);
void domain_unpause(struct domain *d);
void domain_shutdown(struct domain *d, uint8_t reason); /* SHUTDOWN_*; dom0: stops the machine */
void domain_resume(struct domain *d);                   /* after a cancelled suspend */
void domain_dump_vcpu(struct vcpu *v);                  /* prints the state of v in each part */
/*
 * Crashes the guest after an unhandled action: logs the reason, dumps v and shuts down with
 * SHUTDOWN_crash.
 */
void domain_crash(struct vcpu *v, const char *fmt, ...) format_printf(2, 3);
/*
 * Takes v down until INIT and SIPI, or VCPUOP_up. If no vcpu of the domain is up, none can start
 * another: the domain powers off. Linux powers off this way as a PVH guest, which has no ACPI power
 * button: it halts.
 */
void domain_stop_vcpu(struct vcpu *v);

#endif
