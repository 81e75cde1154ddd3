// SPDX-License-Identifier: Apache-2.0
// The files of a log, opened: the one that is written first, then the rotated ones by their numbers.
#pragma once

#include "shim/logs.h"

#include <sys/stat.h>
#include <sys/types.h>

struct logs_file {
    int fd;
    uint32_t number; // 0: the one that is written
    bool compressed;
};
struct logs_files {
    struct logs_file *items;
    size_t count;
};

void logs_files_finish(struct logs_files *files);
// None when there is no log. They fit together: nothing is rotated meanwhile.
int logs_files_open(const struct logs_source *source, struct logs_files *ret_files, struct err *err);
// Those that are younger than one that was the written one once; all but rotated ones when it is not found.
int logs_files_after(const struct logs_source *source, const struct stat *old, struct logs_files *ret_files,
                     bool *ret_found, struct err *err);

// Where the last lines of a file begin, found from its end, and how many these are. False: it can't be told.
bool logs_file_tail(int fd, bool local, bool newest, int64_t lines, off_t *ret_from, int64_t *ret_lines);
