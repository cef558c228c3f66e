/* SPDX-License-Identifier: MIT */
/*
 * The book as JSON in the VM's folder, replaced atomically. Whether an operator holds the target is
 * a file of its own, as verbs write that and cleaved the book. Read next: balance.c.
 */
#include "membook.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "jsonfile.h"

#define PATH_SIZE 128

static void path_of(const char *uuid, const char *file, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, VMS_HOME "/vms/%s/%s", uuid, file);
}

static json_int_t number_at(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* --- reading ---------------------------------------------------------------------------------- */

static void read_history(const json_t *json, struct balancer_history *history)
{
    json_int_t balloon = number_at(json, "balloon");

    *history = (struct balancer_history){ .moved = number_at(json, "moved"),
                                          .failures = number_at(json, "failures"),
                                          .written = number_at(json, "written"),
                                          .nearest = number_at(json, "nearest"),
                                          .written_at = number_at(json, "written_at"),
                                          .progress_at = number_at(json, "progress_at"),
                                          .judged = number_at(json, "judged"),
                                          .retry_at = number_at(json, "retry_at"),
                                          .floor = number_at(json, "floor"),
                                          .floor_till = number_at(json, "floor_till") };
    if (balloon > 0 && balloon <= BALANCER_NONE)
        history->balloon = balloon;
}

static void read_target(const json_t *json, struct membook_target *target)
{
    json_int_t reason = number_at(json, "reason");

    *target = (struct membook_target){ .at = number_at(json, "at"),
                                       .before = number_at(json, "before"),
                                       .target = number_at(json, "target"),
                                       .current = number_at(json, "current"),
                                       .need = number_at(json, "need"),
                                       .lowest = number_at(json, "lowest"),
                                       .goal = number_at(json, "goal"),
                                       .free = number_at(json, "free"),
                                       .working = number_at(json, "working") };
    if (reason > 0 && reason <= BALANCER_RELEASED)
        target->reason = reason;
}

int membook_load(const char *uuid, struct membook *book)
{
    const json_t *targets, *item, *shown;
    char path[PATH_SIZE];
    json_t *json;
    size_t i;

    *book = (struct membook){ .domid = VMS_NO_DOMAIN };
    path_of(uuid, "memory", path);
    json = json_load_file(path, 0, NULL);
    if (!json)
        return access(path, F_OK) < 0 ? -errno : -EIO;
    book->domid = number_at(json, "domid");
    book->written = number_at(json, "written");
    book->before = number_at(json, "before");
    book->reclaiming = number_at(json, "reclaiming");
    book->missed = number_at(json, "missed");
    shown = json_object_get(json, "working");
    book->shown.sampled = shown != NULL;
    book->shown.working = json_integer_value(json_array_get(shown, 0));
    book->shown.low = json_integer_value(json_array_get(shown, 1));
    book->shown.high = json_integer_value(json_array_get(shown, 2));
    read_history(json_object_get(json, "history"), &book->history);
    targets = json_object_get(json, "targets");
    json_array_foreach(targets, i, item) if (book->count < MEMBOOK_TARGETS)
        read_target(item, &book->targets[book->count++]);
    json_decref(json);
    return 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

static json_t *history_json(const struct balancer_history *history)
{
    return json_pack("{si si si sI sI sI sI si sI sI sI}", "balloon", (int)history->balloon,
                     "moved", (int)history->moved, "failures", (int)history->failures, "written",
                     (json_int_t)history->written, "nearest", (json_int_t)history->nearest,
                     "written_at", (json_int_t)history->written_at, "progress_at",
                     (json_int_t)history->progress_at, "judged", (int)history->judged, "retry_at",
                     (json_int_t)history->retry_at, "floor", (json_int_t)history->floor,
                     "floor_till", (json_int_t)history->floor_till);
}

static json_t *target_json(const struct membook_target *target)
{
    return json_pack("{sI sI sI si sI sI sI sI sI sI}", "at", (json_int_t)target->at, "before",
                     (json_int_t)target->before, "target", (json_int_t)target->target, "reason",
                     (int)target->reason, "current", (json_int_t)target->current, "need",
                     (json_int_t)target->need, "lowest", (json_int_t)target->lowest, "goal",
                     (json_int_t)target->goal, "free", (json_int_t)target->free, "working",
                     (json_int_t)target->working);
}

int membook_save(const char *uuid, const struct membook *book)
{
    json_t *targets = json_array(), *json;

    for (size_t i = 0; i < book->count; i++)
        json_array_append_new(targets, target_json(&book->targets[i]));
    json = json_pack("{sI sI sI si si so so}", "domid", (json_int_t)book->domid, "written",
                     (json_int_t)book->written, "before", (json_int_t)book->before, "reclaiming",
                     (int)book->reclaiming, "missed", (int)book->missed, "history",
                     history_json(&book->history), "targets", targets);
    if (json && book->shown.sampled)
        json_object_set_new(json, "working",
                            json_pack("[III]", (json_int_t)book->shown.working,
                                      (json_int_t)book->shown.low, (json_int_t)book->shown.high));
    return jsonfile_save(uuid, "memory", json);
}

void membook_begin(const char *uuid, uint32_t domid, uint64_t target)
{
    struct membook book = { .domid = domid, .written = target, .before = target };

    membook_thaw(uuid);
    membook_save(uuid, &book);
}

void membook_note(const char *uuid, uint64_t target)
{
    struct membook book;

    if (membook_load(uuid, &book) < 0)
        return;
    book.written = book.before = target;
    membook_save(uuid, &book);
}

bool membook_exists(const char *uuid)
{
    char path[PATH_SIZE];

    path_of(uuid, "memory", path);
    return access(path, F_OK) == 0;
}

void membook_end(const char *uuid)
{
    char path[PATH_SIZE];

    path_of(uuid, "memory", path);
    unlink(path);
    membook_thaw(uuid);
}

void membook_add(struct membook *book, const struct membook_target *target)
{
    if (book->count == MEMBOOK_TARGETS) {
        memmove(book->targets, book->targets + 1, (MEMBOOK_TARGETS - 1) * sizeof(*target));
        book->count--;
    }
    book->targets[book->count++] = *target;
    book->before = target->before;
    book->written = target->target;
}

/* --- an operator's target --------------------------------------------------------------------- */

int membook_freeze(const char *uuid)
{
    char path[PATH_SIZE];
    int fd;

    path_of(uuid, "frozen", path);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

int membook_thaw(const char *uuid)
{
    char path[PATH_SIZE];

    path_of(uuid, "frozen", path);
    return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
}

bool membook_is_frozen(const char *uuid)
{
    char path[PATH_SIZE];

    path_of(uuid, "frozen", path);
    return access(path, F_OK) == 0;
}
