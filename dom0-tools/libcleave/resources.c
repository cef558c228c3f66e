/* SPDX-License-Identifier: MIT */
/*
 * CPUs, weight and TSC mode of a VM, and the size of its pool for page tables. Read next: build.c.
 */
#include "resources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "promise.h"
#include "report.h"

#define KIB_PER_MIB 1024

/*
 * 1 MiB per vCPU and 8 KiB per MiB of RAM, as in xl: enough for page tables with only 4 KiB pages.
 * Also for what is added while it runs.
 */
uint64_t resources_paging_kib(const struct vmfile *vm)
{
    uint64_t most = vm->memory.hotplug_kib ? vm->memory.hotplug_kib : vm->max_memory_kib;
    uint64_t kib = vm->max_vcpus * KIB_PER_MIB + most / KIB_PER_MIB * 8;

    return (kib + KIB_PER_MIB - 1) / KIB_PER_MIB * KIB_PER_MIB;
}

static int pin_vcpus(struct hv *hv, uint32_t domid, const struct vmfile *vm, const uint8_t *allowed)
{
    xc_cpumap_t map = xc_cpumap_alloc(hv->xc);
    int cpus = xc_get_max_cpus(hv->xc), chosen = 0;
    int rc = 0;

    if (!map || cpus < 0) {
        report_error(REPORT_INTERNAL, "VM \"%s\": cannot query the machine's CPUs: %s", vm->name,
                     hv_reason(hv, errno));
        free(map);
        return -EIO;
    }
    for (int cpu = 0; cpu < cpus && cpu < VMFILE_CPUS_MAX; cpu++) {
        if (allowed[cpu / 8] & 1u << cpu % 8) {
            map[cpu / 8] |= 1u << cpu % 8;
            chosen++;
        }
    }
    if (!chosen) {
        report_error(REPORT_CPU, "VM \"%s\": cpus names none of the machine's %d CPUs (0 to %d)",
                     vm->name, cpus, cpus - 1);
        rc = -EINVAL;
    }
    for (unsigned int vcpu = 0; rc == 0 && vcpu < vm->max_vcpus; vcpu++) {
        if (xc_vcpu_setaffinity(hv->xc, domid, vcpu, map, NULL, XEN_VCPUAFFINITY_HARD) < 0) {
            rc = -errno;
            report_error(REPORT_CPU, "VM \"%s\": cannot pin vCPU %u to cpus: %s", vm->name, vcpu,
                         hv_reason(hv, -rc));
        }
    }
    free(map);
    return rc;
}

static int set_weight(struct hv *hv, uint32_t domid, const struct vmfile *vm)
{
    struct xen_domctl_sched_credit2 credit2 = { .weight = vm->weight };
    struct xen_domctl_sched_credit credit = { .weight = vm->weight };
    int scheduler = -1, rc = -1;

    errno = EOPNOTSUPP;
    if (xc_sched_id(hv->xc, &scheduler) == 0) {
        if (scheduler == XEN_SCHEDULER_CREDIT2 &&
            xc_sched_credit2_domain_get(hv->xc, domid, &credit2) == 0) {
            credit2.weight = vm->weight;
            rc = xc_sched_credit2_domain_set(hv->xc, domid, &credit2);
        } else if (scheduler == XEN_SCHEDULER_CREDIT &&
                   xc_sched_credit_domain_get(hv->xc, domid, &credit) == 0) {
            credit.weight = vm->weight;
            rc = xc_sched_credit_domain_set(hv->xc, domid, &credit);
        }
    }
    if (rc == 0)
        return 0;
    report_error(REPORT_CPU, "VM \"%s\": the scheduler (number %d) rejects cpu_weight = %u: %s",
                 vm->name, scheduler, vm->weight, hv_reason(hv, errno));
    return -EOPNOTSUPP;
}

int resources_apply(struct hv *hv, uint32_t domid, const struct vmfile *vm)
{
    int rc = 0;

    hv_forget(hv);
    if (vm->tsc_mode && xc_domain_set_tsc_info(hv->xc, domid, vm->tsc_mode, 0, 0, 0) < 0) {
        rc = -errno;
        report_error(report_by_errno(-rc), "VM \"%s\": cannot set tsc_mode: %s", vm->name,
                     hv_reason(hv, -rc));
    }
    return rc == 0 ? resources_schedule(hv, domid, vm) : rc;
}

int resources_schedule(struct hv *hv, uint32_t domid, const struct vmfile *vm)
{
    uint8_t cpus[VMFILE_CPUS_MAX / 8];
    int rc = 0;

    if (vm->pinned) {
        rc = pin_vcpus(hv, domid, vm, vm->cpus);
    } else if (promise_dom0_cpus(cpus)) {
        for (size_t i = 0; i < sizeof(cpus); i++)
            cpus[i] = ~cpus[i];
        rc = pin_vcpus(hv, domid, vm, cpus);
    }
    if (rc == 0 && vm->weight)
        rc = set_weight(hv, domid, vm);
    return rc;
}
