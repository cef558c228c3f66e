/* SPDX-License-Identifier: MIT */
/* What dom0 can see of the machine that it controls: its CPUs, and the daemons that VMs need. */
#ifndef LIBCLEAVE_HOST_H
#define LIBCLEAVE_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "hv.h"

/* The machine's CPUs, as CPUID describes them to the hypervisor. */
struct host_cpu {
    char model[49];        /* the brand; "": unknown */
    unsigned int family;   /* display family; 0: unknown */
    unsigned int asids;    /* address spaces whose TLB entries a CPU keeps apart; 0: unknown */
    unsigned int siblings; /* hardware threads of a core; 0: unknown */
    bool nested;           /* a hypervisor runs below this one: the machine is virtual */
    uint32_t features;     /* bit n: feature n */
};

/* The features by number: host_feature(n) returns the name, or NULL behind the last. */
enum host_feature {
    HOST_SVM,
    HOST_NPT,
    HOST_NRIP,
    HOST_FLUSH_BY_ASID,
    HOST_DECODE_ASSISTS,
    HOST_PAUSE_FILTER,
    HOST_AVIC,
    HOST_X2APIC,
    HOST_PAGES_1G,
    HOST_INVARIANT_TSC,
    HOST_AVX,
    HOST_IBPB,
    HOST_FEATURES
};
const char *host_feature(unsigned int number);

/* Reads them. Returns 0, or a negative errno after an error line. */
int host_read_cpu(struct hv *hv, struct host_cpu *cpu);

/* Returns the process id of a running daemon by its program's name, or 0. */
pid_t host_find_daemon(const char *name);

/* Whether a word of the process's command line begins like this. */
bool host_was_started_with(pid_t pid, const char *word);

#endif
