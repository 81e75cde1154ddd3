// SPDX-License-Identifier: Apache-2.0
// A file that a command writes: it has its name when it is whole. Until then it has none, or, where the file
// system can't make such a file, a temporary one beside it that goes when the command fails or is
// interrupted.
#pragma once

#include "base/err.h"

#include <stdbool.h>

struct output_file {
    const char *path; // borrowed
    int fd;
    bool linked; // the temporary name is there
};
#define OUTPUT_FILE_INIT \
    { .fd = -1 }

// ERR_INVALID in Docker's words when there can't be a file of that path. One at a time.
int output_file_open(struct output_file *file, const char *path, struct err *err);
// Gives it its name, in place of the file that had it.
int output_file_keep(struct output_file *file, struct err *err);
void output_file_finish(struct output_file *file); // for _cleanup_
