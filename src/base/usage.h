// SPDX-License-Identifier: Apache-2.0
// What things take on the disk: the blocks of every inode, each once however many names it has, as du counts.
#pragma once

#include <stdint.h>

// One count of several places.
struct usage {
    void *seen; // inodes with more than one name
    uint64_t bytes;
    uint64_t content; // what files hold, directories left out: Docker's size of a container
};
void usage_finish(struct usage *usage); // for _cleanup_

// Adds name in dir and all that is below it, on the same file system. Links are not followed; what goes away
// meanwhile is passed over. -errno.
int usage_add_at(struct usage *usage, int dir, const char *name);
