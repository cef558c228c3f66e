/* SPDX-License-Identifier: MIT */
/*
 * xen_version: who we are (<xen/version.h>). The number is that of the ABI, Xen 4.17; the name is ours. Linux
 * takes its features from here, libxenguest what kinds of guest can be built.
 */
#include "hypercall.h"
#include "lib.h"
#include "platform.h"

#define VERSION_MAJOR 4u
#define VERSION_MINOR 17u

typedef long version_fn(struct hypercall *hc, gva_t arg);

/* Answers of a fixed length, filled up with zeros. */
static const struct {
    xen_extraversion_t extraversion;
    struct xen_compile_info compile;
    xen_capabilities_info_t capabilities;
    xen_changeset_info_t changeset;
} texts = {
    .extraversion = ".0-cleave",
    .compile = { .compiler = "gcc " __VERSION__, .compile_by = "cleave", .compile_domain = "local" },
    .capabilities = "hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ",
    .changeset = "cleave",
};

static long version(struct hypercall *hc, gva_t arg)
{
    return (VERSION_MAJOR << 16) | VERSION_MINOR;
}

/* Where the hypervisor is in a guest's address space: nowhere. A natural word of the caller. */
static long platform_parameters(struct hypercall *hc, gva_t arg)
{
    uint64_t virt_start = 0;

    return guest_write(hc->v, arg, &virt_start, hc->compat ? sizeof(uint32_t) : sizeof(uint64_t));
}

static uint32_t features(const struct domain *d)
{
    uint32_t f = 1u << XENFEAT_writable_page_tables | 1u << XENFEAT_auto_translated_physmap |
                 1u << XENFEAT_hvm_callback_vector | 1u << XENFEAT_hvm_safe_pvclock;

    if (d->is_dom0)
        return f | 1u << XENFEAT_dom0 | 1u << XENFEAT_direct_mapped;
    return f | 1u << XENFEAT_not_direct_mapped;
}

static long get_features(struct hypercall *hc, gva_t arg)
{
    struct xen_feature_info info;
    int rc = guest_read(hc->v, &info, arg, sizeof(info));

    if (rc != 0)
        return rc;
    if (info.submap_idx >= XENFEAT_NR_SUBMAPS)
        return -EINVAL;
    info.submap = features(hc->v->d);
    return guest_write(hc->v, arg, &info, sizeof(info));
}

static long pagesize(struct hypercall *hc, gva_t arg)
{
    return arg == 0 ? (long)PAGE_SIZE : -EINVAL;
}

static long guest_handle(struct hypercall *hc, gva_t arg)
{
    xen_domain_handle_t handle;

    spin_lock(&hc->v->d->lock);
    memcpy(handle, hc->v->d->handle, sizeof(handle));
    spin_unlock(&hc->v->d->lock);
    return guest_write(hc->v, arg, handle, sizeof(handle));
}

static long commandline(struct hypercall *hc, gva_t arg)
{
    xen_commandline_t line = "";

    if (!hc->v->d->is_dom0)
        return -EPERM;
    snprintf(line, sizeof(line), "%s", boot_info.cmdline);
    return guest_write(hc->v, arg, line, sizeof(line));
}

static long build_id(struct hypercall *hc, gva_t arg)
{
    return hc->v->d->is_dom0 ? -ENODATA : -EPERM; /* the image is linked without one */
}

static const struct {
    version_fn *fn;
    const void *text; /* without fn */
    uint32_t size;
} rows[] = {
    [XENVER_version] = { .fn = version },
    [XENVER_extraversion] = { .text = texts.extraversion, .size = sizeof(texts.extraversion) },
    [XENVER_compile_info] = { .text = &texts.compile, .size = sizeof(texts.compile) },
    [XENVER_capabilities] = { .text = texts.capabilities, .size = sizeof(texts.capabilities) },
    [XENVER_changeset] = { .text = texts.changeset, .size = sizeof(texts.changeset) },
    [XENVER_platform_parameters] = { .fn = platform_parameters },
    [XENVER_get_features] = { .fn = get_features },
    [XENVER_pagesize] = { .fn = pagesize },
    [XENVER_guest_handle] = { .fn = guest_handle },
    [XENVER_commandline] = { .fn = commandline },
    [XENVER_build_id] = { .fn = build_id },
};

long hypercall_xen_version(struct hypercall *hc)
{
    uint32_t op = (uint32_t)hc->arg[0];

    if (op >= ARRAY_SIZE(rows))
        return -ENOSYS;
    return rows[op].fn ? rows[op].fn(hc, hc->arg[1])
                       : guest_write(hc->v, hc->arg[1], rows[op].text, rows[op].size);
}
