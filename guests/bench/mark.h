/* SPDX-License-Identifier: MIT */
/*
 * Marks in the instruction stream: NOPs that no compiler makes, which tests/bench/count.c recognises, so that
 * what the hypervisor executes in between can be counted from outside. Without it they do nothing. A round is
 * from MARK_BEGIN to MARK_END; MARK_ROW ends a row: the rounds since the last one were its rounds. MARK_BOOT:
 * dom0's first program begins.
 */
#ifndef BENCH_MARK_H
#define BENCH_MARK_H

#define MARK_BEGIN asm volatile("nopl 0x62656e01(%%rax)" ::: "memory")
#define MARK_END asm volatile("nopl 0x62656e02(%%rax)" ::: "memory")
#define MARK_ROW asm volatile("nopl 0x62656e03(%%rax)" ::: "memory")
#define MARK_BOOT asm volatile("nopl 0x62656e04(%%rax)" ::: "memory")

#endif
