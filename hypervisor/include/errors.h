/* SPDX-License-Identifier: MIT */
/*
 * Error numbers of the Xen ABI under their usual names, for `return -EINVAL`. The core adds
 * ERESTART, which never reaches a guest: the guest executes the hypercall again.
 */
#ifndef CLV_ERRORS_H
#define CLV_ERRORS_H

#define XEN_ERRNO(name, value) name = value,
enum error {
#include <xen/errno.h>
    ERESTART = 1000 /* arguments updated; RIP stays on the instruction (hypercall.h) */
};

#endif
