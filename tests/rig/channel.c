/* SPDX-License-Identifier: MIT */
/* Reads the records that dom0 writes (described in channel.h). Next to read: watch.c. */
#include "channel.h"

#include <errno.h>

static int take_record(struct channel *channel, size_t length, channel_write_fn *write)
{
    const uint8_t *bytes = channel->buffer + CHANNEL_HEADER;

    switch (channel->buffer[0]) {
    case CHANNEL_BEGIN: channel->begun = true; return 0;
    case CHANNEL_STDOUT: return write(1, bytes, length);
    case CHANNEL_STDERR: return write(2, bytes, length);
    case CHANNEL_EXIT:
        if (length != 1)
            return -EPROTO;
        channel->exited = true;
        channel->status = bytes[0];
        return 0;
    default: return -EPROTO;
    }
}

int channel_feed(struct channel *channel, const uint8_t *bytes, size_t length,
                 channel_write_fn *write)
{
    for (size_t i = 0; i < length; i++) {
        channel->buffer[channel->used++] = bytes[i];
        if (channel->used < CHANNEL_HEADER)
            continue;

        size_t payload = channel->buffer[1] | channel->buffer[2] << 8;

        if (payload > CHANNEL_MAX)
            return -EPROTO;
        if (channel->used < CHANNEL_HEADER + payload)
            continue;

        int rc = take_record(channel, payload, write);

        if (rc < 0)
            return rc;
        channel->used = 0;
    }
    return 0;
}
