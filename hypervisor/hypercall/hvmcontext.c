/* SPDX-License-Identifier: MIT */
/*
 * Saves and loads a domain's machine state in the format of <xen/hvm/save.h>: a header, records
 * with typecode, instance (the vcpu) and length, and an end record. The tools read a complete
 * context or write a stream. The domain builder writes short streams: the MTRRs of each vcpu, the
 * registers of vcpu 0.
 *
 * One table lists the record types. Each record is copied once, checked, and applied completely or
 * not at all. A stream is parsed twice: the first pass only checks its structure, so a malformed
 * stream changes nothing.
 *
 * Read next: svm/context.c, vdev/lapic.c.
 */
#include "core/domain.h"
#include "core/domain_shutdown.h"
#include "core/vcpu.h"
#include "cpu.h"
#include "cpu/clock.h"
#include "errors.h"
#include "hw.h"
#include "hypercall/domctl.h"
#include "hypercall/guest_copy.h"
#include "lib.h"
#include "vdev/lapic.h"
#include "vdev/msr.h"
#include "vdev/pc.h"

#define RECORD_MAX 2048u /* upper bound on a record's size, in bytes */
#define XSAVE_LENGTH (offsetof(struct hvm_hw_cpu_xsave, save_area) + XSAVE_AREA_MAX)

typedef void save_fn(struct vcpu *v, void *record);
typedef int load_fn(struct vcpu *v, const void *record);

static void save_cpu(struct vcpu *v, void *record) { hw_save_context(v, record); }
static void save_xsave(struct vcpu *v, void *record) { hw_save_xsave(v, record); }
static void save_lapic(struct vcpu *v, void *record) { lapic_save(v, record, NULL); }
static void save_lapic_regs(struct vcpu *v, void *record) { lapic_save(v, NULL, record); }
static int load_xsave(struct vcpu *v, const void *record) { return hw_load_xsave(v, record); }
static int load_lapic(struct vcpu *v, const void *record) { return lapic_load(v, record, NULL); }
static int load_lapic_regs(struct vcpu *v, const void *record)
{
    return lapic_load(v, NULL, record);
}

static int load_cpu(struct vcpu *v, const void *record)
{
    int rc = hw_load_context(v, record);

    if (rc == 0) {
        v->initialised = true;
        v->wait = WAIT_NONE;
    }
    return rc;
}

/*
 * The guest's MTRRs are constant (vdev/msr.c): values that the tools write are ignored, except PAT.
 */
static void save_mtrr(struct vcpu *v, void *record)
{
    struct hvm_hw_mtrr *hw = record;

    *hw = (struct hvm_hw_mtrr){ .msr_mtrr_cap = MTRR_CAP_WC, .msr_mtrr_def_type = MTRR_DEFAULT };
    BUG_ON(hw_get_msr(v, MSR_PAT, &hw->msr_pat_cr));
}

static int load_mtrr(struct vcpu *v, const void *record)
{
    return hw_set_msr(v, MSR_PAT, ((const struct hvm_hw_mtrr *)record)->msr_pat_cr);
}

static void save_header(struct vcpu *v, void *record)
{
    uint32_t leaf1[4];

    cpu_cpuid(1, 0, leaf1);
    *(struct hvm_save_header *)record = (struct hvm_save_header){
        .magic = HVM_FILE_MAGIC,
        .version = HVM_FILE_VERSION,
        .changeset = ~0ull,
        .cpuid = leaf1[0],
        .gtsc_khz = (uint32_t)clock_tsc_khz,
    };
}

static int load_header(struct vcpu *v, const void *record)
{
    const struct hvm_save_header *h = record;

    return h->magic == HVM_FILE_MAGIC && h->version == HVM_FILE_VERSION ? 0 : -EINVAL;
}

/* An HVM guest's chipset. */
static void save_pc(struct vcpu *v, void *record);
static int load_pc(struct vcpu *v, const void *record);

static void save_end(struct vcpu *v, void *record) {}
static int load_end(struct vcpu *v, const void *record) { return 0; }

/* In the order of a complete context. */
static const struct record_type {
    uint16_t code;
    uint32_t length;
    enum { OF_DOMAIN, OF_VCPU, OF_STARTED_VCPU, OF_PC, OF_PC_TWICE } of;
    save_fn *save;
    load_fn *load;
} types[] = {
    { HVM_SAVE_CODE(HEADER), HVM_SAVE_LENGTH(HEADER), OF_DOMAIN, save_header, load_header },
    { HVM_SAVE_CODE(CPU), HVM_SAVE_LENGTH(CPU), OF_STARTED_VCPU, save_cpu, load_cpu },
#define PC(name, of) \
    { \
        HVM_SAVE_CODE(name), HVM_SAVE_LENGTH(name), of, save_pc, load_pc \
    }
    PC(PIC, OF_PC_TWICE),
    PC(IOAPIC, OF_PC),
    { HVM_SAVE_CODE(LAPIC), HVM_SAVE_LENGTH(LAPIC), OF_VCPU, save_lapic, load_lapic },
    { HVM_SAVE_CODE(LAPIC_REGS), HVM_SAVE_LENGTH(LAPIC_REGS), OF_VCPU, save_lapic_regs,
      load_lapic_regs },
    PC(PCI_IRQ, OF_PC),
    PC(ISA_IRQ, OF_PC),
    PC(PCI_LINK, OF_PC),
    PC(PIT, OF_PC),
    PC(PMTIMER, OF_PC),
    { HVM_SAVE_CODE(MTRR), HVM_SAVE_LENGTH(MTRR), OF_VCPU, save_mtrr, load_mtrr },
    { CPU_XSAVE_CODE, XSAVE_LENGTH, OF_STARTED_VCPU, save_xsave, load_xsave },
    { HVM_SAVE_CODE(END), 0, OF_DOMAIN, save_end, load_end },
};

