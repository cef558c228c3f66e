/* SPDX-License-Identifier: MIT */
/*
 * A file of JSON, whose members are those of libxl_domain_config (libxl.h) that differ from its
 * defaults: numbers and strings, except that truth values of three states are "True" and "False".
 * It ends with a zero byte, which libxl relies on. Its lock is that of libxl, which removes the
 * lock file when it releases the lock. libxl takes name, sizes and weight from the store and the
 * hypervisor where it shows or saves a VM, and ignores devices that are not in the store. Read
 * next: hotplug.c.
 */
#define _GNU_SOURCE
#include "xlrecord.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lock.h"
#include "report.h"

#ifndef XLRECORD_HOME /* tests have another */
#define XLRECORD_HOME "/var/lib/xen"
#endif
#define RECORD "libxl-json"
#define LOCK "domain-userdata-lock"
#define FILE_PATH_MAX (sizeof(XLRECORD_HOME) + UUID_STR_LEN + 64)
#define LOCK_MS 10000
#define INDENT JSON_INDENT(4)

/* class is d for data, n for data that is being written, or l for a lock. */
static void path_of(uint32_t domid, const char *uuid, char class, const char *what,
                    char path[FILE_PATH_MAX])
{
    snprintf(path, FILE_PATH_MAX, XLRECORD_HOME "/userdata-%c.%u.%s.%s", class, domid, uuid, what);
}

/* --- reading and writing ---------------------------------------------------------------------- */

/* A record that is being changed, with its lock held. */
struct edit {
    uint32_t domid;
    const char *uuid;
    int lock;
    json_t *root;
};

static int take_lock(const struct edit *e)
{
    char path[FILE_PATH_MAX];
    struct stat opened, named;

    path_of(e->domid, e->uuid, 'l', LOCK, path);
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        int rc = fd < 0 ? -errno : lock_take(fd, LOCK_MS);

        if (rc == 0 && fstat(fd, &opened) == 0 && stat(path, &named) == 0 &&
            opened.st_ino == named.st_ino)
            return fd;
        if (fd >= 0)
            close(fd);
        if (rc < 0)
            return rc;
        /* its last holder removed the file meanwhile */
    }
}

static void release_lock(const struct edit *e)
{
    char path[FILE_PATH_MAX];

    path_of(e->domid, e->uuid, 'l', LOCK, path);
    unlink(path);
    close(e->lock);
}

static json_t *load(const struct edit *e, int *error)
{
    char path[FILE_PATH_MAX], *text = NULL;
    json_t *root = NULL;
    struct stat st;
    int fd;

    path_of(e->domid, e->uuid, 'd', RECORD, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    *error = fd < 0 ? errno : EINVAL;
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && (text = malloc(st.st_size + 1)) != NULL &&
        read(fd, text, st.st_size) == st.st_size)
        root = json_loadb(text, st.st_size, JSON_DISABLE_EOF_CHECK, NULL);
    free(text);
    close(fd);
    return root;
}

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t size = strlen(text) + 1;
    ssize_t written = fd < 0 ? -1 : write(fd, text, size);
    int rc = written < 0 ? -errno : 0;

    if (rc == 0 && (size_t)written < size)
        rc = -ENOSPC;
    if (fd >= 0)
        close(fd);
    return rc;
}

/* Writes the record aside, and then in its place. */
static int store_record(const struct edit *e)
{
    char aside[FILE_PATH_MAX], path[FILE_PATH_MAX];
    char *text = e->root ? json_dumps(e->root, INDENT) : NULL;
    int rc = text ? 0 : -EINVAL;

    path_of(e->domid, e->uuid, 'n', RECORD, aside);
    path_of(e->domid, e->uuid, 'd', RECORD, path);
    if (rc == 0)
        rc = write_text(aside, text);
    if (rc == 0 && rename(aside, path) < 0)
        rc = -errno;
    if (rc < 0)
        unlink(aside);
    free(text);
    return rc;
}

/* Locks and reads the record. Pairs with finish after success. */
static int begin(struct edit *e, uint32_t domid, const char *uuid)
{
    int error;

    *e = (struct edit){ .domid = domid, .uuid = uuid };
    e->lock = take_lock(e);
    if (e->lock < 0)
        return e->lock;
    e->root = load(e, &error);
    if (e->root)
        return 0;
    release_lock(e);
    return -error;
}

