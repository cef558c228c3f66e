/* SPDX-License-Identifier: MIT */
/*
 * Checks the layouts of 32-bit guests' structures against the public headers, compiled for i386
 * (nothing is run). Covers those that the core translates (layouts.h), those of events and clock
 * (core/evtchn.c, vdev/pvclock.c), and the others, whose two layouts must agree.
 */
#include <stddef.h>
#include <stdint.h>

#include "layouts.h"

#include <xen/xen.h>
#include <xen/memory.h>
#include <xen/grant_table.h>
#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

#define LAYOUT(type, size) _Static_assert(sizeof(type) == (size), #type)
#define FIELD(type, field, at) _Static_assert(offsetof(type, field) == (at), #type "." #field)

#define TRANSLATED(type, layout, size) LAYOUT(type, size);
#define TRANSLATED_FIELD(type, layout, field, at, size) \
    FIELD(type, field, at); \
    LAYOUT(((type *)0)->field, size);
LAYOUTS(TRANSLATED, TRANSLATED_FIELD)

LAYOUT(struct xen_platform_parameters, 4);
FIELD(vcpu_info_t, evtchn_pending_sel, 4);
LAYOUT(((vcpu_info_t *)0)->evtchn_pending_sel, 4);
FIELD(shared_info_t, evtchn_pending, 2048);
FIELD(shared_info_t, evtchn_mask, 2048 + 128);
FIELD(shared_info_t, wc_version, 2304);
FIELD(shared_info_t, wc_sec, 2304 + 4);
FIELD(shared_info_t, wc_nsec, 2304 + 8);
FIELD(shared_info_t, arch.wc_sec_hi, 2304 + 36);

/* identical layouts */
LAYOUT(struct xen_memory_domain, 2);
LAYOUT(struct gnttab_map_grant_ref, 32);
FIELD(struct gnttab_map_grant_ref, dev_bus_addr, 24);
LAYOUT(struct gnttab_unmap_grant_ref, 24);
FIELD(struct gnttab_unmap_grant_ref, status, 20);
LAYOUT(struct gnttab_query_size, 16);
LAYOUT(struct evtchn_init_control, 24);
FIELD(struct evtchn_init_control, link_bits, 16);
LAYOUT(struct evtchn_expand_array, 8);
LAYOUT(struct evtchn_status, 24);
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
LAYOUT(struct xen_feature_info, 8);
LAYOUT(struct xen_compile_info, 144);
LAYOUT(vcpu_info_t, 64);
FIELD(vcpu_info_t, evtchn_upcall_pending, 0);
FIELD(vcpu_info_t, evtchn_upcall_mask, 1);
FIELD(vcpu_info_t, time, 32);
