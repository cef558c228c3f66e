/* SPDX-License-Identifier: MIT */
/* The machine and its VMs as the balancer takes them (../balancer/balancer.h). */
#ifndef LIBCLEAVE_BALANCE_H
#define LIBCLEAVE_BALANCE_H

#include "balancer.h"
#include "membook.h"
#include "memory.h"

/* A VM of cleave with a domain; its place is that in vms. */
struct balance_vm {
    struct domain domain;
    struct memory_figures figures;
    struct membook book; /* empty for one that is not balanced */
    bool balanced;
    bool paging; /* it may be paged out */
};

struct balance {
    struct balancer_host host;
    struct balancer_vm *vms;
    struct balance_vm *known;
    size_t count;
};

/*
 * Looks at the machine and at all running VMs. fresh: evaluates samples, for cleaved; else working
 * sets are what cleaved saw last. Returns 0, or a negative errno after an error line. Call
 * balance_free in any case.
 */
int balance_take(struct hv *hv, struct xs_handle *store, bool fresh, struct balance *balance);
void balance_free(struct balance *balance);

/*
 * Tells VMs the targets of the verdicts that differ from theirs, and records them. Returns how many
 * were told.
 */
size_t balance_tell(struct hv *hv, struct xs_handle *store, struct balance *balance,
                    const struct balancer_verdict *verdicts);

/*
 * The last resort: if the VM may be paged out and does not follow its target, asks the pager to
 * take out what it has above, and withdraws what it has not touched yet. Returns whether that is
 * so: then it need not be told another target.
 */
bool balance_page_out(struct hv *hv, const struct balance_vm *known, const struct balancer_vm *vm);

/* The balancer's time: ms since dom0 booted. */
int64_t balance_now(void);

/* Says as an event that a VM's guest does not follow. */
void balance_tell_failure(const struct balance_vm *known, const struct balancer_vm *vm);

/*
 * The lock under which targets are told: from making room for a VM until the memory is the VM's.
 * Waits up to ms. Returns it, or a negative errno, of which -EBUSY is not reported.
 */
int balance_lock(unsigned int ms);
void balance_unlock(int lock);

/* How room for a VM would be made. Sizes are in KiB. */
struct balance_room {
    uint64_t free;     /* now */
    uint64_t possible; /* with what other VMs have above their minimum */
    bool asked;        /* they were told to give that, and have not */
    char givers[320];  /* names of some, and their MiB: "a" 20, "b" 30; or empty */
};

/*
 * Whether so much memory is free or can be: 0; -ENOMEM: it cannot, of which nothing is reported; or
 * another negative errno after an error line.
 */
int balance_check_room(struct hv *hv, struct xs_handle *store, uint64_t kib,
                       struct balance_room *room);

/*
 * Makes so much memory free for the VM `who`: waits as long as other VMs give. Under the lock.
 * Returns as above.
 */
int balance_make_room(struct hv *hv, struct xs_handle *store, const char *who, uint64_t kib,
                      struct balance_room *room);

#endif
