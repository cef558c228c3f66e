/* SPDX-License-Identifier: MIT */
/*
 * Builds a PVH domain, cheapest checks first: the files are checked and parsed and memory is
 * compared with what is free before the domain is created. Its memory is claimed before any is
 * populated, so that two VMs cannot both start and both fail half-way. On a later failure, build_vm
 * destroys the domain and removes its nodes. libxenguest (xenguest.h) loads the kernel and sets up
 * the first vCPU.
 *
 * The guest's memory map: RAM from 0, ACPI tables at ACPI_ADDRESS, libxenguest's special pages
 * (including the store and console rings) directly below X86_HVM_END_SPECIAL_REGION, and RAM above
 * 4 GiB that does not fit below. Read next: life.c.
 */
#include "build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xen/hvm/e820.h>
#include <xen/hvm/params.h>
#include <xen/sched.h>
#include <xenguest.h>

#include "acpi.h"
#include "devices.h"
#include "image.h"
#include "lock.h"
#include "nodes.h"
#include "report.h"
#include "resources.h"

#define PAGE_SHIFT 12
#define KIB_SHIFT 10
#define KIB_PER_MIB 1024
/* Allowance beyond RAM, for special pages and ACPI tables; the same as xl's. */
#define SLACK_KIB 1024
#define SPECIAL_PAGES (X86_HVM_NR_SPECIAL_PAGES + 1 + ACPI_SIZE / XC_PAGE_SIZE)
#define SPECIAL_START \
    ((X86_HVM_END_SPECIAL_REGION - X86_HVM_NR_SPECIAL_PAGES) * (uint64_t)XC_PAGE_SIZE)
/* Allowance for start_info, the command line and alignment, besides kernel and ramdisk. */
#define BOOT_KIB 64

struct build {
    struct hv *hv;
    struct xs_handle *store;
    const struct vmfile *vm;
    const struct domain *old; /* or NULL */
    struct image kernel, ramdisk;
    struct xc_dom_image *dom;
    uint32_t domid;
    bool created;
    char uuid[UUID_STR_LEN];
    struct nodes_rings rings;
    uint8_t acpi[ACPI_SIZE];
};

/* Reports a failed library call: what was attempted, and the reason. */
static int report_failed(struct build *b, const char *what)
{
    int error = errno ? errno : EIO;

    report_error(report_by_errno(error), "VM \"%s\": %s: %s", b->vm->name, what,
                 hv_reason(b->hv, error));
    return -error;
}

/* --- checks before the domain exists ---------------------------------------------------------- */

static int map_files(struct build *b)
{
    int rc = image_map(b->vm->kernel, "kernel", &b->kernel);

    if (rc == 0)
        rc = image_check_kernel(&b->kernel);
    if (rc == 0 && b->vm->ramdisk)
        rc = image_map(b->vm->ramdisk, "ramdisk", &b->ramdisk);
    return rc;
}

/*
 * Returns the ramdisk's size in the guest, or a negative errno. libxenguest unpacks a gzipped one.
 */
static int64_t check_ramdisk(struct build *b)
{
    xc_interface *xc = b->hv->xc;
    size_t unpacked;
    void *buffer;
    int rc;

    if (!b->ramdisk.bytes)
        return 0;
    if (strcmp(xc_dom_guest_os(b->dom), "linux") == 0 && (rc = image_check_initrd(&b->ramdisk)) < 0)
        return rc;
    if (!image_is_gzip(&b->ramdisk))
        return b->ramdisk.size;
    unpacked = xc_dom_check_gzip(xc, b->ramdisk.bytes, b->ramdisk.size);
    buffer = unpacked ? malloc(unpacked) : NULL;
    rc = buffer ? xc_dom_do_gunzip(xc, b->ramdisk.bytes, b->ramdisk.size, buffer, unpacked) : -1;
    free(buffer);
    if (rc == 0)
        return unpacked;
    report_error(REPORT_USAGE,
                 "ramdisk %s: truncated or damaged gzip data (%zu bytes): create or copy it "
                 "again",
                 b->ramdisk.path, b->ramdisk.size);
    return -ENOEXEC;
}

