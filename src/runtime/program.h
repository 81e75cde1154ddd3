// SPDX-License-Identifier: Apache-2.0
// The programs that are beside this one: what needs a library that nobody else should pay for.
#pragma once

#include "base/arena.h"
#include "base/err.h"

// The path of one, where the build has it or where it was installed to; NULL with *err filled in.
// build_folder: of the source tree.
const char *runtime_program_find(const char *name, const char *build_folder, struct arena *arena,
                                 struct err *err);
