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

/* What the balancer may do with its memory (../balancer/README.md). */
struct vmfile_memory {
    uint64_t min_kib;   /* max_memory_kib: it is not balanced */
    uint64_t floor_kib; /* its guest needs so much to live */
    unsigned int shares;
    unsigned int priority;
    unsigned int paging;  /* 1: its pages may be paged out */
    uint64_t hotplug_kib; /* it may grow to so much beyond its maximum; 0: it may not */
};

enum vmfile_action { VMFILE_DESTROY, VMFILE_RESTART, VMFILE_PRESERVE };

/* How it ends when the machine goes down: its guest is asked to, its state is saved, or neither. */
enum vmfile_farewell { VMFILE_ASK, VMFILE_SAVE, VMFILE_END };

struct vmfile {
    char name[DOMAIN_NAME_MAX];
    uuid_t uuid;         /* from the file, or generated */
    uint64_t memory_kib; /* initial size */
    uint64_t max_memory_kib;
    struct vmfile_memory memory;
    unsigned int vcpus;
    unsigned int max_vcpus;
    bool hvm; /* an HVM guest: firmware starts it from its first disk, there is no kernel */
    unsigned int model; /* 0: its devices are emulated by cleave-dm; others are not supported */
    char *kernel;       /* absolute paths in dom0 */
    char *ramdisk;      /* or NULL */
    char *cmdline;      /* never NULL */
    enum vmfile_action on_poweroff, on_reboot, on_crash, on_watchdog;
    enum vmfile_farewell on_host_shutdown; /* for ../debian/guests */
    bool pinned;                           /* cpus is set: the physical CPUs allowed */
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
 * Reads only the settings that are about CPU time (cpus, cpu_weight, cpu_mhz and its companions);
 * another key is an error. who: for whom they are. Returns as vmfile_read.
 */
int vmfile_read_cpu(const char *who, char *const *settings, int setting_count, struct vmfile *vm);
/* Whether a key is one of these. */
bool vmfile_is_cpu_key(const char *key, size_t length);

/* Returns the name of a key that VM files may have, or NULL after the last one. */
const char *vmfile_key(size_t index);

/* Whether a VM may have this name. */
bool vmfile_is_name(const char *name);

/*
 * Reads only the keys that are about memory, and warns about none. Returns as vmfile_read.
 */
int vmfile_read_memory(const char *path, struct vmfile *vm);
/* Whether a key is about the VM's memory. These, too, may change while the VM runs. */
bool vmfile_is_memory_key(const char *key, size_t length);

void vmfile_free(struct vmfile *vm);

#endif
