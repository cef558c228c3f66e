/* SPDX-License-Identifier: MIT */
/*
 * Writes the initial programs for fuzzing into a folder. For each family of hypercalls, they
 * contain typical calls in the format of hypercalls.c, so that the fuzzer need not find structures
 * and version numbers itself. For the decoder, one instruction of each kind. The files are always
 * the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define __XEN_TOOLS__ 1
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hvm/dm_op.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/platform.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#include "../../hypervisor/include/public/cleave.h"

enum who { DOM0, GUEST1, GUEST2 };
/* indexes into the number table of hypercalls.c */
enum nr {
    MEMORY,
    EVTCHN,
    GRANT,
    VCPU,
    SCHED,
    HVM,
    MULTICALL,
    SET_TIMER,
    VERSION,
    CONSOLE,
    VM_ASSIST,
    PHYSDEV,
    SYSCTL,
    DOMCTL,
    PLATFORM,
    CLEAVE,
    DM
};

static const uint64_t base[] = { 0x200000, 0, 0 }; /* world.h: the start of each domain's memory */
static const char *folder;
static uint8_t program[4096];
static size_t length;

static void put(uint64_t val, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++)
        program[length++] = (uint8_t)(val >> (8 * i));
}

static void save(const char *name)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, "wb");
    if (!f || fwrite(program, length, 1, f) != 1 || fclose(f)) {
        fprintf(stderr, "seeds: %s cannot be written\n", path);
        exit(1);
    }
    length = 0;
}

static void save_numbered(const char *name, unsigned int n)
{
    char numbered[64];

    snprintf(numbered, sizeof(numbered), "%s-%u", name, n);
    save(numbered);
}

static void memory(enum who who, uint32_t offset, const void *bytes, size_t n)
{
    put(5, 1);
    put(who, 1);
    put(offset, 3);
    put(n, 1);
    memcpy(program + length, bytes, n);
    length += n;
}

/* An argument that is a number, and one that is an address in the caller's memory. */
static void number(uint64_t val)
{
    put(2, 1);
    put(val, 4);
}
static void address(uint32_t offset)
{
    put(5, 1);
    put(offset / 4, 2);
}

static void call(enum who who, enum nr nr, uint64_t cmd, uint64_t third)
{
    put(0, 1);
    put(who, 1);
    put(nr, 1);
    number(cmd);
    address(0x1000);
    number(third);
    number(0);
    number(0);
}

/* cmd with a structure at the usual place; count structures for calls that take a count. */
#define OP(who, nr, cmd, count, ...) \
    do { \
        __VA_ARGS__; \
        memory(who, 0x1000, &op, sizeof(op)); \
        call(who, nr, cmd, count); \
    } while (0)

#define HANDLE(h, who, offset) memcpy(&(h), &(uint64_t){ base[who] + (offset) }, sizeof(void *))

