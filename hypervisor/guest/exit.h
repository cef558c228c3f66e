/* SPDX-License-Identifier: MIT */
/* Exit handlers (guest/exit.c). */
#ifndef CLV_GUEST_EXIT_H
#define CLV_GUEST_EXIT_H

struct exit;
struct vcpu;

void exit_handle(struct vcpu *v, const struct exit *e);
void exit_wbinvd_softirq(void); /* on a CPU asked to write back its caches */

#endif
