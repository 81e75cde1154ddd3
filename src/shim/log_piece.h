// SPDX-License-Identifier: Apache-2.0
// A line of a container's output, or a part of a long one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE 16384

enum log_stream { LOG_STDOUT, LOG_STDERR };

struct log_piece {
    enum log_stream stream;
    const uint8_t *text;
    size_t size;     // without the newline
    bool ends;       // a newline came after it
    unsigned part;   // 0: the whole line; else which part of it, from 1
    int64_t wall_ns; // when it was read; of a part: when the first one was
};
