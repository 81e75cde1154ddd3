// SPDX-License-Identifier: Apache-2.0
// How fast a blob comes, and whether at this pace it takes long.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PACE_BYTES   (4u << 20)
#define PACE_LONG_NS 2000000000ull

struct pace {
    uint64_t elapsed_ns, bytes;
};

// Enough has come, or taken long enough, to judge by it.
static inline bool pace_tells(const struct pace *pace) {
    return pace->bytes >= PACE_BYTES || pace->elapsed_ns >= PACE_LONG_NS;
}

// Do so many bytes take long?
static inline bool pace_is_long(const struct pace *pace, uint64_t bytes) {
    return pace->elapsed_ns >= PACE_LONG_NS || !pace->bytes ||
           bytes / pace->bytes >= PACE_LONG_NS / (pace->elapsed_ns + 1);
}
