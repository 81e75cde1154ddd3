// SPDX-License-Identifier: Apache-2.0
// A tar that comes as a stream (plain, or compressed with gzip, zstd, xz or bzip2) as files in a directory
// that others may be at work in. A name leads through directories only: no link is followed, whoever made it,
// and ".." is refused. A file has its name when it is whole.
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct untar {
    int tar, directory;
    const char *where; // the directory's name, for sentences
    bool keep_owner;   // else everything is root's
    bool keep_rights;  // else no setuid and setgid bits, and no attributes with a meaning for the system
    bool keep_devices; // else they are refused
    bool keep_kinds;   // a directory takes no other file's place, nor the other way round
};
// How many bytes the tar had.
int untar_run(const struct untar *how, uint64_t *ret_bytes, struct err *err);
