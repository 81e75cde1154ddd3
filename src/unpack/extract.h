// SPDX-License-Identifier: Apache-2.0
// The `dir` driver: a layer's tar as a directory, in overlayfs's form (0:0 devices for whiteouts, the
// trusted.overlay.opaque xattr). Runs in a process of its own that is confined to the target (own mount
// namespace, pivoted into it, no network, only the capabilities to make files as they are named).
#pragma once

#include "base/err.h"

int extract_tar(int tar_fd, int target_dir, struct err *err);
