// SPDX-License-Identifier: Apache-2.0
// A template, and after a line of "--" the document that it is executed over.
#include "template/template.h"
#include "fuzz/fuzz.h"
#include "template/document.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const char fallback[] = "{\"Id\":\"a\",\"N\":[1,2.5,null],\"M\":{\"k\":{\"T\":true}}}";
    struct arena arena = ARENA_INIT;
    const struct template *template;
    struct json *json = NULL;
    struct err err = {0};
    struct str out = {0};
    char *text = arena_strndup(&arena, (const char *)bytes, size), *document = strstr(text, "\n--\n");
    if (document) *document = 0, document += 4;
    if (!document || json_parse(document, strlen(document), &json))
        must(!json_parse(fallback, strlen(fallback), &json));
    struct value dot = document_raw(&arena, json);
    if (!template_parse(&arena, "t", text, &template, &err)) {
        int r = template_execute(template, &dot, NULL, &out, &err);
        must(r == 0 || *err.text);
        must(out.len <= TEMPLATE_OUTPUT_MAX + size + 65536);
    }
    str_finish(&out);
    json_free(json);
    arena_finish(&arena);
    return 0;
}
