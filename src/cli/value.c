// SPDX-License-Identifier: Apache-2.0
#include "cli/value.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct value value_json(const struct json *json, const char *name) {
    return (struct value){.kind = VALUE_JSON, .json = json, .name = name};
}

struct value value_text(const char *text) {
    return (struct value){.kind = VALUE_TEXT, .text = text};
}

struct value value_number(int64_t number) {
    return (struct value){.kind = VALUE_NUMBER, .number = number};
}

struct value value_flag(bool flag) {
    return (struct value){.kind = VALUE_FLAG, .number = flag};
}

static bool listed(const char *const *names, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (str_eq(names[i], name)) return true;
    return false;
}

// Fields that are maps in Docker's types: a key that is not there is no mistake.
static bool is_map(const char *name) {
    static const char *const names[] = {"Labels",       "Annotations",  "Attributes", "Sysctls",
                                        "Networks",     "Ports",        "Tmpfs",      "Volumes",
                                        "ExposedPorts", "Config.Labels"};
    return listed(names, ARRAY_SIZE(names), name);
}

// Fields whose null is a pointer to nothing; every other null is an empty list or map.
static bool is_pointer(const char *name) {
    static const char *const names[] = {"PidsLimit", "OomKillDisable", "Init",       "MemorySwappiness",
                                        "Health",    "Healthcheck",    "StopTimeout"};
    return listed(names, ARRAY_SIZE(names), name);
}

// json_get() can't tell a member that is null from one that is not there.
struct lookup {
    const char *name;
    const struct json *value;
    bool found;
};

static int look(const char *key, const struct json *value, void *data) {
    struct lookup *lookup = data;
    if (!str_eq(key, lookup->name)) return 0;
    lookup->value = value;
    lookup->found = true;
    return 1;
}

bool value_field(const struct value *object, const char *name, struct value *ret) {
    if (object->kind == VALUE_ABSENT) return *ret = *object, true;
    if (object->kind != VALUE_JSON || !json_is_object(object->json)) return false;
    struct lookup lookup = {.name = name};
    json_each(object->json, look, &lookup);
    if (!lookup.found && !is_map(object->name)) return false;
    struct value absent = {.kind = VALUE_ABSENT};
    *ret = lookup.found ? value_json(lookup.value, name) : absent;
    return true;
}

static const struct json *json_of(const struct value *value) {
    return value->kind == VALUE_JSON ? value->json : NULL;
}

bool value_is_empty(const struct value *value) {
    return value->kind == VALUE_ABSENT || (value->kind == VALUE_JSON && !value->json);
}

bool value_is_list(const struct value *value) {
    return value->kind == VALUE_LIST || json_is_array(json_of(value)) || json_is_object(json_of(value));
}

static int count_member(const char *key, const struct json *value, void *data) {
    (void)key, (void)value;
    (*(size_t *)data)++;
    return 0;
}

static const char *text_of(const struct value *value) {
    return value->kind == VALUE_TEXT ? value->text : json_string(json_of(value));
}

size_t value_length(const struct value *value) {
    size_t count = 0;
    if (value->kind == VALUE_LIST) return value->list.count;
    if (text_of(value)) return strlen(text_of(value));
    if (json_is_array(json_of(value))) return json_length(value->json);
    json_each(json_of(value), count_member, &count);
    return count;
}

bool value_true(const struct value *value) {
    if (value->kind == VALUE_NUMBER || value->kind == VALUE_FLAG) return value->number;
    if (value_is_empty(value)) return false;
    if (value_is_list(value) || text_of(value)) return value_length(value);
    const char *text = json_text(value->json);
    return !str_eq(text, "false") && !str_eq(text, "0");
}

// The members of an object by name.
struct member {
    const char *key;
    const struct json *value;
};

struct members {
    struct arena *arena;
    struct member *items;
    size_t count;
};

static int add_member(const char *key, const struct json *value, void *data) {
    struct members *members = data;
    *arena_push(members->arena, members) = (struct member){key, value};
    return 0;
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const struct member *)a)->key, ((const struct member *)b)->key);
}

static struct members sorted(struct arena *arena, const struct json *object) {
    struct members members = {.arena = arena};
    json_each(object, add_member, &members);
    if (members.count) qsort(members.items, members.count, sizeof *members.items, by_key);
    return members;
}

