/* SPDX-License-Identifier: MIT */
/*
 * A device is attached when the store has its nodes and the back end is online: that is what counts
 * for xl, too. libxl's record describes it as its user did, with the file in place of the loop
 * device. So the devices that a VM has are those in libxl's record that the store has, whichever
 * tool attached them. Read next: xlrecord.c, devices.c.
 */
#include "hotplug.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleave-schema.h"
#include "events.h"
#include "report.h"
#include "vmtext.h"
#include "xlrecord.h"

#define LOCK_MS 10000

/* --- the VM file ------------------------------------------------------------------------------ */

/* True if the store still has what was written for this VM when it was built. */
static bool is_complete(struct xs_handle *store, uint32_t domid, const char *uuid)
{
    char home[64], vm[64], type[8];

    snprintf(home, sizeof(home), SCHEMA_VM_HOME_PATH, uuid);
    store_read_text(store, vm, sizeof(vm), SCHEMA_VM_PATH, domid);
    return strcmp(home, vm) == 0 &&
           store_read_text(store, type, sizeof(type), SCHEMA_LIBXL_TYPE_PATH, domid);
}

static bool is_online(struct xs_handle *store, uint32_t domid, enum devices_kind kind,
                      unsigned int number)
{
    struct devices_id id = { domid, kind, number };
    struct devices_state state;

    devices_look(store, &id, &state);
    return state.online;
}

/* Leaves out the devices that the store has not. */
static void leave_out(struct xs_handle *store, uint32_t domid, struct vmdevices *devices)
{
    unsigned int kept = 0;

    for (unsigned int i = 0; i < devices->disk_count; i++) {
        if (is_online(store, domid, DEVICES_DISK, devices->disks[i].number))
            devices->disks[kept++] = devices->disks[i];
        else
            free(devices->disks[i].path);
    }
    devices->disk_count = kept;
    kept = 0;
    for (unsigned int i = 0; i < devices->vif_count; i++)
        if (is_online(store, domid, DEVICES_VIF, devices->vifs[i].number))
            devices->vifs[kept++] = devices->vifs[i];
    devices->vif_count = kept;
}

static bool are_same(const struct vmdevices *a, const struct vmdevices *b)
{
    bool same = a->disk_count == b->disk_count && a->vif_count == b->vif_count;

    for (unsigned int i = 0; same && i < a->disk_count; i++)
        same = a->disks[i].number == b->disks[i].number &&
               a->disks[i].writable == b->disks[i].writable &&
               a->disks[i].direct_io == b->disks[i].direct_io &&
               strcmp(a->disks[i].path, b->disks[i].path) == 0;
    for (unsigned int i = 0; same && i < a->vif_count; i++)
        same = a->vifs[i].number == b->vifs[i].number &&
               strcasecmp(a->vifs[i].mac, b->vifs[i].mac) == 0 &&
               strcmp(a->vifs[i].bridge, b->vifs[i].bridge) == 0;
    return same;
}

/* Reads the VM's file, without the warnings that its user got when the VM was created. */
static int read_file(const struct vms_record *vm, struct vmfile *file)
{
    struct report *outer = report_current(), report = { .echo = NULL };
    int rc;

    report_begin(&report);
    rc = vms_read_file(vm->uuid, NULL, 0, file);
    report_join(outer);
    if (rc < 0)
        report_error(report_class(&report), "%s", report_text(&report));
    free(report.text);
    return rc;
}

/* Writes the devices into the VM file unless it has the same. */
static int write_devices(const struct vms_record *vm, const struct vmdevices *devices)
{
    struct vmfile file;
    char *text = NULL;
    int rc = read_file(vm, &file);

    /* the store has none of the devices that a device model emulates */
    if (rc == 0 && !file.hvm && !are_same(devices, &file.devices)) {
        text = vmtext_devices(file.uuid, devices);
        rc = text ? vms_set_devices(vm, text) : -ENOMEM;
    }
    free(text);
    vmfile_free(&file);
    return rc;
}

static int keep(struct xs_handle *store, const struct vms_record *vm, uint32_t domid)
{
    struct vmdevices devices;
    int rc;

    if (!is_complete(store, domid, vm->uuid) || xlrecord_devices(domid, vm->uuid, &devices) < 0)
        return 0;
    leave_out(store, domid, &devices);
    rc = write_devices(vm, &devices);
    vmdevices_free(&devices);
    return rc;
}

