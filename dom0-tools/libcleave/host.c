/* SPDX-License-Identifier: MIT */
/*
 * The machine's CPUs and dom0's daemons. CPUID in dom0 shows what a domain may use; the
 * hypervisor's raw policy (xen/sysctl.h) has the leaves of the CPU itself. (APM vol. 3, appendix E)
 */
#include "host.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenguest.h>

#include "report.h"

enum reg { EAX, EBX, ECX, EDX };

#define BRAND_LEAF 0x80000002
#define BRAND_LEAVES 3
#define SVM_LEAF 0x8000000a
#define TOPOLOGY_LEAF 0x8000001e
#define REGISTER_SIZE 4

static const struct {
    const char *name;
    uint32_t leaf;
    enum reg reg;
    unsigned int bit;
} features[] = {
    [HOST_SVM] = { "svm", 0x80000001, ECX, 2 },
    [HOST_NPT] = { "npt", SVM_LEAF, EDX, 0 },
    [HOST_NRIP] = { "nrip", SVM_LEAF, EDX, 3 },
    [HOST_FLUSH_BY_ASID] = { "flush-by-asid", SVM_LEAF, EDX, 6 },
    [HOST_DECODE_ASSISTS] = { "decode-assists", SVM_LEAF, EDX, 7 },
    [HOST_PAUSE_FILTER] = { "pause-filter", SVM_LEAF, EDX, 10 },
    [HOST_AVIC] = { "avic", SVM_LEAF, EDX, 13 },
    [HOST_X2APIC] = { "x2apic", 1, ECX, 21 },
    [HOST_PAGES_1G] = { "1g-pages", 0x80000001, EDX, 26 },
    [HOST_INVARIANT_TSC] = { "invariant-tsc", 0x80000007, EDX, 8 },
    [HOST_AVX] = { "avx", 1, ECX, 28 },
    [HOST_IBPB] = { "ibpb", 0x80000008, EBX, 12 },
};

const char *host_feature(unsigned int number)
{
    return number < sizeof(features) / sizeof(features[0]) ? features[number].name : NULL;
}

/* --- CPUs ------------------------------------------------------------------------------------- */

struct leaves {
    xen_cpuid_leaf_t *list;
    uint32_t count;
};

/* Returns a register of a leaf, or 0 if the CPU has no such leaf. */
static uint32_t register_of(const struct leaves *leaves, uint32_t number, enum reg reg)
{
    for (uint32_t i = 0; i < leaves->count; i++) {
        const xen_cpuid_leaf_t *leaf = &leaves->list[i];
        const uint32_t values[] = { leaf->a, leaf->b, leaf->c, leaf->d };

        if (leaf->leaf == number && (leaf->subleaf == 0 || leaf->subleaf == XEN_CPUID_NO_SUBLEAF))
            return values[reg];
    }
    return 0;
}

/* Copies the brand without the spaces around it. */
static void read_model(const struct leaves *leaves, char *model)
{
    char text[BRAND_LEAVES * 4 * REGISTER_SIZE + 1] = "";
    size_t length;

    for (unsigned int i = 0; i < BRAND_LEAVES * 4; i++) {
        uint32_t part = register_of(leaves, BRAND_LEAF + i / 4, i % 4);

        memcpy(text + i * REGISTER_SIZE, &part, REGISTER_SIZE);
    }
    strcpy(model, text + strspn(text, " "));
    for (length = strlen(model); length && model[length - 1] == ' '; length--)
        model[length - 1] = '\0';
    for (char *c = model; *c; c++)
        if (!isprint((unsigned char)*c))
            *c = '?';
}

