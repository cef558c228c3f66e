/* SPDX-License-Identifier: MIT */
/*
 * Registers 0 to 9 are the time, kept as an offset to dom0's clock; A to D control. Firmware finds
 * the size of RAM in the memory behind them. Real Xen answers registers 0 to 13 itself, so there
 * only the memory is used. Read next: chipset.c.
 */
#include "rtc.h"

#include <string.h>
#include <time.h>

enum {
    RTC_SECONDS,
    RTC_SECONDS_ALARM,
    RTC_MINUTES,
    RTC_MINUTES_ALARM,
    RTC_HOURS,
    RTC_HOURS_ALARM,
    RTC_DAY_OF_WEEK,
    RTC_DAY_OF_MONTH,
    RTC_MONTH,
    RTC_YEAR,
    RTC_FREQ_SELECT, /* register A */
    RTC_CONTROL,     /* B */
    RTC_INTR_FLAGS,  /* C */
    RTC_VALID,       /* D */
};
#define RTC_UIP 0x80
#define RTC_SET 0x80
#define RTC_PIE 0x40
#define RTC_AIE 0x20
#define RTC_UIE 0x10
#define RTC_DM_BINARY 0x04
#define RTC_24H 0x02
#define RTC_IRQF 0x80
#define RTC_PF 0x40
#define RTC_AF 0x20
#define RTC_UF 0x10
#define RTC_VRT 0x80

#define PORT 0x70
#define IRQ 8
#define SECOND 1000000000ull
#define BASE_HZ 32768u
#define KIB 1024u
#define MIB (KIB * KIB)
#define CENTURY 0x32
#define REGISTERS 10
/* The clock shows four digits of a year: 10,000 years are enough. */
#define OFFSET_MAX (10000ll * 366 * 24 * 3600)
/* CMOS bytes with sizes, by the BIOS: base and extended memory in KiB, above 16 MiB in 64 KiB, */
/* above 4 GiB in 64 KiB */
#define BASE_KIB 0x15
#define EXTENDED_KIB 0x17
#define EXTENDED_KIB_2 0x30
#define ABOVE_16M 0x34
#define ABOVE_4G 0x5b
#define BOOT_ORDER 0x3d
#define BOOT_DISK_CD 0x32

/* Two digits. */
static uint8_t encode(const struct rtc *r, int value)
{
    value = (value % 100 + 100) % 100;
    return r->memory[RTC_CONTROL] & RTC_DM_BINARY ? value : value / 10 << 4 | value % 10;
}

static int decode(const struct rtc *r, uint8_t value)
{
    return r->memory[RTC_CONTROL] & RTC_DM_BINARY ? value : (value >> 4) * 10 + (value & 0xf);
}

static uint8_t encode_hour(const struct rtc *r, int hour)
{
    if (r->memory[RTC_CONTROL] & RTC_24H)
        return encode(r, hour);
    return encode(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0);
}

static int decode_hour(const struct rtc *r, uint8_t value)
{
    if (r->memory[RTC_CONTROL] & RTC_24H)
        return decode(r, value);
    return decode(r, value & 0x7f) % 12 + (value & 0x80 ? 12 : 0);
}

static void split(const struct rtc *r, int64_t second, uint8_t registers[REGISTERS + 1])
{
    time_t time = second;
    struct tm tm = { 0 };

    gmtime_r(&time, &tm);
    registers[RTC_SECONDS] = encode(r, tm.tm_sec);
    registers[RTC_MINUTES] = encode(r, tm.tm_min);
    registers[RTC_HOURS] = encode_hour(r, tm.tm_hour);
    registers[RTC_DAY_OF_WEEK] = encode(r, tm.tm_wday + 1);
    registers[RTC_DAY_OF_MONTH] = encode(r, tm.tm_mday);
    registers[RTC_MONTH] = encode(r, tm.tm_mon + 1);
    registers[RTC_YEAR] = encode(r, tm.tm_year);
    registers[REGISTERS] = encode(r, 19 + tm.tm_year / 100);
}

static bool is_alarm(unsigned int index)
{
    return index == RTC_SECONDS_ALARM || index == RTC_MINUTES_ALARM || index == RTC_HOURS_ALARM;
}

