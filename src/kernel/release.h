// SPDX-License-Identifier: Apache-2.0
// Files that nobody has a name for any more are freed when their last descriptor is closed, and whoever
// closes it waits for that: of a large file on a disk that is told of every block (discard) it takes longer
// than all the rest of its removal.
#pragma once

#include <stddef.h>

// Closes the descriptors, in another process: it has nothing else open, ends at once, and frees on its way
// out. Should the machine crash meanwhile the file system knows the files for orphans. Where there can be no
// process they are closed here. At most RELEASE_MAX.
#define RELEASE_MAX 256
void release_files(int *fds, size_t count);