void value_at(struct arena *arena, const struct value *list, size_t index, struct value *ret_key,
              struct value *ret_item) {
    *ret_key = value_number((int64_t)index);
    if (list->kind == VALUE_LIST) {
        *ret_item = value_text(list->list.items[index]);
    } else if (json_is_array(list->json)) {
        *ret_item = value_json(json_at(list->json, index), "");
    } else {
        struct members members = sorted(arena, list->json);
        *ret_key = value_text(members.items[index].key);
        *ret_item = value_json(members.items[index].value, members.items[index].key);
    }
}

static void print_list(const struct value *list, struct str *out) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    bool map = json_is_object(json_of(list));
    str_add(out, map ? "map[" : "[");
    for (size_t i = 0; i < value_length(list); i++) {
        struct value key, item;
        value_at(&arena, list, i, &key, &item);
        if (i) str_add_char(out, ' ');
        if (map) str_printf(out, "%s:", key.text);
        value_print(&item, out);
    }
    str_add_char(out, ']');
}

void value_print(const struct value *value, struct str *out) {
    if (value->kind == VALUE_ABSENT)
        str_add(out, "<no value>");
    else if (value->kind == VALUE_NUMBER)
        str_printf(out, "%lld", (long long)value->number);
    else if (value->kind == VALUE_FLAG)
        str_add(out, value->number ? "true" : "false");
    else if (text_of(value))
        str_add(out, text_of(value));
    else if (value_is_list(value))
        print_list(value, out);
    else if (!value->json)
        str_add(out, is_pointer(value->name) ? "<nil>" : is_map(value->name) ? "map[]" : "[]");
    else
        str_add(out, json_text(value->json));
}

// Functions

static const char *printed(struct arena *arena, const struct value *value) {
    _cleanup_(str_finish) struct str text = {0};
    value_print(value, &text);
    return arena_strdup(arena, str_get(&text));
}

static const char *call_json(struct arena *arena, const struct value *arguments, size_t count,
                             struct value *ret) {
    _cleanup_(str_finish) struct str text = {0};
    (void)count;
    if (arguments->kind == VALUE_TEXT)
        json_quote(&text, arguments->text, strlen(arguments->text));
    else if (arguments->kind == VALUE_LIST)
        return "a list that was split is not supported";
    else if (value_is_empty(arguments))
        str_add(&text, "null");
    else if (arguments->kind == VALUE_JSON)
        str_add(&text, json_text(arguments->json));
    else
        value_print(arguments, &text);
    *ret = value_text(arena_strdup(arena, str_get(&text)));
    return NULL;
}

static const char *call_index(struct arena *arena, const struct value *arguments, size_t count,
                              struct value *ret) {
    struct value value = arguments[0];
    for (size_t i = 1; i < count; i++) {
        const struct value *key = &arguments[i];
        if (value_is_empty(&value) || json_is_object(json_of(&value))) {
            if (key->kind != VALUE_TEXT && !text_of(key)) return "the key of a map must be a text";
            if (!value_field(&value, text_of(key), &value)) value = value_text(""); // Go's zero value
        } else if (value_is_list(&value)) {
            struct value ignored;
            if (key->kind != VALUE_NUMBER) return "the index of a list must be a number";
            if (key->number < 0 || (size_t)key->number >= value_length(&value))
                return "the index is out of range";
            value_at(arena, &value, (size_t)key->number, &ignored, &value);
        } else {
            return "it is neither a list nor a map";
        }
    }
    *ret = value.kind == VALUE_ABSENT ? value_text("") : value;
    return NULL;
}

static const char *call_len(struct arena *arena, const struct value *arguments, size_t count,
                            struct value *ret) {
    (void)arena, (void)count;
    *ret = value_number((int64_t)value_length(arguments));
    return NULL;
}

static const char *call_join(struct arena *arena, const struct value *arguments, size_t count,
                             struct value *ret) {
    _cleanup_(str_finish) struct str text = {0};
    (void)count;
    if (!value_is_list(&arguments[0]) && !value_is_empty(&arguments[0]))
        return "the first argument is no list";
    if (!text_of(&arguments[1])) return "the second argument is no text";
    for (size_t i = 0; i < value_length(&arguments[0]); i++) {
        struct value key, item;
        value_at(arena, &arguments[0], i, &key, &item);
        if (i) str_add(&text, text_of(&arguments[1]));
        value_print(&item, &text);
    }
    *ret = value_text(arena_strdup(arena, str_get(&text)));
    return NULL;
}

static const char *call_split(struct arena *arena, const struct value *arguments, size_t count,
                              struct value *ret) {
    (void)count;
    const char *text = text_of(&arguments[0]), *mark = text_of(&arguments[1]);
    if (!text || str_empty(mark)) return "it wants two texts";
    struct value list = {.kind = VALUE_LIST};
    for (const char *next; (next = strstr(text, mark)); text = next + strlen(mark))
        strings_add(arena, &list.list, arena_strndup(arena, text, (size_t)(next - text)));
    strings_add(arena, &list.list, text);
    *ret = list;
    return NULL;
}

