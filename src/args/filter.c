// SPDX-License-Identifier: Apache-2.0
#include "args/filter.h"

#include "base/clock.h"
#include "base/str.h"
#include "oci/key_values.h"

#include <string.h>

static bool is_word(const char *const *words, const char *value) {
    while (*words && !str_eq(*words, value)) words++;
    return *words;
}

static int filter_read(const struct filter_keys *keys, const char *text, const void *of,
                       struct filter *filter, struct err *err) {
    for (size_t i = 0; i < keys->count; i++) {
        const struct filter_key *key = &keys->rows[i];
        const char *value = str_after(text, key->text);
        if (!value) continue;
        *filter = (struct filter){.key = key, .value = value};
        if (key->words && !is_word(key->words, value))
            return err_set(err, ERR_INVALID, 0, "invalid filter '%s'", text);
        return key->read ? key->read(filter, of, err) : 0;
    }
    return err_set(err, ERR_INVALID, 0, "invalid filter '%.*s'", (int)strcspn(text, "="), text);
}

int filters_read(struct arena *arena, const struct filter_keys *keys, const struct strings *texts,
                 const void *of, struct filters *ret_filters, struct err *err) {
    struct filters filters = {0};
    for (size_t i = 0; i < texts->count; i++)
        if (filter_read(keys, texts->items[i], of, arena_push(arena, &filters), err)) return -1;
    *ret_filters = filters;
    return 0;
}

static bool any_matches(const struct filters *filters, const struct filter_key *key, const void *of) {
    for (size_t i = 0; i < filters->count; i++)
        if (filters->items[i].key == key && key->match(&filters->items[i], of)) return true;
    return false;
}

bool filters_match(const struct filters *filters, const void *of) {
    for (size_t i = 0; i < filters->count; i++) {
        const struct filter_key *key = filters->items[i].key;
        if (!key->match(&filters->items[i], of) && (key->all || !any_matches(filters, key, of))) return false;
    }
    return true;
}

int filter_read_bool(struct filter *filter, const void *of, struct err *err) {
    bool value;
    (void)of;
    if (parse_bool(filter->value, &value))
        return err_set(err, ERR_INVALID, 0, "invalid filter '%s%s': it is true or false", filter->key->text,
                       filter->value);
    filter->number = value;
    return 0;
}

int filter_read_time(struct filter *filter, const void *of, struct err *err) {
    (void)of;
    return clock_parse_time(filter->value, clock_wall_ns(), &filter->number, err);
}

// Of a prune

FILTER_MATCH(match_until) {
    return ((const struct prunable *)of)->created_ns < filter->number;
}

FILTER_MATCH(match_label) {
    return key_values_have(((const struct prunable *)of)->labels, filter->value);
}

FILTER_MATCH(match_no_label) {
    return !match_label(filter, of);
}

static const struct filter_key prune_rows[] = {
    {"until=", true, match_until, filter_read_time},
    {"label=", true, match_label},
    {"label!=", true, match_no_label},
};
const struct filter_keys prune_filter_keys = FILTER_KEYS(prune_rows);
