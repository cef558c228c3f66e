/* SPDX-License-Identifier: MIT */
/*
 * Disks and network interfaces. System calls replace xl's hotplug scripts: a file becomes a loop
 * device, which exists while the back end holds it open, and the back end's interface is added to
 * its bridge. The nodes match xl's, so that `xl destroy` works: params always names a block device,
 * for which xl's script has nothing to remove. States are those of XenbusState (xen/io/xenbus.h).
 * Read next: nodes.c, loop.c, bridge.c.
 */
#define _GNU_SOURCE
#include "devices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <xen/io/xenbus.h>

#include "bridge.h"
#include "cleave-schema.h"
#include "lock.h"
#include "loop.h"
#include "nodes.h"
#include "report.h"

#define DRIVERS "/sys/bus/xen-backend/drivers/"
/* Timeout for each step of dom0's kernel. It needs milliseconds, but the machine may be busy. */
#define STEP_MS 20000
#define PAUSE_MS 10

/* --- checks before the domain exists ---------------------------------------------------------- */

static int check_driver(const struct vmfile *vm, const char *driver, const char *module)
{
    if (access(driver, F_OK) == 0)
        return 0;
    report_error(REPORT_NOT_FOUND, "VM \"%s\": dom0's kernel has no %s: modprobe %s", vm->name,
                 module, module);
    return -ENODEV;
}

int devices_check_file(const struct vmfile *vm, const struct vmdevices_disk *disk, int file,
                       struct stat *st)
{
    int rc = 0;

    if (file < 0 || fstat(file, st) < 0) {
        rc = -errno;
        report_error(report_by_errno(-rc), "VM \"%s\": disk %s: %s: %s", vm->name, disk->name,
                     disk->path, strerror(-rc));
    } else if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode)) {
        rc = -EINVAL;
        report_error(REPORT_USAGE, "VM \"%s\": disk %s: %s is neither a file nor a block device",
                     vm->name, disk->name, disk->path);
    } else if (S_ISREG(st->st_mode) && st->st_size < 512) {
        rc = -EINVAL;
        report_error(REPORT_USAGE,
                     "VM \"%s\": disk %s: %s has %lld bytes, less than a sector: truncate -s SIZE "
                     "%s",
                     vm->name, disk->name, disk->path, (long long)st->st_size, disk->path);
    }
    return rc;
}

int devices_check_bridge(const struct vmfile *vm, const struct vmdevices_vif *vif)
{
    if (bridge_exists(vif->bridge))
        return 0;
    report_error(REPORT_NOT_FOUND,
                 "VM \"%s\": vif %u: dom0 has no bridge %s: ip link add %s type bridge", vm->name,
                 vif->number, vif->bridge, vif->bridge);
    return -ENODEV;
}