static int parse_kernel(struct build *b)
{
    struct xc_dom_image *dom = xc_dom_allocate(b->hv->xc, b->vm->cmdline, NULL);

    b->dom = dom;
    hv_forget(b->hv);
    errno = ENOEXEC;
    if (!dom)
        return report_failed(b, "out of memory");
    dom->container_type = XC_DOM_HVM_CONTAINER;
    /* None of these use the domain id, which is not known yet. */
    if (xc_dom_kernel_mem(dom, b->kernel.bytes, b->kernel.size) != 0 ||
        (b->ramdisk.bytes &&
         xc_dom_module_mem(dom, b->ramdisk.bytes, b->ramdisk.size, NULL) != 0) ||
        xc_dom_boot_xen_init(dom, b->hv->xc, 0) != 0 || xc_dom_parse_image(dom) != 0 ||
        xc_dom_set_arch_hooks(dom) != 0) {
        report_error(REPORT_USAGE, "kernel %s: damaged, or not a PVH kernel: %s", b->kernel.path,
                     hv_reason(b->hv, ENOEXEC));
        return -ENOEXEC;
    }
    return 0;
}

/* Checks that kernel and ramdisk fit into the VM's initial memory. */
static int check_fit(struct build *b)
{
    int64_t ramdisk = check_ramdisk(b);
    uint64_t needed;

    if (ramdisk < 0)
        return ramdisk;
    needed = ((b->dom->kernel_seg.vend + ramdisk) >> KIB_SHIFT) + BOOT_KIB;
    if (needed <= b->vm->memory_kib)
        return 0;
    report_error(REPORT_USAGE,
                 "VM \"%s\": memory = %llu MiB is too little: the kernel ends at %llu KiB and the "
                 "ramdisk takes %llu KiB: set at least %llu MiB, plus what the guest needs to run",
                 b->vm->name, (unsigned long long)b->vm->memory_kib / KIB_PER_MIB,
                 (unsigned long long)b->dom->kernel_seg.vend >> KIB_SHIFT,
                 (unsigned long long)ramdisk >> KIB_SHIFT,
                 (unsigned long long)(needed + KIB_PER_MIB - 1) / KIB_PER_MIB);
    return -ENOMEM;
}

static int report_no_memory(struct build *b)
{
    struct hv_memory memory;
    uint64_t asked = b->vm->max_memory_kib + SLACK_KIB + resources_paging_kib(b->vm);

    if (hv_memory(b->hv, &memory) < 0)
        return -EIO;
    report_error(REPORT_MEMORY,
                 "VM \"%s\": not enough memory: it needs %llu MiB and %llu MiB of overhead; of "
                 "the machine's %llu MiB, %llu are free%s: lower memory or maxmem, or end another "
                 "VM (`cleave list`)",
                 b->vm->name, (unsigned long long)b->vm->max_memory_kib / KIB_PER_MIB,
                 (unsigned long long)(asked - b->vm->max_memory_kib) / KIB_PER_MIB,
                 (unsigned long long)memory.total / KIB_PER_MIB,
                 (unsigned long long)(memory.free - memory.claimed) / KIB_PER_MIB,
                 memory.claimed ? " and unclaimed" : "");
    return -ENOMEM;
}

/* An early check, to fail without side effects. Only the claim reserves memory. */
static int check_free(struct build *b)
{
    struct hv_memory memory;
    int rc = hv_memory(b->hv, &memory);
    uint64_t freed = b->old ? b->old->info.tot_pages * HV_PAGE_KIB + resources_paging_kib(b->vm)
                            : 0;

    if (rc < 0)
        return rc;
    return b->vm->max_memory_kib + SLACK_KIB + resources_paging_kib(b->vm) <=
                   memory.free - memory.claimed + freed
               ? 0
               : report_no_memory(b);
}

/* --- the domain ------------------------------------------------------------------------------- */

static int check_name(struct build *b)
{
    struct domain *list;
    int count = domain_list(b->hv, b->store, &list);
    int rc = 0;

    if (count < 0)
        return count;
    for (int i = 0; i < count && rc == 0; i++) {
        if (b->old && list[i].domid == b->old->domid)
            continue;
        if (strcmp(list[i].name, b->vm->name) == 0) {
            report_error(REPORT_STATE,
                         "VM \"%s\": the name is in use by domain %u (%s): choose another name, or "
                         "`cleave destroy %s`",
                         b->vm->name, list[i].domid, domain_state(&list[i].info), b->vm->name);
            rc = -EEXIST;
        } else if (strcmp(list[i].uuid, b->uuid) == 0) {
            report_error(REPORT_STATE,
                         "VM \"%s\": the uuid %s is in use by domain %u (\"%s\"): choose another "
                         "one, or none",
                         b->vm->name, b->uuid, list[i].domid, list[i].name);
            rc = -EEXIST;
        }
    }
    free(list);
    return rc;
}