static void memory_programs(void)
{
    const uint64_t gfns[8] = { 2, 3, 4, 5, 6, 7, 8, 9 };

    for (unsigned int cmd = 0; cmd < 32; cmd++) {
        struct xen_memory_reservation op = { .nr_extents = 4, .domid = DOMID_SELF };

        memory(GUEST1, 0x2000, gfns, sizeof(gfns));
        HANDLE(op.extent_start, GUEST1, 0x2000);
        OP(GUEST1, MEMORY, cmd, 0, (void)0);
        op.domid = 1;
        memory(DOM0, 0x2000, gfns, sizeof(gfns));
        HANDLE(op.extent_start, DOM0, 0x2000);
        OP(DOM0, MEMORY, cmd, 0, (void)0);
        save_numbered("memory", cmd);
    }
    /* given back, and populated elsewhere, where page tables are missing */
    for (unsigned int who = DOM0; who <= GUEST1; who++) {
        const uint64_t theirs[4] = { who ? 2 : 0x210, who ? 3 : 0x211, who ? 4 : 0x212,
                                     who ? 5 : 0x213 };
        const uint64_t far[4] = { who ? 0x40000 : 0x210, who ? 0x80000000 : 0x211, 0x212, 30 };
        struct xen_memory_reservation op = { .nr_extents = 4, .domid = DOMID_SELF };

        memory(who, 0x2000, theirs, sizeof(theirs));
        HANDLE(op.extent_start, who, 0x2000);
        OP(who, MEMORY, XENMEM_decrease_reservation, 0, (void)0);
        memory(who, 0x2000, far, sizeof(far));
        OP(who, MEMORY, XENMEM_populate_physmap, 0, (void)0);
        OP(who, MEMORY, XENMEM_decrease_reservation, 0, (void)0);
        save_numbered("balloon", who);
    }
    for (unsigned int space = 0; space < 6; space++) {
        struct xen_add_to_physmap op = { .domid = 1, .space = space, .idx = 0, .gpfn = 0x40000 };
        struct xen_add_to_physmap_batch batch = {
            .domid = DOMID_SELF, .space = (uint16_t)space, .size = 2, .u.foreign_domid = 1
        };

        OP(DOM0, MEMORY, XENMEM_add_to_physmap, 0, (void)0);
        op.domid = DOMID_SELF;
        OP(GUEST1, MEMORY, XENMEM_add_to_physmap, 0, (void)0);
        memory(DOM0, 0x2000, gfns, sizeof(gfns));
        memory(DOM0, 0x2100, &(uint64_t[]){ 0x300, 0x40000300 }, 16);
        HANDLE(batch.idxs, DOM0, 0x2000);
        HANDLE(batch.gpfns, DOM0, 0x2100);
        HANDLE(batch.errs, DOM0, 0x2200);
        memory(DOM0, 0x1000, &batch, sizeof(batch));
        call(DOM0, MEMORY, XENMEM_add_to_physmap_batch, 0);
        op.idx = op.gpfn = 2;
        OP(GUEST1, MEMORY, XENMEM_add_to_physmap, 0, (void)0);
        save_numbered("physmap", space);
    }
    {
        struct xen_mem_acquire_resource op = { .domid = 1,
                                               .type = XENMEM_resource_grant_table,
                                               .nr_frames = 1 };

        memory(DOM0, 0x2000, &(uint64_t){ 0x310 }, 8);
        HANDLE(op.frame_list, DOM0, 0x2000);
        OP(DOM0, MEMORY, XENMEM_acquire_resource, 0, (void)0);
        save("resource");
    }
}

/* CLEAVE_OP_*, by dom0. */
static void cleave(uint32_t cmd, const void *u, size_t n)
{
    struct cleave_op op = { .cmd = cmd, .interface_version = CLEAVE_INTERFACE_VERSION };

    memcpy(&op.u, u, n);
    memory(DOM0, 0x1000, &op, sizeof(op));
    put(0, 1);
    put(DOM0, 1);
    put(CLEAVE, 1);
    address(0x1000);
    for (unsigned int i = 1; i < 5; i++)
        number(0);
}

/* Pages that become absent, are written by their guest and dom0, and sampled. */
static void absent_programs(void)
{
    const uint64_t gfns[8] = { 2, 3, 4, 5, 0x200, 0x201, 0x400, 6 };
    struct cleave_memory_set set = { .domain = 1, .min = 30, .budget = 40 };
    struct cleave_memory get = { .domain = 1 };
    struct cleave_sample_begin begin = { .domain = 1, .pages = 20, .seed = 3 };
    struct cleave_sample_read read = { .domain = 1, .end = 1 };
    struct xen_pod_target target = { .target_pages = 35, .domid = 1 };

    for (unsigned int order = 0; order < 10; order += 9) {
        struct xen_memory_reservation op = { .nr_extents = 8, .domid = 1 };

        memory(DOM0, 0x2000, gfns, sizeof(gfns));
        HANDLE(op.extent_start, DOM0, 0x2000);
        OP(DOM0, MEMORY, XENMEM_decrease_reservation, 0, (void)0);
        op.mem_flags = XENMEMF_populate_on_demand;
        OP(DOM0, MEMORY, XENMEM_populate_physmap, 0, op.extent_order = order);
        cleave(CLEAVE_OP_memory_set, &set, sizeof(set));
        memory(GUEST1, 0x2ff0, gfns, sizeof(gfns));
        cleave(CLEAVE_OP_sample_begin, &begin, sizeof(begin));
        memory(GUEST1, 0x200000, gfns, sizeof(gfns));
        cleave(CLEAVE_OP_memory, &get, sizeof(get));
        cleave(CLEAVE_OP_sample_read, &read, sizeof(read));
        memory(DOM0, 0x1000, &target, sizeof(target));
        call(DOM0, MEMORY, XENMEM_set_pod_target, 0);
        call(DOM0, MEMORY, XENMEM_get_pod_target, 0);
        op.domid = DOMID_SELF;
        memory(GUEST1, 0x1800, gfns, sizeof(gfns));
        HANDLE(op.extent_start, GUEST1, 0x1800);
        OP(GUEST1, MEMORY, XENMEM_decrease_reservation, 0, op.extent_order = op.mem_flags = 0);
        OP(GUEST1, MEMORY, XENMEM_populate_physmap, 0, (void)0);
        save_numbered("absent", order);
    }
}

