/* SPDX-License-Identifier: MIT */
/*
 * For tests of dom0/pci.c and dom0/msi.c: functions whose configuration spaces are arrays. They are
 * a device with MSI, MSI-X and base addresses of all kinds, a bridge, a host bridge, and one that
 * no port reaches. The model fails the test when a function would decode addresses that are not
 * dom0's, or send anything but a vector of the core.
 */
#ifndef PCI_MODEL_H
#define PCI_MODEL_H

#include "cpu.h"
#include "errors.h"
#include "dom0/msi.h"
#include "dom0/pci.h"
#include "harness.h"
#include "vdev/bus.h"

#define HOST_BRIDGE 0x80000000u
#define DEVICE 0x80001800u /* bus 0, device 3 */
#define BRIDGE 0x8000e000u

#define MSIX 0x40u
#define POWER 0x50u
#define MSI 0x60u
#define VENDOR 0x80u
#define TABLE 0xe0001000ull /* at first: base address 0 and one page */
#define LINES 3u
#define HOST_APIC(cpu) (0x20u + (cpu))

extern struct domain *d; /* dom0 */
extern struct vcpu *v;
/* DEVICE, BRIDGE, HOST_BRIDGE, FAR_DEVICE. The first has these extended capabilities. */
extern uint8_t space[4][4096];
#define ERRORS 0x100u
#define SRIOV 0x140u
#define RESIZABLE 0x180u
#define WINDOW 0xb0000000ull       /* segment 0, buses 0 to 3 */
#define FAR_WINDOW 0x1004000000ull /* segment 1, bus 0x40 */
extern unsigned int hw_accesses, reboots;
extern uint64_t forgotten_start, forgotten_end; /* mmio_forget */
struct pci_model_delivered {
    uint32_t dest, mode;
    bool logical;
    uint8_t vector;
    unsigned int count;
};
extern struct pci_model_delivered delivered; /* to dom0, the last */

#define PCI_TEST(test) cmocka_unit_test_setup_teardown(test, pci_model_setup, pci_model_teardown)
int pci_model_setup(void **state);
int pci_model_teardown(void **state);
void check_messages(void); /* checks that the device can send only vectors of the core */

uint32_t word(const uint8_t *s, unsigned int at);
void put_word(uint8_t *s, unsigned int at, uint32_t val);
void capability(unsigned int at, uint8_t id, uint8_t next);

/*
 * Accesses by dom0: configuration space of DEVICE and of others; the MSI-X table; enabling MSI-X,
 * all masked.
 */
uint32_t get(unsigned int reg, unsigned int size);
void put(unsigned int reg, unsigned int size, uint32_t val);
uint32_t get_of(uint32_t function, unsigned int reg, unsigned int size);
void put_of(uint32_t function, unsigned int reg, unsigned int size, uint32_t val);
uint32_t window_read(gpa_t gpa, unsigned int size);
void window_write(gpa_t gpa, unsigned int size, uint64_t val);
uint64_t table_read(gpa_t gpa, unsigned int size);
void table_write(gpa_t gpa, unsigned int size, uint64_t val);
void enable_msix(void);

#endif
