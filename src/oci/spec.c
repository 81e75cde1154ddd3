// SPDX-License-Identifier: Apache-2.0
// config.json as tables: what is in a row is read, checked and written; what belongs to another platform has
// none. The tables of the parts, and the few rules that no table can say, are in the files beside this one.
#include "oci/spec.h"

#include "oci/field_rows.h"
#include "oci/spec_parts.h"

#include <string.h>

static const struct field root_fields[] = {
    STRING(spec, "path", root_path, .required = true),
    BOOL(spec, "readonly", root_readonly),
    END,
};

static const struct field spec_fields[] = {
    STRING(spec, "ociVersion", oci_version, .required = true),
    OBJECT("root", root_fields),
    PART(spec, "process", process, spec_process_fields),
    STRING(spec, "hostname", hostname),
    STRING(spec, "domainname", domainname),
    LIST(spec, "mounts", mounts, spec_mount, spec_mount_fields),
    PART(spec, "hooks", hooks, spec_hooks_fields),
    MAP(spec, "annotations", annotations),
    OBJECT("linux", spec_linux_fields),
    END,
};

static const char *skip_number(const char *p) {
    size_t digits = strspn(p, "0123456789");
    return digits ? p + digits : NULL;
}

// 1.x, 1.x.y, and what is before or beside a release: 1.0.2-dev, 1.2.0+dev.
static int check_version(const char *version, struct err *err) {
    const char *p = str_after(version, "1.");
    p = p ? skip_number(p) : NULL;
    if (p && *p == '.') p = skip_number(p + 1);
    if (p && (!*p || ((*p == '-' || *p == '+') && p[1]))) return 0;
    return invalid(err, "ociVersion \"%.50s\" is none that is known here: 1.0 to 1.3 are", version);
}

static int check(struct arena *arena, struct spec *spec, struct err *err) {
    if (check_version(spec->oci_version, err) < 0 || spec_process_check(&spec->process, err) < 0 ||
        spec_mounts_check(arena, spec, err) < 0 || spec_hooks_check(&spec->hooks, err) < 0)
        return -1;
    if (spec->root_path && !*spec->root_path) return invalid(err, "root.path is empty");
    return spec_linux_check(arena, spec, err);
}

int spec_parse(struct arena *arena, const struct json *json, struct spec *ret_spec, struct err *err) {
    struct spec spec = {0};
    const struct fields_part part = {.json = json, .warnings = &spec.warnings};
    if (fields_read_part(arena, spec_fields, &part, &spec, err) < 0 || check(arena, &spec, err) < 0)
        return -1;
    spec_own_read(arena, &spec);
    *ret_spec = spec;
    return 0;
}

const char *spec_annotation(const struct spec *spec, const char *key) {
    const char *value = NULL;
    for (size_t i = 0; i < spec->annotations.count; i++)
        if (str_eq(spec->annotations.items[i].key, key)) value = spec->annotations.items[i].value;
    return value;
}

void spec_write(const struct spec *spec, struct json_writer *writer) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct spec copy = *spec; // with annotations of its own
    copy.annotations.items = NULL;
    copy.annotations.count = 0;
    for (size_t i = 0; i < spec->annotations.count; i++)
        *arena_push(&arena, &copy.annotations) = spec->annotations.items[i];
    spec_own_annotate(&arena, &copy);
    json_begin_object(writer, NULL);
    fields_write(spec_fields, &copy, NULL, writer);
    json_end_object(writer);
}
