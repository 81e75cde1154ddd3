// SPDX-License-Identifier: Apache-2.0
#include "registry/settings_parts.h"

#include "base/fd.h"
#include "base/str.h"
#include "registry/toml.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_      (1u << 20)
#define REGISTRIES_MAX 1000
#define MIRRORS_MAX    16

int names_in(struct arena *arena, const char *directory, const char *suffix, struct strings *ret) {
    struct strings names = {0};
    _cleanup_(dir_closep) DIR *dir = opendir(directory);
    int r = dir ? 0 : -errno;
    for (struct dirent *entry; dir && (r = dir_read(dir, &entry)) > 0;)
        if (*entry->d_name != '.' && str_has_suffix(entry->d_name, suffix) && entry->d_type != DT_DIR)
            strings_add(arena, &names, arena_strdup(arena, entry->d_name));
    if (r && r != -ENOENT && r != -ENOTDIR) return r;
    strings_sort(&names);
    *ret = names;
    return 0;
}

// Reading

struct reading {
    struct arena *arena;
    const char *file;
    struct settings_registries *registries;
    struct err *err;
};

static int wrong(struct reading *r, const char *name, const char *what) {
    return err_set(r->err, ERR_INVALID, 0, "%s: registry \"%.200s\": %s", r->file, name ? name : "", what);
}

// "host[:port][/path]", as it begins a reference.
static bool location_valid(const char *location) {
    return !str_empty(location) && !strstr(location, "://") && *location != '/' && !strpbrk(location, " @?#");
}

// A slash at the end says nothing.
static const char *location_get(struct reading *r, const struct toml *table, const char *key) {
    char *location = arena_strdup(r->arena, toml_string(toml_get(table, key)));
    for (size_t n = location ? strlen(location) : 0; n && location[n - 1] == '/';) location[--n] = 0;
    return location;
}

static int mirror_pull(struct reading *r, const char *name, const struct toml *table, int *ret) {
    static const char *const words[] = {"all", "digest-only", "tag-only"};
    const char *word = toml_string(toml_get(table, "pull-from-mirror"));
    for (int i = 0; i < (int)ARRAY_SIZE(words); i++)
        if (str_empty(word) || str_eq(word, words[i])) return *ret = str_empty(word) ? 0 : i, 0;
    return wrong(r, name, "pull-from-mirror is none of all, digest-only, tag-only");
}

static int mirrors_read(struct reading *r, const char *name, const struct toml *array,
                        struct settings_registry *registry) {
    size_t count = toml_length(array);
    if (array && !toml_is_array(array)) return wrong(r, name, "mirror is no [[registry.mirror]] table");
    if (count > MIRRORS_MAX) return wrong(r, name, "it has too many mirrors");
    registry->mirrors = arena_array(r->arena, struct settings_mirror, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct toml *table = toml_at(array, i);
        int pull = MIRROR_ALL;
        const char *location = location_get(r, table, "location");
        if (!location_valid(location))
            return wrong(r, name, "a mirror without a location host[:port][/path]");
        if (mirror_pull(r, name, table, &pull)) return -1;
        registry->mirrors[registry->mirror_count++] =
            (struct settings_mirror){location, toml_true(toml_get(table, "insecure")), pull};
    }
    return 0;
}

// The later of two with the same prefix counts.
static struct settings_registry *place_for(struct reading *r, const char *prefix) {
    for (size_t i = 0; i < r->registries->count; i++)
        if (str_eq(r->registries->items[i].prefix, prefix)) return &r->registries->items[i];
    return arena_push(r->arena, r->registries);
}

