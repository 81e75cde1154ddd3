// SPDX-License-Identifier: Apache-2.0
#include "image/filter.h"

#include "base/clock.h"
#include "oci/key_values.h"
#include "registry/reference.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

// The longer of two that begin alike first.
static const struct {
    const char *text;
    enum image_filter_key key;
} keys[] = {
    {"dangling=", IMAGE_FILTER_DANGLING},   {"label!=", IMAGE_FILTER_NOT_LABEL},
    {"label=", IMAGE_FILTER_LABEL},         {"before=", IMAGE_FILTER_BEFORE},
    {"since=", IMAGE_FILTER_SINCE},         {"until=", IMAGE_FILTER_UNTIL},
    {"reference=", IMAGE_FILTER_REFERENCE},
};

static int unknown_filter(const char *text, struct err *err) {
    size_t length = strcspn(text, "=");
    if (!text[length])
        return err_set(err, ERR_INVALID, 0, "the filter '%s' is not of the form KEY=VALUE", text);
    return err_set(err, ERR_INVALID, 0, "invalid filter '%.*s'", (int)length, text);
}

static int read_key(const char *text, unsigned allowed, struct image_filter *filter, struct err *err) {
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *value = str_after(text, keys[i].text);
        if (!value || !(allowed & 1u << keys[i].key)) continue;
        *filter = (struct image_filter){.key = keys[i].key, .value = value};
        return 0;
    }
    return unknown_filter(text, err);
}

static int read_value(struct store *store, struct arena *arena, struct image_filter *filter,
                      struct err *err) {
    struct image image;
    switch (filter->key) {
    case IMAGE_FILTER_DANGLING:
        if (parse_bool(filter->value, &filter->flag))
            return err_set(err, ERR_INVALID, 0, "invalid filter 'dangling=%s': it is true or false",
                           filter->value);
        return 0;
    case IMAGE_FILTER_BEFORE:
    case IMAGE_FILTER_SINCE:
        if (image_find(store, arena, filter->value, &image, err)) return -1;
        filter->time = image_created(&image, image.pulled);
        return 0;
    case IMAGE_FILTER_UNTIL: return clock_parse_time(filter->value, clock_wall_ns(), &filter->time, err);
    default: return 0;
    }
}

int image_filters_read(struct store *store, struct arena *arena, const struct strings *texts,
                       unsigned allowed, struct image_filters *ret_filters, struct err *err) {
    struct image_filters filters = {0};
    for (size_t i = 0; i < texts->count; i++) {
        struct image_filter *filter = arena_push(arena, &filters);
        if (read_key(texts->items[i], allowed, filter, err) || read_value(store, arena, filter, err))
            return -1;
    }
    *ret_filters = filters;
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

static bool has_name(struct arena *arena, const struct image *image, const char *pattern) {
    for (size_t i = 0; i < image->names.count; i++)
        if (name_matches(arena, image->names.items[i], pattern)) return true;
    return false;
}

static bool match(const struct image_filter *filter, struct arena *arena, const struct image *image) {
    switch (filter->key) {
    case IMAGE_FILTER_DANGLING: return filter->flag == !image->names.count;
    case IMAGE_FILTER_LABEL: return key_values_have(&image->config.labels, filter->value);
    case IMAGE_FILTER_NOT_LABEL: return !key_values_have(&image->config.labels, filter->value);
    case IMAGE_FILTER_SINCE: return image_created(image, image->pulled) > filter->time;
    case IMAGE_FILTER_BEFORE:
    case IMAGE_FILTER_UNTIL: return image_created(image, image->pulled) < filter->time;
    case IMAGE_FILTER_REFERENCE: return has_name(arena, image, filter->value);
    case IMAGE_FILTER_KEYS: break;
    }
    return false;
}

bool image_filters_match(const struct image_filters *filters, struct arena *arena,
                         const struct image *image) {
    bool asked[IMAGE_FILTER_KEYS] = {0}, found[IMAGE_FILTER_KEYS] = {0};
    for (size_t i = 0; i < filters->count; i++) {
        const struct image_filter *filter = &filters->items[i];
        bool matches = match(filter, arena, image),
             label = filter->key == IMAGE_FILTER_LABEL || filter->key == IMAGE_FILTER_NOT_LABEL;
        if (label && !matches) return false;
        asked[filter->key] = true;
        found[filter->key] |= matches;
    }
    return memcmp(asked, found, sizeof asked) == 0;
}

void image_filters_names(const struct image_filters *filters, struct arena *arena, struct image *image) {
    struct strings kept = {0};
    bool asked = false;
    for (size_t i = 0; i < image->names.count; i++) {
        bool matches = false;
        for (size_t k = 0; k < filters->count; k++) {
            if (filters->items[k].key != IMAGE_FILTER_REFERENCE) continue;
            asked = true;
            matches |= name_matches(arena, image->names.items[i], filters->items[k].value);
        }
        if (matches) strings_add(arena, &kept, image->names.items[i]);
    }
    if (asked) image->names = kept;
}
