/* SPDX-License-Identifier: MIT */
/*
 * The tables of a p2m, for p2m.c and p2m_check.c only: four levels of 512 entries, whose format is
 * the CPU vendor's.
 */
#ifndef CLV_MM_P2M_ENTRY_H
#define CLV_MM_P2M_ENTRY_H

#include "svm/npt.h"

#define TOP_LEVEL 3u
#define LEVEL_ORDER(level) (9 * (level))

#endif
