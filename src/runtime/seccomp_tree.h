// SPDX-License-Identifier: Apache-2.0
// A filter as a search tree over the numbers of system calls. Private to src/runtime.
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECCOMP_TREE_ARCHES 16

// From this number up to the next range's: an action, or it depends on the call's arguments.
struct seccomp_range {
    uint32_t first, action;
    bool depends;
};

struct seccomp_tree {
    struct {
        uint32_t arch; // AUDIT_ARCH_*
        struct seccomp_range *ranges;
        size_t count;
    } arches[SECCOMP_TREE_ARCHES];
    size_t arch_count;
    uint32_t other_action; // of every other architecture
};

// Finds out what a program does for each number of each of these architectures, and for all others together.
// -EOPNOTSUPP for a program of a kind that it can't tell for.
int seccomp_tree_read(const struct sock_filter *program, size_t count, const uint32_t *arches,
                      size_t arch_count, struct seccomp_tree *ret_tree);
void seccomp_tree_finish(struct seccomp_tree *tree);

bool seccomp_tree_depends(const struct seccomp_tree *tree, uint32_t arch, uint32_t number);

// Writes the tree, at most size instructions; calls that depend on arguments go on behind its end. Returns
// how many it takes, or 0 when there is no room.
size_t seccomp_tree_write(const struct seccomp_tree *tree, struct sock_filter *instructions, size_t size);
