/* SPDX-License-Identifier: MIT */
/* The machine as the hypervisor reports it. */
#ifndef CLEAVE_INFO_H
#define CLEAVE_INFO_H

#include "hv.h"

struct info_machine {
    char version[64];
    xen_capabilities_info_t capabilities;
    xen_commandline_t command_line;
    xc_physinfo_t physical;
    struct hv_memory memory;
    const char *scheduler;
    int domains; /* domain 0 included */
};

/* Returns 0, or a negative errno after an error was reported. */
int info_read(struct hv *hv, struct info_machine *machine);

#endif
