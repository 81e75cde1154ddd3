// SPDX-License-Identifier: Apache-2.0
// Lists of CPUs or memory nodes as people and the kernel write them: "0-3,8".
#pragma once

#include <stdint.h>

// The most that a kernel can be built for.
#define NUMBER_LIST_CPUS  8192
#define NUMBER_LIST_NODES 1024

// The numbers as bits of a map of limit bits, which is zeroed first; NULL: only a look whether it is a list.
// Spaces and empty places between commas are passed over. The count of what is named, a range's each, or
// -EINVAL, or -ERANGE for a number from limit on. What is in the map after a failure is undefined.
int number_list_parse(const char *text, unsigned limit, uint64_t *bits);
