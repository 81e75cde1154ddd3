// SPDX-License-Identifier: Apache-2.0
// What a container that runs has mounted, changed.
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "oci/spec.h"

// First the targets of remove go (in reverse order), then what is in add comes (in its order), and then
// comes what goes together with it. All or nothing: when one of them fails, those before it are taken back.
// (What was made to mount at stays.)
struct runtime_mounts {
    const char *container; // as sentences name it
    struct arena *arena;
    int pidfd;      // of a process of the container's, which nobody else can be taken for
    int namespaces; // of that process, to be joined: CLONE_NEWNS, and others of its own
    struct strings remove;
    struct {
        struct spec_mount *items;
        size_t count;
    } add;
    int (*then)(void *data, struct err *err); // or NULL
    void *data;
};
int runtime_mounts_change(const struct runtime_mounts *request, struct err *err);
