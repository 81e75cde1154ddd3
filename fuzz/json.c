// SPDX-License-Identifier: Apache-2.0
// JSON: what was read is written as JSON that reads as the same.
#include "base/json.h"
#include "fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct json *json = NULL, *again = NULL;
    if (json_parse((const char *)bytes, size, &json)) return 0;
    const char *text = json_text(json);
    must(!json_parse(text, strlen(text), &again));
    must(!strcmp(text, json_text(again)));
    json_free(json), json_free(again);
    return 0;
}
