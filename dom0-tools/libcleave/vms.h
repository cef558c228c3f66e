/* SPDX-License-Identifier: MIT */
/*
 * The VMs that dom0 knows, on disk: what outlives a VM's domain. Each has a folder, named by its
 * UUID, and a name that only one VM has at a time. A domain itself is the hypervisor's: what it
 * tells is not repeated here.
 */
#ifndef LIBCLEAVE_VMS_H
#define LIBCLEAVE_VMS_H

#include <stdbool.h>
#include <stdint.h>
#include <uuid/uuid.h>

#include "domain.h"
#include "vmfile.h"

#ifndef VMS_HOME /* tests have another */
#define VMS_HOME "/var/lib/cleave"
#endif
#define VMS_NO_DOMAIN UINT32_MAX

enum vms_phase {
    VMS_STOPPED,   /* defined, without a domain */
    VMS_BUILDING,  /* a process that holds the VM's lock builds a domain, or has died meanwhile */
    VMS_STARTING,  /* its domain is complete, and not unpaused yet */
    VMS_RUNNING,   /* its domain was unpaused; it may be paused or have ended since */
    VMS_PRESERVED, /* its domain has ended and is kept */
    VMS_WAITING,   /* to be built again at retry_at */
    VMS_FAILED,    /* given up, for the reason given; it has no domain */
    VMS_SAVING     /* a process that holds the VM's lock saves it to the file that reason names */
};

struct vms_record {
    char uuid[UUID_STR_LEN];
    char name[DOMAIN_NAME_MAX];
    enum vms_phase phase;
    bool defined;      /* it stays when it ends */
    bool autostart;    /* it starts with the machine */
    bool wanted;       /* while it is being built: to be built again if that is interrupted */
    uint32_t domid;    /* of its last complete domain */
    bool earlier_boot; /* read-only: written before dom0 booted, so that its domain is gone */
    unsigned int failed_builds; /* in a row */
    unsigned int early_ends;    /* in a row, of guests that ended soon after their start */
    int64_t started;            /* by vms_now */
    int64_t retry_at;
    int64_t since;    /* when the phase began, in seconds since 1970 */
    char reason[256]; /* of VMS_WAITING, VMS_FAILED and VMS_SAVING */
};

/* Creates VMS_HOME and its folders. Returns 0, or -1 and errno. */
int vms_make_folders(void);

/* Seconds since dom0 booted. */
int64_t vms_now(void);

/* Returns "stopped", "building", "running", ... */
const char *vms_phase_name(enum vms_phase phase);

/*
 * Adds a VM: claims its UUID and its name, and records config, the text of a VM file. Returns the
 * VM's lock (vms_lock), or a negative errno. -EEXIST: the name or the UUID is another VM's, whose
 * record is read into *other, and nothing is reported. Else an error line was printed.
 */
int vms_add(struct vms_record *vm, const char *config, struct vms_record *other);

/*
 * Renames the VM, whose lock the caller holds, in its record and in its VM file. Returns 0, or as
 * vms_add.
 */
int vms_rename(struct vms_record *vm, const char *name, struct vms_record *other);

/* Returns the recorded domain of the VM among these, or NULL. */
const struct domain *vms_domain(const struct vms_record *vm, const struct domain *list, int count);

/*
 * Adds a key to the VM's file, where the last one counts. The caller holds the VM's lock; value has
 * no quotes. Returns 0, or a negative errno after an error line.
 */
int vms_append(const struct vms_record *vm, const char *key, const char *value);

/* Removes the VM, whose lock the caller holds and releases after. Its name is free then. */
int vms_remove(const struct vms_record *vm);

/*
 * A process that is killed while it adds or removes a VM leaves a folder without a state, or a name
 * without a folder. vms_sweep removes these, under the global lock, under which VMs are added and
 * removed. Returns 0, or a negative errno after an error line.
 */
bool vms_has_leftovers(void);
int vms_sweep(void);

/*
 * Waits for the VM's lock, which protects its record and its domains. Order: before the global lock
 * (lock.h). The kernel releases it when its holder dies, which is how others learn of that. Returns
 * the lock, or a negative errno: -ESRCH: no such VM; -EBUSY: held for longer than ms; -EINTR: a
 * signal to end is pending. Reports nothing.
 */
int vms_lock(const char *uuid, unsigned int ms);
void vms_unlock(int lock);

/*
 * The lock of a process that itself acts at the end of the VM (`cleave create -F`), so that cleaved
 * does not. vms_is_busy: some process holds this lock or the VM's.
 */
int vms_watch(const char *uuid);
bool vms_is_busy(const char *uuid);

/*
 * Write and read a record. Writing is atomic, and needs no space on disk once the VM is recorded.
 * Return 0, or a negative errno; -ESRCH, of which nothing is reported: no such VM.
 */
int vms_save(struct vms_record *vm);
int vms_load(const char *uuid, struct vms_record *vm);

/* Finds a VM by name or UUID. Returns as vms_load. */
int vms_find(const char *who, struct vms_record *vm);

/* Lists all VMs by name. The caller frees *list. Returns their number, or a negative errno. */
int vms_list(struct vms_record **list);

/* Returns the path of the VM's file, as vmfile_read takes it. */
void vms_config_path(const char *uuid, char *path, size_t size);

/*
 * Reads the VM's file, with so many settings behind it. Returns as vmfile_read; call vmfile_free in
 * either case.
 */
int vms_read_file(const char *uuid, char *const *settings, int setting_count, struct vmfile *file);

/* Returns the text of that file, which the caller frees, or NULL after an error line. */
char *vms_config(const struct vms_record *vm);

/*
 * Replaces the devices in that file. devices is the text of the keys disk and vif
 * (vmtext_devices). Returns 0, or a negative errno after an error line; then the file is unchanged.
 */
int vms_set_devices(const struct vms_record *vm, const char *devices);

/*
 * Notes that somebody asks the guest to reboot. vms_take_asked returns, once, whether that was so:
 * only a guest that reboots by itself may be in a loop.
 */
void vms_note_asked(const char *uuid);
bool vms_take_asked(const char *uuid);

#endif
