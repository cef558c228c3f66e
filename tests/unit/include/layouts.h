/* SPDX-License-Identifier: MIT */
/*
 * Structures whose layout differs for 32-bit callers: name, description (guest.h), 32-bit size, and
 * the 32-bit offset and size of each field. layout32.c compares these numbers with the public
 * headers compiled for i386, and test_guest.c with the core's translation by the descriptions.
 */
#ifndef TESTS_LAYOUTS_H
#define TESTS_LAYOUTS_H

#define LAYOUTS(STRUCT, FIELD) \
    STRUCT(struct multicall_entry, LAYOUT_MULTICALL_ENTRY, 32) \
    FIELD(struct multicall_entry, LAYOUT_MULTICALL_ENTRY, op, 0, 4) \
    FIELD(struct multicall_entry, LAYOUT_MULTICALL_ENTRY, result, 4, 4) \
    FIELD(struct multicall_entry, LAYOUT_MULTICALL_ENTRY, args[0], 8, 4) \
    FIELD(struct multicall_entry, LAYOUT_MULTICALL_ENTRY, args[5], 28, 4) \
    STRUCT(struct sched_poll, LAYOUT_SCHED_POLL, 16) \
    FIELD(struct sched_poll, LAYOUT_SCHED_POLL, ports.p, 0, 4) \
    FIELD(struct sched_poll, LAYOUT_SCHED_POLL, nr_ports, 4, 4) \
    FIELD(struct sched_poll, LAYOUT_SCHED_POLL, timeout, 8, 8) \
    STRUCT(struct vcpu_runstate_info, LAYOUT_RUNSTATE_INFO, 44) \
    FIELD(struct vcpu_runstate_info, LAYOUT_RUNSTATE_INFO, state, 0, 4) \
    FIELD(struct vcpu_runstate_info, LAYOUT_RUNSTATE_INFO, state_entry_time, 4, 8) \
    FIELD(struct vcpu_runstate_info, LAYOUT_RUNSTATE_INFO, time[0], 12, 8) \
    FIELD(struct vcpu_runstate_info, LAYOUT_RUNSTATE_INFO, time[3], 36, 8) \
    STRUCT(struct vcpu_set_singleshot_timer, LAYOUT_SINGLESHOT_TIMER, 12) \
    FIELD(struct vcpu_set_singleshot_timer, LAYOUT_SINGLESHOT_TIMER, timeout_abs_ns, 0, 8) \
    FIELD(struct vcpu_set_singleshot_timer, LAYOUT_SINGLESHOT_TIMER, flags, 8, 4) \
    STRUCT(struct xen_memory_reservation, LAYOUT_RESERVATION, 20) \
    FIELD(struct xen_memory_reservation, LAYOUT_RESERVATION, extent_start.p, 0, 4) \
    FIELD(struct xen_memory_reservation, LAYOUT_RESERVATION, nr_extents, 4, 4) \
    FIELD(struct xen_memory_reservation, LAYOUT_RESERVATION, extent_order, 8, 4) \
    FIELD(struct xen_memory_reservation, LAYOUT_RESERVATION, mem_flags, 12, 4) \
    FIELD(struct xen_memory_reservation, LAYOUT_RESERVATION, domid, 16, 2) \
    STRUCT(struct xen_add_to_physmap, LAYOUT_ADD_TO_PHYSMAP, 16) \
    FIELD(struct xen_add_to_physmap, LAYOUT_ADD_TO_PHYSMAP, domid, 0, 2) \
    FIELD(struct xen_add_to_physmap, LAYOUT_ADD_TO_PHYSMAP, size, 2, 2) \
    FIELD(struct xen_add_to_physmap, LAYOUT_ADD_TO_PHYSMAP, space, 4, 4) \
    FIELD(struct xen_add_to_physmap, LAYOUT_ADD_TO_PHYSMAP, idx, 8, 4) \
    FIELD(struct xen_add_to_physmap, LAYOUT_ADD_TO_PHYSMAP, gpfn, 12, 4) \
    STRUCT(struct xen_add_to_physmap_batch, LAYOUT_ADD_TO_PHYSMAP_BATCH, 20) \
    FIELD(struct xen_add_to_physmap_batch, LAYOUT_ADD_TO_PHYSMAP_BATCH, domid, 0, 2) \
    FIELD(struct xen_add_to_physmap_batch, LAYOUT_ADD_TO_PHYSMAP_BATCH, space, 2, 2) \
    FIELD(struct xen_add_to_physmap_batch, LAYOUT_ADD_TO_PHYSMAP_BATCH, size, 4, 2) \
    FIELD(struct xen_add_to_physmap_batch, LAYOUT_ADD_TO_PHYSMAP_BATCH, u.foreign_domid, 6, 2) \
    FIELD(struct xen_add_to_physmap_batch, LAYOUT_ADD_TO_PHYSMAP_BATCH, idxs.p, 8, 4) \
    FIELD(struct xen_add_to_physmap_batch, LAYOUT_ADD_TO_PHYSMAP_BATCH, gpfns.p, 12, 4) \
    FIELD(struct xen_add_to_physmap_batch, LAYOUT_ADD_TO_PHYSMAP_BATCH, errs.p, 16, 4) \
    STRUCT(struct xen_remove_from_physmap, LAYOUT_REMOVE_FROM_PHYSMAP, 8) \
    FIELD(struct xen_remove_from_physmap, LAYOUT_REMOVE_FROM_PHYSMAP, domid, 0, 2) \
    FIELD(struct xen_remove_from_physmap, LAYOUT_REMOVE_FROM_PHYSMAP, gpfn, 4, 4) \
    STRUCT(struct xen_memory_map, LAYOUT_MEMORY_MAP, 8) \
    FIELD(struct xen_memory_map, LAYOUT_MEMORY_MAP, nr_entries, 0, 4) \
    FIELD(struct xen_memory_map, LAYOUT_MEMORY_MAP, buffer.p, 4, 4) \
    STRUCT(struct gnttab_copy, LAYOUT_GRANT_COPY, 24) \
    FIELD(struct gnttab_copy, LAYOUT_GRANT_COPY, source.u.gmfn, 0, 4) \
    FIELD(struct gnttab_copy, LAYOUT_GRANT_COPY, source.domid, 4, 2) \
    FIELD(struct gnttab_copy, LAYOUT_GRANT_COPY, source.offset, 6, 2) \
    FIELD(struct gnttab_copy, LAYOUT_GRANT_COPY, dest.u.ref, 8, 4) \
    FIELD(struct gnttab_copy, LAYOUT_GRANT_COPY, dest.domid, 12, 2) \
    FIELD(struct gnttab_copy, LAYOUT_GRANT_COPY, dest.offset, 14, 2) \
    FIELD(struct gnttab_copy, LAYOUT_GRANT_COPY, len, 16, 2) \
    FIELD(struct gnttab_copy, LAYOUT_GRANT_COPY, flags, 18, 2) \
    FIELD(struct gnttab_copy, LAYOUT_GRANT_COPY, status, 20, 2) \
    STRUCT(struct gnttab_setup_table, LAYOUT_GRANT_SETUP_TABLE, 16) \
    FIELD(struct gnttab_setup_table, LAYOUT_GRANT_SETUP_TABLE, dom, 0, 2) \
    FIELD(struct gnttab_setup_table, LAYOUT_GRANT_SETUP_TABLE, nr_frames, 4, 4) \
    FIELD(struct gnttab_setup_table, LAYOUT_GRANT_SETUP_TABLE, status, 8, 2) \
    FIELD(struct gnttab_setup_table, LAYOUT_GRANT_SETUP_TABLE, frame_list.p, 12, 4)

#endif
