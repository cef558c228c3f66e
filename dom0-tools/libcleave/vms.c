/* SPDX-License-Identifier: MIT */
/*
 * Under /var/lib/cleave: vms/UUID/ with `config` (a VM file), `state`, `spare` and `lock`, and
 * names/NAME, a symbolic link whose target is the UUID: creating one is atomic, and fails if the
 * name is taken.
 *
 * `state` is replaced by an exchange of names with `spare`, which was written and synchronised
 * first, and both have a fixed size: so a power failure leaves the old state or the new one, and a
 * full disk cannot stop a VM's life. Read next: life.c.
 */
#define _GNU_SOURCE
#include "vms.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lock.h"
#include "report.h"

#define FOLDER VMS_HOME "/vms"
#define NAMES VMS_HOME "/names"
#define VM_PATH_MAX (sizeof(FOLDER) + UUID_STR_LEN + 16)
#define NAME_PATH_MAX (sizeof(NAMES) + DOMAIN_NAME_MAX)
/* One block; the longest state has about 900 bytes. */
#define STATE_SIZE 2048

static const char *const phases[] = {
    [VMS_STOPPED] = "stopped",     [VMS_BUILDING] = "building", [VMS_STARTING] = "starting",
    [VMS_RUNNING] = "running",     [VMS_WAITING] = "waiting",   [VMS_FAILED] = "failed",
    [VMS_PRESERVED] = "preserved", [VMS_SAVING] = "saving",
};

const char *vms_phase_name(enum vms_phase phase) { return phases[phase]; }

int64_t vms_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec;
}

/* Returns the identity of this boot of dom0: a domain does not outlive it. */
static const char *this_boot(void)
{
    static char boot[UUID_STR_LEN];
    int fd;

    if (boot[0])
        return boot;
    fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, boot, sizeof(boot) - 1) != sizeof(boot) - 1)
        boot[0] = '\0';
    if (fd >= 0)
        close(fd);
    return boot;
}

static void path_of(const char *uuid, const char *file, char path[VM_PATH_MAX])
{
    snprintf(path, VM_PATH_MAX, FOLDER "/%s%s%s", uuid, file[0] ? "/" : "", file);
}

void vms_config_path(const char *uuid, char *path, size_t size)
{
    snprintf(path, size, FOLDER "/%s/config", uuid);
}

int vms_read_file(const char *uuid, char *const *settings, int setting_count, struct vmfile *file)
{
    char path[VM_PATH_MAX];

    vms_config_path(uuid, path, sizeof(path));
    return vmfile_read(path, settings, setting_count, file);
}

char *vms_config(const struct vms_record *vm)
{
    char path[VM_PATH_MAX], *text = NULL;
    struct stat st;
    ssize_t length = -1;
    int fd;

    path_of(vm->uuid, "config", path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && (text = calloc(1, st.st_size + 1)) != NULL)
        length = read(fd, text, st.st_size);
    if (length < 0 || length != st.st_size) {
        report_error(REPORT_INTERNAL, "VM \"%s\": cannot read %s: %s", vm->name, path,
                     strerror(errno));
        free(text);
        text = NULL;
    }
    if (fd >= 0)
        close(fd);
    return text;
}

static void name_path(const char *name, char path[NAME_PATH_MAX])
{
    snprintf(path, NAME_PATH_MAX, NAMES "/%s", name);
}

static int report_failed(const char *name, const char *what)
{
    int error = errno ? errno : EIO;

    report_error(report_by_errno(error), "VM \"%s\": cannot %s in " VMS_HOME ": %s", name, what,
                 strerror(error));
    return -error;
}

/* --- locks ------------------------------------------------------------------------------------ */

