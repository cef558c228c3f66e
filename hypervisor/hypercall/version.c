/* SPDX-License-Identifier: MIT */
/*
 * xen_version (<xen/version.h>): the version number is that of the ABI, Xen 4.17; the name is
 * Cleave's. Linux reads its features here, libxenguest the guest types that can be built.
 */
#include "core/vcpu.h"
#include "errors.h"
#include "hypercall/guest_copy.h"
#include "hypercall/hypercall.h"
#include "lib.h"
#include "platform/boot_info.h"
#include "spinlock.h"

/* Fixed-size results, zero-padded. */
static const xen_extraversion_t extraversion = ".0-cleave";
static const xen_capabilities_info_t capabilities =
    "hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ";
static const xen_changeset_info_t changeset = "cleave";
static const struct xen_compile_info compile_info = {
    .compiler = "gcc " __VERSION__,
    .compile_by = "cleave",
    .compile_domain = "local",
};

static long get_features(struct vcpu *v, gva_t arg)
{
    struct xen_feature_info info;
    int rc = guest_read(v, &info, arg, sizeof(info));

    if (rc != 0)
        return rc;
    if (info.submap_idx >= XENFEAT_NR_SUBMAPS)
        return -EINVAL;
    info.submap = 1u << XENFEAT_writable_page_tables | 1u << XENFEAT_auto_translated_physmap |
                  1u << XENFEAT_hvm_callback_vector | 1u << XENFEAT_hvm_safe_pvclock |
                  (v->d->is_dom0 ? 1u << XENFEAT_dom0 | 1u << XENFEAT_direct_mapped
                                 : 1u << XENFEAT_not_direct_mapped);
    return guest_write(v, arg, &info, sizeof(info));
}

static long get_commandline(struct vcpu *v, gva_t arg)
{
    xen_commandline_t line = "";

    if (!v->d->is_dom0)
        return -EPERM;
    snprintf(line, sizeof(line), "%s", boot_info.cmdline);
    return guest_write(v, arg, line, sizeof(line));
}

static long guest_handle(struct vcpu *v, gva_t arg)
{
    spin_lock_scope(&v->d->lock);
    return guest_write(v, arg, v->d->handle, sizeof(v->d->handle));
}

long hypercall_xen_version(struct hypercall *hc)
{
    struct vcpu *v = hc->v;
    gva_t arg = hc->arg[1];

    /* kernels also use this to force an exit */
    if (likely((uint32_t)hc->arg[0] == XENVER_version))
        return 4 << 16 | 17;
    switch ((uint32_t)hc->arg[0]) {
    case XENVER_extraversion: return guest_write(v, arg, extraversion, sizeof(extraversion));
    case XENVER_compile_info: return guest_write(v, arg, &compile_info, sizeof(compile_info));
    case XENVER_capabilities: return guest_write(v, arg, capabilities, sizeof(capabilities));
    case XENVER_changeset: return guest_write(v, arg, changeset, sizeof(changeset));
    /* the hypervisor's virtual start, a guest word: not mapped in a guest's address space */
    case XENVER_platform_parameters:
        return guest_zero(v, arg, hc->compat ? sizeof(uint32_t) : sizeof(uint64_t));
    case XENVER_get_features: return get_features(v, arg);
    case XENVER_pagesize: return arg == 0 ? (long)PAGE_SIZE : -EINVAL;
    case XENVER_guest_handle: return guest_handle(v, arg);
    case XENVER_commandline: return get_commandline(v, arg);
    case XENVER_build_id: /* the image has none */ return v->d->is_dom0 ? -ENODATA : -EPERM;
    default: return -ENOSYS;
    }
}
