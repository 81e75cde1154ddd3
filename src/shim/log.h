// SPDX-License-Identifier: Apache-2.0
// What becomes of a container's output besides its clients: a file of entries (shim/log_file.h), and lines
// for somebody who receives them (shim/receiver.h). Output is cut into lines as Docker cuts it: one longer
// than LOG_LINE comes in parts, and what has no newline yet waits for it, or for the end of its stream.
//
// Nothing here allocates. A disk that is full costs the log its lines and nobody anything else.
#pragma once

#include "plan/plan.h"
#include "shim/log_file.h"
#include "shim/log_piece.h"
#include "shim/receiver.h"

struct log {
    bool wanted;
    struct log_file file;
    struct receiver receiver;
    struct log_line {
        unsigned part;   // the last one of a long line
        int64_t wall_ns; // of its first one
        size_t used;
        uint8_t bytes[LOG_LINE]; // what has no end yet
    } lines[2];
};

// The descriptors become the log's. -1: there is none.
void log_init(struct log *log, const struct plan_block *plan, int file, int folder, int receiver);

// Takes output as it was read at wall_ns. Whole lines are in the file when it returns.
void log_add(struct log *log, enum log_stream stream, const void *bytes, size_t size, int64_t wall_ns);
// The stream ended: what was held back for want of a newline is written.
void log_end(struct log *log, enum log_stream stream, int64_t wall_ns);
