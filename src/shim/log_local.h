// SPDX-License-Identifier: Apache-2.0
// Docker's `local` log: protocol buffers between their lengths (four bytes, big end first),
//   source = 1, time_nano = 2, line = 3, partial = 4, partial_log_metadata = 5 {last = 1, id = 2, ordinal =
//   3}, attrs = 6 {key = 1, value = 2}
// The lengths at both ends let it be read from its end.
#pragma once

#include "shim/log_piece.h"

#define LOG_LOCAL_ENTRY (LOG_LINE + 16384 + 256)

struct log_local {
    const char *attributes; // encoded
    size_t attributes_size;
};

char *log_local_put(const struct log_local *local, const struct log_piece *piece, char *to);
