// SPDX-License-Identifier: Apache-2.0
// Lists of texts to JSON and back.
#pragma once

#include "base/arena.h"
#include "base/json.h"

void json_put_strings(struct json_writer *w, const char *key, const struct strings *list);
// {"a":{},"b":{}}, as Docker has sets.
void json_put_keys(struct json_writer *w, const char *key, const struct strings *keys);
// Adds copies of them to the list. None when json is NULL or null; -EINVAL when it is something else than an
// array of texts.
int json_strings(struct arena *arena, const struct json *json, struct strings *list);
