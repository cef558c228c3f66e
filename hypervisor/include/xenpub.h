/* SPDX-License-Identifier: MIT */
/*
 * The way to Xen's public headers of the installed libxen-dev: always include <xen/...> through a
 * file that has included this one first, so that every file sees one interface version and the
 * tools' (domctl, sysctl) parts. The command line defines __XEN_TOOLS__ and
 * __XEN_INTERFACE_VERSION__.
 */
#ifndef CLV_XENPUB_H
#define CLV_XENPUB_H

#include "types.h"

#include <xen/xen.h>
#include <xen/memory.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/features.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

#endif
