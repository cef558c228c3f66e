/* SPDX-License-Identifier: MIT */
/*
 * PCI functions on bus 0: configuration space, one memory BAR, interrupts by MSI-X or by a line.
 * The hypervisor answers at ports cf8 and cfc, and hands on accesses by device and function.
 */
#ifndef DM_PCI_H
#define DM_PCI_H

#include "bus.h"
#include "state.h"

#define PCI_CONFIG_SIZE 256
#define PCI_SLOTS 32
#define PCI_FUNCTIONS 8
#define PCI_VECTORS_MAX 34
#define PCI_NO_VECTOR 0xffff

struct pci_msix {
    uint8_t capability;   /* its offset in the configuration space; 0: none */
    unsigned int vectors; /* how many */
    struct pci_vector {
        uint64_t address;
        uint32_t data, control;
    } table[PCI_VECTORS_MAX];
    uint64_t pending; /* a bit for each masked vector that has an interrupt */
};

struct pci_function {
    struct pci_bus *bus;
    unsigned int device, function;
    uint8_t config[PCI_CONFIG_SIZE];
    uint8_t writable[PCI_CONFIG_SIZE]; /* which bits the guest can change */
    uint32_t bar_size;                 /* of BAR 0: a power of 2, or 0 */
    uint32_t mapped_at;                /* where it answers now; 0: nowhere */
    const struct bus_ops *bar;
    void *owner; /* of bar, changed and fetched */
    /* Tells that the guest has written registers from offset; may be NULL. */
    void (*changed)(void *owner, unsigned int offset, unsigned int size);
    /* Tells that the guest is about to read them; may be NULL. */
    void (*fetched)(void *owner, unsigned int offset, unsigned int size);
    struct pci_msix msix;
    unsigned int capabilities; /* offset behind the last one */
    bool line;                 /* level of its INTA */
};

struct pci_bus {
    struct bus *bus;
    struct pci_function *functions[PCI_SLOTS][PCI_FUNCTIONS];
};

/* The identity of a function. */
struct pci_id {
    uint16_t vendor, device, subsystem_vendor, subsystem;
    uint32_t class; /* class, subclass, programming interface */
    uint8_t revision;
};

/* Fills in the function's header and puts it on the bus. Returns 0 or a negative errno. */
int pci_add(struct pci_bus *bus, struct pci_function *function, unsigned int device,
            unsigned int number, const struct pci_id *id);

/* Gives it BAR 0: size bytes of memory. To be called before it is used. */
void pci_add_bar(struct pci_function *function, uint32_t size, const struct bus_ops *ops,
                 void *owner);

/* Appends a capability of length bytes, whose first is its type. Returns its offset. */
unsigned int pci_add_capability(struct pci_function *function, const void *bytes,
                                unsigned int length);

/*
 * Appends the MSI-X capability. Its table is at offset table of BAR 0, its pending bits at offset
 * pending; the BAR's owner passes accesses there to pci_msix_read and pci_msix_write.
 */
void pci_add_msix(struct pci_function *function, unsigned int vectors, uint32_t table,
                  uint32_t pending);
uint64_t pci_msix_read(struct pci_function *function, uint64_t offset, unsigned int size);
void pci_msix_write(struct pci_function *function, uint64_t offset, unsigned int size,
                    uint64_t value);
uint64_t pci_msix_pending(struct pci_function *function, uint64_t offset, unsigned int size);

bool pci_uses_msix(const struct pci_function *function);
/* Raises an MSI-X interrupt; one that does not exist, or PCI_NO_VECTOR, has no effect. */
void pci_msix_raise(struct pci_function *function, unsigned int vector);
/* Sets the level of its line, which is low while MSI-X is used. */
void pci_line(struct pci_function *function, bool level);

uint32_t pci_read(struct pci_bus *bus, unsigned int device, unsigned int function,
                  unsigned int offset, unsigned int size);
void pci_write(struct pci_bus *bus, unsigned int device, unsigned int function, unsigned int offset,
               unsigned int size, uint32_t value);

/* Writes or loads what the guest has set, and which interrupts are pending. */
void pci_state(struct pci_function *function, struct state *state);

/* Little-endian registers of the configuration space. */
void pci_put(struct pci_function *function, unsigned int offset, unsigned int size, uint32_t value);
uint32_t pci_get(const struct pci_function *function, unsigned int offset, unsigned int size);

#endif
