/* SPDX-License-Identifier: MIT */
/*
 * Builds a PVH or HVM domain, cheapest checks first: the files are checked and parsed and memory is
 * compared with what is free before the domain is created. Its memory is claimed before any is
 * populated, so that two VMs cannot both start and both fail half-way. RAM above `memory`, up to
 * `maxmem`, is populated on demand: the guest's balloon gives it back before it has used it. On a
 * later failure, build_vm
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
#include "balance.h"
#include "buildslot.h"
#include "core.h"
#include "devices.h"
#include "hvm.h"
#include "image.h"
#include "lock.h"
#include "model.h"
#include "nodes.h"
#include "progress.h"
#include "report.h"
#include "resources.h"
#include "statefile.h"
#include "xlrecord.h"

#define PAGE_SHIFT 12
#define KIB_SHIFT 10
#define KIB_PER_MIB 1024
#define MIB 0x100000ull
/* Allowance beyond RAM, for special pages and ACPI tables; the same as xl's. */
#define SLACK_KIB 1024
#define SPECIAL_PAGES (X86_HVM_NR_SPECIAL_PAGES + 1 + ACPI_SIZE / XC_PAGE_SIZE)
#define SPECIAL_START \
    ((X86_HVM_END_SPECIAL_REGION - X86_HVM_NR_SPECIAL_PAGES) * (uint64_t)XC_PAGE_SIZE)
/* Others may wait for their guests, and then for the last domains of VMs that reboot. */
#define ROOM_MS 300000
/* Allowance for start_info, the command line and alignment, besides kernel and ramdisk. */
#define BOOT_KIB 64

struct build {
    struct hv *hv;
    struct xs_handle *store;
    const struct vmfile *vm;
    const struct domain *old;     /* or NULL */
    struct image kernel, ramdisk; /* of an HVM guest: hvmloader, SeaBIOS */
    struct xc_dom_image *dom;
    uint32_t domid;
    bool created;
    char uuid[UUID_STR_LEN];
    struct nodes_rings rings;
    struct model_state devices; /* of a saved HVM guest */
    struct balance_room room;   /* that could be made for it, if memory is short */
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
    int rc;

