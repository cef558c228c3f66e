/* SPDX-License-Identifier: MIT */
/*
 * For tests of event channels: dom0 and a guest, each with four vcpus, the core's evtchn*.c with
 * the real memory management, and the guest's side of the shared words. Upcalls and wake-ups are
 * counted.
 */
#ifndef EVTCHN_MODEL_H
#define EVTCHN_MODEL_H

#include "harness.h"

#include "core/evtchn_internal.h"

#define VCPUS 4
#define MAX_PORT 1000 /* of b; not at the end of a bucket */
#define BAD_PORT 0x7fffffffu

extern struct domain *a, *b; /* dom0 and a guest */
extern unsigned int upcalls[2][VCPUS], unblocks[2][VCPUS];

/* A test ends by destroying both domains. No port, pin or memory may be left. */
#define EVTCHN_TEST(test) \
    cmocka_unit_test_setup_teardown(test, evtchn_model_setup, evtchn_model_teardown)
int evtchn_model_setup(void **state);
int evtchn_model_teardown(void **state);

uint32_t unbound(struct domain *d, domid_t remote);
uint32_t ipi(struct domain *d, uint32_t vcpu);
struct evtchn_status status_of(struct domain *d, uint32_t port);
void channel(uint32_t *pa, uint32_t *pb); /* from a's port *pa to b's port *pb, nothing pending */
bool pending_2l(struct domain *d, uint32_t port);

/* --- b with FIFO queues --- */

#define CONTROL_GFN 16u /* of vcpu n: CONTROL_GFN + n */
#define ARRAY_GFN 32u
#define WORD_PENDING (1u << EVTCHN_FIFO_PENDING)
#define WORD_MASKED (1u << EVTCHN_FIFO_MASKED)
#define WORD_LINKED (1u << EVTCHN_FIFO_LINKED)

evtchn_fifo_control_block_t *control(unsigned int vcpu);
event_word_t *word(uint32_t port);
int init_control(unsigned int vcpu, uint64_t gfn, uint32_t offset);
/* as Linux does: masks all words, and unmasks a port when it is bound */
void start_fifo(void);
uint32_t fifo_ipi(unsigned int vcpu, unsigned int priority);
/*
 * The guest takes the next event of the highest ready priority; 0: none. It skips ports that are
 * masked or not pending.
 */
uint32_t take(unsigned int vcpu);
void forget_heads(void); /* the guest's copies of its queue heads */

#endif
