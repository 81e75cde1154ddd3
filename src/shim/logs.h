// SPDX-License-Identifier: Apache-2.0
// Reading the log that a shim (or Docker) wrote: all of its files, the oldest first.
#pragma once

#include "base/err.h"
#include "shim/logs_entry.h"

#include <stdbool.h>
#include <stdint.h>

struct logs_options {
    bool follow, timestamps, details;
    bool no_stdout, no_stderr;
    int64_t tail;               // this many lines from the end; -1: all
    int64_t since_ns, until_ns; // wall clock; 0: no bound
};

// Where it is. Rotated files may be compressed: then begin() gives a descriptor to read what is in one, and
// end() is called before the next; it says what was wrong with the file.
struct logs_source {
    int folder;       // a descriptor
    const char *name; // in the folder; rotated ones are <name>.1 …
    bool local;       // the form
    int (*begin)(void *data, int file, struct err *err);
    int (*end)(void *data, struct err *err);
    void *data;
};

// Writes the log's lines to the two descriptors. What a crash or a full disk cut short, or a hand removed, is
// passed over and said on err_out; a log that is not there is empty. With follow it goes on until the
// container has ended: ended is a socket connected to its shim (it asks there for no output), or any
// descriptor that becomes readable then; -1: it does not run. Ends quietly when nobody reads our output any
// more.
int logs_print(const struct logs_source *source, const struct logs_options *options, int out, int err_out,
               int ended, struct err *err);
