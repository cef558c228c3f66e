/* SPDX-License-Identifier: MIT */
/*
 * Error numbers of the Xen ABI (XEN_E* of <xen/errno.h>) under their usual names, for `return -EINVAL`, plus
 * the core's own ERESTART, which never reaches a guest: the hypercall continues when it is executed again.
 */
#ifndef CLV_ERRORS_H
#define CLV_ERRORS_H

#include <xen/errno.h>

#define EPERM XEN_EPERM
#define ENOENT XEN_ENOENT
#define ESRCH XEN_ESRCH
#define E2BIG XEN_E2BIG
#define ENOMEM XEN_ENOMEM
#define EACCES XEN_EACCES
#define EFAULT XEN_EFAULT
#define EBUSY XEN_EBUSY
#define EEXIST XEN_EEXIST
#define ENODEV XEN_ENODEV
#define EINVAL XEN_EINVAL
#define ENOSPC XEN_ENOSPC
#define ERANGE XEN_ERANGE
#define ENOSYS XEN_ENOSYS
#define ENODATA XEN_ENODATA
#define EOPNOTSUPP XEN_EOPNOTSUPP
#define ENOBUFS XEN_ENOBUFS

#define ERESTART 1000 /* args were advanced: leave RIP, the instruction runs again (hypercall.h) */

#endif
