// SPDX-License-Identifier: Apache-2.0
// An operation in words: "mount proc at /proc (nosuid,noexec,nodev)".
#pragma once

#include "base/str.h"
#include "plan/plan.h"

// Added to the text as they are: names in them may hold control characters.
void plan_op_words(const struct plan_block *block, const struct plan_op *op, struct str *text);