/* False: the file was removed, together with its VM, before the lock was taken. */
static bool is_at(int fd, const char *path)
{
    struct stat opened, named;

    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

static int take_lock(const char *uuid, const char *file, int flags, unsigned int ms)
{
    char path[VM_PATH_MAX];
    int fd, rc;

    path_of(uuid, file, path);
    fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    rc = lock_take(fd, ms);
    if (rc == 0 && !is_at(fd, path))
        rc = -ESRCH;
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

int vms_lock(const char *uuid, unsigned int ms) { return take_lock(uuid, "lock", 0, ms); }

void vms_unlock(int lock) { close(lock); }

int vms_watch(const char *uuid) { return take_lock(uuid, "watched", O_CREAT, 0); }

static bool is_locked(const char *uuid, const char *file)
{
    int lock = take_lock(uuid, file, 0, 0);

    if (lock >= 0)
        close(lock);
    return lock == -EBUSY;
}

bool vms_is_busy(const char *uuid) { return is_locked(uuid, "lock") || is_locked(uuid, "watched"); }

/* --- records ---------------------------------------------------------------------------------- */

/* The caller frees the text, of STATE_SIZE bytes. NULL: out of memory. */
static char *state_text(const struct vms_record *vm)
{
    char *text = malloc(STATE_SIZE);
    json_t *state =
        json_pack("{s:i, s:s, s:s, s:b, s:b, s:b, s:I, s:s, s:i, s:i, s:I, s:I, s:I, s:s}", "v", 1,
                  "name", vm->name, "phase", phases[vm->phase], "defined", vm->defined, "autostart",
                  vm->autostart, "wanted", vm->wanted, "domid", (json_int_t)vm->domid, "boot",
                  this_boot(), "failed_builds", (int)vm->failed_builds, "early_ends",
                  (int)vm->early_ends, "started", (json_int_t)vm->started, "retry_at",
                  (json_int_t)vm->retry_at, "since", (json_int_t)vm->since, "reason", vm->reason);
    size_t length = state ? json_dumpb(state, text, STATE_SIZE - 1, JSON_INDENT(1)) : 0;

    json_decref(state);
    if (!text || !length || length >= STATE_SIZE) {
        free(text);
        return NULL;
    }
    memset(text + length, '\n', STATE_SIZE - length);
    return text;
}

static int write_file(int folder, const char *file, const char *text, size_t length, int flags)
{
    int fd = openat(folder, file, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
    ssize_t written = fd < 0 ? -1 : pwrite(fd, text, length, 0);
    int error = errno;

    if (written >= 0 && (size_t)written < length) {
        written = -1;
        error = ENOSPC;
    }
    if (written >= 0 && fsync(fd) < 0) {
        written = -1;
        error = errno;
    }
    if (fd >= 0)
        close(fd);
    errno = error;
    return written < 0 ? -1 : 0;
}

static int exchange_state(int folder, const char *text)
{
    if (write_file(folder, "spare", text, STATE_SIZE, 0) < 0)
        return -1;
    if (renameat2(folder, "spare", folder, "state", RENAME_EXCHANGE) < 0) {
        /* the first time; or this file system cannot exchange names */
        if (renameat(folder, "spare", folder, "state") < 0 ||
            write_file(folder, "spare", text, STATE_SIZE, 0) < 0)
            return -1;
    }
    return fsync(folder);
}

int vms_save(struct vms_record *vm)
{
    char path[VM_PATH_MAX];
    char *text;
    int folder, rc = 0;

    for (char *c = vm->reason; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    vm->since = time(NULL);
    vm->earlier_boot = false;
    text = state_text(vm);
    path_of(vm->uuid, "", path);
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    errno = text ? errno : ENOMEM;
    if (!text || folder < 0 || exchange_state(folder, text) < 0)
        rc = report_failed(vm->name, "write its state");
    if (folder >= 0)
        close(folder);
    free(text);
    return rc;
}

static bool phase_of(const char *name, enum vms_phase *phase)
{
    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
        if (strcmp(phases[i], name) == 0) {
            *phase = i;
            return true;
        }
    }
    return false;
}

static bool parse_state(const char *text, size_t length, struct vms_record *vm)
{
    json_t *state = json_loadb(text, length, JSON_DISABLE_EOF_CHECK, NULL);
    const char *name, *phase, *boot, *reason;
    int defined, autostart, wanted, failed_builds, early_ends;
    json_int_t domid, started, retry_at, since;
    bool valid =
        state &&
        json_unpack(state, "{s:s, s:s, s:b, s:b, s:b, s:I, s:s, s:i, s:i, s:I, s:I, s:I, s:s}",
                    "name", &name, "phase", &phase, "defined", &defined, "autostart", &autostart,
                    "wanted", &wanted, "domid", &domid, "boot", &boot, "failed_builds",
                    &failed_builds, "early_ends", &early_ends, "started", &started, "retry_at",
                    &retry_at, "since", &since, "reason", &reason) == 0 &&
        phase_of(phase, &vm->phase);

    if (valid) {
        snprintf(vm->name, sizeof(vm->name), "%s", name);
        snprintf(vm->reason, sizeof(vm->reason), "%s", reason);
        vm->defined = defined;
        vm->autostart = autostart;
        vm->wanted = wanted;
        vm->failed_builds = failed_builds;
        vm->early_ends = early_ends;
        vm->started = started;
        vm->retry_at = retry_at;
        vm->since = since;
        vm->earlier_boot = strcmp(boot, this_boot()) != 0;
        vm->domid = vm->earlier_boot ? VMS_NO_DOMAIN : domid;
    }
    json_decref(state);
    return valid;
}

int vms_load(const char *uuid, struct vms_record *vm)
{
    char path[VM_PATH_MAX], text[STATE_SIZE];

    path_of(uuid, "state", path);
    /* uuid may be the record's own */
    memmove(vm->uuid, uuid, strlen(uuid) + 1);
    vm->domid = VMS_NO_DOMAIN;
    /* A file that was read while it became the spare one, and was written, is read again. */
    for (int attempt = 0; attempt < 5; attempt++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t length = fd < 0 ? -1 : pread(fd, text, sizeof(text), 0);
        int error = errno;
        bool current = fd >= 0 && is_at(fd, path);

        if (fd >= 0)
            close(fd);
        if (length < 0)
            return error == ENOENT ? -ESRCH : -error;
        if (current && parse_state(text, length, vm))
            return 0;
    }
    report_error(REPORT_INTERNAL,
                 "VM %s: its state %s is damaged: put it right, or remove the folder", uuid, path);
    return -EIO;
}

int vms_find(const char *who, struct vms_record *vm)
{
    char path[NAME_PATH_MAX], uuid[UUID_STR_LEN] = "";
    uuid_t parsed;
    ssize_t length;

    if (uuid_parse(who, parsed) == 0) {
        uuid_unparse_lower(parsed, uuid);
        return vms_load(uuid, vm);
    }
    if (!*who || strchr(who, '/') || strlen(who) >= DOMAIN_NAME_MAX)
        return -ESRCH;
    name_path(who, path);
    length = readlink(path, uuid, sizeof(uuid) - 1);
    return length == UUID_STR_LEN - 1 ? vms_load(uuid, vm) : -ESRCH;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct vms_record *)a)->name, ((const struct vms_record *)b)->name);
}

