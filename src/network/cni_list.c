// SPDX-License-Identifier: Apache-2.0
// Files of a folder in the order of their names: the first list of a name is the one, as for other runtimes.
// A file that can't be read, or is no list, is passed over unless it may be the one that is looked for: then
// it is said.
#include "network/cni_list.h"

#include "base/arena.h"
#include "base/fd.h"
#include "base/macro.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT (1u << 20)

static bool has_suffix(const char *name, const char *suffix) {
    size_t length = strlen(name), end = strlen(suffix);
    return length > end && !strcmp(name + length - end, suffix);
}

static int is_list(const struct dirent *entry) {
    const char *name = entry->d_name;
    return has_suffix(name, ".conflist") || has_suffix(name, ".conf") || has_suffix(name, ".json");
}

struct version {
    int major, minor;
};

static bool version_read(const char *text, struct version *ret_version) {
    char *end;
    if (!text || *text < '0' || *text > '9') return false;
    long major = strtol(text, &end, 10);
    if (*end != '.' || end[1] < '0' || end[1] > '9' || major > 99) return false;
    long minor = strtol(end + 1, &end, 10);
    if ((*end && *end != '.') || minor > 99) return false;
    *ret_version = (struct version){(int)major, (int)minor};
    return true;
}

static bool version_is_known(const struct version *version) {
    return version->major ? version->major == 1 && version->minor <= 1
                          : version->minor == 3 || version->minor == 4;
}

// cniVersions, of 1.1, has several to choose from: the newest that is known here.
static const char *choose_version(const struct json *list) {
    const struct json *versions = json_get(list, "cniVersions");
    const char *best = NULL;
    struct version newest = {0}, version;
    for (size_t i = 0; i < json_length(versions); i++) {
        const char *text = json_string(json_at(versions, i));
        if (!version_read(text, &version) || !version_is_known(&version)) continue;
        if (best && (version.major < newest.major ||
                     (version.major == newest.major && version.minor <= newest.minor)))
            continue;
        best = text;
        newest = version;
    }
    return best ? best : json_get_string(list, "cniVersion");
}

static int check_version(const char *file, const char *text, struct err *err) {
    struct version version;
    if (version_read(text, &version) && version_is_known(&version)) return 0;
    return err_set(err, ERR_INVALID, 0,
                   "%s: its cniVersion is %s: hoy speaks 0.3, 0.4, 1.0 and 1.1 of CNI with plugins", file,
                   text ? text : "missing");
}

static int check_plugins(const char *file, const struct json *plugins, struct err *err) {
    for (size_t i = 0; i < json_length(plugins); i++) {
        const char *type = json_get_string(json_at(plugins, i), "type");
        if (str_empty(type) || strchr(type, '/') || *type == '.')
            return err_set(err, ERR_INVALID, 0, "%s: plugin %zu has no type, which is its program's name",
                           file, i + 1);
    }
    return json_length(plugins) ? 0 : err_set(err, ERR_INVALID, 0, "%s: there are no plugins in it", file);
}

static int list_write(const char *file, const struct json *list, char **ret_text, struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    const struct json *plugins = json_get(list, "plugins");
    const char *version = choose_version(list);
    if (check_version(file, version, err)) return -1;
    if (!json_is_array(plugins) && str_empty(json_get_string(list, "type")))
        return err_set(err, ERR_INVALID, 0, "%s: it has neither plugins nor a type", file);
    if (json_is_array(plugins) && check_plugins(file, plugins, err)) return -1;
    json_begin_object(&w, NULL);
    json_put_string(&w, "name", json_get_string(list, "name"));
    json_put_string(&w, "cniVersion", version);
    json_put_bool(&w, "disableCheck", json_boolean(json_get(list, "disableCheck")));
    if (json_is_array(plugins)) {
        json_put_value(&w, "plugins", plugins);
    } else {
        json_begin_array(&w, "plugins");
        json_put_value(&w, NULL, list);
        json_end_array(&w);
    }
    json_end_object(&w);
    *ret_text = str_take(&w.text);
    return 0;
}

// 1: it is the one; 0: it is another.
static int look_at(const char *file, const char *name, struct strings *names, struct arena *arena,
                   char **ret_text, struct err *err) {
    _cleanup_(json_freep) struct json *list = NULL;
    int r = json_read_file(file, FILE_LIMIT, &list);
    const char *own = json_get_string(list, "name");
    if (r || str_empty(own)) {
        strings_add(arena, names, arena_printf(arena, "%s (unreadable)", file));
        return 0;
    }
    if (!str_eq(own, name)) {
        strings_add(arena, names, arena_strdup(arena, own));
        return 0;
    }
    return list_write(file, list, ret_text, err) ? -1 : 1;
}

static int not_found(const char *folder, const char *name, const struct strings *names, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    for (size_t i = 0; i < names->count; i++)
        str_printf(&text, "%s%s", i ? ", " : " (there are: ", names->items[i]);
    if (names->count) str_add_char(&text, ')');
    return err_set(err, ERR_NOT_FOUND, 0, "there is no CNI network %s in %s%s", name, folder,
                   names->count ? str_get(&text) : ", nor any other");
}

static void entries_free(struct dirent **entries, int count) {
    for (int i = 0; i < count; i++) free(entries[i]);
    free(entries);
}

int cni_list_find(const char *folder, const char *name, char **ret_text, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct strings names = {0};
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_list, alphasort), r = 0;
    if (count < 0 && errno != ENOENT) return err_set(err, ERR_SYSTEM, errno, "read %s", folder);
    for (int i = 0; i < count && !r; i++)
        r = look_at(arena_printf(&arena, "%s/%s", folder, entries[i]->d_name), name, &names, &arena, ret_text,
                    err);
    if (count > 0) entries_free(entries, count);
    if (r) return r < 0 ? -1 : 0;
    return not_found(folder, name, &names, err);
}
