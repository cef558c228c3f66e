/* SPDX-License-Identifier: MIT */
/*
 * device-attach and device-detach: the guest's front end connects, or closes. Devices are described
 * and named as for xl's block-attach, block-detach, network-attach and network-detach. Read next:
 * ../libcleave/hotplug.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <xen/io/xenbus.h>

#include "cleave-schema.h"
#include "deadline.h"
#include "hotplug.h"
#include "lock.h"
#include "report.h"

#define FALLBACK_S 60

struct device {
    struct call *call;
    struct session session;
    struct domain domain;
    struct deadline deadline;
    struct hotplug hotplug;
    char name[24]; /* as device-detach takes it: xvda, or an interface's number */
};

/* Opens the session and finds the VM, which must not have ended. Pairs with end. */
static int begin(struct device *d)
{
    struct hotplug *h = &d->hotplug;
    int rc;

    create_block_signals();
    rc = control_open(d->call, &d->session, &d->domain);
    h->hv = &d->session.hv;
    h->store = d->session.store;
    h->domain = &d->domain;
    if (rc < 0)
        return rc;
    h->id.domid = d->domain.domid;
    snprintf(h->one.name, sizeof(h->one.name), "%.63s", d->domain.name);
    uuid_parse(d->domain.uuid, h->one.uuid);
    if (!(d->domain.info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)))
        return 0;
    report_error(REPORT_STATE, "\"%s\" has ended (%s): `cleave destroy %s` removes what is left",
                 d->domain.name, domain_state(&d->domain.info), d->domain.name);
    return -EALREADY;
}

static int end(struct device *d, int rc)
{
    vmdevices_free(&d->hotplug.one.devices);
    create_unblock_signals();
    return control_close(d->call, &d->session, &d->domain, rc);
}

static bool is_disk(const struct device *d) { return d->hotplug.id.kind == DEVICES_DISK; }

static const char *kind_name(const struct device *d) { return is_disk(d) ? "disk" : "vif"; }

static void name_device(struct device *d)
{
    const struct vmdevices *devices = &d->hotplug.one.devices;

    if (is_disk(d))
        snprintf(d->name, sizeof(d->name), "%s", devices->disks[0].name);
    else
        snprintf(d->name, sizeof(d->name), "%u", devices->vifs[0].number);
}

/* A paused guest does nothing: there is no use in waiting for it. */
static int check_unpaused(const struct device *d, const char *instead)
{
    if (!(d->domain.info.flags & XEN_DOMINF_paused))
        return 0;
    report_error(REPORT_STATE, "\"%s\" is paused and cannot follow: `cleave unpause %s` first, %s",
                 d->domain.name, d->domain.name, instead);
    return -EAGAIN;
}

/*
 * Returns 0 while it is worth waiting for the guest, or a negative errno after an error was
 * reported.
 */
static int check_waiting(struct device *d)
{
    struct domain now;

    if (lock_is_interrupted()) {
        report_error(
            REPORT_INTERNAL,
            "\"%s\": interrupted: the device is as before, unless the guest has already let go",
            d->domain.name);
        return -EINTR;
    }
    if (store_is_lost())
        return -ETIMEDOUT;
    if (domain_get(d->hotplug.hv, d->domain.domid, d->domain.uuid, &now) == 0 &&
        !(now.info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)))
        return 0;
    report_error(REPORT_GUEST, "\"%s\" ended meanwhile", d->domain.name);
    return -ESRCH;
}

/* --- attaching -------------------------------------------------------------------------------- */

static int read_kind(const char *word, enum devices_kind *kind)
{
    if (strcmp(word, "disk") == 0)
        *kind = DEVICES_DISK;
    else if (strcmp(word, "vif") == 0)
        *kind = DEVICES_VIF;
    else {
        report_error(REPORT_USAGE,
                     "\"%s\": must be disk or vif: other devices cannot be attached to a running "
                     "VM",
                     word);
        return -EINVAL;
    }
    return 0;
}

/* Joins the parts of a specification by commas, as xl does. The caller frees it. */
static char *join(char **parts, int count)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    if (!out)
        return NULL;
    for (int i = 0; i < count; i++)
        fprintf(out, "%s%s", i ? "," : "", parts[i]);
    fclose(out);
    return text;
}

/* Returns a bit for each number that an interface of the VM has. */
static uint32_t taken_numbers(const struct device *d)
{
    unsigned int *numbers;
    unsigned int count = devices_list(d->session.store, d->domain.domid, DEVICES_VIF, &numbers);
    uint32_t taken = 0;

    for (unsigned int i = 0; i < count; i++)
        if (numbers[i] < 32)
            taken |= 1u << numbers[i];
    free(numbers);
    return taken;
}

