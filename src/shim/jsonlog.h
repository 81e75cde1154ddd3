// SPDX-License-Identifier: Apache-2.0
// The writer of Docker's json-file log: an object a line of output,
//   {"log":"text\n","stream":"stdout","time":"2026-11-23T21:44:38.123456789Z"}
// byte for byte as Docker writes it. Output without a newline is an entry of its own after 16 KiB, and at the
// end of its stream.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define JSON_LOG_LINE 16384

enum json_log_stream { JSON_LOG_STDOUT, JSON_LOG_STDERR };

struct json_log {
    int fd;         // opened for append; -1: nothing is kept
    int64_t second; // what stamp says
    char stamp[20];
    struct {
        size_t used;
        uint8_t bytes[JSON_LOG_LINE]; // a line that has no end yet
    } lines[2];
    size_t used;
    char out[JSON_LOG_LINE * 8]; // an entry of one line grows six times at most
};

// Takes output as it was read at wall_ns. Complete lines are in the file when it returns.
void json_log_add(struct json_log *log, enum json_log_stream stream, const void *bytes, size_t size,
                  int64_t wall_ns);
// The stream ended: what was held back for want of a newline is written.
void json_log_end(struct json_log *log, enum json_log_stream stream, int64_t wall_ns);
