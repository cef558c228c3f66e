/* SPDX-License-Identifier: MIT */
/*
 * Figures from the hypervisor, from the store, and from Cleave's core where it has them. On Xen, or
 * with a core that does not sample, working sets are unknown. Read next: balance.c.
 */
#include "memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "cleave-schema.h"
#include "core.h"
#include "targets.h"

#define SAMPLE_PAGES 1000
/* The interval at 95 % by Wilson's score: z squared is 3.8416. In 16 binary digits. */
#define ONE 65536
#define Z_SQUARED 251763
#define Z 128451

static uint64_t root_of(uint64_t square)
{
    uint64_t root = 0;

    for (int bit = 31; bit >= 0; bit--) {
        uint64_t next = root | UINT64_C(1) << bit;

        if (next * next <= square)
            root = next;
    }
    return root;
}

void memory_estimate(uint32_t pages, uint32_t used, uint64_t current,
                     struct memory_figures *figures)
{
    /* (p + zz/2n +- z sqrt(p(1-p)/n + zz/4nn)) / (1 + zz/n) */
    uint64_t n = pages, p = (uint64_t)used * ONE / n, below = ONE + Z_SQUARED / n;
    uint64_t variance = p * (ONE - p) / n + (uint64_t)Z_SQUARED * ONE / (4 * n * n);
    uint64_t spread = root_of(variance) * Z / ONE, middle = p + Z_SQUARED / (2 * n);
    uint64_t high = (middle + spread) * ONE / below;

    figures->sampled = true;
    figures->working = current * used / n;
    figures->low = middle > spread ? current * ((middle - spread) * ONE / below) / ONE : 0;
    figures->high = current * (high < ONE ? high : ONE) / ONE;
}

void memory_end_sample(struct hv *hv, uint32_t domid, struct memory_figures *figures)
{
    struct cleave_sample_read sample;

    if (core_sample_read(hv, domid, true, &sample) == 0 && sample.pages > 0 &&
        sample.accessed <= sample.pages)
        memory_estimate(sample.pages, sample.accessed,
                        figures->touches ? figures->touched : figures->current, figures);
}

void memory_begin_sample(struct hv *hv, uint32_t domid, uint64_t seed)
{
    struct cleave_sample_begin sample;

    core_sample_begin(hv, domid, SAMPLE_PAGES, seed, &sample);
}

/* Reads what the guest says is available of what it has. It may say anything. */
static void read_own(struct xs_handle *store, uint32_t domid, struct memory_figures *figures)
{
    char text[24], *end;
    unsigned long long available;

    if (!store_read_text(store, text, sizeof(text), SCHEMA_DATA_MEMORY_AVAILABLE_PATH, domid))
        return;
    errno = 0;
    available = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno != 0 || available >= figures->current)
        return;
    figures->own = figures->current - available;
}

void memory_look(struct hv *hv, struct xs_handle *store, const struct domain *domain,
                 struct memory_figures *figures)
{
    struct cleave_memory memory;

    *figures = (struct memory_figures){ .current = domain_memory_ram(hv, domain),
                                        .target = domain_memory_target(store, domain->domid),
                                        .max = domain_memory_max(store, domain->domid) };
    if (core_memory_get(hv, domain->domid, &memory) == 0) {
        figures->touches = true;
        figures->touched = memory.present * HV_PAGE_KIB;
        figures->paged = memory.paged * HV_PAGE_KIB;
    }
    read_own(store, domain->domid, figures);
}

/* --- targets ---------------------------------------------------------------------------------- */

void memory_keep(struct hv *hv, struct xs_handle *store, const struct domain *old,
                 struct vmfile *vm)
{
    uint64_t target = domain_memory_target(store, old->domid), least = vm->memory.floor_kib;

    if (!target || !domain_memory_is_near(hv, old, target))
        return;
    if (!least)
        least = balancer_floor(vm->max_memory_kib);
    if (vm->memory.min_kib < vm->max_memory_kib && least < vm->memory.min_kib)
        least = vm->memory.min_kib;
    target = target < least ? least : target;
    vm->memory_kib = target < vm->max_memory_kib ? target : vm->max_memory_kib;
}

/* Bounds what the domain can have. Cleave's core also promises the minimum, and fills on touch. */
static int bound(struct hv *hv, const struct domain *domain, uint64_t min, uint64_t target)
{
    uint64_t budget = target / HV_PAGE_KIB + CLEAVE_MEMORY_SLACK;
    int rc = core_memory_set(hv, domain->domid, min / HV_PAGE_KIB, budget);

    if (rc == 0 || rc == -ESRCH)
        return rc;
    hv_forget(hv);
    return xc_domain_setmaxmem(hv->xc, domain->domid, target + MEMORY_SLACK_KIB) < 0 ? -errno : 0;
}

void memory_withdraw(struct hv *hv, const struct domain *domain, uint64_t min, uint64_t target)
{
    core_memory_withdraw(hv, domain->domid, min / HV_PAGE_KIB,
                         target / HV_PAGE_KIB + CLEAVE_MEMORY_SLACK);
}

int memory_write(struct hv *hv, struct xs_handle *store, const struct domain *domain, uint64_t min,
                 uint64_t target, const char *reason)
{
    struct domain seen;
    int rc = domain_get(hv, domain->domid, domain->uuid, &seen);

    if (rc == 0 && seen.info.flags & XEN_DOMINF_dying)
        rc = -ESRCH;
    if (rc == 0)
        rc = bound(hv, domain, min, target);
    return rc < 0 ? rc : targets_set_memory(hv, store, domain, target, reason, false);
}
