/* SPDX-License-Identifier: MIT */
/*
 * dom0 GUEST-ID: the cost of operations on a guest's frames through Linux's drivers, the same under
 * each hypervisor: the minimum of many rounds, in TSC ticks, as "bench NAME TICKS" lines. The
 * guest's builder grants its console page to dom0. Also the time from the start of the hypervisor's
 * clock to dom0's init.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <time.h>

#include <x86intrin.h>
#include <xencall.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>

#include <xen/grant_table.h>
#include <xen/vcpu.h>

#include "mark.h"

#define ROUNDS 50
#define PAGES 64
#define FIRST_GFN 512
#define SYSLOG_READ_ALL 3

static uint32_t guest;
static xengnttab_handle *grants;
static xenforeignmemory_handle *memory;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void map_grant(void)
{
    void *page = xengnttab_map_grant_ref(grants, guest, GNTTAB_RESERVED_CONSOLE, PROT_READ);

    if (!page)
        die("bench: map a grant");
    if (xengnttab_unmap(grants, page, 1))
        die("bench: unmap a grant");
}

static void copy_grant(void)
{
    static uint8_t buffer[4096] __attribute__((aligned(4096)));
    xengnttab_grant_copy_segment_t segment = {
        .source.foreign = { .ref = GNTTAB_RESERVED_CONSOLE, .domid = (uint16_t)guest },
        .dest.virt = buffer,
        .len = sizeof(buffer),
        .flags = GNTCOPY_source_gref,
    };

    if (xengnttab_grant_copy(grants, 1, &segment) || segment.status)
        die("bench: copy from a grant");
}

static void map_foreign(void)
{
    xen_pfn_t gfn[PAGES];
    int errors[PAGES];
    void *pages;

    for (unsigned int i = 0; i < PAGES; i++)
        gfn[i] = FIRST_GFN + i;
    pages = xenforeignmemory_map(memory, guest, PROT_READ, PAGES, gfn, errors);
    if (!pages)
        die("bench: map foreign frames");
    if (xenforeignmemory_unmap(memory, pages, PAGES))
        die("bench: unmap foreign frames");
}

static void row(const char *name, void (*op)(void), unsigned int parts)
{
    uint64_t best = UINT64_MAX;

    for (unsigned int i = 0; i < ROUNDS; i++) {
        uint64_t ticks;

        MARK_BEGIN;
        ticks = __rdtsc();
        op();
        ticks = __rdtsc() - ticks;
        MARK_END;
        best = ticks < best ? ticks : best;
    }
    MARK_ROW;
    printf("bench %s %lu\n", name, best / parts);
}

/* The time when the kernel started init, in nanoseconds of its own clock, from its messages. */
static uint64_t init_started(void)
{
    static char log[1 << 20];
    int length = klogctl(SYSLOG_READ_ALL, log, sizeof(log) - 1);
    char *line = length > 0 ? strstr(log, " as init process") : NULL;
    double seconds;

    while (line && line > log && line[-1] != '[')
        line--;
    if (!line || sscanf(line, "%lf", &seconds) != 1)
        die("bench: the kernel's message about its init");
    return (uint64_t)(seconds * 1e9);
}

/* The hypervisor's time when this vCPU last began to run, which was just now. */
static uint64_t hypervisor_time(void)
{
    xencall_handle *call = xencall_open(NULL, 0);
    struct vcpu_runstate_info *state = call ? xencall_alloc_buffer(call, sizeof(*state)) : NULL;

    if (!state ||
        xencall3(call, __HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, (uint64_t)state))
        die("bench: the hypervisor's time");
    return state->state_entry_time;
}

static void boot(void)
{
    struct timespec sleep = { .tv_nsec = 50000000 }, now;

    nanosleep(&sleep, NULL);
    clock_gettime(CLOCK_MONOTONIC, &now);
    MARK_ROW;
    printf("bench boot_to_dom0_init %lu\n",
           hypervisor_time() -
               ((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec - init_started()));
}

int main(int argc, char **argv)
{
    if (argc != 2 || !(guest = (uint32_t)atoi(argv[1]))) {
        fprintf(stderr, "usage: dom0 GUEST-ID\n");
        return 2;
    }
    grants = xengnttab_open(NULL, 0);
    memory = xenforeignmemory_open(NULL, 0);
    if (!grants || !memory)
        die("bench: Xen's devices");
    row("dom0_grant_map_unmap", map_grant, 1);
    row("dom0_grant_copy_4k", copy_grant, 1);
    row("dom0_foreign_map_unmap_page", map_foreign, PAGES);
    boot();
    return 0;
}
