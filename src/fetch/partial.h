// SPDX-License-Identifier: Apache-2.0
// The bytes of a large blob, kept as they come in "<digest hex>.part" of the staging directory, so that a
// pull that is killed can go on. hoy brings such a file back the next time (image/partial.h). Nothing of it
// is believed: it goes the way of bytes from the network.
//
// Writing everything twice would cost a fast pull a tenth of its time. So the first bytes wait in memory
// until it is known whether the rest will take long enough to be worth it. Where blobs are to be kept all of
// it is written, and stays.
#pragma once

#include "fetch/worker.h"

struct partial {
    int fd; // -1: nothing is kept
    uint64_t size, blob_size;
    unsigned char *early; // the first `size` bytes, until then
    uint64_t began_ns;
    bool keep; // it is wanted when it is whole
    int error; // then: why fd is -1
};

// Opens the blob's file, with what it has. A blob that is too small to keep has none.
void partial_open(struct partial *partial, struct worker *worker, const char *digest, uint64_t blob_size);
// The bytes at its end. When that fails nothing is kept any more.
void partial_add(struct partial *partial, const void *bytes, size_t size);
// It is not what it should be, or has served.
void partial_drop(struct partial *partial);
void partial_close(struct partial *partial);
