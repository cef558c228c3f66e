/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer's target for the instruction decoder: any bytes in any mode give -EINVAL or a
 * description that guest/emulate.c can use. The result is the same if only the instruction's own
 * bytes are available, and no byte past the available ones is read.
 */
#include "errors.h"
#include "guest/decode.h"
#include "lib.h"
#include "types.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool plausible(const struct insn *i)
{
    return i->length >= 1 && i->length <= 15 &&
           (i->size == 1 || i->size == 2 || i->size == 4 || i->size == 8) && i->reg < 16 &&
           i->segment <= 6 && i->scale < 4 && (i->base < 16 || i->base == 0xff) &&
           (i->index < 16 || i->index == 0xff) && (!i->reg_high8 || (i->reg >= 4 && i->reg < 8)) &&
           (i->address_size == 2 || i->address_size == 4 || i->address_size == 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct insn i = { 0 }, again = { 0 };
    unsigned int n = size ? (unsigned int)MIN(size - 1, 15ul) : 0;
    enum insn_mode mode;
    uint8_t *exact;

    if (size == 0)
        return 0;
    mode = (enum insn_mode)(data[0] % 3);
    exact = malloc(n ? n : 1); /* the sanitizer detects a read past its end */
    memcpy(exact, data + 1, n);
    if (decode_insn(exact, n, mode, &i) == 0) {
        BUG_ON(i.length > n || !plausible(&i));
        BUG_ON(decode_insn(exact, i.length, mode, &again) || i.op != again.op ||
               i.disp != again.disp);
        BUG_ON(decode_insn(exact, i.length - 1u, mode, &again) != -EINVAL);
    }
    free(exact);
    return 0;
}
