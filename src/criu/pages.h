// SPDX-License-Identifier: Apache-2.0
// A look at a checkpoint's memory before CRIU has it: where a file of pages is shorter than its table says,
// CRIU 3.17 reads for ever, and fills the disk with its log.
#pragma once

#include "base/err.h"

// dir is the folder of the images. -1 with a sentence when pages are missing. What is not understood is left
// for CRIU to judge.
int criu_check_pages(int dir, struct err *err);
