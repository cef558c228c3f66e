/* SPDX-License-Identifier: MIT */
/* Device models that have died (models.c). */
#ifndef CLEAVED_MODELS_H
#define CLEAVED_MODELS_H

#include "hv.h"

/*
 * Lets the hypervisor record a crash of each domain whose device model has died, and removes the
 * sockets of domains that are gone.
 */
void models_look(struct hv *hv);

#endif