static void event_programs(void)
{
    {
        struct evtchn_alloc_unbound op = { .dom = DOMID_SELF, .remote_dom = 1 };

        OP(DOM0, EVTCHN, EVTCHNOP_alloc_unbound, 0, (void)0);
    }
    {
        struct evtchn_bind_interdomain op = { .remote_dom = 0, .remote_port = 1 };

        OP(GUEST1, EVTCHN, EVTCHNOP_bind_interdomain, 0, (void)0);
    }
    for (unsigned int cmd = 0; cmd < 15; cmd++) {
        struct {
            uint32_t a, b, c, d;
        } op = { 1, 0, 0, 0 };

        OP(GUEST1, EVTCHN, cmd, 0, (void)0);
    }
    save("events");
    {
        struct evtchn_init_control op = { .control_gfn = 10, .offset = 0, .vcpu = 0 };
        struct evtchn_expand_array expand = { .array_gfn = 11 };

        OP(GUEST2, EVTCHN, EVTCHNOP_init_control, 0, (void)0);
        memory(GUEST2, 0x1000, &expand, sizeof(expand));
        call(GUEST2, EVTCHN, EVTCHNOP_expand_array, 0);
        OP(GUEST2, EVTCHN, EVTCHNOP_bind_ipi, 0, op.control_gfn = 0);
        OP(GUEST2, EVTCHN, EVTCHNOP_send, 0, op.control_gfn = 1);
        OP(GUEST2, EVTCHN, EVTCHNOP_reset, 0, op.control_gfn = DOMID_SELF);
    }
    save("fifo");
}

static void grant_programs(void)
{
    grant_entry_v1_t entries[2] = { { GTF_permit_access, 0, 5 }, { GTF_permit_access, 0, 6 } };
    struct xen_add_to_physmap table = { .domid = DOMID_SELF,
                                        .space = XENMAPSPACE_grant_table,
                                        .gpfn = 20 };

    memory(GUEST1, 0x1000, &table, sizeof(table));
    call(GUEST1, MEMORY, XENMEM_add_to_physmap, 0);
    memory(GUEST1, 20 * 4096, entries, sizeof(entries));
    {
        struct gnttab_map_grant_ref op = {
            .host_addr = 0x140000000, .flags = GNTMAP_host_map, .ref = 1, .dom = 1
        };
        struct gnttab_unmap_grant_ref unmap = { .host_addr = 0x140000000, .handle = 0 };

        OP(DOM0, GRANT, GNTTABOP_map_grant_ref, 1, (void)0);
        memory(DOM0, 0x1000, &unmap, sizeof(unmap));
        call(DOM0, GRANT, GNTTABOP_unmap_grant_ref, 1);
    }
    {
        struct gnttab_copy op = { .source.u.ref = 0,
                                  .source.domid = 1,
                                  .dest.u.gmfn = 0x210,
                                  .dest.domid = DOMID_SELF,
                                  .len = 64,
                                  .flags = GNTCOPY_source_gref };

        OP(DOM0, GRANT, GNTTABOP_copy, 1, (void)0);
    }
    save("grants");
    for (unsigned int cmd = 0; cmd < 13; cmd++) {
        struct {
            uint64_t a[6];
        } op = { { DOMID_SELF, 1, 0x2000 } };

        OP(GUEST1, GRANT, cmd, 1, (void)0);
        op.a[0] = 1;
        OP(DOM0, GRANT, cmd, 1, (void)0);
    }
    save("grant-ops");
}

