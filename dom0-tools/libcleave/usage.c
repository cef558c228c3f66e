/* SPDX-License-Identifier: MIT */
/* The history of a VM's demand, as JSON in its folder. Read next: ../planner/demand.c. */
#include "usage.h"

#include <jansson.h>

#include "core.h"
#include "jsonfile.h"

#define FILE_NAME "usage"

struct usage_time usage_between(const struct cleave_time *before, const struct cleave_time *after,
                                uint32_t mhz, uint32_t clock)
{
    uint64_t in[4], owed, slept;
    struct usage_time time = { .elapsed = 0 };

    for (int i = 0; i < 4; i++) {
        in[i] = after->time[i] - before->time[i];
        time.elapsed += in[i];
    }
    time.ran = in[CORE_RUNNING];
    time.wanted = time.ran + in[CORE_RUNNABLE];
    slept = in[CORE_BLOCKED] + in[CORE_OFFLINE];
    owed = time.elapsed * mhz / clock;
    owed = owed > slept ? owed - slept : 0;
    if (owed > time.wanted)
        owed = time.wanted;
    time.lack = owed > time.ran ? owed - time.ran : 0;
    return time;
}

static void shift(struct usage_kept *sum, struct usage_kept *slot, struct usage_kept fresh)
{
    sum->wanted += fresh.wanted - slot->wanted;
    sum->kept += fresh.kept - slot->kept;
    *slot = fresh;
}

void usage_add(struct usage *usage, uint32_t wanted_mhz, bool kept)
{
    struct usage_kept fresh = { wanted_mhz > 0, wanted_mhz > 0 && kept };

    demand_add(&usage->demand, wanted_mhz);
    shift(&usage->minute, &usage->seconds[usage->second % USAGE_SECONDS], fresh);
    usage->second++;
    if (usage->second % USAGE_SECONDS == 0)
        shift(&usage->hour, &usage->minutes[usage->second / USAGE_SECONDS % USAGE_MINUTES],
              usage->minute);
}

/* --- on disk ---------------------------------------------------------------------------------- */

static void read_kept(const json_t *list, struct usage_kept *kept, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        kept[i].wanted = json_integer_value(json_array_get(list, 2 * i));
        kept[i].kept = json_integer_value(json_array_get(list, 2 * i + 1));
    }
}

static json_t *kept_json(const struct usage_kept *kept, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_integer(kept[i].wanted));
        json_array_append_new(list, json_integer(kept[i].kept));
    }
    return list;
}

void usage_load(const char *uuid, struct usage *usage)
{
    json_t *json = jsonfile_load(uuid, FILE_NAME), *counts, *sums;

    *usage = (struct usage){ .second = 0 };
    if (!json)
        return;
    counts = json_object_get(json, "counts");
    sums = json_object_get(json, "sums");
    usage->demand.reserved_mhz = json_integer_value(json_object_get(json, "reserved_mhz"));
    for (size_t i = 0; i <= DEMAND_BUCKETS; i++) {
        usage->demand.count[i] = json_integer_value(json_array_get(counts, i));
        usage->demand.sum[i] = json_integer_value(json_array_get(sums, i));
        usage->demand.seconds += usage->demand.count[i];
        usage->demand.active += i > 0 ? usage->demand.count[i] : 0;
    }
    usage->second = json_integer_value(json_object_get(json, "second"));
    read_kept(json_object_get(json, "seconds"), usage->seconds, USAGE_SECONDS);
    read_kept(json_object_get(json, "minutes"), usage->minutes, USAGE_MINUTES);
    read_kept(json_object_get(json, "minute"), &usage->minute, 1);
    read_kept(json_object_get(json, "hour"), &usage->hour, 1);
    json_decref(json);
}

int usage_save(const char *uuid, const struct usage *usage)
{
    json_t *counts = json_array(), *sums = json_array(), *json;

    for (size_t i = 0; i <= DEMAND_BUCKETS; i++) {
        json_array_append_new(counts, json_integer(usage->demand.count[i]));
        json_array_append_new(sums, json_integer(usage->demand.sum[i]));
    }
    json = json_pack("{si si so so so so so so}", "reserved_mhz", (int)usage->demand.reserved_mhz,
                     "second", (int)usage->second, "counts", counts, "sums", sums, "seconds",
                     kept_json(usage->seconds, USAGE_SECONDS), "minutes",
                     kept_json(usage->minutes, USAGE_MINUTES), "minute",
                     kept_json(&usage->minute, 1), "hour", kept_json(&usage->hour, 1));
    return jsonfile_save(uuid, FILE_NAME, json);
}
