// SPDX-License-Identifier: Apache-2.0
// A stream that is compressed in a way that layers never are: xz or bzip2.
#pragma once

#include "base/err.h"

#include <sys/types.h>

struct raw_io {
    ssize_t (*read)(void *data,
                    const void **ret_bytes); // the next bytes, good until the next call; 0: no more
    int (*write)(void *data, const void *bytes, size_t size); // not 0: no more are wanted
    void *data;
};

// 0 at the end of the stream. -1 when it is damaged, or without a word in *err when no more were wanted.
int raw_decode(const struct raw_io *io, struct err *err);
