// SPDX-License-Identifier: Apache-2.0
// Regular expressions, as filters have them.
#pragma once

#include <stdbool.h>

// An extended one, anywhere in the text; the text itself matches, too. What is no expression matches nothing
// else.
bool pattern_matches(const char *text, const char *pattern);