static int64_t seconds(const struct rtc *r) { return r->now(r->owner) / SECOND + r->offset; }

/* While the clock is set, the registers keep what was written; then they are the time again. */
static void load_time(struct rtc *r)
{
    uint8_t registers[REGISTERS + 1] = { 0 };

    if (r->memory[RTC_CONTROL] & RTC_SET)
        return;
    split(r, seconds(r), registers);
    for (unsigned int i = 0; i < REGISTERS; i++)
        if (!is_alarm(i))
            r->memory[i] = registers[i];
    r->memory[CENTURY] = registers[REGISTERS];
}

static void store_time(struct rtc *r)
{
    const uint8_t *m = r->memory;
    struct tm tm = {
        .tm_sec = decode(r, m[RTC_SECONDS]),
        .tm_min = decode(r, m[RTC_MINUTES]),
        .tm_hour = decode_hour(r, m[RTC_HOURS]),
        .tm_mday = decode(r, m[RTC_DAY_OF_MONTH]),
        .tm_mon = decode(r, m[RTC_MONTH]) - 1,
        .tm_year = decode(r, m[CENTURY]) * 100 + decode(r, m[RTC_YEAR]) - 1900,
    };

    r->offset = timegm(&tm) - (int64_t)(r->now(r->owner) / SECOND);
    r->last_second = seconds(r);
}

/* --- interrupts ------------------------------------------------------------------------------- */

static void raise(struct rtc *r, uint8_t why)
{
    uint8_t *c = &r->memory[RTC_INTR_FLAGS];

    *c |= why;
    if (!(*c & r->memory[RTC_CONTROL] & (RTC_PIE | RTC_AIE | RTC_UIE)) || *c & RTC_IRQF)
        return;
    *c |= RTC_IRQF;
    r->bus->host->isa_irq(r->bus->host, IRQ, true);
}

static uint8_t take_flags(struct rtc *r)
{
    uint8_t flags = r->memory[RTC_INTR_FLAGS];

    r->memory[RTC_INTR_FLAGS] = 0;
    if (flags & RTC_IRQF)
        r->bus->host->isa_irq(r->bus->host, IRQ, false);
    return flags;
}

/* Returns the period of the periodic interrupt in ns, or 0. */
static uint64_t period(const struct rtc *r)
{
    unsigned int rate = r->memory[RTC_FREQ_SELECT] & 0xf;

    if (!(r->memory[RTC_CONTROL] & RTC_PIE) || !rate)
        return 0;
    if (rate <= 2) /* by the data sheet, the same as 8 and 9 */
        rate += 7;
    return SECOND * (1u << (rate - 1)) / BASE_HZ;
}

static bool matches(uint8_t alarm, uint8_t now) { return alarm >= 0xc0 || alarm == now; }

static bool is_alarm_time(struct rtc *r, int64_t second)
{
    uint8_t registers[REGISTERS + 1] = { 0 };

    split(r, second, registers);
    return matches(r->memory[RTC_SECONDS_ALARM], registers[RTC_SECONDS]) &&
           matches(r->memory[RTC_MINUTES_ALARM], registers[RTC_MINUTES]) &&
           matches(r->memory[RTC_HOURS_ALARM], registers[RTC_HOURS]);
}

/* Asks for the next wake-up, if the guest wants one. */
static void set_timer(struct rtc *r)
{
    uint64_t now = r->now(r->owner), every = period(r), wait = 0;

    if (r->memory[RTC_CONTROL] & (RTC_AIE | RTC_UIE) && !(r->memory[RTC_CONTROL] & RTC_SET))
        wait = SECOND - now % SECOND;
    if (every) {
        uint64_t next = r->next_period > now ? r->next_period - now : 1;

        if (!wait || next < wait)
            wait = next;
    }
    r->timer(r->owner, wait);
}

void rtc_tick(struct rtc *rtc)
{
    uint64_t now = rtc->now(rtc->owner), every = period(rtc);
    int64_t second = seconds(rtc);

    if (every && rtc->next_period <= now) {
        /* those that were missed are lost */
        rtc->next_period += (now - rtc->next_period) / every * every + every;
        raise(rtc, RTC_PF);
    }
    if (second != rtc->last_second && !(rtc->memory[RTC_CONTROL] & RTC_SET)) {
        /* a clock that was away for long has at most one alarm */
        if (is_alarm_time(rtc, second))
            raise(rtc, RTC_AF);
        raise(rtc, RTC_UF);
        rtc->last_second = second;
    }
    set_timer(rtc);
}