/* Writes the record, unless rc is an error, and releases the lock. Returns the first error. */
static int finish(struct edit *e, int rc)
{
    if (rc == 0)
        rc = store_record(e);
    json_decref(e->root);
    release_lock(e);
    return rc;
}

/* --- the record of a VM file ------------------------------------------------------------------ */

static json_t *disk_object(const struct vmdevices_disk *disk)
{
    json_t *object = json_pack("{s:s, s:s, s:s, s:i}", "pdev_path", disk->path, "vdev", disk->name,
                               "format", "raw", "readwrite", disk->writable ? 1 : 0);

    if (object && disk->direct_io)
        json_object_set_new(object, "direct_io_safe", json_true());
    return object;
}

static json_t *vif_object(const struct vmdevices_vif *vif)
{
    return json_pack("{s:i, s:s, s:s, s:s}", "devid", (int)vif->number, "mac", vif->mac, "bridge",
                     vif->bridge, "nictype", "vif");
}

/* A list of CPU numbers, from 0 to count - 1. */
static json_t *first_cpus(unsigned int count)
{
    json_t *list = json_array();

    for (unsigned int i = 0; i < count; i++)
        json_array_append_new(list, json_integer(i));
    return list;
}

/* The physical CPUs that each vCPU may use. */
static json_t *affinities(const struct vmfile *vm)
{
    json_t *all = json_array(), *one = json_array();

    for (unsigned int cpu = 0; cpu < VMFILE_CPUS_MAX; cpu++)
        if (vm->cpus[cpu / 8] & 1u << cpu % 8)
            json_array_append_new(one, json_integer(cpu));
    for (unsigned int vcpu = 0; vcpu < vm->max_vcpus; vcpu++)
        json_array_append(all, one);
    json_decref(one);
    return all;
}

static json_t *build_object(const struct vmfile *vm)
{
    static const char *const tsc_modes[] = { "default", "always_emulate", "native" };
    json_t *build = json_pack("{s:i, s:o, s:I, s:I, s:i, s:{}, s:s, s:s?, s:s, s:{}, s:{}, s:{}}",
                              "max_vcpus", (int)vm->max_vcpus, "avail_vcpus", first_cpus(vm->vcpus),
                              "max_memkb", (json_int_t)vm->max_memory_kib, "target_memkb",
                              (json_int_t)vm->memory_kib, "video_memkb", 0, "sched_params",
                              "claim_mode", "True", "kernel", vm->kernel, "cmdline", vm->cmdline,
                              vm->hvm ? "type.hvm" : "type.pvh", "arch_arm", "arch_x86");

    if (!build)
        return NULL;
    if (vm->ramdisk)
        json_object_set_new(build, "ramdisk", json_string(vm->ramdisk));
    if (vm->pinned) {
        json_object_set_new(build, "vcpu_hard_affinity", affinities(vm));
        json_object_set_new(build, "numa_placement", json_string("False"));
    }
    if (vm->weight)
        json_object_set_new(json_object_get(build, "sched_params"), "weight",
                            json_integer(vm->weight));
    if (vm->tsc_mode)
        json_object_set_new(build, "tsc_mode", json_string(tsc_modes[vm->tsc_mode]));
    return build;
}

static void put_actions(json_t *root, const struct vmfile *vm)
{
    static const char *const words[] = {
        [VMFILE_DESTROY] = "destroy",
        [VMFILE_RESTART] = "restart",
        [VMFILE_PRESERVE] = "preserve",
    };

    json_object_set_new(root, "on_poweroff", json_string(words[vm->on_poweroff]));
    json_object_set_new(root, "on_reboot", json_string(words[vm->on_reboot]));
    json_object_set_new(root, "on_watchdog", json_string(words[vm->on_watchdog]));
    json_object_set_new(root, "on_crash", json_string(words[vm->on_crash]));
    json_object_set_new(root, "on_soft_reset", json_string("soft_reset"));
}

/* Returns the list of this name, which is made if there is none. */
static json_t *list_of(json_t *root, const char *key)
{
    json_t *list = json_object_get(root, key);

    if (json_is_array(list))
        return list;
    list = json_array();
    json_object_set_new(root, key, list);
    return list;
}

static bool is_disk(const json_t *item, const struct vmdevices_disk *disk)
{
    const char *name = json_string_value(json_object_get(item, "vdev"));

    return name && strcmp(name, disk->name) == 0;
}

static bool is_vif(const json_t *item, const struct vmdevices_vif *vif)
{
    const json_t *number = json_object_get(item, "devid");

    return json_is_integer(number) && json_integer_value(number) == vif->number;
}

