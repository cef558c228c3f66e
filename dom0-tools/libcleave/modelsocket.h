/* SPDX-License-Identifier: MIT */
/*
 * The socket of each device model, named by its domain's number. Its two processes keep it open, so
 * it takes connections as long as one of them lives; the keeper serves them. Read next:
 * ../cleave-dm/keeper.c.
 */
#ifndef LIBCLEAVE_MODELSOCKET_H
#define LIBCLEAVE_MODELSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a tool asks for, by one byte. To save, it pauses the domain first. The answer is a length of
 * 32 bits with so many bytes of state; of none if a vCPU is amid an access: the domain then has to
 * run for a moment. Once it has told the state, the device model waits for the request to resume.
 */
#define MODELSOCKET_SAVE 'S'
#define MODELSOCKET_RESUME 'R'

/*
 * Creates the domain's socket. Returns a descriptor for the device model to inherit, or a negative
 * errno, and reports nothing. The caller closes its own.
 */
int modelsocket_create(uint32_t domid);

/* Whether a process of the domain's device model lives. */
bool modelsocket_is_alive(uint32_t domid);

void modelsocket_remove(uint32_t domid);

/* Calls visit for each socket. It may remove that one. */
void modelsocket_each(void (*visit)(uint32_t domid, void *data), void *data);

/*
 * Takes the state of the devices, which the caller frees. Returns its length, or a negative errno
 * without a report: -EAGAIN as above, -ETIMEDOUT if the device model does not answer.
 */
int modelsocket_save(uint32_t domid, void **state);
/* Returns 0 or a negative errno, and reports nothing. */
int modelsocket_resume(uint32_t domid);

#endif
