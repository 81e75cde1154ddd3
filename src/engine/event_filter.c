// SPDX-License-Identifier: Apache-2.0
#include "engine/event_filter.h"

#include <string.h>

struct subject {
    const struct json *event, *attributes;
    const char *id, *name; // of whom it happened to
};

static bool begins(const char *text, const char *value) {
    return text && str_has_prefix(text, value);
}

static bool match_text(const struct subject *s, const char *key, const char *value) {
    return str_eq(json_get_string(s->event, key), value);
}

FILTER_MATCH(match_type) {
    return match_text(of, "Type", filter->value);
}

FILTER_MATCH(match_scope) {
    return match_text(of, "scope", filter->value);
}

// Actions that go on after a colon are meant by what is before it, too.
FILTER_MATCH(match_event) {
    const struct subject *s = of;
    static const char *const longer[] = {"exec_create", "exec_start", "health_status"};
    const char *action = json_get_string(s->event, "Action"), *value = filter->value;
    for (size_t i = 0; i < ARRAY_SIZE(longer); i++)
        if (str_eq(value, longer[i])) return begins(action, value);
    return str_eq(action, value);
}

FILTER_MATCH(match_name) {
    const struct subject *s = of;
    return begins(s->id, filter->value) || begins(s->name, filter->value);
}

// The name with its tag or without.
static bool is_image(const char *name, const char *value) {
    if (!name) return false;
    const char *slash = strrchr(name, '/'), *tag = strchr(slash ? slash : name, ':');
    size_t length = strlen(value);
    return str_eq(name, value) || (tag && length == (size_t)(tag - name) && !strncmp(name, value, length));
}

FILTER_MATCH(match_image) {
    const struct subject *s = of;
    bool container = str_eq(json_get_string(s->event, "Type"), "container");
    return is_image(s->id, filter->value) ||
           is_image(container ? json_get_string(s->attributes, "image") : s->name, filter->value);
}

FILTER_MATCH(match_label) {
    const struct subject *s = of;
    const char *value = filter->value, *equals = strchr(value, '=');
    _cleanup_(str_finish) struct str key = {0};
    str_add_n(&key, value, equals ? (size_t)(equals - value) : strlen(value));
    const char *there = json_get_string(s->attributes, str_get(&key));
    return there && (!equals || str_eq(there, equals + 1));
}

static const struct filter_key rows[] = {
    {"config=", false, match_name},  {"container=", false, match_name}, {"daemon=", false, match_name},
    {"event=", false, match_event},  {"image=", false, match_image},    {"label=", true, match_label},
    {"network=", false, match_name}, {"node=", false, match_name},      {"plugin=", false, match_name},
    {"scope=", false, match_scope},  {"secret=", false, match_name},    {"service=", false, match_name},
    {"type=", false, match_type},    {"volume=", false, match_name},
};

int event_filters_read(struct arena *arena, const struct strings *texts, struct filters *ret_filters,
                       struct err *err) {
    static const struct filter_keys keys = FILTER_KEYS(rows);
    return filters_read(arena, &keys, texts, NULL, ret_filters, err);
}

bool event_filters_match(const struct filters *filters, const struct json *event) {
    const struct json *actor = json_get(event, "Actor");
    struct subject s = {.event = event, .attributes = json_get(actor, "Attributes")};
    s.id = json_get_string(actor, "ID");
    s.name = json_get_string(s.attributes, "name");
    return filters_match(filters, &s);
}
