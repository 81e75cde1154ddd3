// SPDX-License-Identifier: Apache-2.0
// What stop and restart share (container.c).
#pragma once

#include "cli/invocation.h"
#include "oci/spec.h"

struct stop_flags {
    const char *signal;
    struct spec_i64 timeout;
};

// For struct stop_options.
int stop_timeout(const struct stop_flags *flags);