static int create_domain(struct build *b)
{
    struct xen_domctl_createdomain config = {
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_vcpus = b->vm->max_vcpus,
        .max_evtchn_port = 1023,
        .max_grant_frames = -1,
        .max_maptrack_frames = -1,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
        .arch.emulation_flags = XEN_X86_EMU_LAPIC,
    };
    uint32_t domid = DOMID_INVALID; /* any free number */

    memcpy(config.handle, b->vm->uuid, sizeof(config.handle));
    hv_forget(b->hv);
    if (xc_domain_create(b->hv->xc, &domid, &config) < 0)
        return errno == ENOMEM ? report_no_memory(b) : report_failed(b, "cannot create the domain");
    b->domid = domid;
    b->created = true;
    return 0;
}

/* Checks the name and creates the domain with its nodes, under the lock. */
static int create_named(struct build *b)
{
    struct nodes_identity identity = {
        .name = b->vm->name,
        .uuid = b->uuid,
        .vcpus = b->vm->vcpus,
        .max_vcpus = b->vm->max_vcpus,
        .memory_kib = b->vm->memory_kib,
        .max_memory_kib = b->vm->max_memory_kib,
    };
    int lock = lock_acquire();
    int rc;

    if (lock < 0)
        return lock;
    rc = check_name(b);
    if (rc == 0)
        rc = create_domain(b);
    if (rc == 0) {
        identity.domid = b->domid;
        rc = nodes_write_identity(b->store, &identity);
    }
    lock_release(lock);
    return rc;
}

/* Sets the limits, then everything that uses the hypervisor's own memory, then the claim. */
static int reserve_memory(struct build *b)
{
    xc_interface *xc = b->hv->xc;
    uint64_t pages = b->vm->max_memory_kib / HV_PAGE_KIB + SPECIAL_PAGES;

    hv_forget(b->hv);
    if (xc_domain_max_vcpus(xc, b->domid, b->vm->max_vcpus) < 0)
        return errno == ENOMEM ? report_no_memory(b) : report_failed(b, "cannot create the vCPUs");
    if (xc_domain_setmaxmem(xc, b->domid, b->vm->max_memory_kib + SLACK_KIB) < 0)
        return report_failed(b, "cannot set the memory limit");
    if (xc_set_paging_mempool_size(xc, b->domid, resources_paging_kib(b->vm) << KIB_SHIFT) < 0)
        return errno == ENOMEM ? report_no_memory(b)
                               : report_failed(b, "no memory for page tables");
    if (xc_domain_claim_pages(xc, b->domid, pages) < 0)
        return errno == ENOMEM ? report_no_memory(b)
                               : report_failed(b, "cannot reserve the memory");
    return 0;
}

static int set_parameters(struct build *b)
{
    xc_interface *xc = b->hv->xc;
    int port;

    hv_forget(b->hv);
    if (xc_cpuid_apply_policy(xc, b->domid, false, NULL, 0, true, false, false, NULL, NULL) < 0)
        return report_failed(b, "cannot set the CPUID policy");
    if (xc_hvm_param_set(xc, b->domid, HVM_PARAM_TIMER_MODE, HVMPTM_no_delay_for_missed_ticks) < 0)
        return report_failed(b, "cannot set the timer mode");
    /*
     * A PC resets on a triple fault. A guest here requests a reboot explicitly, so it is a crash.
     */
    if (xc_hvm_param_set(xc, b->domid, HVM_PARAM_TRIPLE_FAULT_REASON, SHUTDOWN_crash) < 0)
        return report_failed(b, "cannot set the action for a triple fault");
    if ((port = xc_evtchn_alloc_unbound(xc, b->domid, 0)) < 0)
        return report_failed(b, "cannot allocate an event channel for the store");
    b->rings.store_port = port;
    if ((port = xc_evtchn_alloc_unbound(xc, b->domid, 0)) < 0)
        return report_failed(b, "cannot allocate an event channel for the console");
    b->rings.console_port = port;
    if (xc_hvm_param_set(xc, b->domid, HVM_PARAM_STORE_EVTCHN, b->rings.store_port) < 0 ||
        xc_hvm_param_set(xc, b->domid, HVM_PARAM_CONSOLE_EVTCHN, b->rings.console_port) < 0)
        return report_failed(b, "cannot set the guest's ports");
    return resources_apply(b->hv, b->domid, b->vm);
}