static void drop_devices(json_t *root, const struct vmdevices *devices)
{
    json_t *disks = list_of(root, "disks"), *vifs = list_of(root, "nics");

    for (unsigned int i = 0; i < devices->disk_count; i++)
        for (size_t at = json_array_size(disks); at-- > 0;)
            if (is_disk(json_array_get(disks, at), &devices->disks[i]))
                json_array_remove(disks, at);
    for (unsigned int i = 0; i < devices->vif_count; i++)
        for (size_t at = json_array_size(vifs); at-- > 0;)
            if (is_vif(json_array_get(vifs, at), &devices->vifs[i]))
                json_array_remove(vifs, at);
}

static int add_devices(json_t *root, const struct vmdevices *devices)
{
    int rc = 0;

    for (unsigned int i = 0; i < devices->disk_count; i++)
        rc |= json_array_append_new(list_of(root, "disks"), disk_object(&devices->disks[i]));
    for (unsigned int i = 0; i < devices->vif_count; i++)
        rc |= json_array_append_new(list_of(root, "nics"), vif_object(&devices->vifs[i]));
    return rc ? -EINVAL : 0;
}

int xlrecord_write(uint32_t domid, const struct vmfile *vm)
{
    char uuid[UUID_STR_LEN];
    struct edit e = { .domid = domid, .uuid = uuid };
    int rc;

    uuid_unparse_lower(vm->uuid, uuid);
    if (mkdir(XLRECORD_HOME, 0700) < 0 && errno != EEXIST)
        return -errno;
    e.root = json_pack("{s:{s:s, s:s, s:s, s:s}, s:o}", "c_info", "type", vm->hvm ? "hvm" : "pvh",
                       "name", vm->name, "uuid", uuid, "run_hotplug_scripts", "True", "b_info",
                       build_object(vm));
    if (!e.root) /* a path or a command line that is not UTF-8 */
        return -EILSEQ;
    rc = add_devices(e.root, &vm->devices);
    if (rc == 0) {
        put_actions(e.root, vm);
        rc = store_record(&e);
    }
    json_decref(e.root);
    return rc;
}

bool xlrecord_name(uint32_t domid, const char *uuid, char *name, size_t size)
{
    struct edit e = { .domid = domid, .uuid = uuid };
    const char *found = NULL;
    int error;

    /* without the lock: the file is replaced as a whole */
    e.root = load(&e, &error);
    if (e.root && json_unpack(e.root, "{s:{s:s}}", "c_info", "name", &found) == 0)
        snprintf(name, size, "%s", found);
    json_decref(e.root);
    return found;
}

/* --- changes ---------------------------------------------------------------------------------- */

int xlrecord_change(uint32_t domid, const char *uuid, const struct xlrecord_change *change)
{
    json_t *create, *build;
    struct edit e;
    int rc = begin(&e, domid, uuid);

    if (rc < 0)
        return rc;
    create = json_object_get(e.root, "c_info");
    build = json_object_get(e.root, "b_info");
    if (change->name)
        json_object_set_new(create, "name", json_string(change->name));
    if (change->memory_kib)
        json_object_set_new(build, "target_memkb", json_integer(change->memory_kib));
    if (change->max_memory_kib)
        json_object_set_new(build, "max_memkb", json_integer(change->max_memory_kib));
    if (change->vcpus)
        json_object_set_new(build, "avail_vcpus", first_cpus(change->vcpus));
    return finish(&e, 0);
}

int xlrecord_add(uint32_t domid, const char *uuid, const struct vmdevices *devices)
{
    struct edit e;
    int rc = begin(&e, domid, uuid);

    if (rc < 0)
        return rc;
    drop_devices(e.root, devices);
    return finish(&e, add_devices(e.root, devices));
}

int xlrecord_drop(uint32_t domid, const char *uuid, const struct vmdevices *devices)
{
    struct edit e;
    int rc = begin(&e, domid, uuid);

    if (rc < 0)
        return rc;
    drop_devices(e.root, devices);
    return finish(&e, 0);
}

/* --- devices ---------------------------------------------------------------------------------- */

static const char *text_in(const json_t *object, const char *key, const char *fallback)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : fallback;
}

/* True for a member that is 1 or true. */
static bool is_set(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_true(value) || json_integer_value(value) == 1;
}

