// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>

// "WARNING! …", and the question whether to go on.
bool prune_confirm(const char *warning);
