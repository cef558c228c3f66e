/* SPDX-License-Identifier: MIT */
/*
 * A VM has the nodes that xl writes, so that `xl list`, `xl console` and `xl destroy` work with it,
 * and unmodified guests find theirs. A new node inherits the owner (dom0) and readers (the guest)
 * of its directory; only nodes that the guest writes get another owner. Paths:
 * xenstore-schema/schema.txt. Read next: build.c.
 */
#include "nodes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "cleave-schema.h"
#include "report.h"

/* xenconsoled buffers this much of a guest's unread output. */
#define CONSOLE_LIMIT "1048576"

/* One transaction. After a failure further writes are skipped, and commit reports it. */
struct batch {
    struct xs_handle *store;
    xs_transaction_t id;
    uint32_t domid;
    int error;
};

/* Owner and additional reader of a node. */
enum owner { INHERITED, DOM0_FOR_GUEST, GUEST, GUEST_FOR_DOM0 };

static void set_owner(struct batch *batch, enum owner owner, const char *path)
{
    struct xs_permissions permissions[2] = { { .perms = XS_PERM_NONE }, { .perms = XS_PERM_READ } };
    bool guest = owner != DOM0_FOR_GUEST;

    permissions[0].id = guest ? batch->domid : 0;
    permissions[1].id = guest ? 0 : batch->domid;
    if (!xs_set_permissions(batch->store, batch->id, path, permissions, owner == GUEST ? 1 : 2))
        batch->error = errno;
}

static void __attribute__((format(printf, 4, 5)))
put_node(struct batch *batch, enum owner owner, const char *value, const char *pattern, ...)
{
    char path[XENSTORE_ABS_PATH_MAX];
    va_list args;

    if (batch->error)
        return;
    va_start(args, pattern);
    vsnprintf(path, sizeof(path), pattern, args);
    va_end(args);
    if (!xs_write(batch->store, batch->id, path, value, strlen(value)))
        batch->error = errno;
    else if (owner != INHERITED)
        set_owner(batch, owner, path);
}

static void __attribute__((format(printf, 3, 4)))
put_number(struct batch *batch, unsigned long long number, const char *pattern, ...)
{
    char path[XENSTORE_ABS_PATH_MAX], value[24];
    va_list args;

    va_start(args, pattern);
    vsnprintf(path, sizeof(path), pattern, args);
    va_end(args);
    snprintf(value, sizeof(value), "%llu", number);
    put_node(batch, INHERITED, value, "%s", path);
}

static void put_vm_home(struct batch *batch, const struct nodes_identity *vm)
{
    char home[64], time[32];
    struct timeval now;

    gettimeofday(&now, NULL);
    snprintf(time, sizeof(time), "%lld.%02d", (long long)now.tv_sec, (int)(now.tv_usec / 10000));
    snprintf(home, sizeof(home), SCHEMA_VM_HOME_PATH, vm->uuid);
    put_node(batch, DOM0_FOR_GUEST, "", "%s", home);
    put_node(batch, INHERITED, vm->name, SCHEMA_VM_NAME_PATH, vm->uuid);
    put_node(batch, INHERITED, vm->uuid, SCHEMA_VM_UUID_PATH, vm->uuid);
    put_node(batch, INHERITED, time, SCHEMA_VM_START_TIME_PATH, vm->uuid);
    put_node(batch, INHERITED, home, SCHEMA_VM_PATH, vm->domid);
}

static void put_resources(struct batch *batch, const struct nodes_identity *vm)
{
    for (unsigned int cpu = 0; cpu < vm->max_vcpus; cpu++)
        put_node(batch, INHERITED, cpu < vm->vcpus ? "online" : "offline",
                 SCHEMA_CPU_AVAILABILITY_PATH, vm->domid, cpu);
    put_number(batch, vm->max_memory_kib, SCHEMA_MEMORY_STATIC_MAX_PATH, vm->domid);
    put_number(batch, vm->memory_kib, SCHEMA_MEMORY_TARGET_PATH, vm->domid);
    put_number(batch, 0, SCHEMA_MEMORY_VIDEORAM_PATH, vm->domid);
}

