// SPDX-License-Identifier: Apache-2.0
// What a container has changed of its image's files.
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>

// Three directories, which may be changing: the root file system, the image's part of it, the writable layer.
struct changes_input {
    int merged, lower, upper;
};

struct change {
    const char *path; // "etc/passwd"
    char kind;        // 'A'dded, 'C'hanged, 'D'eleted: what was below is not told of
    bool quiet;       // to a layer it matters, to people not: a copy of the same file, a directory's new time
    bool opaque;      // a directory that hides all that the image has in it
    bool hidden;      // deleted by that, and not by a whiteout of its own
};

// Sorted by path, bytewise, so that a directory comes before what is in it. The places that hoy mounts over
// are no changes as long as they are empty.
struct changes {
    struct change *items;
    size_t count;
    struct arena arena;
};
int changes_find(const struct changes_input *input, struct changes *ret_changes, struct err *err);
void changes_finish(struct changes *changes);
