// SPDX-License-Identifier: Apache-2.0
// Names of a tar's members: as parts, and as something that may be shown on a terminal.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct path_part {
    const char *name;
    size_t length;
};

// The next part of a path; empty ones and "." are passed over. false at the end.
bool path_next(const char **path, struct path_part *ret_part);

// In quotes, cut, without control characters.
#define PATH_SHOWN 160
const char *path_show(const char *path, char buffer[static PATH_SHOWN]);
