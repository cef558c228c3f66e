/* SPDX-License-Identifier: MIT */
/*
 * A VM file (xl.cfg syntax) as this project understands it.
 */
#ifndef LIBCLEAVE_VMFILE_H
#define LIBCLEAVE_VMFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <uuid/uuid.h>

#include "domain.h"
#include "vmdevices.h"

/* Local APIC ids are 2 * vCPU in 8 bits, and the hypervisors' own limit is the same. */
#define VMFILE_VCPUS_MAX 128
#define VMFILE_CPUS_MAX 1024

enum vmfile_action { VMFILE_DESTROY, VMFILE_RESTART, VMFILE_PRESERVE };

struct vmfile {
    char name[DOMAIN_NAME_MAX];
    uuid_t uuid;         /* from the file, or a new one */
    uint64_t memory_kib; /* what it starts with */
    uint64_t max_memory_kib;
    unsigned int vcpus;
    unsigned int max_vcpus;
    char *kernel;  /* absolute paths in dom0 */
    char *ramdisk; /* or NULL */
    char *cmdline; /* never NULL */
    enum vmfile_action on_poweroff, on_reboot, on_crash;
    bool pinned; /* cpus is set: the physical CPUs that it may use */
    uint8_t cpus[VMFILE_CPUS_MAX / 8];
    unsigned int weight; /* 0: the scheduler's default */
    struct vmdevices devices;
    /* as XEN_DOMCTL_settscinfo takes it; 0: the hypervisor's choice */
    unsigned int tsc_mode;
};

/*
 * Reads a VM file; settings ("key=value", as xl takes them behind the file) count as its last
 * lines. 0, or a negative errno after one error line; keys that it does not know are warned about.
 * vmfile_free in any case.
 */
int vmfile_read(const char *path, char *const *settings, int setting_count, struct vmfile *vm);
void vmfile_free(struct vmfile *vm);

#endif
