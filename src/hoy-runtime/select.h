// SPDX-License-Identifier: Apache-2.0
// Containers by a pattern.
#pragma once

#include "hoy-runtime/container.h"

// The ids that an extended regular expression (regex(7)) matches somewhere. None is no error.
int select_matching(struct invocation *invocation, const char *pattern, struct strings *ret_ids,
                    struct err *err);