/* Creates the nodes that the guest writes: it cannot create nodes in dom0's directories. */
static void put_guest_nodes(struct batch *batch, uint32_t domid)
{
    put_node(batch, GUEST, "", SCHEMA_CONTROL_SHUTDOWN_PATH, domid);
    put_node(batch, GUEST, "", SCHEMA_CONTROL_POWEROFF_PATH, domid);
    put_node(batch, GUEST, "", SCHEMA_CONTROL_REBOOT_PATH, domid);
    put_node(batch, GUEST, "", SCHEMA_CONTROL_SUSPEND_PATH, domid);
    put_node(batch, GUEST, "", SCHEMA_CONTROL_SYSRQ_PATH, domid);
    put_node(batch, GUEST, "", SCHEMA_DEVICE_SUSPEND_PORT_PATH, domid);
    put_node(batch, GUEST, "", SCHEMA_DATA_PATH, domid);
    put_node(batch, GUEST, "", SCHEMA_DRIVERS_PATH, domid);
    put_node(batch, GUEST, "", SCHEMA_FEATURE_PATH, domid);
    put_node(batch, GUEST, "", SCHEMA_ATTR_PATH, domid);
    put_node(batch, GUEST, "", SCHEMA_ERROR_PATH, domid);
    put_node(batch, INHERITED, "1", SCHEMA_CONTROL_MP_SUSPEND_PATH, domid);
    put_node(batch, INHERITED, "1", SCHEMA_CONTROL_RESET_WATCHES_PATH, domid);
}

/* What hvmloader asks for. */
static void put_firmware(struct batch *batch, uint32_t domid)
{
    put_node(batch, INHERITED, "seabios", SCHEMA_HVMLOADER_BIOS_PATH, domid);
    put_node(batch, INHERITED, "0", SCHEMA_HVMLOADER_RELOCATE_PATH, domid);
    put_node(batch, INHERITED, "1", SCHEMA_PLATFORM_ACPI_PATH, domid);
    put_node(batch, INHERITED, "0", SCHEMA_PLATFORM_ACPI_S3_PATH, domid);
    put_node(batch, INHERITED, "0", SCHEMA_PLATFORM_ACPI_S4_PATH, domid);
    put_node(batch, INHERITED, "qemu_xen", SCHEMA_PLATFORM_MODEL_PATH, domid);
}

static void put_identity(struct batch *batch, const void *data)
{
    const struct nodes_identity *vm = data;

    put_node(batch, DOM0_FOR_GUEST, "", SCHEMA_DOMAIN_PATH, vm->domid);
    put_vm_home(batch, vm);
    put_node(batch, INHERITED, vm->name, SCHEMA_NAME_PATH, vm->domid);
    put_number(batch, vm->domid, SCHEMA_DOMID_PATH, vm->domid);
    put_resources(batch, vm);
    put_guest_nodes(batch, vm->domid);
    put_node(batch, INHERITED, vm->hvm ? "hvm" : "pvh", SCHEMA_LIBXL_TYPE_PATH, vm->domid);
    if (vm->hvm)
        put_firmware(batch, vm->domid);
    put_node(batch, INHERITED, "qemu_xen", SCHEMA_LIBXL_DM_VERSION_PATH, vm->domid);
}

