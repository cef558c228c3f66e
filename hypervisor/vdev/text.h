/* SPDX-License-Identifier: MIT */
/* Guest output on the core's console (vdev/text.c). */
#ifndef CLV_VDEV_TEXT_H
#define CLV_VDEV_TEXT_H

#include "types.h"

struct domain;

void text_print(struct domain *d, const char *text, size_t n);

#endif
