/* SPDX-License-Identifier: MIT */
/* The builder of dom0 (dom0/build.c). */
#ifndef CLV_DOM0_BUILD_H
#define CLV_DOM0_BUILD_H

void dom0_build(void); /* panics with the reason on failure */

#endif
