/* SPDX-License-Identifier: MIT */
/*
 * Non-maskable interrupts that no CPU of ours has sent. The chip set says by port 0x61 of two kinds
 * whether it has raised them: SERR#, an error on PCI, and IOCHK#, one of a board's own devices.
 * Writing a one to the bit of either clears and silences it. All others are unknown: a button, a
 * watchdog, a stray one.
 *
 * They are said, TOLD times each, and the machine goes on, as other kernels do: dom0's drivers know
 * more of their devices than we. `nmi=fatal` makes each a panic instead, with its dump: for a
 * machine whose operator has a button or, as the rig has, a monitor's command for one that hangs.
 *
 * An NMI may come while this CPU holds any lock, so nothing is printed here, but by the softirq.
 */
#include "cpu/nmi.h"
#include "cpu.h"
#include "cpu/softirq.h"
#include "cpu/traps.h"
#include "lib.h"
#include "lib/cmdline.h"
#include "percpu.h"

#define PORT_STATUS 0x61
#define STATUS_WRITABLE 0x0fu /* the other bits only tell */
#define TOLD 10

static const struct {
    uint8_t raised, silence;
    const char *text;
} sources[] = {
    { 0x80, 0x04, "SERR#, an error on PCI" },
    { 0x40, 0x08, "IOCHK#, an error of a device on the board" },
    { 0, 0, "of a kind that nobody knows" },
};
#define UNKNOWN (ARRAY_SIZE(sources) - 1)

static uint64_t untold; /* a bit for each source, atomic */
static uint32_t times[ARRAY_SIZE(sources)];
static bool fatal;

void nmi_init(void)
{
    const char *word = cmdline_get("nmi");

    fatal = word && strcmp(word, "fatal") == 0;
    if (word && !fatal && strcmp(word, "ignore"))
        log_warn("nmi=%s: neither fatal nor ignore; ignore is used\n", word);
}

bool nmi_is_fatal(void) { return fatal; }

static void note(unsigned int source, const struct trap_frame *f)
{
    if (fatal)
        panic("an NMI %s, at rip %lx\n", sources[source].text, f->rip);
    if (__atomic_add_fetch(&times[source], 1, __ATOMIC_RELAXED) <= TOLD) {
        bit_set(&untold, source);
        bit_set(&this_cpu()->softirq, SOFTIRQ_NMI);
    }
}

/* Clears it; one that goes on for ever stays silent. */
static void clear(unsigned int source)
{
    uint8_t val = inb(PORT_STATUS) & STATUS_WRITABLE;

    outb(PORT_STATUS, val | sources[source].silence);
    if (READ_ONCE(times[source]) < TOLD)
        outb(PORT_STATUS, val & (uint8_t)~sources[source].silence);
}

void nmi_handle(const struct trap_frame *f)
{
    uint8_t status = inb(PORT_STATUS);
    bool known = false;

    for (unsigned int i = 0; i < UNKNOWN; i++)
        if (status & sources[i].raised) {
            known = true;
            note(i, f);
            clear(i);
        }
    if (!known)
        note(UNKNOWN, f);
}

void nmi_softirq(void)
{
    uint64_t what = __atomic_exchange_n(&untold, 0, __ATOMIC_RELAXED);

    for (unsigned int i = 0; i <= UNKNOWN; i++)
        if (what >> i & 1)
            log_warn("an NMI %s%s\n", sources[i].text,
                     READ_ONCE(times[i]) < TOLD ? "" : "; more are not told");
}
