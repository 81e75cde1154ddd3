// SPDX-License-Identifier: Apache-2.0
// Docker's json-file log: an object a line of output,
//   {"log":"text\n","stream":"stdout","attrs":{…},"time":"2026-11-23T21:44:38.123456789Z"}
// byte for byte as Docker writes it.
#pragma once

#include "shim/log_piece.h"

#define LOG_FIXED_MAX 16384 // attributes, as an entry has them

// An entry has at most so many bytes; writing it takes a few more.
#define LOG_JSON_ENTRY (LOG_LINE * 6 + LOG_FIXED_MAX + 256)

struct log_json {
    int64_t wall_ns; // what the tails say; 0: nothing yet
    const char *attributes;
    size_t attributes_size;
    size_t tail_size[2];
    char tails[2][LOG_FIXED_MAX + 128]; // what comes after the text, per stream
};

// The entry's end in `to`.
char *log_json_put(struct log_json *json, const struct log_piece *piece, char *to);