static void other_programs(void)
{
    static const struct {
        const char *name;
        enum nr nr;
        unsigned int cmds;
    } families[] = {
        { "vcpu", VCPU, 14 },       { "sched", SCHED, 8 },         { "hvm", HVM, 32 },
        { "version", VERSION, 13 }, { "physdev", PHYSDEV, 33 },    { "platform", PLATFORM, 4 },
        { "cleave", CLEAVE, 18 },   { "vm-assist", VM_ASSIST, 6 }, { "console", CONSOLE, 2 },
    };

    for (unsigned int i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        for (unsigned int cmd = 0; cmd < families[i].cmds; cmd++) {
            struct {
                uint64_t a[4];
            } op = { { 0x3000, 1, 0x2000, 1 } };

            OP(cmd % 2 ? DOM0 : GUEST1, families[i].nr, cmd, 1, (void)0);
            put(6, 1);
            put(20000, 2);
        }
        save(families[i].name);
    }
    {
        struct xen_hvm_param op = { .domid = DOMID_SELF,
                                    .index = HVM_PARAM_CALLBACK_IRQ,
                                    .value = 2ull << 56 | 0xf3 };

        OP(GUEST1, HVM, HVMOP_set_param, 0, (void)0);
        OP(GUEST1, HVM, HVMOP_get_param, 0, (void)0);
        save("hvm-param");
    }
    for (unsigned int cmd = 0; cmd < 14; cmd++) {
        const uint64_t op[4] = { 2, 0, 0x2000, 0 }; /* for register_vcpu_info: frame 2 */

        memory(GUEST1, 0x1000, op, sizeof(op));
        put(0, 1), put(GUEST1, 1), put(VCPU, 1);
        number(cmd), number(0), address(0x1000), number(0), number(0);
    }
    save("vcpu-ops");
    {
        struct multicall_entry op[3] = {
            { .op = __HYPERVISOR_xen_version, .args = { XENVER_version } },
            { .op = __HYPERVISOR_memory_op, .args = { XENMEM_current_reservation, 0x2000 } }
        };

        memory(GUEST1, 0x1000, op, sizeof(op));
        put(0, 1), put(GUEST1, 1), put(MULTICALL, 1);
        address(0x1000), number(3), number(0), number(0), number(0);
        save("multicall");
    }
    for (unsigned int cmd = 1; cmd < 32; cmd++) {
        struct xen_sysctl op = { .cmd = cmd, .interface_version = XEN_SYSCTL_INTERFACE_VERSION };

        memset(&op.u, 0, sizeof(op.u));
        memory(DOM0, 0x1000, &op, sizeof(op));
        put(0, 1), put(DOM0, 1), put(SYSCTL, 1);
        address(0x1000), number(0), number(0), number(0), number(0);
        save_numbered("sysctl", cmd);
    }
}

static void domctl_program(uint16_t cmd, uint16_t domain, const void *u, size_t n)
{
    put(4, 1);
    put(cmd, 2);
    put(domain, 2);
    put(n, 1);
    memcpy(program + length, u, n);
    length += n;
}