/* Places RAM below the MMIO hole, and the remainder from 4 GiB up. */
static void lay_out(struct build *b)
{
    struct xc_dom_image *dom = b->dom;
    uint64_t bytes = b->vm->max_memory_kib << KIB_SHIFT;

    dom->guest_domid = b->domid;
    dom->max_vcpus = b->vm->max_vcpus;
    dom->total_pages = dom->target_pages = bytes >> PAGE_SHIFT;
    dom->device_model = false;
    dom->mmio_start = HVM_BELOW_4G_MMIO_START;
    dom->mmio_size = HVM_BELOW_4G_MMIO_LENGTH;
    dom->lowmem_end = bytes < dom->mmio_start ? bytes : dom->mmio_start;
    dom->highmem_end = bytes > dom->mmio_start ? (1ull << 32) + bytes - dom->mmio_start : 0;
    dom->console_evtchn = b->rings.console_port;
    dom->xenstore_evtchn = b->rings.store_port;

    acpi_build(b->acpi, b->vm->max_vcpus);
    dom->acpi_modules[0].data = b->acpi;
    dom->acpi_modules[0].length = ACPI_SIZE;
    dom->acpi_modules[0].guest_addr_out = ACPI_ADDRESS;
}

/* dom is NULL when a guest is restored. */
static int set_memory_map(struct build *b, struct xc_dom_image *dom)
{
    uint64_t bytes = b->vm->max_memory_kib << KIB_SHIFT;
    uint64_t low = bytes < HVM_BELOW_4G_MMIO_START ? bytes : HVM_BELOW_4G_MMIO_START;
    struct e820entry map[] = {
        { 0, low, E820_RAM },
        { ACPI_ADDRESS, ACPI_SIZE, E820_ACPI },
        { SPECIAL_START, X86_HVM_NR_SPECIAL_PAGES * XC_PAGE_SIZE, E820_RESERVED },
        { 1ull << 32, bytes - low, E820_RAM },
    };
    unsigned int entries = sizeof(map) / sizeof(map[0]) - (bytes == low);

    /*
     * libxenguest copies this map to the guest's start_info; the guest may also query the
     * hypervisor.
     */
    if (dom) {
        dom->e820 = xc_dom_malloc(dom, sizeof(map));
        if (!dom->e820)
            return report_failed(b, "out of memory");
        memcpy(dom->e820, map, sizeof(map));
        dom->e820_entries = entries;
    }
    if (xc_domain_set_memory_map(b->hv->xc, b->domid, map, entries) < 0)
        return report_failed(b, "cannot set the memory map");
    return 0;
}

/* Releases the unused part of the claim. */
static int release_claim(struct build *b)
{
    if (xc_domain_claim_pages(b->hv->xc, b->domid, 0) < 0)
        return report_failed(b, "cannot release the rest of the reservation");
    return 0;
}

static int load_image(struct build *b)
{
    struct xc_dom_image *dom = b->dom;
    int rc;

    lay_out(b);
    hv_forget(b->hv);
    errno = 0;
    if (xc_dom_boot_mem_init(dom) != 0)
        return errno == ENOMEM ? report_no_memory(b)
                               : report_failed(b, "cannot populate its memory");
    rc = set_memory_map(b, dom);
    if (rc < 0)
        return rc;
    if (xc_dom_build_image(dom) != 0)
        return report_failed(b, "cannot load kernel and ramdisk");
    if (xc_dom_boot_image(dom) != 0)
        return report_failed(b, "cannot set up the first vCPU");
    if (xc_dom_gnttab_init(dom) != 0)
        return report_failed(b, "cannot create the grants of store and console");
    b->rings.store_gfn = dom->xenstore_pfn;
    b->rings.console_gfn = dom->console_pfn;
    return release_claim(b);
}

