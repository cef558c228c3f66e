/* SPDX-License-Identifier: MIT */
/*
 * The book of promises: the VMs to which CPU time is promised now, and the plan that keeps all of
 * it. A file under VMS_HOME, replaced atomically. promise.h has its rules.
 */
#ifndef LIBCLEAVE_BOOK_H
#define LIBCLEAVE_BOOK_H

#include "planner.h"
#include "vmfile.h"
#include "vms.h"

#define BOOK_PATH VMS_HOME "/cpu.json"
#define BOOK_DOM0_UUID "00000000-0000-0000-0000-000000000000"

struct book_vm {
    char uuid[UUID_STR_LEN];
    char name[DOMAIN_NAME_MAX];
    uint32_t id; /* identifies it in the next plan */
    uint32_t vcpus;
    struct vmfile_cpu cpu;
    bool declared;   /* dom0's line, by the operator */
    uint32_t weight; /* that it will have; not saved. 0: its domain's */
    bool pinned;     /* to cpus */
    uint8_t cpus[VMFILE_CPUS_MAX / 8];
};

struct book {
    uint32_t mhz; /* nominal clock of a CPU, as the operator declares it; 0: as the machine says */
    uint32_t next_id;
    struct book_vm *vms;
    size_t count;
    struct planner_plan plan; /* of these VMs, in this order; cpus is 0 if there is none */
};

/* Reads the book; an absent one is empty. Returns 0, or a negative errno after an error line. */
int book_load(struct book *book);

/* Writes the book. Returns 0, or a negative errno after an error line; then nothing has changed. */
int book_save(const struct book *book);

/* Reading and writing is one step under this lock. Returns it, or a negative errno after errors. */
int book_lock(void);
void book_unlock(int lock);

/* Returns the VM's entry, or NULL. */
struct book_vm *book_find(const struct book *book, const char *uuid);

/* Adds an entry, or replaces that of its UUID. Returns 0 or -ENOMEM. */
int book_put(struct book *book, const struct book_vm *vm);
void book_remove(struct book *book, struct book_vm *vm);

/* Returns the entry as the planner takes it, valid while the entry is. */
struct planner_vm book_planner_vm(const struct book_vm *vm);

void book_free(struct book *book);

#endif