static int registry_read(struct reading *r, const struct toml *table) {
    static const char *const flags[] = {"insecure", "blocked", "mirror-by-digest-only"};
    const char *prefix = location_get(r, table, "prefix"), *location = location_get(r, table, "location");
    if (str_empty(prefix)) prefix = location;
    bool wildcard = prefix && str_has_prefix(prefix, "*.");
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
        if (toml_get(table, flags[i]) && !toml_is_bool(toml_get(table, flags[i])))
            return wrong(r, prefix, arena_printf(r->arena, "%s is neither true nor false", flags[i]));
    if (str_empty(prefix)) return wrong(r, NULL, "it has neither a prefix nor a location");
    if (wildcard ? !location_valid(prefix + 2) : !location_valid(prefix))
        return wrong(r, prefix, "the prefix is not host[:port][/path], nor *.domain");
    if (str_empty(location) ? !wildcard : !location_valid(location))
        return wrong(r, prefix, "the location is not host[:port][/path]");
    struct settings_registry registry = {
        .prefix = prefix,
        .location = str_empty(location) ? NULL : location,
        .file = r->file,
        .insecure = toml_true(toml_get(table, flags[0])),
        .blocked = toml_true(toml_get(table, flags[1])),
        .by_digest_only = toml_true(toml_get(table, flags[2])),
    };
    if (mirrors_read(r, prefix, toml_get(table, "mirror"), &registry)) return -1;
    *place_for(r, prefix) = registry;
    return 0;
}

static int file_parse(struct reading *r, const struct str *text) {
    const struct toml *document;
    if (toml_parse(r->arena, r->file, str_get(text), text->len, &document, r->err)) return -1;
    if (toml_get(document, "registries"))
        return err_set(r->err, ERR_INVALID, 0,
                       "%s is in the obsolete version 1 of its format: write [[registry]] tables", r->file);
    const struct toml *array = toml_get(document, "registry");
    if (array && !toml_is_array(array))
        return err_set(r->err, ERR_INVALID, 0, "%s: registry is no [[registry]] table", r->file);
    if (toml_length(array) > REGISTRIES_MAX)
        return err_set(r->err, ERR_INVALID, 0, "%s has too many registries", r->file);
    for (size_t i = 0; i < toml_length(array); i++)
        if (registry_read(r, toml_at(array, i))) return -1;
    return 0;
}

static int file_read(struct reading *r) {
    _cleanup_(str_finish) struct str text = {0};
    int n = file_read_at(AT_FDCWD, r->file, FILE_MAX_, &text);
    if (n == -ENOENT || n == -ENOTDIR) return 0;
    return n < 0 ? err_set(r->err, ERR_SYSTEM, -n, "can't read %s", r->file) : file_parse(r, &text);
}

int registries_read(struct arena *arena, const char *etc, struct settings_registries *ret, struct err *err) {
    struct settings_registries registries = {0};
    struct reading r = {arena, arena_printf(arena, "%s/containers/registries.conf", etc), &registries, err};
    const char *directory = arena_printf(arena, "%s.d", r.file);
    struct strings names;
    if (file_read(&r)) return -1;
    int error = names_in(arena, directory, ".conf", &names);
    if (error) return err_set(err, ERR_SYSTEM, -error, "can't read %s", directory);
    for (size_t i = 0; i < names.count; i++) {
        r.file = arena_printf(arena, "%s/%s", directory, names.items[i]);
        if (file_read(&r)) return -1;
    }
    *ret = registries;
    return 0;
}

// Finding

// How much of the reference "host:port/path:tag" the prefix takes, or 0.
static size_t prefix_length(const char *prefix, const char *reference) {
    bool wildcard = str_has_prefix(prefix, "*.");
    const char *domain = wildcard ? prefix + 1 : prefix; // ".example.com"
    size_t host = strcspn(reference, "/"), n = strlen(domain), at = 0;
    if (wildcard) {
        const char *found = strstr(reference, domain);
        if (!found || found == reference || (at = (size_t)(found - reference)) >= host) return 0;
    }
    if (strncmp(reference + at, domain, n) != 0) return 0;
    char next = reference[at + n];
    // "example.com" is not example.com:5000; a wildcard's hosts may have any port.
    if (next == ':' && at + n < host && !wildcard) return 0;
    return !next || strchr(":/@", next) ? at + n : 0;
}

const struct settings_registry *registries_find(const struct settings_registries *registries,
                                                const char *reference, size_t *ret_length) {
    const struct settings_registry *best = NULL;
    for (size_t i = 0; i < registries->count; i++) {
        const struct settings_registry *one = &registries->items[i];
        size_t length = prefix_length(one->prefix, reference);
        if (!length || (best && strlen(best->prefix) >= strlen(one->prefix))) continue;
        best = one;
        *ret_length = length;
    }
    return best;
}