/* Fills the domain with the state that the stream has, and takes its rings' pages from it. */
static int load_state(struct build *b, int stream)
{
    struct restore_callbacks none = { .data = NULL };
    int rc = set_memory_map(b, NULL);

    if (rc < 0)
        return rc;
    hv_forget(b->hv);
    errno = 0;
    if (xc_domain_restore(b->hv->xc, stream, b->domid, b->rings.store_port, &b->rings.store_gfn, 0,
                          b->rings.console_port, &b->rings.console_gfn, 0, XC_STREAM_PLAIN, &none,
                          -1) < 0)
        return errno == ENOMEM ? report_no_memory(b) : report_failed(b, "cannot load its state");
    return release_claim(b);
}

static int introduce_domain(struct build *b)
{
    int rc = nodes_write_rings(b->store, b->domid, &b->rings);

    if (rc == 0 &&
        !xs_introduce_domain(b->store, b->domid, b->rings.store_gfn, b->rings.store_port)) {
        rc = -errno;
        report_error(REPORT_INTERNAL,
                     "VM \"%s\": xenstored cannot connect to the guest: %s: see its log",
                     b->vm->name, strerror(errno));
    }
    return rc;
}

/* Unmaps libxenguest's mappings first: a domain persists while its pages are mapped. */
static void release(struct build *b)
{
    if (b->dom)
        xc_dom_release(b->dom);
    image_unmap(&b->kernel);
    image_unmap(&b->ramdisk);
}

int build_check(struct hv *hv, struct xs_handle *store, const struct vmfile *vm,
                struct build_plan *plan)
{
    struct build b = { .hv = hv, .store = store, .vm = vm };
    struct hv_memory memory;
    int rc = hv_memory(hv, &memory);

    if (rc < 0)
        return rc;
    *plan = (struct build_plan){
        .memory = vm->max_memory_kib,
        .overhead = SLACK_KIB + resources_paging_kib(vm),
        .pool = resources_paging_kib(vm),
        .free = memory.free - memory.claimed,
    };
    uuid_unparse_lower(vm->uuid, b.uuid);
    if ((rc = map_files(&b)) == 0 && (rc = parse_kernel(&b)) == 0 && (rc = check_fit(&b)) == 0 &&
        (rc = devices_check(vm, false)) == 0 && (rc = check_free(&b)) == 0)
        rc = check_name(&b);
    release(&b);
    return rc;
}

/* Destroys the last domain of the VM. Then its disks can be checked as those of any VM. */
static int replace_old(struct build *b)
{
    int rc;

    if (!b->old)
        return 0;
    rc = domain_destroy(b->hv, b->store, b->old->domid, b->old->uuid);
    return rc < 0 ? rc : devices_check(b->vm, false);
}

int build_vm(struct hv *hv, struct xs_handle *store, const struct vmfile *vm,
             const struct domain *old, uint32_t *domid)
{
    struct build b = { .hv = hv, .store = store, .vm = vm, .old = old };
    int rc;

    uuid_unparse_lower(vm->uuid, b.uuid);
    if ((rc = map_files(&b)) == 0 && (rc = parse_kernel(&b)) == 0 && (rc = check_fit(&b)) == 0 &&
        (rc = devices_check(vm, old)) == 0 && (rc = check_free(&b)) == 0 &&
        (rc = create_named(&b)) == 0 && (rc = replace_old(&b)) == 0 &&
        (rc = reserve_memory(&b)) == 0 && (rc = set_parameters(&b)) == 0 &&
        (rc = load_image(&b)) == 0 && (rc = introduce_domain(&b)) == 0 &&
        (rc = devices_attach(store, b.domid, vm)) == 0)
        *domid = b.domid;

    release(&b);
    if (rc < 0 && b.created)
        domain_destroy(hv, store, b.domid, b.uuid);
    return rc;
}

int build_restored(struct hv *hv, struct xs_handle *store, const struct vmfile *vm, int stream,
                   uint32_t *domid)
{
    struct build b = { .hv = hv, .store = store, .vm = vm };
    int rc;

    uuid_unparse_lower(vm->uuid, b.uuid);
    if ((rc = devices_check(vm, false)) == 0 && (rc = check_free(&b)) == 0 &&
        (rc = create_named(&b)) == 0 && (rc = reserve_memory(&b)) == 0 &&
        (rc = set_parameters(&b)) == 0 && (rc = load_state(&b, stream)) == 0 &&
        (rc = introduce_domain(&b)) == 0 && (rc = devices_attach(store, b.domid, vm)) == 0)
        *domid = b.domid;
    if (rc < 0 && b.created)
        domain_destroy(hv, store, b.domid, b.uuid);
    return rc;
}