static int read_specification(struct device *d)
{
    struct vmdevices *devices = &d->hotplug.one.devices;
    char *spec = join(d->call->arguments + 2, d->call->count - 2);
    int rc = spec ? 0 : -ENOMEM;

    if (rc == 0 && is_disk(d) && !*spec) {
        report_error(REPORT_USAGE,
                     "which disk is missing: cleave device-attach %s disk "
                     "/path/in/dom0,raw,xvdb,rw",
                     d->domain.name);
        rc = -EINVAL;
    } else if (rc == 0 && is_disk(d)) {
        rc = vmdevices_read_disk("device-attach", spec, devices);
        d->hotplug.id.number = devices->disks[0].number;
    } else if (rc == 0) {
        rc = vmdevices_read_vif("device-attach", spec, d->hotplug.one.uuid, taken_numbers(d),
                                devices);
        d->hotplug.id.number = devices->vifs[0].number;
    }
    free(spec);
    if (rc == 0)
        name_device(d);
    return rc;
}

/* Waits until both ends are connected. */
static int await_connected(struct device *d)
{
    struct devices_state state;

    do {
        int rc = check_waiting(d);

        if (rc < 0)
            return rc;
        devices_look(d->session.store, &d->hotplug.id, &state);
        if (state.back == XenbusStateConnected && state.front == XenbusStateConnected)
            return 0;
    } while (deadline_step(&d->deadline));
    if (state.front <= XenbusStateInitialising)
        report_error(REPORT_COOPERATION,
                     "\"%s\" has not connected to its new %s within %ld s: it is still booting, or "
                     "has no driver for it; nothing was attached",
                     d->domain.name, kind_name(d), d->deadline.seconds);
    else
        report_error(REPORT_TIMEOUT,
                     "\"%s\" has not finished to connect to its new %s within %ld s (states %u "
                     "and %u); nothing was attached",
                     d->domain.name, kind_name(d), d->deadline.seconds, state.front, state.back);
    return -ETIMEDOUT;
}

static void show_attached(const struct device *d)
{
    const struct vmdevices *devices = &d->hotplug.one.devices;
    json_t *json = d->call->json;

    if (!json) {
        if (is_disk(d))
            printf("%s has disk %s: %s\n", d->domain.name, d->name, devices->disks[0].path);
        else
            printf("%s has vif %s: %s on %s\n", d->domain.name, d->name, devices->vifs[0].mac,
                   devices->vifs[0].bridge);
        return;
    }
    output_text(json, "kind", kind_name(d));
    output_text(json, "device", d->name);
    if (is_disk(d)) {
        output_text(json, "path", devices->disks[0].path);
        json_object_set_new(json, "writable", json_boolean(devices->disks[0].writable));
    } else {
        output_text(json, "mac", devices->vifs[0].mac);
        output_text(json, "bridge", devices->vifs[0].bridge);
    }
    json_object_set_new(json, "connected", json_boolean(!d->call->options[OPTION_NO_WAIT]));
}

int device_attach(struct call *call)
{
    struct device d = { .call = call };
    bool wait = !call->options[OPTION_NO_WAIT];
    int rc = read_kind(call->arguments[1], &d.hotplug.id.kind);

    if (rc < 0 || deadline_begin(call, FALLBACK_S, &d.deadline) < 0)
        return -EINVAL;
    rc = begin(&d);
    if (rc == 0)
        rc = read_specification(&d);
    if (rc == 0 && wait)
        rc = check_unpaused(&d, "or use --no-wait");
    if (rc == 0)
        rc = hotplug_attach(&d.hotplug);
    if (rc == 0 && wait) {
        rc = await_connected(&d);
        if (rc < 0)
            hotplug_remove(&d.hotplug);
    }
    if (rc == 0)
        show_attached(&d);
    return end(&d, rc);
}

/* --- detaching -------------------------------------------------------------------------------- */

/* Finds the number of the interface with this address. False: there is none. */
static bool find_mac(const struct device *d, const char *mac, unsigned int *number)
{
    unsigned int *numbers;
    unsigned int count = devices_list(d->session.store, d->domain.domid, DEVICES_VIF, &numbers);
    bool found = false;

    for (unsigned int i = 0; i < count && !found; i++) {
        char other[VMDEVICES_MAC_SIZE];

        store_read_text(d->session.store, other, sizeof(other), SCHEMA_BACKEND_VIF_MAC_PATH, 0,
                        d->domain.domid, numbers[i]);
        found = strcasecmp(mac, other) == 0;
        *number = numbers[i];
    }
    free(numbers);
    return found;
}

/* Numbers of disks are beyond those of interfaces: xvda is 51712. */
static bool parse_device(struct device *d, const char *who)
{
    struct devices_id *id = &d->hotplug.id;
    unsigned long number = strtoul(who, NULL, 10);

    id->kind = DEVICES_VIF;
    if (*who && strspn(who, "0123456789") == strlen(who) && number <= UINT32_MAX) {
        id->kind = number < VMDEVICES_VIFS_MAX ? DEVICES_VIF : DEVICES_DISK;
        id->number = number;
        return true;
    }
    if (strchr(who, ':'))
        return find_mac(d, who, &id->number);
    id->kind = DEVICES_DISK;
    return vmdevices_number(who, &id->number);
}