static int check_disk(const struct vmfile *vm, const struct vmdevices_disk *disk, bool in_use)
{
    /* O_EXCL fails if a block device is mounted */
    int exclusive = disk->writable && !in_use ? O_EXCL : 0;
    int file = open(disk->path, (disk->writable ? O_RDWR : O_RDONLY) | exclusive | O_CLOEXEC);
    struct stat st;
    int rc;

    if (file < 0 && errno == EBUSY) {
        rc = -EBUSY;
        report_error(REPORT_STATE,
                     "VM \"%s\": disk %s: %s is in use by dom0: unmount it, or use mode r",
                     vm->name, disk->name, disk->path);
    } else if ((rc = devices_check_file(vm, disk, file, &st)) < 0) {
        /* an error line was printed */
    } else if (flock(file, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
        rc = -EBUSY;
        report_error(REPORT_STATE,
                     "VM \"%s\": disk %s: %s is in use by the device model of another VM, which "
                     "writes to it: end that VM, or copy it",
                     vm->name, disk->name, disk->path);
    } else if (S_ISREG(st.st_mode) && !loop_available()) {
        rc = -ENODEV;
        report_error(REPORT_NOT_FOUND,
                     "VM \"%s\": disk %s is a file, and dom0's kernel has no loop devices: "
                     "modprobe loop",
                     vm->name, disk->name);
    }
    if (file >= 0)
        close(file);
    return rc;
}

int devices_check(const struct vmfile *vm, bool in_use)
{
    const struct vmdevices *devices = &vm->devices;
    int rc = 0;

    if (devices->disk_count)
        rc = check_driver(vm, DRIVERS "vbd", "xen-blkback");
    for (unsigned int i = 0; rc == 0 && i < devices->disk_count; i++)
        rc = check_disk(vm, &devices->disks[i], in_use);
    if (rc == 0 && devices->vif_count)
        rc = check_driver(vm, DRIVERS "vif", "xen-netback");
    for (unsigned int i = 0; rc == 0 && i < devices->vif_count; i++)
        rc = devices_check_bridge(vm, &devices->vifs[i]);
    return rc;
}

/* --- attach ----------------------------------------------------------------------------------- */

/* Waits for a file that the back end creates when it is ready. False: timeout. */
static bool await_file(const char *path)
{
    for (int waited = 0; waited < STEP_MS; waited += PAUSE_MS) {
        if (access(path, F_OK) == 0)
            return true;
        usleep(PAUSE_MS * 1000);
    }
    return false;
}

/*
 * Opens the block device to be served, and returns its descriptor, name and number; or a negative
 * errno after an error line.
 */
static int open_disk(const struct vmfile *vm, const struct vmdevices_disk *disk, char *name,
                     size_t size, dev_t *device)
{
    int file = open(disk->path, (disk->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    struct stat st;
    int rc = file < 0 || fstat(file, &st) < 0 ? -errno : 0;

    if (rc == 0 && S_ISREG(st.st_mode)) {
        int loop = loop_attach(file, disk->path, disk->writable, disk->direct_io);

        close(file);
        file = loop;
        rc = file < 0 ? file : 0;
        if (rc == 0 && fstat(file, &st) < 0)
            rc = -errno;
    }
    if (rc < 0) {
        report_error(report_by_errno(-rc), "VM \"%s\": disk %s: cannot make %s a block device: %s",
                     vm->name, disk->name, disk->path, strerror(-rc));
        if (file >= 0)
            close(file);
        return rc;
    }
    *device = st.st_rdev;
    snprintf(name, size, "/proc/self/fd/%d", file);

    char target[PATH_MAX];
    ssize_t length = readlink(name, target, sizeof(target) - 1);

    snprintf(name, size, "%.*s", (int)(length < 0 ? 0 : length), target);
    return file;
}

/*
 * Lists the numeric children of a store directory. The caller frees *numbers. Returns their number.
 */
static unsigned int list_numbers(struct xs_handle *store, unsigned int **numbers,
                                 const char *folder)
{
    unsigned int count = 0;
    char **names = xs_directory(store, XBT_NULL, folder, &count);

    *numbers = calloc(count + 1, sizeof(**numbers));
    for (unsigned int i = 0; names && *numbers && i < count; i++)
        (*numbers)[i] = strtoul(names[i], NULL, 10);
    free(names);
    return *numbers ? count : 0;
}

/*
 * Identifies a disk's storage: a file, possibly behind a loop device, or a block device (no inode).
 */
struct storage {
    dev_t device;
    ino_t inode;
};

static bool find_storage(int fd, struct storage *storage)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return false;
    if (S_ISREG(st.st_mode))
        *storage = (struct storage){ st.st_dev, st.st_ino };
    else if (!loop_backing(fd, &storage->device, &storage->inode))
        *storage = (struct storage){ .device = st.st_rdev };
    return true;
}

/* True if a disk of another VM has the same storage, and one of the two VMs may write. */
static bool collides(struct xs_handle *store, uint32_t domid, unsigned int number,
                     const struct storage *mine, bool writable)
{
    char mode[4], path[PATH_MAX];
    struct storage other;
    bool same;
    int fd;

    store_read_text(store, mode, sizeof(mode), SCHEMA_BACKEND_VBD_MODE_PATH, 0, domid, number);
    store_read_text(store, path, sizeof(path), SCHEMA_BACKEND_VBD_PHYSICAL_PATH_PATH, 0, domid,
                    number);
    if (!writable && mode[0] != 'w')
        return false;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    same = fd >= 0 && find_storage(fd, &other) && other.device == mine->device &&
           other.inode == mine->inode;
    if (fd >= 0)
        close(fd);
    return same;
}

int devices_check_unshared(struct xs_handle *store, uint32_t domid, const struct vmfile *vm,
                           const struct vmdevices_disk *disk, int fd)
{
    unsigned int *domids, *numbers, domid_count, number_count;
    char folder[64];
    struct storage mine;
    int rc = find_storage(fd, &mine) ? 0 : -errno;

    if (rc < 0)
        report_error(report_by_errno(-rc), "VM \"%s\": disk %s: %s: %s", vm->name, disk->name,
                     disk->path, strerror(-rc));
    snprintf(folder, sizeof(folder), SCHEMA_BACKEND_VBDS_PATH, 0);
    domid_count = list_numbers(store, &domids, folder);
    for (unsigned int i = 0; rc == 0 && i < domid_count; i++) {
        snprintf(folder, sizeof(folder), SCHEMA_BACKEND_VBDS_OF_PATH, 0, domids[i]);
        number_count = list_numbers(store, &numbers, folder);
        for (unsigned int j = 0; rc == 0 && j < number_count; j++)
            if (collides(store, domids[i], numbers[j], &mine, disk->writable))
                rc = -EBUSY;
        free(numbers);
        if (rc < 0 && domids[i] == domid)
            report_error(REPORT_STATE,
                         "VM \"%s\": disk %s: %s is already another disk of this VM, which would "
                         "corrupt it: choose another file, or use mode r for both",
                         vm->name, disk->name, disk->path);
        else if (rc < 0)
            report_error(REPORT_STATE,
                         "VM \"%s\": disk %s: %s is already in use by domain %u, and two VMs that "
                         "write to one disk corrupt it: end the other VM, copy it, or use mode "
                         "r for both",
                         vm->name, disk->name, disk->path, domids[i]);
    }
    free(domids);
    return rc;
}

static int attach_disk(struct xs_handle *store, uint32_t domid, const struct vmfile *vm,
                       const struct vmdevices_disk *disk, bool live)
{
    struct nodes_disk nodes = { .domid = domid,
                                .number = disk->number,
                                .name = disk->name,
                                .writable = disk->writable,
                                .live = live };
    char path[128], served[96];
    dev_t device;
    int fd = open_disk(vm, disk, path, sizeof(path), &device);
    int lock, rc;

    if (fd < 0)
        return fd;
    nodes.path = path;
    nodes.major = major(device);
    nodes.minor = minor(device);
    rc = lock = lock_acquire();
    if (lock >= 0) {
        rc = devices_check_unshared(store, domid, vm, disk, fd);
        if (rc == 0)
            rc = nodes_write_disk(store, &nodes);
        lock_release(lock);
    }
    snprintf(served, sizeof(served), DRIVERS "vbd/vbd-%u-%u/physical_device", domid, disk->number);
    if (rc == 0 && !await_file(served)) {
        rc = -EIO;
        report_error(REPORT_TIMEOUT,
                     "VM \"%s\": disk %s: dom0's kernel did not connect %s: another VM may be "
                     "writing to it; see dmesg",
                     vm->name, disk->name, disk->path);
        if (live)
            devices_remove(store, &(struct devices_id){ domid, DEVICES_DISK, disk->number });
    }
    close(fd);
    return rc;
}

/* Waits for the back end's interface and adds it to the bridge. */
static int join_bridge(struct xs_handle *store, uint32_t domid, const struct vmfile *vm,
                       const struct vmdevices_vif *vif)
{
    char interface[IFNAMSIZ], made[64];
    int rc;

    snprintf(interface, sizeof(interface), "vif%u.%u", domid, vif->number);
    snprintf(made, sizeof(made), "/sys/class/net/%s", interface);
    if (!await_file(made)) {
        report_error(REPORT_TIMEOUT,
                     "VM \"%s\": vif %u: dom0's kernel did not create %s: see dmesg", vm->name,
                     vif->number, interface);
        return -EIO;
    }
    rc = bridge_join(vif->bridge, interface);
    if (rc < 0)
        report_error(report_by_errno(-rc), "VM \"%s\": vif %u: cannot add %s to bridge %s: %s",
                     vm->name, vif->number, interface, vif->bridge, strerror(-rc));
    else if (!store_write(store, XBT_NULL, "connected", SCHEMA_BACKEND_VIF_HOTPLUG_PATH, 0, domid,
                          vif->number)) {
        rc = -errno;
        report_error(report_by_errno(-rc),
                     "VM \"%s\": vif %u: cannot write its status to the store: %s", vm->name,
                     vif->number, strerror(-rc));
    }
    return rc;
}

static int attach_vif(struct xs_handle *store, uint32_t domid, const struct vmfile *vm,
                      const struct vmdevices_vif *vif, bool live)
{
    struct nodes_vif nodes = { .domid = domid,
                               .number = vif->number,
                               .mac = vif->mac,
                               .bridge = vif->bridge,
                               .mtu = bridge_mtu(vif->bridge),
                               .live = live };
    int rc = nodes_write_vif(store, &nodes);

    if (rc < 0)
        return rc;
    rc = join_bridge(store, domid, vm, vif);
    if (rc < 0 && live)
        devices_remove(store, &(struct devices_id){ domid, DEVICES_VIF, vif->number });
    return rc;
}

static int attach_all(struct xs_handle *store, uint32_t domid, const struct vmfile *vm, bool live)
{
    int rc = 0;

    for (unsigned int i = 0; rc == 0 && i < vm->devices.disk_count; i++)
        rc = attach_disk(store, domid, vm, &vm->devices.disks[i], live);
    for (unsigned int i = 0; rc == 0 && i < vm->devices.vif_count; i++)
        rc = attach_vif(store, domid, vm, &vm->devices.vifs[i], live);
    return rc;
}

int devices_attach(struct xs_handle *store, uint32_t domid, const struct vmfile *vm)
{
    return attach_all(store, domid, vm, false);
}

int devices_attach_live(struct xs_handle *store, uint32_t domid, const struct vmfile *vm)
{
    return attach_all(store, domid, vm, true);
}

/* --- detach ----------------------------------------------------------------------------------- */

/* Calls visit with the number of each device of a kind that the domain has. */
static void each_device(struct xs_handle *store, uint32_t domid, const char *folder_pattern,
                        void (*visit)(struct xs_handle *, uint32_t, unsigned int))
{
    unsigned int *numbers, count;
    char folder[64];

    snprintf(folder, sizeof(folder), folder_pattern, 0, domid);
    count = list_numbers(store, &numbers, folder);
    for (unsigned int i = 0; i < count; i++)
        visit(store, domid, numbers[i]);
    free(numbers);
}

/* One kind of device: path patterns, by backend domain, domain and number. */
static const struct kind {
    const char *frontend, *frontend_state, *backend, *online, *state, *libxl, *of_domain;
} kinds[] = {
    [DEVICES_DISK] = {
        SCHEMA_DEVICE_VBD_PATH,
        SCHEMA_DEVICE_VBD_STATE_PATH,
        SCHEMA_BACKEND_VBD_PATH,
        SCHEMA_BACKEND_VBD_ONLINE_PATH,
        SCHEMA_BACKEND_VBD_STATE_PATH,
        SCHEMA_LIBXL_VBD_PATH,
        SCHEMA_BACKEND_VBDS_OF_PATH,
    },
    [DEVICES_VIF] = {
        SCHEMA_DEVICE_VIF_PATH,
        SCHEMA_DEVICE_VIF_STATE_PATH,
        SCHEMA_BACKEND_VIF_PATH,
        SCHEMA_BACKEND_VIF_ONLINE_PATH,
        SCHEMA_BACKEND_VIF_STATE_PATH,
        SCHEMA_LIBXL_VIF_PATH,
        SCHEMA_BACKEND_VIFS_OF_PATH,
    },
};

/*
 * Tells the back end to close, in one transaction: of two callers that destroy the same domain, one
 * must not recreate the directory that the other removed. False: no such device.
 */
static bool tell_to_close(struct xs_handle *store, const struct kind *kind, uint32_t domid,
                          unsigned int number)
{
    char path[XENSTORE_ABS_PATH_MAX], closing[8];
    xs_transaction_t transaction;
    bool there;

    snprintf(path, sizeof(path), kind->state, 0, domid, number);
    snprintf(closing, sizeof(closing), "%d", XenbusStateClosing);
    do {
        char *state;

        transaction = xs_transaction_start(store);
        state = xs_read(store, transaction, path, NULL);
        there = state;
        if (there)
            store_write(store, transaction, "0", kind->online, 0, domid, number);
        if (there && atoi(state) != XenbusStateClosed)
            store_write(store, transaction, closing, "%s", path);
        free(state);
    } while (transaction != XBT_NULL && !xs_transaction_end(store, transaction, !there) &&
             errno == EAGAIN);
    return there;
}

/*
 * Removes a device. A back end closes when its front end is removed, but reports Closed only if it
 * was told to close. It has also ended if its directory was removed by another process. It does not
 * notice a front end that xenstored removed together with its domain. Then only the removal of the
 * back end's directory ends it, and waiting is useless.
 */
static void end_device(struct xs_handle *store, const struct kind *kind, uint32_t domid,
                       unsigned int number)
{
    char state[8];
    bool hears = store_read_text(store, state, sizeof(state), kind->frontend, domid, number);

    if (!tell_to_close(store, kind, domid, number))
        return;
    store_remove(store, kind->frontend, domid, number);
    for (int waited = 0; hears && waited < STEP_MS; waited += PAUSE_MS) {
        if (!store_read_text(store, state, sizeof(state), kind->state, 0, domid, number) ||
            atoi(state) == XenbusStateClosed)
            break;
        usleep(PAUSE_MS * 1000);
    }
    store_remove(store, kind->backend, 0, domid, number);
}

static void detach_disk(struct xs_handle *store, uint32_t domid, unsigned int number)
{
    char *node = store_read(store, SCHEMA_BACKEND_VBD_NODE_PATH, 0, domid, number);

    end_device(store, &kinds[DEVICES_DISK], domid, number);
    /* created by xl's script, which does not run here */
    if (node)
        loop_detach(node);
    free(node);
}

static void detach_vif(struct xs_handle *store, uint32_t domid, unsigned int number)
{
    end_device(store, &kinds[DEVICES_VIF], domid, number);
}

void devices_detach(struct xs_handle *store, uint32_t domid)
{
    each_device(store, domid, SCHEMA_BACKEND_VBDS_OF_PATH, detach_disk);
    each_device(store, domid, SCHEMA_BACKEND_VIFS_OF_PATH, detach_vif);
    store_remove(store, SCHEMA_BACKEND_VBDS_OF_PATH, 0, domid);
    store_remove(store, SCHEMA_BACKEND_VIFS_OF_PATH, 0, domid);
}

/* --- one device of a running guest ------------------------------------------------------------ */

unsigned int devices_list(struct xs_handle *store, uint32_t domid, enum devices_kind kind,
                          unsigned int **numbers)
{
    char folder[64];

    snprintf(folder, sizeof(folder), kinds[kind].of_domain, 0, domid);
    return list_numbers(store, numbers, folder);
}

static unsigned int number_at(struct xs_handle *store, const char *pattern, ...)
{
    char path[XENSTORE_ABS_PATH_MAX], value[8];
    va_list args;

    va_start(args, pattern);
    vsnprintf(path, sizeof(path), pattern, args);
    va_end(args);
    store_read_text(store, value, sizeof(value), "%s", path);
    return strtoul(value, NULL, 10);
}

void devices_look(struct xs_handle *store, const struct devices_id *id, struct devices_state *state)
{
    const struct kind *kind = &kinds[id->kind];

    state->back = number_at(store, kind->state, 0, id->domid, id->number);
    state->front = number_at(store, kind->frontend_state, id->domid, id->number);
    state->online = number_at(store, kind->online, 0, id->domid, id->number) == 1;
}

bool devices_close(struct xs_handle *store, const struct devices_id *id)
{
    return tell_to_close(store, &kinds[id->kind], id->domid, id->number);
}

bool devices_reopen(struct xs_handle *store, const struct devices_id *id)
{
    const struct kind *kind = &kinds[id->kind];
    char frontend[XENSTORE_ABS_PATH_MAX], value[8];
    xs_transaction_t transaction;
    bool still;

    snprintf(frontend, sizeof(frontend), kind->frontend_state, id->domid, id->number);
    snprintf(value, sizeof(value), "%d", XenbusStateConnected);
    do {
        char *state;

        transaction = xs_transaction_start(store);
        state = xs_read(store, transaction, frontend, NULL);
        still = state && strcmp(state, value) == 0;
        if (still) {
            store_write(store, transaction, "1", kind->online, 0, id->domid, id->number);
            store_write(store, transaction, value, kind->state, 0, id->domid, id->number);
        }
        free(state);
    } while (transaction != XBT_NULL && !xs_transaction_end(store, transaction, !still) &&
             errno == EAGAIN);
    return still;
}

void devices_remove(struct xs_handle *store, const struct devices_id *id)
{
    if (id->kind == DEVICES_DISK)
        detach_disk(store, id->domid, id->number);
    else
        detach_vif(store, id->domid, id->number);
    store_remove(store, kinds[id->kind].libxl, id->domid, id->number);
}
