// SPDX-License-Identifier: Apache-2.0
#include "image/filter.h"

#include "oci/key_values.h"
#include "registry/reference.h"

#include <fnmatch.h>

struct subject {
    struct store *store;
    struct arena *arena;
    const struct image *image;
};

static int read_image(struct filter *filter, const void *of, struct err *err) {
    const struct subject *s = of;
    struct image image;
    if (image_find(s->store, s->arena, filter->value, &image, err)) return -1;
    filter->number = image_created(&image, image.pulled);
    return 0;
}

// A pattern is of a repository, or of one and a tag. Without wildcards it may be the name in full.
static bool name_matches(struct arena *arena, const char *name, const char *pattern) {
    struct reference reference;
    struct err ignored;
    return !reference_parse(arena, name, &reference, &ignored) &&
           (!fnmatch(pattern, reference_familiar(arena, &reference), FNM_PATHNAME) ||
            !fnmatch(pattern, reference_familiar_repository(arena, &reference), FNM_PATHNAME) ||
            str_eq(pattern, reference_full(arena, &reference)) ||
            str_eq(pattern, reference_repository(arena, &reference)));
}

FILTER_MATCH(match_reference) {
    const struct subject *s = of;
    for (size_t i = 0; i < s->image->names.count; i++)
        if (name_matches(s->arena, s->image->names.items[i], filter->value)) return true;
    return false;
}

FILTER_MATCH(match_dangling) {
    const struct subject *s = of;
    return filter->number == !s->image->names.count;
}

FILTER_MATCH(match_label) {
    const struct subject *s = of;
    return key_values_have(&s->image->config.labels, filter->value);
}

FILTER_MATCH(match_since) {
    const struct subject *s = of;
    return image_created(s->image, s->image->pulled) > filter->number;
}

FILTER_MATCH(match_before) {
    const struct subject *s = of;
    return image_created(s->image, s->image->pulled) < filter->number;
}

static const struct filter_key rows[] = {
    {"dangling=", false, match_dangling, filter_read_bool}, {"label=", true, match_label},
    {"before=", false, match_before, read_image},           {"since=", false, match_since, read_image},
    {"until=", false, match_before, filter_read_time},      {"reference=", false, match_reference},
};
static const struct filter_keys keys = FILTER_KEYS(rows);

static void names_filter(const struct filters *filters, struct arena *arena, struct image *image) {
    struct strings kept = {0};
    bool asked = false;
    for (size_t i = 0; i < image->names.count; i++) {
        bool matches = false;
        for (size_t k = 0; k < filters->count; k++) {
            if (filters->items[k].key->match != match_reference) continue;
            asked = true;
            matches |= name_matches(arena, image->names.items[i], filters->items[k].value);
        }
        if (matches) strings_add(arena, &kept, image->names.items[i]);
    }
    if (asked) image->names = kept;
}

int images_filter(struct store *store, struct arena *arena, const struct strings *texts,
                  struct images *images, struct err *err) {
    struct subject subject = {.store = store, .arena = arena};
    struct filters filters;
    size_t kept = 0;
    if (filters_read(arena, &keys, texts, &subject, &filters, err)) return -1;
    for (size_t i = 0; i < images->count; i++) {
        subject.image = &images->items[i];
        if (!filters_match(&filters, &subject)) continue;
        names_filter(&filters, arena, &images->items[i]);
        images->items[kept++] = images->items[i];
    }
    images->count = kept;
    return 0;
}
