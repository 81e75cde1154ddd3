// SPDX-License-Identifier: Apache-2.0
// Names of images: each of the forms that a name is shown in means the same image.
#include "registry/reference.h"
#include "base/str.h"
#include "fuzz/fuzz.h"

static bool same(const char *a, const char *b) {
    return (!a && !b) || str_eq(a, b);
}

static void check(struct arena *arena, const char *text, const struct reference *r) {
    struct reference again;
    struct err err = {0};
    must(!reference_parse(arena, text, &again, &err));
    must(same(again.domain, r->domain) && same(again.path, r->path) && same(again.digest, r->digest));
    must(r->digest || same(again.tag, r->tag));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct arena arena = ARENA_INIT;
    struct reference r;
    struct err err = {0};
    if (!reference_parse(&arena, arena_strndup(&arena, (const char *)bytes, size), &r, &err)) {
        check(&arena, reference_full(&arena, &r), &r);
        check(&arena, reference_familiar(&arena, &r), &r);
    }
    arena_finish(&arena);
    return 0;
}