static void put_console_backend(struct batch *batch)
{
    uint32_t domid = batch->domid;
    char frontend[64], backend[64];

    snprintf(frontend, sizeof(frontend), SCHEMA_CONSOLE_PATH, domid);
    snprintf(backend, sizeof(backend), SCHEMA_BACKEND_CONSOLE_PATH, 0, domid, 0);
    put_node(batch, DOM0_FOR_GUEST, "", "%s", backend);
    put_node(batch, INHERITED, frontend, SCHEMA_BACKEND_CONSOLE_FRONTEND_PATH, 0, domid, 0);
    put_number(batch, domid, SCHEMA_BACKEND_CONSOLE_FRONTEND_ID_PATH, 0, domid, 0);
    put_node(batch, INHERITED, "1", SCHEMA_BACKEND_CONSOLE_ONLINE_PATH, 0, domid, 0);
    put_node(batch, INHERITED, "1", SCHEMA_BACKEND_CONSOLE_STATE_PATH, 0, domid, 0);
    put_node(batch, INHERITED, "vt100", SCHEMA_BACKEND_CONSOLE_PROTOCOL_PATH, 0, domid, 0);

    put_node(batch, INHERITED, frontend, SCHEMA_LIBXL_CONSOLE_FRONTEND_PATH, domid, 0);
    put_node(batch, INHERITED, backend, SCHEMA_LIBXL_CONSOLE_BACKEND_PATH, domid, 0);
    put_number(batch, domid, SCHEMA_LIBXL_CONSOLE_FRONTEND_ID_PATH, domid, 0);
    put_node(batch, INHERITED, "1", SCHEMA_LIBXL_CONSOLE_ONLINE_PATH, domid, 0);
    put_node(batch, INHERITED, "1", SCHEMA_LIBXL_CONSOLE_STATE_PATH, domid, 0);
    put_node(batch, INHERITED, "vt100", SCHEMA_LIBXL_CONSOLE_PROTOCOL_PATH, domid, 0);
    put_node(batch, INHERITED, backend, SCHEMA_CONSOLE_BACKEND_PATH, domid);
}

static void put_rings(struct batch *batch, const void *data)
{
    const struct nodes_rings *rings = data;
    uint32_t domid = batch->domid;

    put_number(batch, rings->store_port, SCHEMA_STORE_PORT_PATH, domid);
    put_number(batch, rings->store_gfn, SCHEMA_STORE_RING_REF_PATH, domid);
    put_console_backend(batch);
    put_node(batch, GUEST_FOR_DOM0, "0", SCHEMA_CONSOLE_BACKEND_ID_PATH, domid);
    put_node(batch, INHERITED, CONSOLE_LIMIT, SCHEMA_CONSOLE_LIMIT_PATH, domid);
    put_node(batch, INHERITED, rings->hvm ? "ioemu" : "xenconsoled", SCHEMA_CONSOLE_TYPE_PATH,
             domid);
    put_node(batch, INHERITED, "pty", SCHEMA_CONSOLE_OUTPUT_PATH, domid);
    put_node(batch, INHERITED, "", SCHEMA_CONSOLE_TTY_PATH, domid);
    if (rings->hvm)
        return;
    put_number(batch, rings->console_port, SCHEMA_CONSOLE_PORT_PATH, domid);
    put_number(batch, rings->console_gfn, SCHEMA_CONSOLE_RING_REF_PATH, domid);
}

/*
 * One kind of device: path patterns of the backend's, the guest's and libxl's directories and keys.
 */
struct kind {
    const char *backend, *backend_key;
    const char *frontend, *frontend_key;
    const char *libxl_key;
};

static const struct kind vbd = {
    SCHEMA_BACKEND_VBD_PATH,    SCHEMA_BACKEND_VBD_KEY_PATH, SCHEMA_DEVICE_VBD_PATH,
    SCHEMA_DEVICE_VBD_KEY_PATH, SCHEMA_LIBXL_VBD_KEY_PATH,
};

static const struct kind vif = {
    SCHEMA_BACKEND_VIF_PATH,    SCHEMA_BACKEND_VIF_KEY_PATH, SCHEMA_DEVICE_VIF_PATH,
    SCHEMA_DEVICE_VIF_KEY_PATH, SCHEMA_LIBXL_VIF_KEY_PATH,
};

struct pair {
    const char *key, *value;
};

/* The pairs end with a NULL key. */
static void put_frontend(struct batch *batch, const struct kind *kind, unsigned int number,
                         const struct pair *pair)
{
    for (; pair->key; pair++)
        put_node(batch, INHERITED, pair->value, kind->frontend_key, batch->domid, number,
                 pair->key);
}

/* Writes the backend's nodes, and libxl's copies. */
static void put_backend(struct batch *batch, const struct kind *kind, unsigned int number,
                        const struct pair *pair)
{
    for (; pair->key; pair++) {
        put_node(batch, INHERITED, pair->value, kind->backend_key, 0, batch->domid, number,
                 pair->key);
        put_node(batch, INHERITED, pair->value, kind->libxl_key, batch->domid, number, pair->key);
    }
}

