/* SPDX-License-Identifier: MIT */
/*
 * Marks in the instruction stream: NOPs that no compiler emits. tests/bench/count.c recognises
 * them, to count what the hypervisor executes between them; otherwise they have no effect. A round
 * is from MARK_BEGIN to MARK_END. MARK_ROW ends a row, which consists of the rounds since the last
 * MARK_ROW. MARK_BOOT: dom0's first program starts.
 */
#ifndef BENCH_MARK_H
#define BENCH_MARK_H

#define MARK_BEGIN asm volatile("nopl 0x62656e01(%%rax)" ::: "memory")
#define MARK_END asm volatile("nopl 0x62656e02(%%rax)" ::: "memory")
#define MARK_ROW asm volatile("nopl 0x62656e03(%%rax)" ::: "memory")
#define MARK_BOOT asm volatile("nopl 0x62656e04(%%rax)" ::: "memory")

#endif
