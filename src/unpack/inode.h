// SPDX-License-Identifier: Apache-2.0
// Files of a tree on the disk, as a tar has them: what tree.h says of a member.
#pragma once

#include "unpack/tree.h"

#include <sys/stat.h>

// Which extended attributes a layer keeps: security.capability, POSIX ACLs, user.* but for user.overlay.*.
bool xattr_wanted(const char *name);

// The file at a path below root, no link followed. 1; 0 when there is none (any more); -errno. Of a regular
// file *ret_fd reads its bytes, of a directory it is open, else -1. Memory comes from the arena.
struct inode {
    struct tree_node node;
    struct stat stat;
};
int inode_read(int root, const char *path, struct arena *arena, struct inode *ret_inode, int *ret_fd);

// And the other way: owner, mode, attributes and times of one that is open; a link, a fifo or a device. 0, or
// -1 with errno; *ret_xattr is then the attribute that was refused, if it was one. ret_xattr may be NULL.
int inode_set(const struct tree_node *node, int fd, const struct tree_xattr **ret_xattr);
int inode_make_other(const struct tree_node *node, int dir, const char *name);

// The names in a directory below root, sorted by their bytes. 1, 0 or -errno as above.
int directory_list(int root, const char *path, struct arena *arena, struct strings *ret_names);
