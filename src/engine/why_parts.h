// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/why.h"

// While the sentences are being found.
struct inquiry {
    struct arena *arena;
    const struct container *container;
    const struct json *record; // of the shim, NULL: there is none
    struct why *why;
};

void why_say(struct inquiry *inquiry, const char *format, ...) _printf_(2, 3);
void why_advise(struct inquiry *inquiry, const char *format, ...) _printf_(2, 3);
int64_t record_number(const struct inquiry *inquiry, const char *key); // 0: not there

// Sentences and advice out of the last lines of output (why_output.c).
void why_read_output(struct inquiry *inquiry, struct engine *engine);
void why_explain_output(struct inquiry *inquiry);
