// SPDX-License-Identifier: Apache-2.0
// A tree while it is being made from a tar: directories grow at their end, and one hash table over all of
// them finds (directory, name).
#pragma once

#include "unpack/tree.h"

struct tree_build {
    struct tree tree;
    size_t text; // bytes of names, targets and xattrs so far
    struct tree_slot {
        const struct tree_node *directory;
        uint32_t index, hash;
    } * slots; // open addressing; a power of two, at most half full
    size_t slot_count, slots_used;
};

void tree_build_init(struct tree_build *build);
void tree_build_finish(struct tree_build *build); // for _cleanup_

struct tree_node *tree_build_node(struct tree_build *build, uint32_t mode);
// The pointer is good until the next tree_build_add to the same directory. An entry that was replaced by
// nothing has no node.
struct tree_entry *tree_build_find(const struct tree_build *build, const struct tree_node *directory,
                                   const char *name, size_t length);
struct tree_entry *tree_build_add(struct tree_build *build, struct tree_node *directory, const char *name,
                                  size_t length);

// Sorts the directories, counts, and hands the tree over.
void tree_build_take(struct tree_build *build, struct tree *ret_tree);