/* Fails the batch if the device exists: another tool may attach one at the same time. */
static void check_absent(struct batch *batch, const struct kind *kind, unsigned int number)
{
    char path[XENSTORE_ABS_PATH_MAX];
    char *state;

    snprintf(path, sizeof(path), kind->backend_key, 0, batch->domid, number,
             SCHEMA_BACKEND_VBD_STATE_LEAF);
    state = xs_read(batch->store, batch->id, path, NULL);
    if (state)
        batch->error = EEXIST;
    free(state);
}

/* Writes the nodes common to all kinds, which have the same names in each. */
static void put_device(struct batch *batch, const struct kind *kind, unsigned int number, bool live)
{
    char frontend[64], backend[64], domid[16];
    const struct pair for_backend[] = {
        { SCHEMA_BACKEND_VBD_FRONTEND_LEAF, frontend },
        { SCHEMA_BACKEND_VBD_FRONTEND_ID_LEAF, domid },
        { SCHEMA_BACKEND_VBD_ONLINE_LEAF, "1" },
        { SCHEMA_BACKEND_VBD_STATE_LEAF, "1" },
        { NULL },
    };
    const struct pair for_frontend[] = {
        { SCHEMA_DEVICE_VBD_BACKEND_LEAF, backend },
        { SCHEMA_DEVICE_VBD_BACKEND_ID_LEAF, "0" },
        { SCHEMA_DEVICE_VBD_STATE_LEAF, "1" },
        { NULL },
    };

    if (live)
        check_absent(batch, kind, number);
    snprintf(domid, sizeof(domid), "%u", batch->domid);
    snprintf(frontend, sizeof(frontend), kind->frontend, batch->domid, number);
    snprintf(backend, sizeof(backend), kind->backend, 0, batch->domid, number);
    put_node(batch, GUEST_FOR_DOM0, "", "%s", frontend);
    put_node(batch, DOM0_FOR_GUEST, "", "%s", backend);
    put_frontend(batch, kind, number, for_frontend);
    put_backend(batch, kind, number, for_backend);
    put_node(batch, INHERITED, backend, kind->libxl_key, batch->domid, number,
             SCHEMA_DEVICE_VBD_BACKEND_LEAF);
}

static void put_disk(struct batch *batch, const void *data)
{
    const struct nodes_disk *disk = data;
    char number[16], device[32];
    const struct pair backend[] = {
        { SCHEMA_BACKEND_VBD_PARAMS_LEAF, disk->path },
        { SCHEMA_BACKEND_VBD_SCRIPT_LEAF, "/etc/xen/scripts/block" },
        { SCHEMA_BACKEND_VBD_DEV_LEAF, disk->name },
        { SCHEMA_BACKEND_VBD_TYPE_LEAF, "phy" },
        { SCHEMA_BACKEND_VBD_MODE_LEAF, disk->writable ? "w" : "r" },
        { SCHEMA_BACKEND_VBD_KIND_LEAF, "disk" },
        { SCHEMA_BACKEND_VBD_BOOTABLE_LEAF, "1" },
        { SCHEMA_BACKEND_VBD_REMOVABLE_LEAF, "0" },
        { SCHEMA_BACKEND_VBD_DISCARD_LEAF, "1" },
        { SCHEMA_BACKEND_VBD_SPECIFICATION_LEAF, "xen" },
        { NULL },
    };
    const struct pair frontend[] = {
        { SCHEMA_DEVICE_VBD_NUMBER_LEAF, number },
        { SCHEMA_DEVICE_VBD_TYPE_LEAF, "disk" },
        { SCHEMA_DEVICE_VBD_TRUSTED_LEAF, "1" },
        { NULL },
    };

    snprintf(number, sizeof(number), "%u", disk->number);
    snprintf(device, sizeof(device), "%x:%x", disk->major, disk->minor);
    put_device(batch, &vbd, disk->number, disk->live);
    put_backend(batch, &vbd, disk->number, backend);
    put_frontend(batch, &vbd, disk->number, frontend);
    /* Written by a script under xl. The back end starts when it reads the first of these. */
    put_node(batch, INHERITED, device, SCHEMA_BACKEND_VBD_PHYSICAL_PATH, 0, disk->domid,
             disk->number);
    put_node(batch, INHERITED, disk->path, SCHEMA_BACKEND_VBD_PHYSICAL_PATH_PATH, 0, disk->domid,
             disk->number);
    put_node(batch, INHERITED, "connected", SCHEMA_BACKEND_VBD_HOTPLUG_PATH, 0, disk->domid,
             disk->number);
}

