// SPDX-License-Identifier: Apache-2.0
// Numbers of the kernel's as the words that its tools use, for the two readers that print plans.
#pragma once

#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

struct word {
    uint64_t bits;
    const char *text;
};

extern const struct word words_namespaces[];  // CLONE_NEW*: "pid", …; each ends with bits 0
extern const struct word words_mount_flags[]; // MS_*: "nosuid", …, without MS_BIND and MS_REC
extern const struct word words_propagation[]; // "rprivate" before "private"

// The words for all bits, separated; what has no word as one hexadecimal number.
void words_add(struct str *text, uint64_t bits, const struct word *words, const char *separator);
// The r-words of mount attributes for a mount and all below it: "rro,rnosuid,rdev".
void words_add_recursive(struct str *text, uint64_t set, uint64_t clear);
// Capabilities of a mask in lower case, without "cap_"; unknown ones as numbers. prefix is put before each.
void words_add_caps(struct str *text, uint64_t mask, const char *prefix, const char *separator);
// "nofile", or NULL.
const char *words_rlimit(int resource);
// "batch", as chrt(1) has it; "?".
const char *words_policy(uint32_t policy);
// Text as one word of a POSIX shell: bare when nothing in it is special, else in single quotes.
void words_add_quoted(struct str *text, const char *word);
