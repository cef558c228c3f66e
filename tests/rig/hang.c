/* SPDX-License-Identifier: MIT */
/*
 * Examines a QEMU from outside, through /proc and its monitor. Nothing here waits. Next to read:
 * rig.c, find_out().
 */
#define _GNU_SOURCE
#include "hang.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

long hang_clock(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * "ID (NAME) S ...", see proc(5): the fields 14 and 15 are user and system time; a name may contain
 * ")".
 */
static bool read_thread(pid_t process, const char *id, struct hang_thread *thread)
{
    char path[64], line[1024];
    unsigned long user, system;
    FILE *file;
    size_t length;

    snprintf(path, sizeof(path), "/proc/%d/task/%.16s/stat", (int)process, id);
    file = fopen(path, "r");
    if (!file)
        return false;
    length = fread(line, 1, sizeof(line) - 1, file);
    fclose(file);
    line[length] = '\0';

    char *name = strchr(line, '('), *end = strrchr(line, ')');

    if (!name || !end ||
        sscanf(end + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user, &system) !=
            2)
        return false;
    *end = '\0';
    thread->id = atoi(id);
    thread->ticks = user + system;
    snprintf(thread->name, sizeof(thread->name), "%s",
             thread->id == process ? "main loop" : name + 1);
    return true;
}

bool hang_take_sample(pid_t process, struct hang_sample *sample)
{
    char path[64];
    DIR *folder;
    struct dirent *entry;

    sample->when = hang_clock();
    sample->count = 0;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)process);
    folder = opendir(path);
    if (!folder)
        return false;
    while ((entry = readdir(folder)) != NULL && sample->count < HANG_THREADS)
        if (entry->d_name[0] != '.' &&
            read_thread(process, entry->d_name, &sample->threads[sample->count]))
            sample->count++;
    closedir(folder);
    return sample->count > 0;
}

static unsigned long ticks_of(const struct hang_sample *sample, pid_t id)
{
    for (size_t i = 0; i < sample->count; i++)
        if (sample->threads[i].id == id)
            return sample->threads[i].ticks;
    return 0;
}

void hang_describe(const struct hang_sample *before, const struct hang_sample *after, char *text,
                   size_t size)
{
    long ms = after->when - before->when, tick_ms = 1000 / sysconf(_SC_CLK_TCK);
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < after->count && used < size; i++) {
        const struct hang_thread *thread = &after->threads[i];
        long ran = (long)(thread->ticks - ticks_of(before, thread->id)) * tick_ms;

        if (ran > 0)
            used += (size_t)snprintf(text + used, size - used, "%s%s %ld %%", used ? ", " : "",
                                     thread->name, ran * 100 / (ms > 0 ? ms : 1));
    }
    if (used == 0)
        snprintf(text, size, "none");
}

bool hang_tell(int fd, const char *line)
{
    size_t length = strlen(line);

    return send(fd, line, length, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)length;
}

bool hang_answered(int fd, struct hang_monitor *monitor, char *state, size_t size)
{
    static const char answer[] = "VM status: ";
    const size_t most = sizeof(monitor->said) - 1;
    ssize_t length;

    do {
        if (monitor->used > most / 2) {
            memmove(monitor->said, monitor->said + most / 4, monitor->used - most / 4);
            monitor->used -= most / 4;
        }
        length = recv(fd, monitor->said + monitor->used, most - monitor->used, MSG_DONTWAIT);
        if (length > 0)
            monitor->used += (size_t)length;
    } while (length > 0);
    monitor->said[monitor->used] = '\0';

    const char *found = memmem(monitor->said, monitor->used, answer, sizeof(answer) - 1);
    size_t word = found ? strcspn(found += sizeof(answer) - 1, " \r\n") : 0;

    if (!found || found[word] == '\0')
        return false;
    snprintf(state, size, "%.*s", (int)word, found);
    return true;
}
