// SPDX-License-Identifier: Apache-2.0
// The options of `hoy run` that a container's settings came from.
#pragma once

#include "base/arena.h"
#include "base/json.h"

// What is to be said again: a container's documents (Config and HostConfig in one object), and those of a
// container that asked for nothing of the same image.
struct as_settings {
    const struct json *own, *plain;
    const char *id, *name, *image;
};

// The words: "hoy", "run", options, the image and its command. They live in the arena, or in the documents.
void as_run_words(struct arena *arena, const struct as_settings *settings, struct strings *ret_words);

// Whether as_run_words() may say this option, for the test that looks for those that nothing says.
bool as_knows_option(const char *name);