/* --- ports ------------------------------------------------------------------------------------ */

static uint64_t read_port(void *device, uint64_t offset, unsigned int size)
{
    struct rtc *r = device;

    if (offset != 1 || size != 1)
        return bus_ones(size);
    if (r->index < REGISTERS || r->index == CENTURY)
        load_time(r);
    return r->index == RTC_INTR_FLAGS ? take_flags(r) : r->memory[r->index];
}

static void write_control(struct rtc *r, uint8_t value)
{
    bool was_set = r->memory[RTC_CONTROL] & RTC_SET;
    uint64_t before = period(r);

    if (!was_set && value & RTC_SET)
        load_time(r);
    r->memory[RTC_CONTROL] = value;
    if (was_set && !(value & RTC_SET))
        store_time(r);
    if (period(r) != before)
        r->next_period = r->now(r->owner) + period(r);
    r->last_second = seconds(r);
    raise(r, 0);
    set_timer(r);
}

static void write_register(struct rtc *r, uint8_t value)
{
    uint64_t before;

    switch (r->index) {
    case RTC_CONTROL: write_control(r, value); break;
    case RTC_FREQ_SELECT:
        before = period(r);
        r->memory[RTC_FREQ_SELECT] = value & ~RTC_UIP;
        if (period(r) != before)
            r->next_period = r->now(r->owner) + period(r);
        set_timer(r);
        break;
    case RTC_INTR_FLAGS:
    case RTC_VALID: break;
    default:
        if ((r->index < REGISTERS && !is_alarm(r->index)) || r->index == CENTURY) {
            load_time(r);
            r->memory[r->index] = value;
            if (!(r->memory[RTC_CONTROL] & RTC_SET))
                store_time(r);
        } else {
            r->memory[r->index] = value;
        }
        break;
    }
}

static void write_port(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
    struct rtc *r = device;

    if (size != 1)
        return;
    if (offset == 0)
        r->index = value % RTC_SIZE;
    else
        write_register(r, value);
}

static void put(struct rtc *r, unsigned int at, unsigned int bytes, uint64_t value)
{
    for (unsigned int i = 0; i < bytes; i++)
        r->memory[at + i] = value >> i * 8;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

int rtc_add(struct rtc *rtc, struct bus *bus, uint64_t low, uint64_t high)
{
    static const struct bus_ops ops = { read_port, write_port };
    uint64_t extended = low > MIB ? least((low - MIB) / KIB, 0xffff) : 0;

    rtc->bus = bus;
    put(rtc, RTC_FREQ_SELECT, 1, 0x26); /* 32768 Hz, 1024 interrupts a second */
    put(rtc, RTC_CONTROL, 1, RTC_24H);
    put(rtc, RTC_VALID, 1, RTC_VRT);
    put(rtc, BASE_KIB, 2, 640);
    put(rtc, EXTENDED_KIB, 2, extended);
    put(rtc, EXTENDED_KIB_2, 2, extended);
    put(rtc, ABOVE_16M, 2, low > 16 * MIB ? least((low - 16 * MIB) / (64 * KIB), 0xffff) : 0);
    put(rtc, ABOVE_4G, 3, high / (64 * KIB));
    put(rtc, BOOT_ORDER, 1, BOOT_DISK_CD);
    rtc->last_second = seconds(rtc);
    return bus_add(bus, HOST_PORTS, PORT, 2, &ops, rtc);
}

void rtc_state(struct rtc *rtc, struct state *state)
{
    STATE_FIELD(state, rtc->index);
    STATE_FIELD(state, rtc->memory);
    STATE_FIELD(state, rtc->offset);
    if (!state->loading)
        return;
    if (rtc->offset > OFFSET_MAX || rtc->offset < -OFFSET_MAX) {
        rtc->offset = 0;
        state_check(state, false);
    }
    rtc->index %= RTC_SIZE;
    rtc->last_second = seconds(rtc);
    rtc->next_period = rtc->now(rtc->owner) + period(rtc);
    set_timer(rtc);
}
