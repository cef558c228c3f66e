/* SPDX-License-Identifier: MIT */
/* What is done about an exit (guest/exit.c). */
#ifndef CLV_GUEST_EXIT_H
#define CLV_GUEST_EXIT_H

struct exit;
struct vcpu;

void exit_handle(struct vcpu *v, const struct exit *e);
void exit_wbinvd_softirq(void); /* on the CPU that is asked to write its cache back */

#endif