int vms_list(struct vms_record **list)
{
    DIR *folder = opendir(FOLDER);
    struct vms_record *records = malloc(sizeof(*records));
    struct dirent *entry;
    int count = 0;

    while (records && folder && (entry = readdir(folder))) {
        struct vms_record *more;
        uuid_t uuid;

        if (uuid_parse(entry->d_name, uuid) < 0 || vms_load(entry->d_name, &records[count]) < 0)
            continue;
        more = realloc(records, (++count + 1) * sizeof(*records));
        if (!more)
            free(records);
        records = more;
    }
    if (folder)
        closedir(folder);
    if (!records)
        return -ENOMEM;
    qsort(records, count, sizeof(*records), compare);
    *list = records;
    return count;
}

/* --- adding and removing ---------------------------------------------------------------------- */

int vms_make_folders(void)
{
    static const char *const folders[] = { "/var", "/var/lib", VMS_HOME, FOLDER, NAMES };

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        if (mkdir(folders[i], i < 2 ? 0755 : 0750) < 0 && errno != EEXIST)
            return -1;
    return 0;
}

static void remove_folder(const char *uuid)
{
    static const char *const files[] = { "state",  "spare",      "config", "config.new",
                                         "asked",  "watched",    "usage",  "usage.new",
                                         "memory", "memory.new", "frozen", "lock" };
    char path[VM_PATH_MAX];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        path_of(uuid, files[i], path);
        unlink(path);
    }
    path_of(uuid, "", path);
    rmdir(path);
}