static void list_devices(const struct device *d, char *text, size_t size)
{
    struct xs_handle *store = d->session.store;
    unsigned int *numbers, count;
    size_t used = 0;

    text[0] = '\0';
    count = devices_list(store, d->domain.domid, DEVICES_DISK, &numbers);
    for (unsigned int i = 0; i < count && used < size; i++) {
        char name[8];

        store_read_text(store, name, sizeof(name), SCHEMA_BACKEND_VBD_DEV_PATH, 0, d->domain.domid,
                        numbers[i]);
        used += snprintf(text + used, size - used, "%s%s", used ? ", " : "", name);
    }
    free(numbers);
    count = devices_list(store, d->domain.domid, DEVICES_VIF, &numbers);
    for (unsigned int i = 0; i < count && used < size; i++)
        used += snprintf(text + used, size - used, "%svif %u", used ? ", " : "", numbers[i]);
    free(numbers);
}

static int find_device(struct device *d)
{
    const char *who = d->call->arguments[1];
    struct vmdevices *devices = &d->hotplug.one.devices;
    struct devices_state state = { .back = 0 };
    char has[128];

    if (parse_device(d, who))
        devices_look(d->session.store, &d->hotplug.id, &state);
    if (!state.back) {
        list_devices(d, has, sizeof(has));
        report_error(REPORT_NOT_FOUND,
                     "\"%s\" has no device %s: it has %s; name a disk as xvda, an interface by its "
                     "number or address",
                     d->domain.name, who, *has ? has : "none");
        return -ENOENT;
    }
    devices->disk_count = is_disk(d);
    devices->vif_count = !is_disk(d);
    devices->disks[0].number = devices->vifs[0].number = d->hotplug.id.number;
    if (is_disk(d))
        store_read_text(d->session.store, devices->disks[0].name, sizeof(devices->disks[0].name),
                        SCHEMA_BACKEND_VBD_DEV_PATH, 0, d->domain.domid, d->hotplug.id.number);
    name_device(d);
    return 0;
}

/* The guest's driver uses the device, and must let go of it. */
static bool is_in_use(const struct device *d)
{
    struct devices_state state;

    devices_look(d->session.store, &d->hotplug.id, &state);
    return state.back && state.back != XenbusStateClosed && state.front > XenbusStateInitialising &&
           state.front != XenbusStateClosed;
}

/* The time is over. The guest keeps the device if it has not begun to let go of it. */
static int give_up(struct device *d)
{
    int rc = hotplug_reopen(&d->hotplug);

    if (rc == 0)
        report_error(REPORT_COOPERATION,
                     "\"%s\" did not let go of %s within %ld s and keeps it: --force takes it away",
                     d->domain.name, d->name, d->deadline.seconds);
    else if (rc == -EBUSY)
        report_error(REPORT_TIMEOUT,
                     "\"%s\" is letting go of %s, but not within %ld s: wait again by the same "
                     "command; --force takes it away",
                     d->domain.name, d->name, d->deadline.seconds);
    return -ETIMEDOUT;
}

static int await_closed(struct device *d)
{
    bool force = d->call->options[OPTION_FORCE_DETACH];
    int rc;

    while (is_in_use(d)) {
        rc = check_waiting(d);
        if (rc < 0) {
            hotplug_reopen(&d->hotplug);
            return rc;
        }
        if (force && d->domain.info.flags & XEN_DOMINF_paused)
            return 0;
        if (deadline_step(&d->deadline))
            continue;
        if (!force)
            return give_up(d);
        report_note("\"%s\" did not let go of %s within %ld s: it was taken away", d->domain.name,
                    d->name, d->deadline.seconds);
        return 0;
    }
    return 0;
}

int device_detach(struct call *call)
{
    struct device d = { .call = call };
    bool wait = !call->options[OPTION_NO_WAIT];
    int rc;

    if (deadline_begin(call, FALLBACK_S, &d.deadline) < 0)
        return -EINVAL;
    rc = begin(&d);
    if (rc == 0)
        rc = find_device(&d);
    if (rc == 0 && wait && is_in_use(&d) && !call->options[OPTION_FORCE_DETACH])
        rc = check_unpaused(&d, "or use --force");
    if (rc == 0)
        rc = hotplug_close(&d.hotplug);
    if (rc == 0 && wait)
        rc = await_closed(&d);
    if (rc == 0 && wait)
        rc = hotplug_remove(&d.hotplug);
    if (rc == 0 && call->json) {
        output_text(call->json, "kind", kind_name(&d));
        output_text(call->json, "device", d.name);
        json_object_set_new(call->json, "detached", json_boolean(wait));
    } else if (rc == 0) {
        printf(wait ? "%s has no %s %s any more\n" : "%s is asked to let go of %s %s\n",
               d.domain.name, kind_name(&d), d.name);
    }
    return end(&d, rc);
}
