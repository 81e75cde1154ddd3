// SPDX-License-Identifier: Apache-2.0
// What every container mounts over, made to be there in every image's index: else the start of a container
// would copy /etc up into its writable layer, which takes longer than all its mounts together.
#pragma once

#include "unpack/tree.h"

// Adds /dev, /proc, /sys, /etc and /etc/{hostname,hosts,resolv.conf} where they are missing, empty. For a
// merged tree.
void tree_add_mount_points(struct tree *tree);
