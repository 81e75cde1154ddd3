// SPDX-License-Identifier: Apache-2.0
// The question before a prune, and what it says at its end (prune.c).
#pragma once

#include "base/arena.h"

// Prints the warning and the question; whether the answer is yes.
bool confirm(const char *warning);
// The title, a line each, and an empty one; nothing when there are none.
void print_pruned(const char *title, const struct strings *lines);