static bool read_disk(const json_t *object, struct vmdevices *devices)
{
    struct vmdevices_disk *disk = &devices->disks[devices->disk_count];
    const char *name = text_in(object, "vdev", "");

    if (devices->disk_count == VMDEVICES_DISKS_MAX || !vmdevices_number(name, &disk->number) ||
        strcmp(text_in(object, "format", "raw"), "raw") != 0 ||
        strcmp(text_in(object, "backend", "phy"), "phy") != 0 || is_set(object, "is_cdrom") ||
        json_object_get(object, "script") || json_object_get(object, "backend_domname"))
        return false;
    snprintf(disk->name, sizeof(disk->name), "%s", name);
    disk->writable = is_set(object, "readwrite");
    disk->direct_io = is_set(object, "direct_io_safe");
    disk->path = strdup(text_in(object, "pdev_path", ""));
    devices->disk_count += disk->path != NULL;
    return disk->path;
}

static bool read_vif(const json_t *object, struct vmdevices *devices)
{
    struct vmdevices_vif *vif = &devices->vifs[devices->vif_count];
    json_int_t number = json_integer_value(json_object_get(object, "devid"));
    const char *mac = text_in(object, "mac", ""),
               *bridge = text_in(object, "bridge", VMDEVICES_BRIDGE);

    if (devices->vif_count == VMDEVICES_VIFS_MAX || number < 0 || number >= VMDEVICES_VIFS_MAX ||
        strlen(mac) != sizeof(vif->mac) - 1 || !*bridge || strlen(bridge) >= sizeof(vif->bridge))
        return false;
    vif->number = number;
    strcpy(vif->mac, mac);
    strcpy(vif->bridge, bridge);
    devices->vif_count++;
    return true;
}

int xlrecord_devices(uint32_t domid, const char *uuid, struct vmdevices *devices)
{
    struct edit e = { .domid = domid, .uuid = uuid };
    int error;
    size_t i;
    json_t *item;

    /* without the lock: the file is replaced as a whole */
    *devices = (struct vmdevices){ .disk_count = 0 };
    e.root = load(&e, &error);
    if (!e.root)
        return -error;
    json_array_foreach(list_of(e.root, "disks"), i, item) if (!read_disk(item, devices))
        report_warning("disk %s of domain %u is served by xl only: it is not kept",
                       text_in(item, "vdev", "?"), domid);
    json_array_foreach(list_of(e.root, "nics"), i, item) if (!read_vif(item, devices))
        report_warning("vif %lld of domain %u is served by xl only: it is not kept",
                       (long long)json_integer_value(json_object_get(item, "devid")), domid);
    json_decref(e.root);
    return 0;
}

/* --- removal ---------------------------------------------------------------------------------- */

/* Parses userdata-CLASS.DOMID.UUID.WHAT. */
static bool parse_file(const char *name, uint32_t *domid, char uuid[UUID_STR_LEN])
{
    uuid_t parsed;

    return sscanf(name, "userdata-%*c.%u.%36[0-9a-f-].", domid, uuid) == 2 &&
           uuid_parse(uuid, parsed) == 0;
}

/* Calls remove for each file, which is removed if it returns true. */
static void remove_files(bool (*remove)(uint32_t domid, const char *uuid, void *data), void *data)
{
    DIR *folder = opendir(XLRECORD_HOME);
    struct dirent *entry;

    while (folder && (entry = readdir(folder))) {
        char uuid[UUID_STR_LEN];
        uint32_t domid;

        if (parse_file(entry->d_name, &domid, uuid) && remove(domid, uuid, data))
            unlinkat(dirfd(folder), entry->d_name, 0);
    }
    if (folder)
        closedir(folder);
}

static bool is_of(uint32_t domid, const char *uuid, void *data)
{
    const struct edit *e = data;

    return domid == e->domid && strcmp(uuid, e->uuid) == 0;
}

void xlrecord_remove(uint32_t domid, const char *uuid)
{
    struct edit e = { .domid = domid, .uuid = uuid };

    remove_files(is_of, &e);
}

struct sweep {
    bool (*exists)(uint32_t domid, const char *uuid, void *data);
    void *data;
};

static bool is_dead(uint32_t domid, const char *uuid, void *data)
{
    const struct sweep *sweep = data;

    return !sweep->exists(domid, uuid, sweep->data);
}

void xlrecord_sweep(bool (*exists)(uint32_t domid, const char *uuid, void *data), void *data)
{
    struct sweep sweep = { .exists = exists, .data = data };

    remove_files(is_dead, &sweep);
}
