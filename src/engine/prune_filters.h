// SPDX-License-Identifier: Apache-2.0
// What a prune of containers or networks is asked to take: "until=24h", "label=x", "label!=x".
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "oci/spec.h"

#include <stdbool.h>
#include <stdint.h>

struct prune_filters {
    int64_t until_ns; // INT64_MAX: any time
    struct strings labels, not_labels;
};

// The strings are borrowed.
int prune_filters_read(struct arena *arena, const struct strings *texts, struct prune_filters *ret_filters,
                       struct err *err);
bool prune_filters_match(const struct prune_filters *filters, int64_t created_ns,
                         const struct spec_key_values *labels);