static void domctl_programs(void)
{
    uint64_t zeros[12] = { 0 }, buffer[12] = { 0, base[DOM0] + 0x2000, 64, base[DOM0] + 0x3000 };
    struct xen_domctl_createdomain create = { .max_vcpus = 2,
                                              .max_evtchn_port = -1,
                                              .max_grant_frames = 4,
                                              .max_maptrack_frames = 4,
                                              .grant_opts = XEN_DOMCTL_GRANT_version(1),
                                              .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
                                              .arch.emulation_flags = XEN_X86_EMU_LAPIC };

    domctl_program(XEN_DOMCTL_createdomain, DOMID_INVALID, &create, sizeof(create));
    domctl_program(XEN_DOMCTL_max_vcpus, 3, &(uint32_t){ 2 }, 4);
    domctl_program(XEN_DOMCTL_max_mem, 3, &(uint64_t){ 1024 }, 8);
    {
        struct xen_memory_reservation op = { .nr_extents = 4, .domid = 3 };

        memory(DOM0, 0x2000, &(uint64_t[]){ 1, 2, 3, 0x40000 }, 32);
        HANDLE(op.extent_start, DOM0, 0x2000);
        OP(DOM0, MEMORY, XENMEM_populate_physmap, 0, (void)0);
    }
    domctl_program(XEN_DOMCTL_unpausedomain, 3, zeros, 8);
    domctl_program(XEN_DOMCTL_destroydomain, 3, zeros, 8);
    save("create");
    for (uint16_t cmd = 1; cmd < 90; cmd++) {
        domctl_program(cmd, 1, zeros, sizeof(zeros));
        domctl_program(cmd, 1, buffer, sizeof(buffer));
        domctl_program(cmd, 2, buffer + 1, sizeof(buffer) - 8);
        save_numbered("domctl", cmd);
    }
}

/* A server of each kind, then each operation on it, with small numbers and with large ones. */
static void device_model_programs(void)
{
    struct xen_dm_op_buf buf = { .size = sizeof(struct xen_dm_op) };

    for (uint32_t cmd = 1; cmd < 22; cmd++) {
        for (unsigned int i = 0; i < 4; i++) {
            struct xen_dm_op op = { .op = i ? cmd : XEN_DMOP_create_ioreq_server };

            if (!i)
                op.u.create_ioreq_server.handle_bufioreq = 2;
            else if (i > 1)
                memset(&op.u, i == 2 ? 1 : 0xff, sizeof(op.u));
            memory(DOM0, 0x2000, &op, sizeof(op));
            HANDLE(buf.h, DOM0, 0x2000);
            memory(DOM0, 0x1000, &buf, sizeof(buf));
            put(0, 1), put(DOM0, 1), put(DM, 1);
            number(GUEST2), number(1), address(0x1000), number(0), number(0);
        }
        {
            struct xen_mem_acquire_resource op = { .domid = GUEST2,
                                                   .type = XENMEM_resource_ioreq_server,
                                                   .nr_frames = 2 };

            memory(DOM0, 0x2000, &(uint64_t[]){ 0x40000, 0x40001 }, 16);
            HANDLE(op.frame_list, DOM0, 0x2000);
            OP(DOM0, MEMORY, XENMEM_acquire_resource, 0, (void)0);
        }
        save_numbered("dm", cmd);
    }
}

static void decode_programs(void)
{
    static const char *const code[] = {
        "\x8b\x07",
        "\x89\x07",
        "\x88\x07",
        "\xc7\x07\1\2\3\4",
        "\x0f\xb6\x07",
        "\x0f\xbe\x07",
        "\x0f\xb7\x07",
        "\x21\x07",
        "\x83\x0f\1",
        "\x31\x07",
        "\x85\x07",
        "\x3b\x07",
        "\x87\x07",
        "\xaa",
        "\xf3\x48\xab",
        "\xa4",
        "\x48\xa1\1\2\3\4\5\6\7\x8",
        "\x8b\x84\x8d\1\2\3\4",
        "\x67\x8b\x47\1",
        "\x66\x8b\x40\1",
        "\x4c\x8b\x0d\1\2\3\4",
        "\x64\x8b\x04\x25\1\2\3\4",
        "\xf6\x07\1",
    };

    for (unsigned int i = 0; i < sizeof(code) / sizeof(code[0]); i++)
        for (unsigned int mode = 0; mode < 3; mode++) {
            put(mode, 1);
            memcpy(program + length, code[i], strlen(code[i]));
            length += strlen(code[i]);
            save_numbered("insn", 3 * i + mode);
        }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "seeds: usage: seeds hypercalls|decode FOLDER\n");
        return 2;
    }
    folder = argv[2];
    if (!strcmp(argv[1], "decode")) {
        decode_programs();
        return 0;
    }
    memory_programs();
    absent_programs();
    event_programs();
    grant_programs();
    other_programs();
    domctl_programs();
    device_model_programs();
    return 0;
}
