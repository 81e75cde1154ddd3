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

static bool match_type(const struct subject *s, const char *value) {
    return match_text(s, "Type", value);
}

static bool match_scope(const struct subject *s, const char *value) {
    return match_text(s, "scope", value);
}

// Actions that go on after a colon are meant by what is before it, too.
static bool match_event(const struct subject *s, const char *value) {
    static const char *const longer[] = {"exec_create", "exec_start", "health_status"};
    const char *action = json_get_string(s->event, "Action");
    for (size_t i = 0; i < ARRAY_SIZE(longer); i++)
        if (str_eq(value, longer[i])) return begins(action, value);
    return str_eq(action, value);
}

static bool match_name(const struct subject *s, const char *value) {
    return begins(s->id, value) || begins(s->name, value);
}

// The name with its tag or without.
static bool is_image(const char *name, const char *value) {
    if (!name) return false;
    const char *slash = strrchr(name, '/'), *tag = strchr(slash ? slash : name, ':');
    size_t length = strlen(value);
    return str_eq(name, value) || (tag && length == (size_t)(tag - name) && !strncmp(name, value, length));
}

static bool match_image(const struct subject *s, const char *value) {
    bool container = str_eq(json_get_string(s->event, "Type"), "container");
    return is_image(s->id, value) ||
           is_image(container ? json_get_string(s->attributes, "image") : s->name, value);
}

static bool match_label(const struct subject *s, const char *value) {
    const char *equals = strchr(value, '=');
    _cleanup_(str_finish) struct str key = {0};
    str_add_n(&key, value, equals ? (size_t)(equals - value) : strlen(value));
    const char *there = json_get_string(s->attributes, str_get(&key));
    return there && (!equals || str_eq(there, equals + 1));
}

static const struct kind {
    const char *key;
    bool (*match)(const struct subject *s, const char *value);
    bool all;
} kinds[] = {
    {"config", match_name, false},  {"container", match_name, false}, {"daemon", match_name, false},
    {"event", match_event, false},  {"image", match_image, false},    {"label", match_label, true},
    {"network", match_name, false}, {"node", match_name, false},      {"plugin", match_name, false},
    {"scope", match_scope, false},  {"secret", match_name, false},    {"service", match_name, false},
    {"type", match_type, false},    {"volume", match_name, false},
};

static const char *value_of(const char *filter, const struct kind *kind) {
    const char *rest = str_after(filter, kind->key);
    return rest && *rest == '=' ? rest + 1 : NULL;
}

int event_filter_check(const char *filter, struct err *err) {
    size_t length = strcspn(filter, "=");
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (value_of(filter, &kinds[i])) return 0;
    return err_set(err, ERR_INVALID, 0, "invalid filter '%.*s'", (int)length, filter);
}

static bool match_kind(const struct subject *s, const struct kind *kind, const struct strings *filters) {
    size_t asked = 0, matched = 0;
    for (size_t i = 0; i < filters->count; i++) {
        const char *value = value_of(filters->items[i], kind);
        asked += value != NULL;
        matched += value && kind->match(s, value);
    }
    return kind->all ? matched == asked : matched || !asked;
}

bool event_filters_match(const struct strings *filters, const struct json *event) {
    const struct json *actor = json_get(event, "Actor");
    struct subject s = {.event = event, .attributes = json_get(actor, "Attributes")};
    s.id = json_get_string(actor, "ID");
    s.name = json_get_string(s.attributes, "name");
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (!match_kind(&s, &kinds[i], filters)) return false;
    return true;
}
