/* SPDX-License-Identifier: MIT */
/*
 * A look at all VMs: what each is promised, and what its vCPUs did since the look before. For the
 * verbs that watch: `cpu show`, `top` and `metrics`.
 */
#ifndef CLEAVE_SAMPLE_H
#define CLEAVE_SAMPLE_H

#include "book.h"
#include "core.h"
#include "list.h"
#include "usage.h"

#define SAMPLE_NAME_MAX 256

struct sample_vm {
    struct list_row row;
    const struct book_vm *vm;  /* NULL: it has no promise */
    uint64_t bound;            /* ns; the longest wait that the plan allows any vCPU; 0: none */
    struct usage usage;        /* as cleaved recorded it */
    struct cleave_time *times; /* of each vCPU; NULL: unknown, as always on Xen */
    uint32_t vcpus;            /* of times */

    /* Since the look before; all 0 if the domain was not there. */
    uint64_t elapsed;           /* of one vCPU, in ns */
    uint64_t ran, wanted, lack; /* of all its vCPUs, in ns; struct usage_time */
    uint64_t longest_wait;      /* of any vCPU, in ns */
};

enum sample_tables { SAMPLE_NO_TABLES, SAMPLE_INSTALLED, SAMPLE_MISSING };

struct sample {
    uint64_t when; /* ns of CLOCK_BOOTTIME */
    struct book book;
    uint32_t mhz; /* nominal clock of a CPU */
    bool is_cleave;
    enum sample_tables tables; /* whether the core has the plan's */
    xc_physinfo_t machine;
    struct hv_memory memory;
    struct sample_vm *vms;
    size_t count;
};

/*
 * Takes a look. before: an earlier one to compare with, or NULL. reset: the longest waits begin
 * again, for the next look. Returns 0, or a negative errno after an error line. Call sample_free in
 * either case, which frees what the sample holds.
 */
int sample_take(const struct sample *before, bool reset, struct sample *sample);
void sample_free(struct sample *sample);

/* Converts a sum of ns of all vCPUs since the look before. */
uint32_t sample_mhz(const struct sample *sample, const struct sample_vm *vm, uint64_t ns);

uint32_t sample_asked_mhz(const struct sample_vm *vm);
const char *sample_class(const struct sample_vm *vm);

/* Returns its name for people (list_name); what cannot be printed is replaced. */
const char *sample_name(const struct sample_vm *vm, char text[SAMPLE_NAME_MAX]);

/* Returns "none", "installed" or "missing". */
const char *sample_tables_word(const struct sample *sample);

/* Adds the VM's promise and CPU time to a JSON object. */
void sample_add_cpu(const struct sample *sample, const struct sample_vm *vm, json_t *object);

#endif
