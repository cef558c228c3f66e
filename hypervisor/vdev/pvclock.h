/* SPDX-License-Identifier: MIT */
/* The PV clock (vdev/pvclock.c). */
#ifndef CLV_VDEV_PVCLOCK_H
#define CLV_VDEV_PVCLOCK_H

struct domain;
struct vcpu;

void pvclock_update(struct vcpu *v);             /* vcpu_info.time */
void pvclock_update_wallclock(struct domain *d); /* shared_info.wc_* */

#endif
