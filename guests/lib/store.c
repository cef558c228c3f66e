/* SPDX-License-Identifier: MIT */
/*
 * The store ring. A request is sent completely; watch events that arrive before its answer are
 * noted. The store is trusted to answer, so there is no timeout. Wire format: xen/io/xs_wire.h.
 */
#include "store.h"

#include <xen/hvm/params.h>
#include <xen/io/xs_wire.h>

#include "evtchn.h"
#include "mem.h"
#include "time.h"
#include "trap.h"

static struct xenstore_domain_interface *ring;
static evtchn_port_t port;
static uint32_t fired;
static uint32_t transaction; /* of the requests; 0: none */
static char payload[XENSTORE_PAYLOAD_MAX + 1];

static void store_event(evtchn_port_t p, void *arg)
{
    (void)p;
    (void)arg;
}

bool store_init(void)
{
    uint64_t pfn, event;

    if (mem_get_param(HVM_PARAM_STORE_PFN, &pfn) || mem_get_param(HVM_PARAM_STORE_EVTCHN, &event))
        return false;
    if (!pfn || !event)
        return false;
    port = event;
    ring = (struct xenstore_domain_interface *)(pfn << PAGE_SHIFT);
    evtchn_handle(port, store_event, NULL);
    return true;
}

static void send(const void *data, size_t n)
{
    const char *from = data;

    for (size_t i = 0; i < n; i++) {
        while (ring->req_prod - __atomic_load_n(&ring->req_cons, __ATOMIC_ACQUIRE) ==
               XENSTORE_RING_SIZE) {
            evtchn_send(port);
            irq_wait();
        }
        ring->req[MASK_XENSTORE_IDX(ring->req_prod)] = from[i];
        __atomic_store_n(&ring->req_prod, ring->req_prod + 1, __ATOMIC_RELEASE);
    }
}

static bool something_there(void)
{
    return __atomic_load_n(&ring->rsp_prod, __ATOMIC_ACQUIRE) != ring->rsp_cons;
}

static void receive(void *data, size_t n)
{
    char *to = data;

    for (size_t i = 0; i < n; i++) {
        while (!something_there()) {
            evtchn_send(port);
            irq_wait();
        }
        to[i] = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons)];
        __atomic_store_n(&ring->rsp_cons, ring->rsp_cons + 1, __ATOMIC_RELEASE);
    }
}

/*
 * Receives one message into payload, and terminates it. A watch event has its path and our number,
 * each terminated.
 */
static struct xsd_sockmsg receive_message(void)
{
    struct xsd_sockmsg header;

    receive(&header, sizeof(header));
    if (header.len > XENSTORE_PAYLOAD_MAX)
        trap_panic("store: a message of %u bytes, %u allowed", header.len, XENSTORE_PAYLOAD_MAX);
    receive(payload, header.len);
    payload[header.len] = '\0';
    evtchn_send(port);
    if (header.type == XS_WATCH_EVENT)
        fired |= 1u << (string_number(payload + strlen(payload) + 1) & 31);
    return header;
}

static int errno_of(const char *name)
{
    static const struct {
        const char *name;
        int value;
    } errors[] = {
#define XEN_ERRNO(name, value) { #name, value },
#include <xen/errno.h>
    };

    for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
        if (!strcmp(errors[i].name, name))
            return -errors[i].value;
    return -XEN_EIO;
}

/*
 * Sends path with its terminator, then extra. The answer is in payload. Returns its length, or an
 * error.
 */
static int request(unsigned type, const char *path, const char *extra, size_t extra_length)
{
    struct xsd_sockmsg header = { .type = type,
                                  .tx_id = transaction,
                                  .len = strlen(path) + 1 + extra_length };

    if (!ring)
        return -XEN_ENODEV;
    send(&header, sizeof(header));
    send(path, strlen(path) + 1);
    send(extra, extra_length);
    evtchn_send(port);
    do
        header = receive_message();
    while (header.type == XS_WATCH_EVENT);
    return header.type == XS_ERROR ? errno_of(payload) : (int)header.len;
}

static int copy_out(int length, char *to, size_t size)
{
    if (length < 0)
        return length;
    if ((size_t)length >= size)
        length = size - 1;
    memcpy(to, payload, length);
    to[length] = '\0';
    return length;
}

int store_read(const char *path, char *value, size_t size)
{
    return copy_out(request(XS_READ, path, NULL, 0), value, size);
}

int store_list(const char *path, char *names, size_t size)
{
    return copy_out(request(XS_DIRECTORY, path, NULL, 0), names, size);
}

int store_write(const char *path, const char *value)
{
    int rc = request(XS_WRITE, path, value, strlen(value));

    return rc < 0 ? rc : 0;
}

int store_write_number(const char *path, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%lu", value);
    return store_write(path, text);
}

int store_remove(const char *path)
{
    int rc = request(XS_RM, path, NULL, 0);

    return rc < 0 ? rc : 0;
}

int store_begin(uint32_t *id)
{
    int rc;

    store_use(0);
    rc = request(XS_TRANSACTION_START, "", NULL, 0);
    if (rc < 0)
        return rc;
    *id = string_number(payload);
    return 0;
}

void store_use(uint32_t id) { transaction = id; }

int store_end(uint32_t id, bool commit)
{
    int rc;

    store_use(id);
    rc = request(XS_TRANSACTION_END, commit ? "T" : "F", NULL, 0);
    store_use(0);
    return rc < 0 ? rc : 0;
}

bool store_post(const char *path, const char *value)
{
    struct xsd_sockmsg header = { .type = XS_WRITE, .len = strlen(path) + 1 + strlen(value) };
    uint32_t used = ring->req_prod - __atomic_load_n(&ring->req_cons, __ATOMIC_ACQUIRE);

    if (XENSTORE_RING_SIZE - used < sizeof(header) + header.len)
        return false;
    send(&header, sizeof(header));
    send(path, strlen(path) + 1);
    send(value, strlen(value));
    evtchn_send(port);
    return true;
}

bool store_take(void)
{
    if (!something_there())
        return false;
    receive_message();
    return true;
}

int store_allow(const char *path, unsigned owner, unsigned reader)
{
    char permissions[24];
    int n = snprintf(permissions, sizeof(permissions), "n%u", owner) + 1, rc;

    n += snprintf(permissions + n, sizeof(permissions) - n, "r%u", reader) + 1;
    rc = request(XS_SET_PERMS, path, permissions, n);
    return rc < 0 ? rc : 0;
}

int store_await_number(const char *path, uint64_t *value, uint64_t ns)
{
    char text[24];
    int rc;

    for (uint64_t end = time_now() + ns;; time_sleep(50 * NS_PER_MS)) {
        rc = store_read(path, text, sizeof(text));
        if (rc >= 0) {
            *value = string_number(text);
            return 0;
        }
        if (rc != -XEN_ENOENT && rc != -XEN_EACCES)
            return rc;
        if (time_now() > end)
            return -XEN_ETIME;
    }
}

int store_watch(const char *path, unsigned number)
{
    char token[4];
    int rc;

    snprintf(token, sizeof(token), "%u", number);
    rc = request(XS_WATCH, path, token, strlen(token) + 1);
    return rc < 0 ? rc : 0;
}

uint32_t store_fired(void)
{
    uint32_t bits;

    while (ring && something_there())
        receive_message();
    bits = fired;
    fired = 0;
    return bits;
}
