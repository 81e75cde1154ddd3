// SPDX-License-Identifier: Apache-2.0
// Writes an EROFS image of a tree's metadata (inodes, names, xattrs, links); files' bytes stay in the layers'
// tars, which are the image's extra devices in their order. 512-byte blocks, chunk-based files, uncompressed.
// On-disk format: Documentation/filesystems/erofs.rst of the kernel.
#pragma once

#include "unpack/tree.h"

#define EROFS_DEVICES_MAX 512

// device_blocks[i]: size of layer i's tar in 512-byte blocks, rounded up. Sets the nodes' numbers. fd is at
// its beginning; the bytes depend on nothing but the tree and the sizes.
int erofs_write(struct tree *tree, const uint64_t *device_blocks, size_t devices, int fd, struct err *err);

// With blocks of 1 << block_bits bytes. fsck.erofs before 1.6 knows blocks of 4096 bytes only: the tests give
// it a twin of the index with such blocks.
int erofs_write_blocks(struct tree *tree, const uint64_t *device_blocks, size_t devices, unsigned block_bits,
                       int fd, struct err *err);