static void describe_cpu(const struct leaves *leaves, struct host_cpu *cpu)
{
    uint32_t signature = register_of(leaves, 1, EAX);

    read_model(leaves, cpu->model);
    cpu->family = (signature >> 8 & 0xf) + (signature >> 20 & 0xff);
    cpu->asids = register_of(leaves, SVM_LEAF, EBX);
    if (register_of(leaves, 0x80000000, EAX) >= TOPOLOGY_LEAF)
        cpu->siblings = (register_of(leaves, TOPOLOGY_LEAF, EBX) >> 8 & 0xff) + 1;
    cpu->nested = register_of(leaves, 1, ECX) >> 31;
    for (unsigned int i = 0; i < HOST_FEATURES; i++)
        if (register_of(leaves, features[i].leaf, features[i].reg) >> features[i].bit & 1)
            cpu->features |= 1u << i;
}

/* Reads the leaves of the raw policy. Returns 0, or a negative errno. The caller frees the list. */
static int read_leaves(struct hv *hv, xc_cpu_policy_t *policy, struct leaves *leaves)
{
    uint32_t msrs = 0;
    xen_msr_entry_t *entries;
    int rc;

    if (xc_cpu_policy_get_size(hv->xc, &leaves->count, &msrs) < 0)
        return -errno;
    leaves->list = calloc(leaves->count, sizeof(*leaves->list));
    entries = calloc(msrs, sizeof(*entries));
    if (!leaves->list || !entries)
        rc = -ENOMEM;
    else if (xc_cpu_policy_get_system(hv->xc, XEN_SYSCTL_cpu_policy_raw, policy) < 0 ||
             xc_cpu_policy_serialise(hv->xc, policy, leaves->list, &leaves->count, entries, &msrs) <
                 0)
        rc = -errno;
    else
        rc = 0;
    free(entries);
    return rc;
}

int host_read_cpu(struct hv *hv, struct host_cpu *cpu)
{
    xc_cpu_policy_t *policy = xc_cpu_policy_init();
    struct leaves leaves = { .list = NULL };
    int rc = -ENOMEM;

    *cpu = (struct host_cpu){ .model = "" };
    hv_forget(hv);
    if (policy)
        rc = read_leaves(hv, policy, &leaves);
    if (rc == 0)
        describe_cpu(&leaves, cpu);
    else
        report_error(report_by_errno(-rc), "cannot read the CPUs' features: %s",
                     hv_reason(hv, -rc));
    free(leaves.list);
    if (policy)
        xc_cpu_policy_destroy(policy);
    return rc;
}

/* --- daemons ---------------------------------------------------------------------------------- */

/* Reads a file of /proc/PID into text. Returns its length, 0 if there is none. */
static size_t read_process(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    FILE *file;
    size_t length;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    file = fopen(path, "re");
    length = file ? fread(text, 1, size - 1, file) : 0;
    text[length] = '\0';
    if (file)
        fclose(file);
    return length;
}

/* Whether the process runs this program; what has ended, and is not yet waited for, does not. */
static bool runs_program(pid_t pid, const char *name, pid_t *parent)
{
    char stat[256], program[32], state;
    int parent_id;

    if (!read_process(pid, "stat", stat, sizeof(stat)) ||
        sscanf(stat, "%*d (%31[^)]) %c %d", program, &state, &parent_id) != 3)
        return false;
    *parent = parent_id;
    return strcmp(program, name) == 0 && state != 'Z' && state != 'X';
}

pid_t host_find_daemon(const char *name)
{
    DIR *processes = opendir("/proc");
    const struct dirent *entry;
    pid_t found = 0, parent, of_parent;

    while (processes && !found && (entry = readdir(processes)) != NULL) {
        pid_t pid = atoi(entry->d_name);

        /* a daemon's workers have its name, too */
        if (pid > 0 && runs_program(pid, name, &parent) && !runs_program(parent, name, &of_parent))
            found = pid;
    }
    if (processes)
        closedir(processes);
    return found;
}

bool host_was_started_with(pid_t pid, const char *word)
{
    char words[4096];
    size_t length = read_process(pid, "cmdline", words, sizeof(words));

    for (size_t at = 0; at < length; at += strlen(words + at) + 1)
        if (strncmp(words + at, word, strlen(word)) == 0)
            return true;
    return false;
}