static void put_vif(struct batch *batch, const void *data)
{
    const struct nodes_vif *nic = data;
    char number[16], mtu[16];
    const struct pair backend[] = {
        { SCHEMA_BACKEND_VIF_SCRIPT_LEAF, "/etc/xen/scripts/vif-bridge" },
        { SCHEMA_BACKEND_VIF_MAC_LEAF, nic->mac },
        { SCHEMA_BACKEND_VIF_BRIDGE_LEAF, nic->bridge },
        { SCHEMA_BACKEND_VIF_HANDLE_LEAF, number },
        { SCHEMA_BACKEND_VIF_TYPE_LEAF, "vif" },
        { SCHEMA_BACKEND_VIF_HOTPLUG_LEAF, "" },
        { NULL },
    };
    const struct pair frontend[] = {
        { SCHEMA_DEVICE_VIF_HANDLE_LEAF, number },
        { SCHEMA_DEVICE_VIF_MAC_LEAF, nic->mac },
        { SCHEMA_DEVICE_VIF_TRUSTED_LEAF, "1" },
        { NULL },
    };

    snprintf(number, sizeof(number), "%u", nic->number);
    snprintf(mtu, sizeof(mtu), "%u", nic->mtu);
    put_device(batch, &vif, nic->number, nic->live);
    put_backend(batch, &vif, nic->number, backend);
    put_frontend(batch, &vif, nic->number, frontend);
    put_node(batch, DOM0_FOR_GUEST, mtu, SCHEMA_DEVICE_VIF_MTU_PATH, nic->domid, nic->number);
}

/* Runs write in a transaction, and retries on conflicts. */
static int commit(struct xs_handle *store, uint32_t domid,
                  void (*write)(struct batch *, const void *), const void *data)
{
    struct batch batch;

    do {
        batch = (struct batch){ .store = store, .domid = domid };
        batch.id = xs_transaction_start(store);
        if (batch.id == XBT_NULL)
            batch.error = errno;
        else {
            write(&batch, data);
            if (!xs_transaction_end(store, batch.id, batch.error != 0) && !batch.error)
                batch.error = errno;
        }
    } while (batch.error == EAGAIN);
    if (batch.error == EEXIST)
        report_error(REPORT_STATE,
                     "domain %u has this device already: another tool has just attached it", domid);
    else if (batch.error)
        report_error(report_by_errno(batch.error),
                     "cannot write the nodes of domain %u to the store: %s: see xenstored's log",
                     domid, strerror(batch.error));
    return -batch.error;
}

int nodes_write_identity(struct xs_handle *store, const struct nodes_identity *identity)
{
    return commit(store, identity->domid, put_identity, identity);
}

int nodes_write_rings(struct xs_handle *store, uint32_t domid, const struct nodes_rings *rings)
{
    return commit(store, domid, put_rings, rings);
}

int nodes_write_disk(struct xs_handle *store, const struct nodes_disk *disk)
{
    return commit(store, disk->domid, put_disk, disk);
}

int nodes_write_vif(struct xs_handle *store, const struct nodes_vif *nic)
{
    return commit(store, nic->domid, put_vif, nic);
}

void nodes_remove_domain(struct xs_handle *store, uint32_t domid)
{
    store_remove(store, SCHEMA_BACKEND_CONSOLE_OF_PATH, 0, domid);
    store_remove(store, SCHEMA_LIBXL_DOMAIN_PATH, domid);
    store_remove(store, SCHEMA_DOMAIN_PATH, domid);
}

void nodes_remove(struct xs_handle *store, uint32_t domid, const char *uuid)
{
    store_remove(store, SCHEMA_VM_HOME_PATH, uuid);
    nodes_remove_domain(store, domid);
}
