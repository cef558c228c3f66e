/* SPDX-License-Identifier: MIT */
/*
 * A plugin for QEMU's software emulation: counts the instructions executed between the marks of
 * guests/bench/mark.h: those of the hypervisor, by address; of these, the ones that are slow on
 * silicon although each counts as one here; and others, by whether their address is a kernel's or
 * lower (programs; the BIOS). Prints one line per row of the benchmark, in order, for the round
 * with the fewest instructions of the hypervisor:
 *
 *     row HYPERVISOR VMRUN VMLOAD VMSAVE WRMSR CR3 KERNEL USER
 *
 * A row without rounds is the boot, up to its mark.
 *
 *     qemu ... -plugin count.so,from=ADDRESS,to=ADDRESS,out=FILE[,profile=FILE]
 *
 * from, to: the addresses of the hypervisor's code. profile: for all rounds of each row, "ROW
 * ADDRESS COUNT" for each instruction of the hypervisor (profile.sh converts addresses to names).
 *
 * No Debian package has QEMU's plugin header: the few declarations needed are here, following its
 * documentation (TCG plugins, interface version 1). One emulated CPU.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void exec_fn(unsigned int cpu, void *data);

extern __attribute__((visibility("default"))) int qemu_plugin_version;
__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const void *info,
                                                               int argc, char **argv);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
                                           void (*cb)(uint64_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, exec_fn *cb,
                                            int registers, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int add_u64,
                                                void *counter, uint64_t n);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t n);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

int qemu_plugin_version = 1;

enum kind { HYPERVISOR, VMRUN, VMLOAD, VMSAVE, WRMSR, CR3, KERNEL, USER, KINDS };
enum mark { MARK_BEGIN = 1, MARK_END, MARK_ROW, MARK_BOOT };

static uint64_t from, to;
static FILE *out, *profile;
static int inside;             /* a round has begun */
static uint64_t counts[KINDS]; /* since power-on */
static uint64_t at_begin[KINDS], at_boot[KINDS], least[KINDS];
static unsigned int row;
/* by address - from: executions in all rounds of this row */
static uint32_t *executed;

static void on_address(unsigned int cpu, void *offset) { executed[(uintptr_t)offset] += inside; }

static void end_row(void)
{
    fputs("row", out);
    for (int k = 0; k < KINDS; k++)
        fprintf(out, " %lu", least[HYPERVISOR] == UINT64_MAX ? at_boot[k] : least[k]);
    fputc('\n', out);
    fflush(out);
    for (uint64_t i = 0; executed && i < to - from; i++)
        if (executed[i])
            fprintf(profile, "%u %lx %u\n", row, from + i, executed[i]);
    if (executed) {
        memset(executed, 0, (to - from) * sizeof(*executed));
        fflush(profile);
    }
    least[HYPERVISOR] = UINT64_MAX;
    row++;
}

static void end_round(void)
{
    uint64_t hypervisor = counts[HYPERVISOR] - at_begin[HYPERVISOR];

    if (!hypervisor || hypervisor >= least[HYPERVISOR])
        return;
    for (int k = 0; k < KINDS; k++)
        least[k] = counts[k] - at_begin[k];
}

static void on_mark(unsigned int cpu, void *mark)
{
    switch ((uintptr_t)mark) {
    case MARK_BEGIN:
        memcpy(at_begin, counts, sizeof(counts));
        inside = 1;
        break;
    case MARK_END:
        if (inside)
            end_round();
        inside = 0;
        break;
    case MARK_ROW: end_row(); break;
    case MARK_BOOT: memcpy(at_boot, counts, sizeof(counts)); break;
    }
}

/* The slow kind of this instruction, or HYPERVISOR: none. */
static enum kind kind_of(const uint8_t *b, size_t size)
{
    if (size > 3 && (b[0] & 0xf0) == 0x40) /* REX, or none of the below */
        b++;
    if (size < 2 || b[0] != 0x0f)
        return HYPERVISOR;
    if (b[1] == 0x30)
        return WRMSR;
    if (size >= 3 && b[1] == 0x22 && (b[2] & 0x38) == 0x18)
        return CR3;
    if (size < 3 || b[1] != 0x01)
        return HYPERVISOR;
    switch (b[2]) {
    case 0xd8: return VMRUN;
    case 0xda: return VMLOAD;
    case 0xdb: return VMSAVE;
    default: return HYPERVISOR;
    }
}

static void count(struct qemu_plugin_insn *insn, enum kind kind)
{
    qemu_plugin_register_vcpu_insn_exec_inline(insn, 0, &counts[kind], 1);
}

static void watch(struct qemu_plugin_insn *insn)
{
    static const uint8_t marks[] = { 0x0f, 0x1f, 0x80, 0, 'n', 'e', 'b' };
    const uint8_t *bytes = qemu_plugin_insn_data(insn);
    size_t size = qemu_plugin_insn_size(insn);
    uint64_t at = qemu_plugin_insn_vaddr(insn);
    enum kind kind;

    if (size == sizeof(marks) && !memcmp(bytes, marks, 3) && !memcmp(bytes + 4, marks + 4, 3))
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, 0, (void *)(uintptr_t)bytes[3]);
    if (at < from || at >= to) {
        count(insn, at >> 63 ? KERNEL : USER);
        return;
    }
    count(insn, HYPERVISOR);
    kind = kind_of(bytes, size);
    if (kind != HYPERVISOR)
        count(insn, kind);
    if (executed)
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_address, 0, (void *)(uintptr_t)(at - from));
}

static void on_translation(uint64_t id, struct qemu_plugin_tb *tb)
{
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++)
        watch(qemu_plugin_tb_get_insn(tb, i));
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "from=", 5))
            from = strtoull(argv[i] + 5, NULL, 16);
        else if (!strncmp(argv[i], "to=", 3))
            to = strtoull(argv[i] + 3, NULL, 16);
        else if (!strncmp(argv[i], "out=", 4))
            out = fopen(argv[i] + 4, "w");
        else if (!strncmp(argv[i], "profile=", 8))
            profile = fopen(argv[i] + 8, "w");
    }
    if (profile)
        executed = calloc(to - from, sizeof(*executed));
    if (to <= from || !out || (profile && !executed)) {
        fprintf(stderr, "count: from=ADDRESS,to=ADDRESS,out=FILE are needed, and files to write\n");
        return 1;
    }
    least[HYPERVISOR] = UINT64_MAX;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
