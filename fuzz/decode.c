// SPDX-License-Identifier: Apache-2.0
// A layer's bytes out of a blob, which comes in pieces: by the first three bytes its form, and how large the
// pieces are on both sides.
#include "fetch/decode.h"
#include "fuzz/fuzz.h"

#include <string.h>

#define ENOUGH (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static unsigned char out[65536];
    struct err err = {0};
    struct decoder *decoder = NULL;
    if (size < 3) return 0;
    size_t step = bytes[1] + 1u, room = bytes[2] * 256u + 1, total = 0, left;
    must(!decoder_new(bytes[0] % 3, &decoder, &err));
    bytes += 3, size -= 3;
    for (int r = 0; size && !r && total < ENOUGH; size -= left, bytes += left) {
        left = step < size ? step : size;
        unsigned char *piece = malloc(left);
        const unsigned char *in = memcpy(piece, bytes, left);
        for (size_t in_left = left, out_left = 0; !r && !out_left && total < ENOUGH;) {
            unsigned char *to = out;
            out_left = room;
            r = decoder_run(decoder, &in, &in_left, &to, &out_left, &err);
            must(to == out + (room - out_left) && (r || !out_left || !in_left));
            total += room - out_left;
        }
        free(piece);
    }
    (void)decoder_end(decoder, &err);
    decoder_freep(&decoder);
    return 0;
}
