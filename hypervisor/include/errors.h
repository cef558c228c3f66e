/* SPDX-License-Identifier: MIT */
/*
 * Error numbers of the Xen ABI under their usual names, for `return -EINVAL`, plus the core's own
 * ERESTART, which never reaches a guest: the hypercall continues when it is executed again.
 */
#ifndef CLV_ERRORS_H
#define CLV_ERRORS_H

#define XEN_ERRNO(name, value) name = value,
enum error {
#include <xen/errno.h>
    ERESTART = 1000 /* args were advanced: leave RIP, the instruction runs again (hypercall.h) */
};

#endif
