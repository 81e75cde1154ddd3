// SPDX-License-Identifier: Apache-2.0
// config.json: what was read is written as a config.json that reads as the same.
#include "oci/spec.h"
#include "fuzz/fuzz.h"

#include <string.h>

static char *again(const char *text, size_t size, struct err *err) {
    struct arena arena = ARENA_INIT;
    struct json *json = NULL;
    struct spec spec = {0};
    struct json_writer writer = {0};
    if (!json_parse(text, size, &json) && !spec_parse(&arena, json, &spec, err)) spec_write(&spec, &writer);
    json_free(json);
    arena_finish(&arena);
    return str_take(&writer.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct err err = {0};
    char *text = again((const char *)bytes, size, &err);
    if (text && *text) {
        char *same = again(text, strlen(text), &err);
        must(same && !strcmp(text, same));
        free(same);
    }
    free(text);
    return 0;
}
