// SPDX-License-Identifier: Apache-2.0
// Docker's --filter, "KEY=VALUE": of those with one key any has to match, or, where its row says so, all; of
// different keys all.
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "oci/spec.h"

#include <stdbool.h>
#include <stdint.h>

struct filter {
    const struct filter_key *key;
    const char *value;
    // What the key's reader has made of it.
    int64_t number;
    struct strings strings;
};
struct filters {
    struct filter *items;
    size_t count;
};

struct filter_key {
    const char *text; // "label=", "label!="
    bool all;         // must all match
    bool (*match)(const struct filter *filter, const void *of);
    int (*read)(struct filter *filter, const void *of, struct err *err); // NULL: what is given is the value
    const char *const *words;                                            // what values there are; NULL: any
};
struct filter_keys {
    const struct filter_key *rows;
    size_t count;
};
#define FILTER_KEYS(rows) \
    { rows, ARRAY_SIZE(rows) }

// The rows' functions. What `of` is the one who asks knows.
#define FILTER_MATCH(function) \
    static bool function(_unused_ const struct filter *filter, _unused_ const void *of)

// The texts are borrowed. ERR_INVALID: "invalid filter 'x'".
int filters_read(struct arena *arena, const struct filter_keys *keys, const struct strings *texts,
                 const void *of, struct filters *ret_filters, struct err *err);
bool filters_match(const struct filters *filters, const void *of);

// Readers: true or false, and the time that an "until=24h" means, as number.
int filter_read_bool(struct filter *filter, const void *of, struct err *err);
int filter_read_time(struct filter *filter, const void *of, struct err *err);

// until, label, label!: what a prune is asked to take, of a struct prunable.
struct prunable {
    int64_t created_ns;
    const struct spec_key_values *labels;
};
extern const struct filter_keys prune_filter_keys;
