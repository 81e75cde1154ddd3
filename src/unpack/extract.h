// SPDX-License-Identifier: Apache-2.0
// The `dir` driver: a layer's tar as a directory, in overlayfs's form (0:0 devices for whiteouts, the
// mark "opaque"). Done by a process of its own that is confined to the target (own mount
// namespace, pivoted into it, no network, only the capabilities to make files as they are named), while the
// tar still grows.
#pragma once

#include "base/err.h"
#include "base/id.h"

#include <sys/types.h>

// Marks (kernel/overlay.h). A directory that the layer only implies (no member names it) is marked as
// implied; the root of a layer with such directories below it says so.
#define EXTRACT_OPAQUE  "opaque"
#define EXTRACT_IMPLIED "hoy.implied"
#define EXTRACT_IMPLIES "hoy.implies"
// The root of a layer with whiteouts.
#define EXTRACT_HIDES "hoy.hides"
// A hard link to what only a lower layer has is a file with the target's path, "a/b", marked as a link; the
// root says so.
#define EXTRACT_LINK  "hoy.link"
#define EXTRACT_LINKS "hoy.links"

// The target is an empty directory. grown is -1 for a tar that is complete, or else a pipe: something is
// written to it when the tar has grown, and it is closed when the tar is complete.
struct extract_job {
    int tar, grown, target;
};
struct extract {
    pid_t pid;
    int socket;             // readable when there is something for extract_serve()
    char made[DIGEST_SIZE]; // once everything is in the target: what it is (pack_digest(), unpack/pack.h)
};
#define EXTRACT_NONE \
    { .socket = -1 }

// The job's descriptors may be closed after it.
int extract_start(const struct extract_job *job, struct extract *ret_extract, struct err *err);
// 0: it goes on; 1: everything is in the target; -1: it failed, and the target is to be removed. What is
// there is not on the disk yet.
int extract_serve(struct extract *extract, struct err *err);
// Ends it if it still runs. For _cleanup_.
void extract_end(struct extract *extract);
