// SPDX-License-Identifier: Apache-2.0
// Which images a command is about: Docker's --filter. Filters of different keys must all match; of those with
// one key any, but of labels all.
#pragma once

#include "image/image.h"

enum image_filter_key {
    IMAGE_FILTER_DANGLING,  // true, false: without a tag
    IMAGE_FILTER_LABEL,     // KEY or KEY=VALUE
    IMAGE_FILTER_NOT_LABEL, // label!=
    IMAGE_FILTER_BEFORE,    // made before the image that it names
    IMAGE_FILTER_SINCE,     // made after it
    IMAGE_FILTER_UNTIL,     // made before a time
    IMAGE_FILTER_REFERENCE, // a pattern of names
    IMAGE_FILTER_KEYS
};

#define IMAGE_LIST_FILTERS                                                                \
    (1u << IMAGE_FILTER_DANGLING | 1u << IMAGE_FILTER_LABEL | 1u << IMAGE_FILTER_BEFORE | \
     1u << IMAGE_FILTER_SINCE | 1u << IMAGE_FILTER_UNTIL | 1u << IMAGE_FILTER_REFERENCE)
#define IMAGE_PRUNE_FILTERS \
    (1u << IMAGE_FILTER_LABEL | 1u << IMAGE_FILTER_NOT_LABEL | 1u << IMAGE_FILTER_UNTIL)

struct image_filter {
    enum image_filter_key key;
    const char *value;
    bool flag;    // of dangling
    int64_t time; // of before, since and until
};
struct image_filters {
    struct image_filter *items;
    size_t count;
};

// Reads "KEY=VALUE" texts. allowed: a bit (1 << key) for each key that the command has. ERR_INVALID names the
// filter.
int image_filters_read(struct store *store, struct arena *arena, const struct strings *texts,
                       unsigned allowed, struct image_filters *ret_filters, struct err *err);
bool image_filters_match(const struct image_filters *filters, struct arena *arena, const struct image *image);
// Of an image that matches, the names that a filter by name asks for: the others are not to be listed.
void image_filters_names(const struct image_filters *filters, struct arena *arena, struct image *image);
