/* SPDX-License-Identifier: MIT */
/* boot/: a machine with two ranges of memory. */
#include "platform/boot_info.h"

struct boot_info boot_info = {
    .cmdline = "",
    .ranges = 2,
    .range = { { 0, 0x9f000, 1 }, { 0x100000, 0x4000000, 1 } },
};
