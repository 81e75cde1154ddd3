// SPDX-License-Identifier: Apache-2.0
// The five capability sets of this thread, by raw system calls: usable between fork and exec. Bit n of a mask
// is capability n. All return 0 or -errno.
//
// A capability that this process does not have itself can't be given on; it is left out without an error, as
// the runtime specification wants (config.md, "capabilities").
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Those of mask that the kernel does not know, or that are not in this process's bounding set. Whoever comes
// into a user namespace has every one there that the kernel knows.
uint64_t caps_missing(uint64_t mask, bool in_user_namespace);

// Drops from the bounding set what is not in mask. Needs CAP_SETPCAP unless there is nothing to drop.
int caps_set_bounding(uint64_t mask);

int caps_set(uint64_t effective, uint64_t permitted, uint64_t inheritable);

// Clears the ambient set, then raises those of mask which are permitted and inheritable.
int caps_set_ambient(uint64_t mask);
