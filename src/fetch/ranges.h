// SPDX-License-Identifier: Apache-2.0
// A blob that would take long, because the network gives a connection no more, over several of them.
//
// It begins with one connection. When that is what everything waits for, further ones fetch the segments that
// come after the next few megabytes, into memory: a few at a time, each a request for a range. The first
// goes on until it is where the segments begin, and only ends there when the registry really gave a range.
// From then on all fetch segments, and the caller hands them on in order, each as it comes.
//
// When a segment can't be had all ends as it began, with one connection that goes on where the bytes ended.
#pragma once

#include "registry/client.h"

// For all the blobs of a pull.
struct ranges_pool {
    struct http_options options; // of further connections
    atomic_int spare;            // how many there may still be
};
#define RANGES_SPARE 3

// As registry_blob(): 0, or 1 when parts of it came on several ways, or -1.
int ranges_read(struct ranges_pool *pool, struct registry *registry, struct http *http,
                const struct descriptor *blob, const struct registry_sink *sink, struct err *err);
