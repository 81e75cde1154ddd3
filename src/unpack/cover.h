// SPDX-License-Identifier: Apache-2.0
// The `dir` driver: where an upper layer only implies a directory, it hides the lower layer's owner, mode and
// time of it: overlayfs shows those of the uppermost. So one more directory lies on top of an image's layers,
// its cover: it has those directories, as they should be seen, and the files of lower layers that a layer has
// a hard link to; and directories with whiteouts that only one layer has, since overlayfs lists the whiteouts
// of what it does not merge. Nothing else.
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

// Layers that extract_start() made, uppermost first; the target is an empty directory. *ret_any is false when
// there is nothing to put into it.
int cover_write(const int *layers, size_t count, int target, bool *ret_any, struct err *err);
