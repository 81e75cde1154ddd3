// SPDX-License-Identifier: Apache-2.0
// The file tree of a layer, or of layers laid over each other: what the tar's headers say, without the bytes.
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct tree_xattr {
    struct tree_xattr *next;
    const char *name; // "security.capability", …; trusted.overlay.* and user.overlay.* never get here
    uint32_t size;
    const void *value;
};

// An inode. Hard links are several entries with one node.
struct tree_node {
    uint32_t mode, uid, gid; // mode with S_IFMT
    int64_t mtime_s;
    uint32_t mtime_ns;
    uint32_t rdev_major, rdev_minor;
    uint64_t size;      // of a regular file
    uint32_t layer;     // whose tar has the bytes: index into the list of layers, 0 the lowest
    uint64_t offset;    // of the bytes in that tar; a multiple of 512
    const char *target; // of a symbolic link
    struct tree_xattr *xattrs;
    bool whiteout, opaque; // of a single layer, before merging
    uint32_t links;        // entries that name it
    struct tree_entry *children; // of a directory: sorted by name once tree_finish_names() was called
    size_t child_count;
};

struct tree_entry {
    const char *name;
    struct tree_node *node;
};

struct tree {
    struct arena arena;
    struct tree_node *root;
    uint64_t bytes; // of all regular files
    size_t nodes;
};
void tree_free(struct tree *tree);

// Reads the headers of a layer's tar (libarchive: ustar, pax, GNU). available (may be NULL) blocks until the
// file has its first `upto` bytes or is complete, and returns how many there are: so the tree grows while
// the layer still streams in. Names are checked and cleaned: `..`, names that leave the root through an
// earlier link, over-long ones are refused with ERR_INVALID naming the member (paths go through the tree
// itself, never through a link). Limits: 4 Mi members, 4 KiB names, 64 KiB an xattr.
struct tree_source {
    int fd;
    uint64_t (*available)(void *data, uint64_t upto);
    void *data;
};
int tree_from_tar(const struct tree_source *source, struct tree *ret_tree, struct err *err);

// Lays layers over each other, lowest first: whiteouts and opaque directories resolved, `layer` set. The
// layers' memory moves into the result.
int tree_merge(struct tree *layers, size_t count, struct tree *ret_tree, struct err *err);
