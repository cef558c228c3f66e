/* SPDX-License-Identifier: MIT */
/* Does a guest's balloon follow? And what did its failure teach (README.md)? */
#ifndef BALANCER_OBEY_H
#define BALANCER_OBEY_H

#include "balancer.h"

/* Updates the VM's history. Returns true if the VM has just been found not to follow. */
bool obey_judge(struct balancer_vm *vm, int64_t now);

/* True if the VM does not follow, and is not due to be asked again. */
bool obey_is_pinned(const struct balancer_vm *vm, int64_t now);

#endif