static const char *change_case(struct arena *arena, const struct value *value, int (*change)(int),
                               size_t limit, struct value *ret) {
    char *text = arena_strdup(arena, printed(arena, value));
    for (size_t i = 0; text[i] && i < limit; i++) text[i] = (char)change((unsigned char)text[i]);
    *ret = value_text(text);
    return NULL;
}

static const char *call_lower(struct arena *arena, const struct value *arguments, size_t count,
                              struct value *ret) {
    (void)count;
    return change_case(arena, arguments, tolower, SIZE_MAX, ret);
}

static const char *call_upper(struct arena *arena, const struct value *arguments, size_t count,
                              struct value *ret) {
    (void)count;
    return change_case(arena, arguments, toupper, SIZE_MAX, ret);
}

static const char *call_title(struct arena *arena, const struct value *arguments, size_t count,
                              struct value *ret) {
    (void)count;
    return change_case(arena, arguments, toupper, 1, ret);
}

static const char *put_all(struct arena *arena, const struct value *arguments, size_t count,
                           const char *between, const char *end, struct value *ret) {
    _cleanup_(str_finish) struct str text = {0};
    for (size_t i = 0; i < count; i++) {
        if (i) str_add(&text, between);
        value_print(&arguments[i], &text);
    }
    str_add(&text, end);
    *ret = value_text(arena_strdup(arena, str_get(&text)));
    return NULL;
}

static const char *call_print(struct arena *arena, const struct value *arguments, size_t count,
                              struct value *ret) {
    return put_all(arena, arguments, count, "", "", ret);
}

static const char *call_println(struct arena *arena, const struct value *arguments, size_t count,
                                struct value *ret) {
    return put_all(arena, arguments, count, " ", "\n", ret);
}

static const char *call_eq(struct arena *arena, const struct value *arguments, size_t count,
                           struct value *ret) {
    bool any = false;
    for (size_t i = 1; i < count; i++)
        any |= str_eq(printed(arena, &arguments[0]), printed(arena, &arguments[i]));
    *ret = value_flag(any);
    return NULL;
}

static const char *call_ne(struct arena *arena, const struct value *arguments, size_t count,
                           struct value *ret) {
    call_eq(arena, arguments, count, ret);
    ret->number = !ret->number;
    return NULL;
}

// The first that decides, or the last.
static const char *call_and(struct arena *arena, const struct value *arguments, size_t count,
                            struct value *ret) {
    (void)arena;
    size_t i = 0;
    while (i + 1 < count && value_true(&arguments[i])) i++;
    *ret = arguments[i];
    return NULL;
}

static const char *call_or(struct arena *arena, const struct value *arguments, size_t count,
                           struct value *ret) {
    (void)arena;
    size_t i = 0;
    while (i + 1 < count && !value_true(&arguments[i])) i++;
    *ret = arguments[i];
    return NULL;
}

static const char *call_not(struct arena *arena, const struct value *arguments, size_t count,
                            struct value *ret) {
    (void)arena, (void)count;
    *ret = value_flag(!value_true(arguments));
    return NULL;
}

static const struct value_function functions[] = {
    {"json", 1, 1, call_json},
    {"index", 1, VALUE_ARGUMENTS_MAX, call_index},
    {"len", 1, 1, call_len},
    {"join", 2, 2, call_join},
    {"split", 2, 2, call_split},
    {"lower", 1, 1, call_lower},
    {"upper", 1, 1, call_upper},
    {"title", 1, 1, call_title},
    {"print", 0, VALUE_ARGUMENTS_MAX, call_print},
    {"println", 0, VALUE_ARGUMENTS_MAX, call_println},
    {"eq", 2, VALUE_ARGUMENTS_MAX, call_eq},
    {"ne", 2, 2, call_ne},
    {"and", 1, VALUE_ARGUMENTS_MAX, call_and},
    {"or", 1, VALUE_ARGUMENTS_MAX, call_or},
    {"not", 1, 1, call_not},
};

const struct value_function *value_function_find(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
        if (str_eq(functions[i].name, name)) return &functions[i];
    return NULL;
}

const char *value_call(struct arena *arena, const struct value_function *function,
                       const struct value *arguments, size_t count, struct value *ret) {
    if (count < function->min) return "arguments are missing";
    if (count > function->max) return "too many arguments";
    return function->call(arena, arguments, count, ret);
}
