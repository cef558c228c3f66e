/* SPDX-License-Identifier: MIT */
/* Rows of cleave_op for paging (hypercall/page_op.c). */
#ifndef CLV_HYPERCALL_PAGE_OP_H
#define CLV_HYPERCALL_PAGE_OP_H

#include "hypercall/operation.h"

operation_fn page_op_find, page_op_evict, page_op_fill, page_op_wanted;

#endif
