// SPDX-License-Identifier: Apache-2.0
// Writes an EROFS image of a tree's metadata (inodes, names, xattrs, links); files' bytes stay in the layers'
// tars, which are the image's extra devices in their order. 512-byte blocks, chunk-based files, uncompressed.
// On-disk format: Documentation/filesystems/erofs.rst of the kernel.
#pragma once

#include "unpack/tree.h"

// device_blocks[i]: size of layer i's tar in 512-byte blocks.
int erofs_write(const struct tree *tree, const uint64_t *device_blocks, size_t devices, int fd,
                struct err *err);
