// SPDX-License-Identifier: Apache-2.0
// Detach keys: a few keys that, typed one after the other, end an attached session without ending the
// container. Docker's words: "ctrl-p,ctrl-q", "ctrl-@", "a,b", "DEL".
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DETACH_KEYS_DEFAULT "ctrl-p,ctrl-q"
#define DETACH_KEYS_MAX     32

struct detach {
    uint8_t keys[DETACH_KEYS_MAX];
    size_t count; // 0: nothing detaches
    size_t held;  // keys typed so far that may become a detach
};

// NULL and "" mean the default.
int detach_parse(const char *text, struct detach *ret_detach, struct err *err);

// Filters what was typed. Keys that may still become the sequence are held back, and come before the next
// ones when they did not. ret_output has room for size + DETACH_KEYS_MAX bytes. True: the sequence was typed;
// what came before it is in ret_output, what comes after it is forgotten.
bool detach_filter(struct detach *detach, const uint8_t *typed, size_t size, uint8_t *ret_output,
                   size_t *ret_size);