    progress_show("%s: reading and checking its files", b->vm->name);
    if (b->vm->hvm)
        return hvm_map(&b->kernel, &b->ramdisk);
    rc = image_map(b->vm->kernel, "kernel", &b->kernel);

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
    if (b->vm->hvm)
        return b->ramdisk.size;
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
        (b->ramdisk.bytes && !b->vm->hvm &&
         xc_dom_module_mem(dom, b->ramdisk.bytes, b->ramdisk.size, NULL) != 0) ||
        xc_dom_boot_xen_init(dom, b->hv->xc, 0) != 0 || xc_dom_parse_image(dom) != 0 ||
        xc_dom_set_arch_hooks(dom) != 0) {
        report_error(REPORT_USAGE, "kernel %s: damaged, or not %s: %s", b->kernel.path,
                     b->vm->hvm ? "hvmloader" : "a PVH kernel", hv_reason(b->hv, ENOEXEC));
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

uint64_t build_asked_kib(const struct vmfile *vm)
{
    return vm->memory_kib + SLACK_KIB + resources_paging_kib(vm);
}

/* Says what other VMs could give, or do not, or nothing. */
static void note_room(const struct build *b, char *text, size_t size)
{
    const struct balance_room *room = &b->room;

    text[0] = '\0';
    if (room->asked)
        snprintf(text, size, ", and VMs that were told to give the rest (%s) do not", room->givers);
    else if (room->givers[0])
        snprintf(text, size, ", and other VMs above their minimum (%s) make that %llu",
                 room->givers, (unsigned long long)room->possible / KIB_PER_MIB);
}

static int report_no_memory(struct build *b)
{
    struct hv_memory memory;
    char room[sizeof(b->room.givers) + 96];

    if (hv_memory(b->hv, &memory) < 0)
        return -EIO;
    note_room(b, room, sizeof(room));
    report_error(REPORT_MEMORY,
                 "VM \"%s\": not enough memory: it needs %llu MiB and %llu MiB of overhead; of "
                 "the machine's %llu MiB, %llu are free%s%s: lower memory or maxmem, or end "
                 "another VM (`cleave list`)",
                 b->vm->name, (unsigned long long)b->vm->memory_kib / KIB_PER_MIB,
                 (unsigned long long)(build_asked_kib(b->vm) - b->vm->memory_kib) / KIB_PER_MIB,
                 (unsigned long long)memory.total / KIB_PER_MIB,
                 (unsigned long long)(memory.free - memory.claimed) / KIB_PER_MIB,
                 memory.claimed ? " and unclaimed" : "", room);
    return -ENOMEM;
}

/* Returns what it needs besides what its last domain will free. */
static uint64_t lacking_kib(const struct build *b)
{
    uint64_t freed = 0, asked = build_asked_kib(b->vm);

    if (b->old)
        freed = domain_memory_held(b->old) + resources_paging_kib(b->vm);
    return asked > freed ? asked - freed : 0;
}

/*
 * An early check, to fail without side effects and before a kernel is unpacked, which takes
 * seconds. Only the claim reserves memory.
 */
static int check_free(struct build *b)
{
    int rc = balance_check_room(b->hv, b->store, lacking_kib(b), &b->room);

    return rc == -ENOMEM ? report_no_memory(b) : rc;
}

/* Lets other VMs give what is missing. Under the lock of the balancer. */
static int make_room(struct build *b)
{
    int rc = balance_make_room(b->hv, b->store, b->vm->name, lacking_kib(b), &b->room);

    return rc == -ENOMEM ? report_no_memory(b) : rc;
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
        .arch.emulation_flags = b->vm->hvm ? HVM_EMULATION : XEN_X86_EMU_LAPIC,
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
        .hvm = b->vm->hvm,
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

/* From before it is built, nobody else gets what a balanced VM is promised. */
static int promise_minimum(struct build *b)
{
    uint64_t min = b->vm->memory.min_kib, budget = b->vm->memory_kib / HV_PAGE_KIB;
    int rc = 0;

    if (min < b->vm->max_memory_kib)
        rc = core_memory_set(b->hv, b->domid, min / HV_PAGE_KIB, budget + CLEAVE_MEMORY_SLACK);
    if (rc == -ENOMEM)
        return report_no_memory(b);
    errno = -rc;
    return rc == 0 || rc == -ENOSYS ? 0 : report_failed(b, "cannot promise its memory");
}

/* Sets the limits, then everything that uses the hypervisor's own memory, then the claim. */
static int reserve_memory(struct build *b)
{
    xc_interface *xc = b->hv->xc;
    uint64_t pages = b->vm->memory_kib / HV_PAGE_KIB + SPECIAL_PAGES + HVM_PAGES;

    progress_show("%s: reserving %llu MiB", b->vm->name,
                  (unsigned long long)b->vm->memory_kib / KIB_PER_MIB);
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
    return promise_minimum(b);
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
    if (b->vm->hvm && hvm_set_parameters(b->hv, b->domid) < 0)
        return report_failed(b, "cannot set the parameters of its machine");
    /*
     * A PC resets on a triple fault. A PVH guest requests a reboot explicitly, so it is a crash.
     */
    if (!b->vm->hvm &&
        xc_hvm_param_set(xc, b->domid, HVM_PARAM_TRIPLE_FAULT_REASON, SHUTDOWN_crash) < 0)
        return report_failed(b, "cannot set the action for a triple fault");
    if ((port = xc_evtchn_alloc_unbound(xc, b->domid, 0)) < 0)
        return report_failed(b, "cannot allocate an event channel for the store");
    b->rings.store_port = port;
    /* without a port, drivers of a guest that knows Xen do not look for a ring */
    b->rings.hvm = b->vm->hvm;
    if (!b->vm->hvm && (port = xc_evtchn_alloc_unbound(xc, b->domid, 0)) < 0)
        return report_failed(b, "cannot allocate an event channel for the console");
    b->rings.console_port = b->vm->hvm ? 0 : port;
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
    dom->total_pages = bytes >> PAGE_SHIFT;
    dom->target_pages = b->vm->memory_kib / HV_PAGE_KIB;
    dom->device_model = false;
    dom->mmio_start = HVM_BELOW_4G_MMIO_START;
    dom->mmio_size = HVM_BELOW_4G_MMIO_LENGTH;
    dom->lowmem_end = bytes < dom->mmio_start ? bytes : dom->mmio_start;
    dom->highmem_end = bytes > dom->mmio_start ? (1ull << 32) + bytes - dom->mmio_start : 0;
    dom->console_evtchn = b->rings.console_port;
    dom->xenstore_evtchn = b->rings.store_port;

    if (b->vm->hvm) {
        hvm_lay_out(dom, &b->ramdisk);
        return;
    }
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
    /* hvmloader makes the guest's map, and knows what is below 1 MiB */
    if (b->vm->hvm) {
        map[0] = (struct e820entry){ MIB, low - MIB, E820_RAM };
        map[1] = map[3];
        entries -= 2;
    } else if (dom) {
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

    progress_show("%s: building: giving it %llu MiB and loading the kernel", b->vm->name,
                  (unsigned long long)b->vm->memory_kib / KIB_PER_MIB);
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
    if (b->vm->hvm && hvm_set_vcpus(b->domid, b->vm->vcpus, b->vm->max_vcpus) < 0)
        return report_failed(b, "cannot tell its firmware the number of vCPUs");
    if (xc_dom_gnttab_init(dom) != 0)
        return report_failed(b, "cannot create the grants of store and console");
    b->rings.store_gfn = dom->xenstore_pfn;
    b->rings.console_gfn = dom->console_pfn;
    return release_claim(b);
}

/* Reads the state of an HVM guest's devices, which follows the domain's. */
static int load_devices(struct build *b, int stream)
{
    int size = statefile_read(stream, &b->devices.bytes);

    if (size < 0) {
        errno = -size;
        return report_failed(b, "cannot read the state of its devices");
    }
    b->devices.size = size;
    return 0;
}

/* Fills the domain with the state that the stream has, and takes its rings' pages from it. */
static int load_state(struct build *b, int stream)
{
    struct restore_callbacks none = { .data = NULL };
    int rc = set_memory_map(b, NULL);

    if (rc < 0)
        return rc;
    progress_show("%s: loading its state", b->vm->name);
    hv_forget(b->hv);
    errno = 0;
    if (xc_domain_restore(b->hv->xc, stream, b->domid, b->rings.store_port, &b->rings.store_gfn, 0,
                          b->rings.console_port, &b->rings.console_gfn, 0, XC_STREAM_PLAIN, &none,
                          -1) < 0)
        return errno == ENOMEM ? report_no_memory(b) : report_failed(b, "cannot load its state");
    if (b->vm->hvm && (rc = load_devices(b, stream)) < 0)
        return rc;
    return release_claim(b);
}

/* Without it xl can do less with the VM, which is no reason not to start it. */
static void write_record(struct build *b)
{
    int rc = xlrecord_write(b->domid, b->vm);

    if (rc < 0)
        report_warning("VM \"%s\": xl cannot change, save or show it in full: cannot write its "
                       "record of it: %s",
                       b->vm->name, strerror(-rc));
}

static int introduce_domain(struct build *b)
{
    int rc;

    progress_show("%s: starting: its nodes and devices", b->vm->name);
    rc = nodes_write_rings(b->store, b->domid, &b->rings);
    if (rc == 0 &&
        !xs_introduce_domain(b->store, b->domid, b->rings.store_gfn, b->rings.store_port)) {
        rc = -errno;
        report_error(REPORT_INTERNAL,
                     "VM \"%s\": xenstored cannot connect to the guest: %s: see its log",
                     b->vm->name, strerror(errno));
    }
    if (rc == 0)
        write_record(b);
    return rc;
}

/* Unmaps libxenguest's mappings first: a domain persists while its pages are mapped. */
static void release(struct build *b)
{
    if (b->dom)
        xc_dom_release(b->dom);
    image_unmap(&b->kernel);
    image_unmap(&b->ramdisk);
    free(b->devices.bytes);
}

static int check_devices(const struct build *b, bool in_use)
{
    return b->vm->hvm ? model_check(b->vm) : devices_check(b->vm, in_use);
}

/* Connects the devices to the domain, which does not run yet. */
static int attach_devices(struct build *b)
{
    uint64_t bytes = b->vm->max_memory_kib << KIB_SHIFT;
    struct model_ram ram = { bytes, 0 };

    if (!b->vm->hvm)
        return devices_attach(b->store, b->domid, b->vm);
    if (bytes > HVM_BELOW_4G_MMIO_START)
        ram = (struct model_ram){ HVM_BELOW_4G_MMIO_START, bytes - HVM_BELOW_4G_MMIO_START };
    return model_start(b->store, b->domid, b->vm, &ram, &b->devices);
}

/* What is checked before the domain is created, but for memory. */
static int check_all(struct build *b)
{
    int rc = map_files(b);

    if (rc == 0)
        rc = parse_kernel(b);
    if (rc == 0)
        rc = check_fit(b);
    return rc == 0 ? check_devices(b, b->old) : rc;
}

int build_check(struct hv *hv, struct xs_handle *store, const struct vmfile *vm,
                struct build_plan *plan)
{
    struct build b = { .hv = hv, .store = store, .vm = vm };
    struct hv_memory memory;
    int rc = hv_memory(hv, &memory), slot;

    if (rc < 0)
        return rc;
    *plan = (struct build_plan){
        .memory = vm->memory_kib,
        .overhead = SLACK_KIB + resources_paging_kib(vm),
        .pool = resources_paging_kib(vm),
        .free = memory.free - memory.claimed,
    };
    uuid_unparse_lower(vm->uuid, b.uuid);
    slot = buildslot_take(vm->name);
    rc = slot < 0 ? slot : check_all(&b);
    if (rc == 0)
        rc = check_free(&b);
    if (rc == 0)
        rc = check_name(&b);
    release(&b);
    buildslot_release(slot);
    return rc;
}

/* Destroys the last domain of the VM. Then its disks can be checked as those of any VM. */
static int replace_old(struct build *b)
{
    int rc;

    if (!b->old)
        return 0;
    rc = domain_destroy(b->hv, b->store, b->old->domid, b->old->uuid);
    return rc < 0 ? rc : check_devices(b, false);
}

/* Creates the domain, in place of the old one, and reserves its memory: nobody else gets it. */
static int create_reserved(struct build *b)
{
    int lock = balance_lock(ROOM_MS);
    int rc;

    if (lock == -EBUSY)
        report_error(REPORT_TIMEOUT, "VM \"%s\": others make room for VMs for %d s already",
                     b->vm->name, ROOM_MS / 1000);
    if (lock < 0)
        return lock;
    if ((rc = make_room(b)) == 0 && (rc = create_named(b)) == 0 && (rc = replace_old(b)) == 0)
        rc = reserve_memory(b);
    balance_unlock(lock);
    return rc;
}

/* Builds the domain, with its kernel, or from stream if that is not negative. */
static int build(struct build *b, int stream)
{
    bool saved = stream >= 0;
    int rc = check_free(b);

    if (rc == 0)
        rc = saved ? check_devices(b, false) : check_all(b);
    if (rc == 0)
        rc = create_reserved(b);
    if (rc == 0)
        rc = set_parameters(b);
    if (rc == 0)
        rc = saved ? load_state(b, stream) : load_image(b);
    if (rc == 0)
        rc = introduce_domain(b);
    return rc == 0 ? attach_devices(b) : rc;
}

/* Builds the domain when it is its turn, or leaves nothing of it. */
static int build_in_turn(struct build *b, int stream, uint32_t *domid)
{
    int slot, rc = check_free(b);

    if (rc < 0)
        return rc;
    uuid_unparse_lower(b->vm->uuid, b->uuid);
    slot = buildslot_take(b->vm->name);
    rc = slot < 0 ? slot : build(b, stream);
    release(b);
    buildslot_release(slot);
    if (rc == 0)
        *domid = b->domid;
    else if (b->created)
        domain_destroy(b->hv, b->store, b->domid, b->uuid);
    return rc;
}

int build_vm(struct hv *hv, struct xs_handle *store, const struct vmfile *vm,
             const struct domain *old, uint32_t *domid)
{
    struct build b = { .hv = hv, .store = store, .vm = vm, .old = old };

    return build_in_turn(&b, -1, domid);
}

int build_restored(struct hv *hv, struct xs_handle *store, const struct vmfile *vm, int stream,
                   uint32_t *domid)
{
    struct build b = { .hv = hv, .store = store, .vm = vm };

    return build_in_turn(&b, stream, domid);
}
