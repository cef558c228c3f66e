/* SPDX-License-Identifier: MIT */
/*
 * Xen's public headers from libxen-dev. Include this file before any <xen/...>, so that every file
 * sees the same interface version and the tools' parts (domctl, sysctl). The command line defines
 * __XEN_TOOLS__ and __XEN_INTERFACE_VERSION__.
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
