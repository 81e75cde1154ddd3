// SPDX-License-Identifier: Apache-2.0
// Number constants.
#pragma once

#include "template/value.h"

// An int or a float64 as Go reads the text; VALUE_NONE for an integer that is only an unsigned one. NULL, or
// what is wrong ("illegal number syntax").
const char *number_parse(const char *text, struct value *ret);