void hotplug_keep(struct xs_handle *store, const struct vms_record *vm, uint32_t domid)
{
    struct report *outer = report_current();
    struct report report = { .echo = outer ? outer->echo : stderr };
    int rc;

    report_begin(&report);
    rc = keep(store, vm, domid);
    report_join(outer);
    if (rc < 0)
        report_warning("%s: its VM file has the devices of before", report_text(&report));
    free(report.text);
}

/* --- records ---------------------------------------------------------------------------------- */

/* The VM of an operation, with its lock. */
struct held {
    struct vms_record vm;
    int lock; /* -ESRCH: it is no VM of cleave */
};

static int hold(const struct hotplug *h, struct held *held)
{
    int rc;

    held->lock = vms_lock(h->domain->uuid, LOCK_MS);
    if (held->lock == -ESRCH)
        return 0;
    if (held->lock == -EBUSY)
        report_error(REPORT_TIMEOUT,
                     "VM \"%s\": another program has changed it for %d s already: `ps` shows "
                     "which `cleave` that is",
                     h->domain->name, LOCK_MS / 1000);
    else if (held->lock < 0)
        report_error(REPORT_INTERNAL, "VM \"%s\": cannot lock it: %s", h->domain->name,
                     strerror(-held->lock));
    if (held->lock < 0)
        return held->lock;
    rc = vms_load(h->domain->uuid, &held->vm);
    if (rc < 0)
        vms_unlock(held->lock);
    return rc;
}

static void release(const struct held *held)
{
    if (held->lock >= 0)
        vms_unlock(held->lock);
}

/* Makes libxl's record anew, for a VM that was built when it could not be written. */
static int restore_record(const struct hotplug *h, const struct held *held)
{
    struct vmfile file;
    int rc;

    if (held->lock < 0)
        return -ENOENT;
    rc = read_file(&held->vm, &file);
    if (rc == 0)
        rc = xlrecord_write(h->id.domid, &file);
    vmfile_free(&file);
    return rc;
}

/* Adds the new device to both records. */
static int record(const struct hotplug *h, const struct held *held)
{
    const struct vmdevices *devices = &h->one.devices;
    int rc = xlrecord_add(h->id.domid, h->domain->uuid, devices);

    if (rc == -ENOENT && restore_record(h, held) == 0)
        rc = xlrecord_add(h->id.domid, h->domain->uuid, devices);
    if (rc < 0) {
        report_error(report_by_errno(-rc), "\"%s\": cannot write its devices into xl's record: %s",
                     h->domain->name, strerror(-rc));
        return rc;
    }
    rc = held->lock < 0 ? 0 : keep(h->store, &held->vm, h->id.domid);
    if (rc < 0)
        xlrecord_drop(h->id.domid, h->domain->uuid, devices);
    return rc;
}

static void describe(const struct hotplug *h, char *text, size_t size)
{
    const struct vmdevices *devices = &h->one.devices;

    if (h->id.kind == DEVICES_DISK)
        snprintf(text, size, "disk %s%s%s", devices->disks[0].name,
                 devices->disks[0].path ? ": " : "",
                 devices->disks[0].path ? devices->disks[0].path : "");
    else
        snprintf(text, size, "vif %u", h->id.number);
}

static void tell(const struct hotplug *h, const char *event)
{
    char text[256];

    describe(h, text, sizeof(text));
    events_device(h->domain, event, text);
}

/* --- operations ------------------------------------------------------------------------------- */

/* The VM may have ended, or been built again, since it was found. */
static int check_current(const struct hotplug *h, const struct held *held)
{
    struct domain now;
    int rc = domain_get(h->hv, h->id.domid, h->domain->uuid, &now);

    if (rc == 0 && !(now.info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)) &&
        (held->lock < 0 || held->vm.domid == h->id.domid))
        return 0;
    report_error(REPORT_STATE, "\"%s\" has just ended: see `cleave list`", h->domain->name);
    return -ESRCH;
}

/* A device model gets its devices when it starts. */
static int check_type(const struct hotplug *h)
{
    if (!domain_has_model(h->store, h->id.domid))
        return 0;
    report_error(REPORT_STATE,
                 "\"%s\" is an HVM guest, which has the devices of its VM file as long as it runs: "
                 "change the file, and start it again",
                 h->domain->name);
    return -EOPNOTSUPP;
}

