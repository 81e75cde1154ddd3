// SPDX-License-Identifier: Apache-2.0
// Labels, annotations and options: objects of texts to JSON and back.
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "oci/spec.h"

void key_values_write(struct json_writer *w, const char *key, const struct spec_key_values *list);
// Adds copies of them to the list. -EINVAL when json is something else than an object of texts.
int key_values_read(struct arena *arena, const struct json *json, struct spec_key_values *list);
// By their keys.
void key_values_sort(struct spec_key_values *list);
// "a=1,b=2"
const char *key_values_text(struct arena *arena, const struct spec_key_values *list);
// The value, or NULL when there is no such key; or "" then.
const char *key_values_find(const struct spec_key_values *list, const char *key);
const char *key_values_value(const struct spec_key_values *list, const char *key);
// In place of the value that the key has, or as a new one. Both are borrowed.
void key_values_set(struct arena *arena, struct spec_key_values *list, const char *key, const char *value);
// Is there one that is called "KEY", or that is "KEY=VALUE"?
bool key_values_have(const struct spec_key_values *list, const char *wanted);
