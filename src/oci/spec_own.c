// SPDX-License-Identifier: Apache-2.0
// hoy's own fields travel as annotations that start with "hoy.": they are of no concern to another runtime.
#include "base/json_strings.h"
#include "oci/spec_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OWN "hoy."

static int own_strings(struct arena *arena, const char *text, struct strings *list) {
    _cleanup_(json_freep) struct json *json = NULL;
    if (json_parse(text, strlen(text), &json) < 0) return -EINVAL;
    return json_strings(arena, json, list);
}

// "mounts[12]": the item's why, or NULL when the field is no item of that list.
static const char **why_slot(struct spec *spec, const char *field) {
    size_t i;
    int end = 0;
    if (sscanf(field, "mounts[%zu]%n", &i, &end) == 1 && end && !field[end] && i < spec->mounts.count)
        return &spec->mounts.items[i].why;
    end = 0;
    if (sscanf(field, "linux.devices[%zu]%n", &i, &end) == 1 && end && !field[end] && i < spec->devices.count)
        return &spec->devices.items[i].why;
    return NULL;
}

// Whether the annotation was one of hoy's own.
static bool own_take(struct arena *arena, struct spec *spec, const struct spec_key_value *pair) {
    const char *name = str_after(pair->key, OWN), *field;
    if (!name) return false;
    if (str_eq(name, "user")) {
        spec->process.user_name = pair->value;
    } else if (str_eq(name, "make-cwd")) {
        spec->process.make_cwd = true;
    } else if (str_eq(name, "group-add")) {
        return own_strings(arena, pair->value, &spec->process.group_add) == 0;
    } else if ((field = str_after(name, "why."))) {
        const char **slot = why_slot(spec, field);
        if (slot)
            *slot = pair->value;
        else
            spec_set_why(arena, spec, field, pair->value);
    } else {
        return false;
    }
    return true;
}

void spec_own_read(struct arena *arena, struct spec *spec) {
    size_t kept = 0;
    for (size_t i = 0; i < spec->annotations.count; i++) {
        struct spec_key_value pair = spec->annotations.items[i];
        if (!own_take(arena, spec, &pair)) spec->annotations.items[kept++] = pair;
    }
    spec->annotations.count = kept;
}

static void annotate(struct arena *arena, struct spec *spec, const char *key, const char *value) {
    *arena_push(arena, &spec->annotations) = (struct spec_key_value){key, value};
}

void spec_own_annotate(struct arena *arena, struct spec *spec) {
    const struct spec_process *process = &spec->process;
    if (process->user_name) annotate(arena, spec, OWN "user", process->user_name);
    if (process->make_cwd) annotate(arena, spec, OWN "make-cwd", "true");
    if (process->group_add.count) {
        _cleanup_(json_writer_finish) struct json_writer list = {0};
        json_begin_array(&list, NULL);
        for (size_t i = 0; i < process->group_add.count; i++)
            json_put_string(&list, NULL, process->group_add.items[i]);
        json_end_array(&list);
        annotate(arena, spec, OWN "group-add", arena_strdup(arena, str_get(&list.text)));
    }
    for (size_t i = 0; i < spec->mounts.count; i++) {
        const char *why = spec->mounts.items[i].why;
        if (why) annotate(arena, spec, arena_printf(arena, OWN "why.mounts[%zu]", i), why);
    }
    for (size_t i = 0; i < spec->devices.count; i++) {
        const char *why = spec->devices.items[i].why;
        if (why) annotate(arena, spec, arena_printf(arena, OWN "why.linux.devices[%zu]", i), why);
    }
    for (size_t i = 0; i < spec->reasons.count; i++) {
        const struct spec_reason *reason = &spec->reasons.items[i];
        annotate(arena, spec, arena_printf(arena, OWN "why.%s", reason->field), reason->why);
    }
}

// Reasons

const char *spec_why(const struct spec *spec, const char *field, const char *fallback) {
    for (size_t i = 0; i < spec->reasons.count; i++) {
        if (str_eq(spec->reasons.items[i].field, field)) return spec->reasons.items[i].why;
    }
    return fallback;
}

void spec_set_why(struct arena *arena, struct spec *spec, const char *field, const char *why) {
    for (size_t i = 0; i < spec->reasons.count; i++) {
        if (str_eq(spec->reasons.items[i].field, field)) {
            spec->reasons.items[i].why = why;
            return;
        }
    }
    *arena_push(arena, &spec->reasons) = (struct spec_reason){arena_strdup(arena, field), why};
}
