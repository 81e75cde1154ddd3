// SPDX-License-Identifier: Apache-2.0
// Explain: the plan in plain words, an operation a line, with its time and its cause.
#pragma once

#include "plan/plan.h"

#include <stdio.h>

void plan_explain(struct plan_block *block, FILE *out);
