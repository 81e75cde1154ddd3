// SPDX-License-Identifier: Apache-2.0
// The question before a prune (prune.c).
#pragma once

#include <stdbool.h>

// Prints the warning and the question; whether the answer is yes.
bool confirm(const char *warning);
