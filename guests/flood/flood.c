/* SPDX-License-Identifier: MIT */
/*
 * Floods the store for as long as it lives. Each way takes all that xenstored's quotas allow, and
 * then keeps xenstored busy with requests that cost it much and the guest little:
 *
 * nodes         as many as the quota allows; they are removed all at once, and written again
 * watches       as many as the quota allows, of directories above the node that it writes
 * transactions  as many as the quota allows stay open, while one more changes all its nodes
 * unread        requests without an end, whose answers are read only to make room for the next
 * spin          no store at all: the same share of a CPU, for comparison
 *
 * Its data/heartbeat counts rounds. Prints what the quotas allowed.
 */
#include "cleave-schema.h"
#include "store.h"
#include "time.h"
#include "trap.h"

#define NODES_MAX 5000
#define WATCHES_MAX 1000
#define TOKENS 32 /* of store_watch */
#define OPEN_MAX 100
#define FOLDER \
    200 /* nodes in each directory: the quota of a node's size counts its children's names */
#define SPINS 1000000

static char value[256];

static int put(unsigned int number)
{
    char path[64];

    snprintf(path, sizeof(path), SCHEMA_DATA_FLOOD "/%u/%u", number / FOLDER, number % FOLDER);
    return store_write(path, value);
}

/* Writes nodes until it is refused. Returns their number. */
static unsigned int fill(unsigned int most)
{
    unsigned int count = 0;

    while (count < most && put(count) == 0)
        count++;
    return count;
}

static void beat(void)
{
    static uint64_t beats;

    store_write_number(SCHEMA_DATA_HEARTBEAT, ++beats);
}

static void flood_nodes(void)
{
    /* its heartbeat is a node, too */
    beat();
    printf("flood: %u nodes\n", fill(NODES_MAX));
    for (;; beat()) {
        store_remove(SCHEMA_DATA_FLOOD);
        fill(NODES_MAX);
    }
}

/* Sets watches until it is refused. Returns their number. */
static unsigned int watch_all(void)
{
    static const char *const above[] = { "/", "/local", "/local/domain", SCHEMA_DATA,
                                         SCHEMA_DATA_FLOOD };
    unsigned int count = 0;

    for (size_t i = 0; i < ARRAY_SIZE(above); i++)
        for (unsigned int token = 0; token < TOKENS && count < WATCHES_MAX; token++, count++)
            if (store_watch(above[i], token))
                return count;
    return count;
}

static void flood_watches(void)
{
    printf("flood: %u watches\n", watch_all());
    for (;; beat())
        put(0);
}

/* Changes so many nodes in a new transaction, and commits it. Returns 0 or an error. */
static int change_in_transaction(unsigned int most, uint32_t *id)
{
    if (store_begin(id))
        trap_panic("flood: FAILED: a transaction that ended leaves no room");
    store_use(*id);
    beat();
    fill(most);
    return store_end(*id, true);
}

static void flood_transactions(void)
{
    uint32_t ids[OPEN_MAX];
    unsigned int open = 0, changed;

    value[1] = '\0';
    /* its heartbeat is a node, too */
    beat();
    changed = fill(NODES_MAX);
    while (open < OPEN_MAX && store_begin(&ids[open]) == 0) {
        store_use(ids[open++]);
        put(0);
    }
    if (open == 0)
        trap_panic("flood: FAILED: no transaction");
    store_end(ids[open - 1], false);
    /* a transaction of too many nodes fails */
    while (changed > 1 && change_in_transaction(changed, &ids[open - 1]))
        changed -= changed / 8 + 1;
    printf("flood: %u transactions of %u nodes\n", open, changed);
    for (;;)
        change_in_transaction(changed, &ids[open - 1]);
}

/* Sends a request, and reads answers only as long as there is no room for it. */
static void post(const char *path, const char *text)
{
    while (!store_post(path, text))
        if (!store_take())
            time_sleep(NS_PER_MS / 20);
}

static void flood_unread(void)
{
    unsigned int posted = 0;

    while (store_post(SCHEMA_DATA_FLOOD, ""))
        posted++;
    printf("flood: %u requests at once\n", posted);
    for (uint64_t beats = 1;; beats++) {
        char number[24];

        snprintf(number, sizeof(number), "%lu", beats);
        post(SCHEMA_DATA_FLOOD, "");
        /* the ring is always full, and this is the longer request: it must wait for room, too */
        if (beats % 16 == 0)
            post(SCHEMA_DATA_HEARTBEAT, number);
    }
}

static void spin(void)
{
    printf("flood: spins\n");
    for (;; beat())
        for (volatile unsigned int i = 0; i < SPINS; i++)
            ;
}

int guest_main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } ways[] = {
        { "nodes", flood_nodes },
        { "watches", flood_watches },
        { "transactions", flood_transactions },
        { "unread", flood_unread },
        { "spin", spin },
    };

    memset(value, 'x', sizeof(value) - 1);
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
        if (cmdline_has(ways[i].name))
            ways[i].run();
    trap_panic("flood: FAILED: no way to flood is named");
}