/* Creates the VM's folder and takes its lock. Returns the lock, or -1 with errno. */
static int make_vm(struct vms_record *vm, const char *config)
{
    char path[VM_PATH_MAX];
    int folder, lock;

    path_of(vm->uuid, "", path);
    if (mkdir(path, 0750) < 0)
        return -1;
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    lock = take_lock(vm->uuid, "lock", O_CREAT, 0);
    errno = lock < 0 ? -lock : errno;
    if (folder >= 0 && lock >= 0 &&
        write_file(folder, "config", config, strlen(config), O_TRUNC) == 0 && vms_save(vm) == 0) {
        close(folder);
        return lock;
    }

    int error = errno;

    if (folder >= 0)
        close(folder);
    if (lock >= 0)
        close(lock);
    remove_folder(vm->uuid);
    errno = error;
    return -1;
}

/* Links the name to the VM. A link whose VM does not exist is of a machine that lost power. */
static int claim_name(const struct vms_record *vm, struct vms_record *other)
{
    char path[NAME_PATH_MAX];
    int rc;

    name_path(vm->name, path);
    if (symlink(vm->uuid, path) == 0)
        return 0;
    if (errno != EEXIST)
        return report_failed(vm->name, "claim its name");
    rc = vms_find(vm->name, other);
    if (rc == 0)
        return strcmp(other->uuid, vm->uuid) == 0 ? 0 : -EEXIST;
    if (rc != -ESRCH)
        return rc;
    unlink(path);
    return symlink(vm->uuid, path) == 0 ? 0 : report_failed(vm->name, "claim its name");
}

/* Under the global lock. */
static int add_locked(struct vms_record *vm, const char *config, struct vms_record *other)
{
    int lock, rc;

    rc = vms_load(vm->uuid, other);
    if (rc == -ESRCH)
        rc = vms_find(vm->name, other);
    if (rc != -ESRCH)
        return rc == 0 ? -EEXIST : rc;
    /* what a killed process left before the state was written, or after it was removed */
    remove_folder(vm->uuid);
    lock = make_vm(vm, config);
    if (lock < 0)
        return report_failed(vm->name, "record it");
    rc = claim_name(vm, other);
    if (rc == 0)
        return lock;
    close(lock);
    remove_folder(vm->uuid);
    return rc;
}

int vms_add(struct vms_record *vm, const char *config, struct vms_record *other)
{
    int global, rc;

    if (vms_make_folders() < 0)
        return report_failed(vm->name, "create folders");
    global = lock_acquire();
    if (global < 0)
        return global;
    rc = add_locked(vm, config, other);
    lock_release(global);
    return rc;
}

/* --- devices ---------------------------------------------------------------------------------- */

/* The lines of a VM file between these are replaced when devices come and go. */
#define DEVICES_BEGIN "\n# devices that came and went while it ran:\n"
#define DEVICES_END "# (end of devices)\n"

/* Returns the VM file without these lines, and with new ones at its end. The caller frees it. */
static char *with_devices(const char *config, const char *devices)
{
    const char *begin = strstr(config, DEVICES_BEGIN);
    const char *end = begin ? strstr(begin, DEVICES_END) : NULL;
    int before = end ? begin - config : (int)strlen(config);
    char *text;

    if (asprintf(&text, "%.*s%s" DEVICES_BEGIN "%s" DEVICES_END, before, config,
                 end ? end + strlen(DEVICES_END) : "", devices) < 0)
        return NULL;
    return text;
}

int vms_set_devices(const struct vms_record *vm, const char *devices)
{
    char path[VM_PATH_MAX], *config = vms_config(vm);
    char *text = config ? with_devices(config, devices) : NULL;
    int folder, rc = 0;

    if (!config)
        return -EIO;
    path_of(vm->uuid, "", path);
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    errno = text ? errno : ENOMEM;
    if (!text || folder < 0 || write_file(folder, "config.new", text, strlen(text), O_TRUNC) < 0 ||
        renameat(folder, "config.new", folder, "config") < 0)
        rc = report_failed(vm->name, "write its VM file");
    if (folder >= 0) {
        unlinkat(folder, "config.new", 0);
        close(folder);
    }
    free(text);
    free(config);
    return rc;
}

/* --- names ------------------------------------------------------------------------------------ */

const struct domain *vms_domain(const struct vms_record *vm, const struct domain *list, int count)
{
    for (int i = 0; i < count; i++)
        if (list[i].domid == vm->domid && strcmp(list[i].uuid, vm->uuid) == 0)
            return &list[i];
    return NULL;
}

