/* SPDX-License-Identifier: MIT */
/*
 * NMIs that no CPU has sent. Port 0x61 identifies two sources in the chip set: SERR#, a PCI system
 * error, and IOCHK#, an I/O channel check by a device on the board. Writing 1 to the mask bit of
 * either clears and masks it. The source of any other NMI is unknown: a button, a watchdog, a stray
 * one.
 *
 * Each source is logged TOLD times, and the machine goes on as under other kernels: dom0's drivers
 * know more about their devices. `nmi=fatal` makes every NMI a panic with a dump. It is for a
 * machine with an NMI button or, as in the rig, a monitor command, to debug a hang.
 *
 * An NMI may arrive while this CPU holds any lock, so only the softirq prints.
 */
#include "cpu/nmi.h"
#include "cpu.h"
#include "cpu/softirq.h"
#include "cpu/traps.h"
#include "lib.h"
#include "lib/cmdline.h"
#include "percpu.h"

#define PORT_STATUS 0x61
#define STATUS_WRITABLE 0x0fu /* the other bits are read-only */
#define TOLD 10

static const struct {
    uint8_t raised, silence;
    const char *text;
} sources[] = {
    { 0x80, 0x04, "SERR# (PCI system error)" },
    { 0x40, 0x08, "IOCHK# (I/O channel check)" },
    { 0, 0, "unknown source" },
};
#define UNKNOWN (ARRAY_SIZE(sources) - 1)

static uint64_t untold; /* one bit per source, atomic */
static uint32_t times[ARRAY_SIZE(sources)];
static bool fatal;

void nmi_init(void)
{
    const char *word = cmdline_get("nmi");

    fatal = word && strcmp(word, "fatal") == 0;
    if (word && !fatal && strcmp(word, "ignore"))
        log_warn("nmi=%s: not one of fatal, ignore; using ignore\n", word);
}

bool nmi_is_fatal(void) { return fatal; }

static void note_source(unsigned int source, const struct trap_frame *f)
{
    if (fatal)
        panic("NMI: %s, at rip %lx\n", sources[source].text, f->rip);
    if (__atomic_add_fetch(&times[source], 1, __ATOMIC_RELAXED) <= TOLD) {
        bit_set(&untold, source);
        bit_set(&this_cpu()->softirq, SOFTIRQ_NMI);
    }
}

/* Clears the source; after TOLD reports it stays masked. */
static void clear_source(unsigned int source)
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
            note_source(i, f);
            clear_source(i);
        }
    if (!known)
        note_source(UNKNOWN, f);
}

void nmi_softirq(void)
{
    uint64_t what = __atomic_exchange_n(&untold, 0, __ATOMIC_RELAXED);

    for (unsigned int i = 0; i <= UNKNOWN; i++)
        if (what >> i & 1)
            log_warn("NMI: %s%s\n", sources[i].text,
                     READ_ONCE(times[i]) < TOLD ? "" : "; further ones are not logged");
}
