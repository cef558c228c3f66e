/* SPDX-License-Identifier: MIT */
/* Names of the core's two central structures, for headers that only point at them. Their bodies: domain.h. */
#ifndef CLV_GUEST_FWD_H
#define CLV_GUEST_FWD_H

struct domain;
struct vcpu;

#endif
