/* SPDX-License-Identifier: MIT */
/* The contents of a VM file (xl.cfg syntax). */
#ifndef LIBCLEAVE_VMFILE_H
#define LIBCLEAVE_VMFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <uuid/uuid.h>

#include "domain.h"
#include "vmdevices.h"

/* Local APIC ids are 2 * vCPU in 8 bits; the hypervisors' limit is the same. */
#define VMFILE_VCPUS_MAX 128
#define VMFILE_CPUS_MAX 1024

enum vmfile_class { VMFILE_GUARANTEED, VMFILE_RELAXED, VMFILE_SPARE };

/* What the planner is asked for each vCPU. */
struct vmfile_cpu {
    enum vmfile_class class; /* without cpu_class: guaranteed if cpu_mhz is set, or else spare */
    unsigned int mhz;        /* 0: only for spare */
    unsigned int slo;        /* percent, for relaxed */
    unsigned int limit_mhz;  /* 0: none */
    unsigned int latency_us; /* 0: no requirement */
    bool cosched;
};

enum vmfile_action { VMFILE_DESTROY, VMFILE_RESTART, VMFILE_PRESERVE };

struct vmfile {
    char name[DOMAIN_NAME_MAX];
    uuid_t uuid;         /* from the file, or generated */
    uint64_t memory_kib; /* initial size */
    uint64_t max_memory_kib;
    unsigned int vcpus;
    unsigned int max_vcpus;
    char *kernel;  /* absolute paths in dom0 */
    char *ramdisk; /* or NULL */
    char *cmdline; /* never NULL */
    enum vmfile_action on_poweroff, on_reboot, on_crash, on_watchdog;
    bool pinned; /* cpus is set: the physical CPUs allowed */
    uint8_t cpus[VMFILE_CPUS_MAX / 8];
    unsigned int weight; /* 0: the scheduler's default */
    struct vmfile_cpu cpu;
    struct vmdevices devices;
    /* as for XEN_DOMCTL_settscinfo; 0: default */
    unsigned int tsc_mode;
};

/*
 * Reads a VM file. settings ("key=value", as xl takes them after the file) are appended to it.
 * Warns about unknown keys. Returns 0, or a negative errno after errors were reported: one for each
 * wrong key. Call vmfile_free in either case.
 */
int vmfile_read(const char *path, char *const *settings, int setting_count, struct vmfile *vm);

/* The same, but an unknown key is an error. */
int vmfile_read_strict(const char *path, char *const *settings, int setting_count,
                       struct vmfile *vm);

/*
 * Returns the text of a VM file that means the same, wherever it is read: that of path with the
 * settings, and vm's identity and absolute paths. The caller frees it. NULL after an error line.
 */
char *vmfile_text(const char *path, char *const *settings, int setting_count,
                  const struct vmfile *vm);
/* Whether a VM may have this name. */
bool vmfile_is_name(const char *name);

void vmfile_free(struct vmfile *vm);

#endif
