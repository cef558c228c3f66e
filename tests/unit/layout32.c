/* SPDX-License-Identifier: MIT */
/*
 * What 32-bit guests' hypercall structures look like, checked against the public headers by compiling them
 * for i386 (nothing here is run). The core's own views of them are in hypercall/ (hc->compat) and
 * core/vcpu.c; where nothing is said there, both layouts agree, which is checked here too.
 */
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

#define LAYOUT(type, size) _Static_assert(sizeof(type) == (size), #type)
#define FIELD(type, field, at) _Static_assert(offsetof(type, field) == (at), #type "." #field)

/* ours, where they differ */
LAYOUT(struct multicall_entry, 32);
FIELD(struct multicall_entry, result, 4);
FIELD(struct multicall_entry, args, 8);
LAYOUT(struct sched_poll, 16);
FIELD(struct sched_poll, nr_ports, 4);
FIELD(struct sched_poll, timeout, 8);
LAYOUT(struct vcpu_runstate_info, 44);
FIELD(struct vcpu_runstate_info, state_entry_time, 4);
FIELD(struct vcpu_runstate_info, time, 12);
LAYOUT(struct xen_platform_parameters, 4);

/* the same, but for padding at the end that is not read */
FIELD(struct vcpu_set_singleshot_timer, flags, 8);
LAYOUT(struct vcpu_set_periodic_timer, 8);
LAYOUT(struct vcpu_register_vcpu_info, 16);
FIELD(struct vcpu_register_vcpu_info, offset, 8);
LAYOUT(struct vcpu_register_runstate_memory_area, 8);
LAYOUT(struct sched_shutdown, 4);
LAYOUT(struct sched_remote_shutdown, 8);
LAYOUT(struct sched_watchdog, 8);
LAYOUT(struct xen_hvm_param, 16);
FIELD(struct xen_hvm_param, index, 4);
FIELD(struct xen_hvm_param, value, 8);
LAYOUT(struct xen_hvm_evtchn_upcall_vector, 8);
LAYOUT(struct xen_hvm_get_time, 8);
LAYOUT(struct xen_feature_info, 8);
LAYOUT(struct xen_compile_info, 144);
LAYOUT(vcpu_info_t, 64);
FIELD(vcpu_info_t, evtchn_upcall_pending, 0);
FIELD(vcpu_info_t, evtchn_upcall_mask, 1);
FIELD(vcpu_info_t, time, 32);
