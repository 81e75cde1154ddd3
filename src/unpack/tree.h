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

// What a file with holes has: runs of bytes, in order, that follow each other in the tar.
struct tree_runs {
    struct tree_run {
        uint64_t at, size; // in the file
    } * items;
    size_t count;
    unsigned bits; // all of them begin and end at multiples of 1 << bits (at least 9), or at the file's end
};

// An inode. Hard links are several entries with one node.
struct tree_node {
    uint32_t mode, uid, gid; // mode with S_IFMT
    int64_t mtime_s;
    uint32_t mtime_ns;
    uint32_t rdev_major, rdev_minor;
    uint64_t size;                // of a regular file
    uint32_t layer;               // whose tar has the bytes: index into the list of layers, 0 the lowest
    uint64_t offset;              // of the bytes in that tar; a multiple of 512
    const struct tree_runs *runs; // of a file with holes; NULL: the bytes are one run
    const char *target;           // of a symbolic link
    struct tree_xattr *xattrs;
    bool whiteout, opaque; // of a single layer, before merging
    bool implicit;         // a directory that no member names: something lies below it
    const char *below;     // of a single layer: a hard link to this name in a lower layer
    uint32_t links;        // entries that name it; of a directory as stat(2) has it
    uint64_t number;       // the writer's own: its inode number
    struct tree_entries {
        struct tree_entry *items; // of a directory: sorted by name
        size_t count;
    } children;
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
    size_t below; // hard links into lower layers that are not resolved yet
};
void tree_free(struct tree *tree);

// The entry with this name in a finished directory, or NULL.
struct tree_entry *tree_find(const struct tree_node *directory, const char *name, size_t length);

#define TREE_NODES_MAX (4u << 20)   // members of a layer
#define TREE_NAME_MAX  4095         // bytes of a member's name, and of a link's target
#define TREE_TEXT_MAX  (512u << 20) // bytes of all names, targets and xattrs of a layer
#define TREE_XATTR_MAX 65535        // bytes of an xattr: EROFS has 16 bits for them
#define TREE_FILE_MAX  ((uint64_t)1 << 40)
// How many pieces (1 << bits of a file with holes) may be in a layer beyond those that its own bytes pay for,
// one for each 64 bytes: a piece takes 8 in an index.
#define TREE_PIECES_MAX (1u << 18)

// Reads the headers of a layer's tar (libarchive: ustar, pax, GNU). available (may be NULL) blocks until the
// file has its first `upto` bytes or is complete, and returns how many there are, or -errno: so the tree
// grows while the layer still streams in. Names are checked and cleaned: `..`, names that lead through an
// earlier link or file, over-long ones are refused with ERR_INVALID naming the member (paths go through the
// tree itself, never through a link). Of sparse members (GNU's, in any of its forms) the holes have to be
// whole blocks of 512. A character device 0:0, which overlayfs takes for a whiteout, is one. Kept xattrs:
// security.capability, POSIX ACLs, user.* but for user.overlay.*.
//
// file (may be NULL) is told of each regular file when its header was read, while the tree is being built.
//
// The process's locale must be C: in another libarchive would normalise names.
struct tree_build; // unpack/tree_build.h
struct tree_source {
    int fd;
    int64_t (*available)(void *data, uint64_t upto);
    void *data;
    int (*file)(void *data, const struct tree_build *build, const struct tree_entry *entry,
                const struct tree_node *directory, const char *path, struct err *err);
};
int tree_from_tar(const struct tree_source *source, struct tree *ret_tree, struct err *err);

// Lays layers over each other, lowest first: whiteouts, opaque directories and hard links into lower layers
// resolved, `layer` and `links` set. count 0 gives an empty root. The layers' memory moves into the result.
int tree_merge(struct tree *layers, size_t count, struct tree *ret_tree, struct err *err);