/*
 * Checks that the VM has no such device, not even one that is about to go: a guest notices nothing
 * if the nodes are removed and written again at once.
 */
static int check_number(const struct hotplug *h)
{
    struct devices_state state;
    char text[256];

    devices_look(h->store, &h->id, &state);
    if (!state.back)
        return 0;
    describe(h, text, sizeof(text));
    text[strcspn(text, ":")] = '\0';
    if (state.online)
        report_error(REPORT_STATE, "\"%s\" has a %s already: choose another name", h->domain->name,
                     text);
    else
        report_error(REPORT_STATE,
                     "\"%s\" still has a %s, which is being detached: `cleave device-detach` "
                     "completes that",
                     h->domain->name, text);
    return -EEXIST;
}

/* A VM file has room for as many; those of xl count as well. */
static int check_count(const struct hotplug *h)
{
    unsigned int *numbers;
    unsigned int count = devices_list(h->store, h->id.domid, DEVICES_DISK, &numbers);

    free(numbers);
    if (h->id.kind != DEVICES_DISK || count < VMDEVICES_DISKS_MAX)
        return 0;
    report_error(REPORT_STATE, "\"%s\" has %u disks already, and can have no more", h->domain->name,
                 count);
    return -EEXIST;
}

/* Checks that no other interface of the VM has this address. */
static int check_mac(const struct hotplug *h)
{
    const struct vmdevices_vif *vif = &h->one.devices.vifs[0];
    unsigned int *numbers, count, i;
    int rc = 0;

    if (h->id.kind != DEVICES_VIF)
        return 0;
    count = devices_list(h->store, h->id.domid, DEVICES_VIF, &numbers);
    for (i = 0; i < count && rc == 0; i++) {
        char mac[VMDEVICES_MAC_SIZE];

        store_read_text(h->store, mac, sizeof(mac), SCHEMA_BACKEND_VIF_MAC_PATH, 0, h->id.domid,
                        numbers[i]);
        if (numbers[i] != h->id.number && strcasecmp(mac, vif->mac) == 0)
            rc = -EEXIST;
    }
    if (rc < 0)
        report_error(REPORT_STATE, "\"%s\": its vif %u has the address %s already: choose another",
                     h->domain->name, numbers[i - 1], vif->mac);
    free(numbers);
    return rc;
}

int hotplug_attach(struct hotplug *h)
{
    struct held held;
    int rc = hold(h, &held);

    if (rc < 0)
        return rc;
    if ((rc = check_current(h, &held)) == 0 && (rc = check_type(h)) == 0 &&
        (rc = check_number(h)) == 0 && (rc = check_count(h)) == 0 && (rc = check_mac(h)) == 0 &&
        (rc = devices_check(&h->one, false)) == 0 &&
        (rc = devices_attach_live(h->store, h->id.domid, &h->one)) == 0) {
        rc = record(h, &held);
        if (rc == 0)
            tell(h, "attached");
        else
            devices_remove(h->store, &h->id);
    }
    release(&held);
    return rc;
}

int hotplug_close(struct hotplug *h)
{
    struct held held;
    int rc = hold(h, &held);

    if (rc < 0)
        return rc;
    devices_close(h->store, &h->id);
    if (held.lock >= 0)
        hotplug_keep(h->store, &held.vm, held.vm.domid);
    release(&held);
    return 0;
}

int hotplug_reopen(struct hotplug *h)
{
    struct held held;
    int rc = hold(h, &held);

    if (rc < 0)
        return rc;
    if (!devices_reopen(h->store, &h->id))
        rc = -EBUSY;
    if (held.lock >= 0)
        hotplug_keep(h->store, &held.vm, held.vm.domid);
    release(&held);
    return rc;
}

int hotplug_remove(struct hotplug *h)
{
    struct held held;
    int rc = hold(h, &held);

    if (rc < 0)
        return rc;
    devices_remove(h->store, &h->id);
    rc = xlrecord_drop(h->id.domid, h->domain->uuid, &h->one.devices);
    if (rc < 0 && rc != -ENOENT) /* xl ignores what is not in the store */
        report_warning("\"%s\": cannot write its devices into xl's record: %s", h->domain->name,
                       strerror(-rc));
    if (held.lock >= 0)
        hotplug_keep(h->store, &held.vm, held.vm.domid);
    tell(h, "detached");
    release(&held);
    return 0;
}
