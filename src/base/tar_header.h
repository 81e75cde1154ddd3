// SPDX-License-Identifier: Apache-2.0
// The header of a tar's member, as POSIX (ustar) has it. A number that its field has no room for in octal is
// written in base 256, as GNU tar does: a size may be any.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TAR_HEADER_SIZE 512 // and what follows a header is filled up to a multiple of it

struct tar_header {
    const char *name, *link; // at most 100 bytes each: the rest is cut off; link may be NULL
    char type;               // '0' a file, '5' a directory, …
    uint32_t mode;
    uint64_t uid, gid, size, mtime;
    uint32_t major, minor;
};
void tar_header_write(const struct tar_header *header, char ret_block[static TAR_HEADER_SIZE]);

// How many zeros follow a member of this size.
static inline size_t tar_padding(uint64_t size) {
    return (size_t)(-size % TAR_HEADER_SIZE);
}
