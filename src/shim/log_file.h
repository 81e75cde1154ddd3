// SPDX-License-Identifier: Apache-2.0
// A log's file, and what it leaves behind: when it has max_bytes it becomes <name>.1, what was that becomes
// <name>.2, and so on; the oldest goes. Names and moments are Docker's. The rotated ones may be compressed by
// somebody else (<name>.1.gz), who is told with the plan's `rotated` command, and renames under a lock of the
// folder: while it is held, the file is not rotated but written on.
#pragma once

#include "plan/plan.h"
#include "shim/log_json.h"
#include "shim/log_local.h"

#include <sys/types.h>

struct log_file {
    int fd, folder; // fd -1: nothing is kept
    bool local;     // the form, json-file's otherwise
    const char *name;
    uint64_t size;                 // that it has
    uint64_t later;                // so much more than its limit it may have, since it could not be rotated
    const struct plan_block *plan; // whose log's limits somebody else may change
    pid_t helper;
    bool again;    // it was at work when there was more to tell
    uint64_t lost; // entries that the disk did not take, and why
    int lost_error;
    struct log_json json;
    struct log_local form;
    size_t used;
    char out[LOG_JSON_ENTRY + 256];
};

// The descriptors become the file's.
void log_file_init(struct log_file *file, const struct plan_block *plan, int fd, int folder);
void log_file_put(struct log_file *file, const struct log_piece *piece);
// What was put is written, or lost.
void log_file_flush(struct log_file *file, int64_t wall_ns);
