// SPDX-License-Identifier: Apache-2.0
// Mounting an EROFS image that is a file, with files as its extra devices (Linux 6.12 and later).
#pragma once

#include <stddef.h>

// Read-only, and nodev, nosuid, noexec: an overlay over it has flags of its own. Paths are absolute or
// relative to the current directory, and may hold any character. -errno: -ENODEV or -ENOTBLK where the kernel
// does not know such mounts.
int erofs_mount(const char *index, const char *const *devices, size_t count, const char *target);
// The same, not attached anywhere: its descriptor.
int erofs_tree(const char *index, const char *const *devices, size_t count);
