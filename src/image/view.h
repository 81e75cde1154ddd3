// SPDX-License-Identifier: Apache-2.0
// A container's root file system for a look from outside, whether the container runs or not: mounts that only
// the holder of their descriptor can reach, and that end with it.
#pragma once

#include "image/image.h"

// A directory with three in it, all without devices, and read-only: "merged" is the root file system as the
// container sees it without its own mounts, "lower" the image's part of it, "upper" the writable layer as
// overlayfs keeps it. upper is an absolute path; NULL: the image's files alone, in the directory itself. With
// work, overlayfs's, "merged" can be written to; nobody else may have the two in use. Returns the descriptor.
int image_view_open(struct store *store, const struct image *image, const char *upper, const char *work,
                    struct err *err);

// A child makes a tree of mounts, in a mount namespace that ends with it: a descriptor, or -1 with *err. Both
// come to the caller.
typedef int tree_make(void *data, struct err *err);
int tree_by_child(tree_make *make, void *data, struct err *err);
