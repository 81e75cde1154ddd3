// SPDX-License-Identifier: Apache-2.0
// Writes a tar: ustar, and a pax header before a member that ustar can't express (POSIX.1-2017, pax, "ustar
// Interchange Format"). Names are bytes: one that is not UTF-8 stays as it is. The bytes depend on nothing
// but what is written.
#pragma once

#include "unpack/tree.h"

#include <stddef.h>

struct tar_writer {
    int (*write)(void *data, const void *bytes, size_t size); // 0 or -errno
    void *data;
    uint64_t size, left; // of the member: its bytes, and how many are still to come
};

// A member's header; name and hardlink (NULL: it is none) without a slash in front. Of the node everything
// but children, layer and offset counts; with a hard link only the name does. A regular file's size bytes
// follow by tar_write_bytes(), all of them. -errno of write.
int tar_write_header(struct tar_writer *writer, const char *name, const struct tree_node *node,
                     const char *hardlink);
int tar_write_bytes(struct tar_writer *writer, const void *bytes, size_t size);
int tar_write_end(struct tar_writer *writer);
