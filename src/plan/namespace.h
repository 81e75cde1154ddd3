// SPDX-License-Identifier: Apache-2.0
// A namespace that a document names by a path, which may lead to what somebody else left there.
#pragma once

#include "base/err.h"

#include <stdint.h>

struct namespace_path {
    const char *path, *field; // field: of the document, for the sentence
    uint64_t flag;            // CLONE_NEW*: what it is to be
};

// Whether what was opened is a namespace of that type, and belongs to this process's own user namespace or to
// one that its own user made, as engines do for containers. 0 or -errno, as a rule with a sentence.
int namespace_check(const struct namespace_path *path, int fd, struct err *err);