int vms_append(const struct vms_record *vm, const char *key, const char *value)
{
    char path[VM_PATH_MAX];
    FILE *config;
    bool written;

    path_of(vm->uuid, "config", path);
    config = fopen(path, "ae");
    written = config && fprintf(config, "\n%s = \"%s\"\n", key, value) > 0 && fflush(config) == 0 &&
              fsync(fileno(config)) == 0;
    if (config && fclose(config) != 0)
        written = false;
    return written ? 0 : report_failed(vm->name, "write its VM file");
}

/*
 * The new name is claimed first and the old one released last: a process that is killed in between
 * leaves both to the VM.
 */
static int rename_locked(struct vms_record *vm, const char *name, struct vms_record *other)
{
    char old[NAME_PATH_MAX];
    int rc;

    name_path(vm->name, old);
    snprintf(vm->name, sizeof(vm->name), "%s", name);
    rc = claim_name(vm, other);
    if (rc == 0)
        rc = vms_append(vm, "name", vm->name);
    if (rc == 0)
        rc = vms_save(vm);
    if (rc == 0)
        unlink(old);
    return rc;
}

int vms_rename(struct vms_record *vm, const char *name, struct vms_record *other)
{
    int global, rc;

    if (strcmp(vm->name, name) == 0)
        return 0;
    global = lock_acquire();
    if (global < 0)
        return global;
    rc = rename_locked(vm, name, other);
    lock_release(global);
    return rc;
}

int vms_remove(const struct vms_record *vm)
{
    char path[NAME_PATH_MAX], uuid[UUID_STR_LEN] = "";
    int global = lock_acquire();

    if (global < 0)
        return global;
    name_path(vm->name, path);
    if (readlink(path, uuid, sizeof(uuid) - 1) > 0 && strcmp(uuid, vm->uuid) == 0)
        unlink(path);
    remove_folder(vm->uuid);
    lock_release(global);
    return 0;
}

/* --- leftovers -------------------------------------------------------------------------------- */

static bool has_state(const char *uuid)
{
    char path[VM_PATH_MAX];

    path_of(uuid, "state", path);
    return access(path, F_OK) == 0;
}

static bool is_dead_folder(int folder, const char *entry)
{
    char copy[UUID_STR_LEN];
    uuid_t uuid;

    (void)folder;
    if (uuid_parse(entry, uuid) < 0)
        return false;
    uuid_unparse_lower(uuid, copy);
    return !has_state(copy);
}

static bool is_dead_name(int folder, const char *entry)
{
    char uuid[UUID_STR_LEN] = "";

    return readlinkat(folder, entry, uuid, sizeof(uuid) - 1) == UUID_STR_LEN - 1 &&
           !has_state(uuid);
}

static void remove_dead_folder(int folder, const char *entry)
{
    (void)folder;
    remove_folder(entry);
}

static void remove_name(int folder, const char *entry) { unlinkat(folder, entry, 0); }

/* Returns how many entries are dead, after `remove` was called for each. */
static unsigned int count_dead(const char *path, bool (*is_dead)(int folder, const char *entry),
                               void (*remove)(int folder, const char *entry))
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    unsigned int count = 0;

    while (folder && (entry = readdir(folder))) {
        if (!is_dead(dirfd(folder), entry->d_name))
            continue;
        count++;
        if (remove)
            remove(dirfd(folder), entry->d_name);
    }
    if (folder)
        closedir(folder);
    return count;
}

bool vms_has_leftovers(void)
{
    return count_dead(FOLDER, is_dead_folder, NULL) || count_dead(NAMES, is_dead_name, NULL);
}

int vms_sweep(void)
{
    int global = lock_acquire();

    if (global < 0)
        return global;
    count_dead(NAMES, is_dead_name, remove_name);
    count_dead(FOLDER, is_dead_folder, remove_dead_folder);
    lock_release(global);
    return 0;
}

/* --- asked ------------------------------------------------------------------------------------ */

void vms_note_asked(const char *uuid)
{
    char path[VM_PATH_MAX];
    int fd;

    path_of(uuid, "asked", path);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
}

bool vms_take_asked(const char *uuid)
{
    char path[VM_PATH_MAX];

    path_of(uuid, "asked", path);
    return unlink(path) == 0;
}
