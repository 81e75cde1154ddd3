// SPDX-License-Identifier: Apache-2.0
// What a command writes many bytes to: standard output, or a file that gets its name when all of it is there.
#pragma once

#include "base/err.h"

#include <stdbool.h>

struct output {
    int fd;
    const char *path;   // NULL: standard output
    const char *beside; // a temporary name, where a file can't do without
};
#define OUTPUT_INIT \
    { .fd = -1 }

// path NULL: standard output, which must not be a terminal. path lives as long as the output.
int output_open(const char *path, struct output *ret_output, struct err *err);
// Gives it its name, in place of what had it.
int output_name(struct output *output, struct err *err);
// Without a name the file is gone.
void output_finish(struct output *output); // for _cleanup_