/* Shared by all calls; serialised by LOCK_DOMCTL, which every caller holds. */
static struct record {
    struct hvm_save_descriptor descriptor;
    uint8_t data[RECORD_MAX];
} record;

_Static_assert(HVM_SAVE_LENGTH(CPU) <= RECORD_MAX && HVM_SAVE_LENGTH(LAPIC_REGS) <= RECORD_MAX,
               "it fits");
_Static_assert(offsetof(struct record, data) == sizeof(struct hvm_save_descriptor),
               "written as one piece");

static const struct record_type *type_find(uint32_t code)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(types); i++)
        if (types[i].code == code)
            return &types[i];
    return NULL;
}

static void save_pc(struct vcpu *v, void *data)
{
    pc_save(v->d, record.descriptor.typecode, record.descriptor.instance, data);
}

static int load_pc(struct vcpu *v, const void *data)
{
    pc_load(v->d, record.descriptor.typecode, record.descriptor.instance, data);
    return 0;
}

/* How many records of the type the domain has. */
static unsigned int instances(const struct record_type *t, const struct domain *d)
{
    switch (t->of) {
    case OF_DOMAIN: return 1;
    case OF_PC: return d->hvm;
    case OF_PC_TWICE: return d->hvm ? 2 : 0;
    default: return d->max_vcpus;
    }
}

/* The vcpu of a record; NULL: not allocated. Those of the domain are given its first one. */
static struct vcpu *vcpu_of(const struct record_type *t, const struct domain *d, unsigned int i)
{
    return t->of == OF_VCPU || t->of == OF_STARTED_VCPU ? d->vcpu[i] : d->vcpu[0];
}

/* --- save --- */

struct cursor {
    gva_t va;
    uint32_t used, size;
};

static bool has_record(const struct record_type *t, const struct vcpu *v)
{
    return v != NULL && (t->of != OF_STARTED_VCPU || v->initialised);
}

/* Writes a record at *at and advances it. With at->va == 0, only counts its size. */
static int write_record(struct vcpu *caller, struct cursor *at, const struct record_type *t,
                        struct vcpu *v, unsigned int instance)
{
    uint32_t n = (uint32_t)sizeof(record.descriptor) + t->length;

    if (at->va != 0 && n > at->size - at->used)
        return -ENOSPC;
    memset(&record, 0, n);
    record.descriptor = (struct hvm_save_descriptor){ .typecode = t->code,
                                                      .instance = (uint16_t)instance,
                                                      .length = t->length };
    t->save(v, record.data);
    at->used += n;
    return at->va != 0 ? guest_write(caller, at->va + at->used - n, &record, n) : 0;
}

static int write_all(struct vcpu *caller, struct domain *d, struct cursor *at)
{
    int rc = 0;

    for (const struct record_type *t = types; t < types + ARRAY_SIZE(types); t++)
        for (unsigned int i = 0; rc == 0 && i < instances(t, d); i++)
            if (has_record(t, vcpu_of(t, d, i)))
                rc = write_record(caller, at, t, vcpu_of(t, d, i), i);
    return rc;
}

long hvmcontext_get(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_domctl_hvmcontext *c = &DOMCTL(arg)->hvmcontext;
    struct cursor at = { .va = HANDLE_VA(c->buffer), .size = c->size };

    domain_pause_sync(d);
    int rc = write_all(hc->v, d, &at);

    domain_unpause(d);
    if (rc == 0)
        c->size = at.used;
    return rc;
}

/* --- load --- */

/* Copies the record at *at, checks its type, length and instance, and advances *at. */
static int read_record(struct vcpu *caller, struct domain *d, struct cursor *at,
                       const struct record_type **t)
{
    struct hvm_save_descriptor *descriptor = &record.descriptor;
    uint32_t left = at->size - at->used;

    if (left < sizeof(*descriptor))
        return -ENODATA;
    int rc = guest_read(caller, descriptor, at->va + at->used, sizeof(*descriptor));

    if (rc != 0)
        return rc;
    *t = type_find(descriptor->typecode);
    if (*t == NULL || descriptor->length != (*t)->length)
        return -EINVAL;
    if (descriptor->length > left - sizeof(*descriptor))
        return -ENODATA;
    if (descriptor->instance >= instances(*t, d) || vcpu_of(*t, d, descriptor->instance) == NULL)
        return -ENOENT;
    at->used += (uint32_t)sizeof(*descriptor) + descriptor->length;
    return guest_read(caller, record.data, at->va + at->used - descriptor->length,
                      descriptor->length);
}

/*
 * The header must be the first record and the end the last; neither may occur elsewhere. Without
 * `apply`, only checks.
 */
static int read_all(struct vcpu *caller, struct domain *d, struct cursor at, bool apply)
{
    const struct record_type *header = types, *t;

    for (bool first = true;; first = false) {
        int rc = read_record(caller, d, &at, &t);

        if (rc == 0 && first != (t == header))
            rc = -EINVAL;
        if (rc == 0 && (apply || first))
            rc = t->load(vcpu_of(t, d, record.descriptor.instance), record.data);
        if (rc != 0 || t->code == HVM_SAVE_CODE(END))
            return rc;
    }
}

long hvmcontext_set(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_domctl_hvmcontext *c = &DOMCTL(arg)->hvmcontext;
    struct cursor at = { .va = HANDLE_VA(c->buffer), .size = c->size };
    int rc = read_all(hc->v, d, at, false);

    if (rc == 0) {
        domain_pause_sync(d);
        rc = read_all(hc->v, d, at, true);
        domain_unpause(d);
    }
    return rc;
}
