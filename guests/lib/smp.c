/* SPDX-License-Identifier: MIT */
/*
 * Secondary vCPUs are started like in stock kernels, by INIT and SIPI from the APIC and a real-mode
 * page below 1 MiB (boot.S), or like in Xen, with a given register state (xen/hvm/hvm_vcpu.h). The
 * MADT has the APIC ids. AMD APM vol. 2, 16.5 (ICR), 15.27; ACPI specification 5.2.12 (MADT).
 */
#include "smp.h"

#include <xen/vcpu.h>

#include "apic.h"
#include "evtchn.h"
#include "hypercall.h"
#include "mem.h"
#include "time.h"
#include "trap.h"

#define TRAMPOLINE 0x8000UL /* page-aligned, below 1 MiB, RAM in every PVH map */
#define AP_STACK_PAGES 2
#define MSR_GS_BASE 0xc0000101
#define MSR_EFER 0xc0000080
#define MADT_LOCAL_APIC 0
#define MADT_LOCAL_X2APIC 9

struct acpi_header {
    char signature[4];
    uint32_t length;
    uint8_t rest[28];
} __attribute__((packed));

struct vcpu smp_vcpus[SMP_MAX];
static uint8_t first_trap_stack[PAGE_SIZE] __attribute__((aligned(16)));
extern uint8_t boot_ap_begin[], boot_ap_end[];
extern uint8_t boot_ap_direct32[], boot_ap_direct64[];
extern volatile uint64_t boot_ap_stack;
static struct vcpu *volatile starting;
static unsigned count = 1;

void smp_ap_start(void) __attribute__((noreturn));

static void become(struct vcpu *v)
{
    v->self = v;
    wrmsr(MSR_GS_BASE, (uint64_t)v);
}

void smp_init_first(void)
{
    become(&smp_vcpus[0]);
    smp_vcpus[0].trap_stack = (uint64_t)first_trap_stack + sizeof(first_trap_stack);
    smp_vcpus[0].exists = smp_vcpus[0].running = true;
}

static void add_vcpu(uint32_t acpi_id, uint32_t apic_id, uint32_t flags)
{
    if (acpi_id >= SMP_MAX || !(flags & 1))
        return;
    smp_vcpus[acpi_id].id = acpi_id;
    smp_vcpus[acpi_id].apic_id = apic_id;
    smp_vcpus[acpi_id].exists = true;
}

static void read_madt(const uint8_t *madt, uint32_t length)
{
    for (uint32_t at = 44; at + 8 <= length && madt[at + 1]; at += madt[at + 1]) {
        const uint8_t *e = madt + at;

        if (e[0] == MADT_LOCAL_APIC)
            add_vcpu(e[2], e[3], e[4]);
        else if (e[0] == MADT_LOCAL_X2APIC && at + 16 <= length)
            add_vcpu(*(uint32_t *)(e + 12), *(uint32_t *)(e + 4), e[8]);
    }
}

void smp_init(uint64_t rsdp)
{
    const struct acpi_header *xsdt;

    smp_vcpus[0].apic_id = apic_id();
    if (!rsdp)
        return;
    xsdt = (const void *)*(uint64_t *)(rsdp + 24);
    for (uint32_t at = sizeof(*xsdt); at + 8 <= xsdt->length; at += 8) {
        const struct acpi_header *table = (const void *)*(uint64_t *)((uint64_t)xsdt + at);

        if (!strncmp(table->signature, "APIC", 4))
            read_madt((const uint8_t *)table, table->length);
    }
    count = 0;
    for (unsigned i = 0; i < SMP_MAX; i++)
        count += smp_vcpus[i].exists;
}

unsigned smp_count(void) { return count; }

static int prepare(unsigned id, void (*main)(void))
{
    struct vcpu *v = &smp_vcpus[id];

    if (id >= SMP_MAX || !v->exists)
        return -XEN_ENOENT;
    if (v->running)
        return -XEN_EBUSY;
    boot_ap_stack = mem_pages(AP_STACK_PAGES) + AP_STACK_PAGES * PAGE_SIZE;
    v->trap_stack = mem_pages(1) + PAGE_SIZE;
    v->main = main;
    starting = v;
    return 0;
}

static int await(const struct vcpu *v)
{
    for (uint64_t end = time_now() + 30 * NS_PER_S; !v->running;)
        if (time_now() > end)
            return -XEN_ETIME;
    return 0;
}

struct vcpu_hvm_context smp_context(bool wide)
{
    uint64_t cr0, cr3, cr4;

    if (!wide) /* like a PVH start: flat, without paging */
        return (struct vcpu_hvm_context){
            .mode = VCPU_HVM_MODE_32B,
            .cpu_regs.x86_32 = { .eip = (uint32_t)(uint64_t)boot_ap_direct32,
                                 .eflags = 2,
                                 .cr0 = 1,
                                 .cs_limit = ~0u,
                                 .ds_limit = ~0u,
                                 .ss_limit = ~0u,
                                 .es_limit = ~0u,
                                 .tr_limit = 0x67,
                                 .cs_ar = 0xc9a,
                                 .ds_ar = 0xc92,
                                 .ss_ar = 0xc92,
                                 .es_ar = 0xc92,
                                 .tr_ar = 0x89 },
        };
    asm volatile("mov %%cr0, %0; mov %%cr3, %1; mov %%cr4, %2" : "=r"(cr0), "=r"(cr3), "=r"(cr4));
    return (struct vcpu_hvm_context){
        .mode = VCPU_HVM_MODE_64B,
        .cpu_regs.x86_64 = { .rip = (uint64_t)boot_ap_direct64,
                             .rsp = boot_ap_stack,
                             .rflags = 2,
                             .cr0 = cr0,
                             .cr3 = cr3,
                             .cr4 = cr4,
                             .efer = rdmsr(MSR_EFER) },
    };
}

int smp_start_by_context(unsigned id, void (*main)(void), bool wide)
{
    int rc = prepare(id, main);
    struct vcpu_hvm_context context = smp_context(wide);

    if (!rc)
        rc = hypercall(__HYPERVISOR_vcpu_op, VCPUOP_initialise, id, (uint64_t)&context, 0, 0);
    if (!rc)
        rc = hypercall(__HYPERVISOR_vcpu_op, VCPUOP_up, id, 0, 0, 0);
    return rc ? rc : await(&smp_vcpus[id]);
}

int smp_start(unsigned id, void (*main)(void))
{
    struct vcpu *v = &smp_vcpus[id];
    int rc = prepare(id, main);

    if (rc)
        return rc;
    memcpy((void *)TRAMPOLINE, boot_ap_begin, boot_ap_end - boot_ap_begin);
    apic_icr(v->apic_id, APIC_ICR_INIT);
    time_spin(10 * NS_PER_MS);
    for (int sipi = 0; sipi < 2; sipi++) {
        apic_icr(v->apic_id, APIC_ICR_SIPI | TRAMPOLINE >> PAGE_SHIFT);
        time_spin(NS_PER_MS / 5);
    }
    return await(v);
}

/* Called by boot.S on the new vCPU, which has its own stack, so the next one may be started. */
void smp_ap_start(void)
{
    struct vcpu *v = starting;

    become(v);
    trap_init();
    apic_init();
    evtchn_init_vcpu();
    time_init_vcpu();
    v->running = true;
    v->main();
    trap_panic("vCPU %u: its main returned", v->id);
}
