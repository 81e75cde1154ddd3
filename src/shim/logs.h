// SPDX-License-Identifier: Apache-2.0
// Reading the json-file log that a shim (or Docker) wrote.
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct logs_options {
    bool follow, timestamps;
    bool no_stdout, no_stderr;
    int64_t tail;               // this many lines from the end; -1: all
    int64_t since_ns, until_ns; // wall clock; 0: no bound
};

// Writes the log's lines to the two descriptors. A line that a crash or a full disk cut short is passed over;
// a log that is not there is empty. With follow it goes on until the container has ended: ended is a socket
// connected to its shim (it asks there for no output), or any descriptor that becomes readable then; -1: it
// does not run. Ends quietly when nobody reads our output any more.
int logs_print(const char *path, const struct logs_options *options, int out, int err_out, int ended,
               struct err *err);

// One entry, as the scanner sees it.
struct logs_entry {
    char *text; // unescaped, in place: line was changed
    size_t size;
    bool is_stderr;
    const char *time; // with its NUL
};
// Scans one line of the file without its newline, of size bytes and one more that may be written. False: it
// is none, or not a whole one.
bool logs_scan(char *line, size_t size, struct logs_entry *ret_entry);
