// SPDX-License-Identifier: Apache-2.0
// Characters as UTF-8 writes them, as strict as Go: nothing longer than it needs to be, no halves of pairs.
#pragma once

#include <stddef.h>
#include <stdint.h>

// How many bytes the character at p has, 1 to 4; 0 where there is none. left > 0.
size_t utf8_length(const void *p, size_t left);
// Writes one, and yields how many bytes it has. What is no character becomes U+FFFD.
size_t utf8_put(char *to, uint32_t rune);
