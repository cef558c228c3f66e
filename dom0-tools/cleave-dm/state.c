/* SPDX-License-Identifier: MIT */
/* Read next: machine.c. */
#include "state.h"

#include <string.h>

void state_bytes(struct state *state, void *field, size_t size)
{
    size_t limit = state->loading ? state->size : STATE_MAX;

    if (size > limit - state->at) {
        state->bad = true;
        if (state->loading)
            memset(field, 0, size);
        return;
    }
    if (state->loading)
        memcpy(field, state->bytes + state->at, size);
    else
        memcpy(state->bytes + state->at, field, size);
    state->at += size;
    if (!state->loading)
        state->size = state->at;
}

void state_flag(struct state *state, bool *flag)
{
    uint8_t byte = *flag;

    STATE_FIELD(state, byte);
    state_check(state, byte <= 1);
    *flag = byte;
}

void state_expect(struct state *state, uint32_t number)
{
    uint32_t found = number;

    STATE_FIELD(state, found);
    state_check(state, found == number);
}

void state_check(struct state *state, bool valid) { state->bad |= !valid; }
