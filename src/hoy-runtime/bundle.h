// SPDX-License-Identifier: Apache-2.0
// A bundle: a directory with a config.json and, as a rule, the root file system.
#pragma once

#include "hoy-runtime/commands.h"
#include "oci/spec.h"

struct bundle {
    const char *path; // absolute
    struct str text;  // config.json
    struct spec spec; // with absolute paths
};

void bundle_finish(struct bundle *bundle);

// Reads and checks it. What is only passed over is a warning. Everything lives in the invocation's arena, but
// for the text.
int bundle_read(struct invocation *invocation, const char *path, struct bundle *ret_bundle, struct err *err);
// With another file in the place of its config.json, unless that is NULL.
int bundle_read_with(struct invocation *invocation, const char *path, const char *config,
                     struct bundle *ret_bundle, struct err *err);
