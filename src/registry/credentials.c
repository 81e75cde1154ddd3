// SPDX-License-Identifier: Apache-2.0
#include "registry/credentials.h"

#include "base/fd.h"
#include "base/json.h"
#include "registry/base64.h"
#include "registry/helper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_MAX (1u << 20)
#define HUB        "docker.io"
#define HUB_SERVER "https://index.docker.io/v1/"
#define TOKEN_USER "<token>" // what helpers call the user when the secret is an identity token

const char *credentials_server(const char *domain) {
    return str_eq(domain, HUB) ? HUB_SERVER : domain;
}

// Reading

// How well the key of an entry means a host: as it is written; as a URL ("https://gcr.io/v1/" is gcr.io); or
// with a path, which Podman writes for a part of a registry, and Docker takes for all of it.
enum key_match { KEY_OTHER, KEY_PATH, KEY_URL, KEY_EXACT };

static enum key_match key_match(const char *key, const char *domain) {
    const char *host = str_after(key, "https://");
    if (!host) host = str_after(key, "http://");
    bool url = host;
    if (!url) host = key;
    size_t n = strcspn(host, "/");
    bool hub = str_eq(domain, HUB) && n == strlen("index." HUB) && memcmp(host, "index." HUB, n) == 0;
    if (str_eq(key, credentials_server(domain))) return KEY_EXACT;
    if (!hub && (n != strlen(domain) || memcmp(host, domain, n) != 0)) return KEY_OTHER;
    return url || !host[n] ? KEY_URL : KEY_PATH;
}

struct entry_search {
    const char *domain;
    enum key_match match;
    const struct json *found;
};

static int match_entry(const char *key, const struct json *value, void *data) {
    struct entry_search *search = data;
    enum key_match match = key_match(key, search->domain);
    if (match > search->match) search->match = match, search->found = value;
    return 0;
}

static const struct json *entry_for(const struct json *object, const char *domain) {
    struct entry_search search = {.domain = domain};
    json_each(object, match_entry, &search);
    return search.found;
}

static int entry_read(struct arena *arena, const struct json *entry, const char *path, const char *domain,
                      struct credentials *ret, struct err *err) {
    const char *auth = json_get_string(entry, "auth"), *token = json_get_string(entry, "identitytoken");
    struct credentials c = {.username = arena_strdup(arena, json_get_string(entry, "username")),
                            .password = arena_strdup(arena, json_get_string(entry, "password"))};
    if (!str_empty(auth)) {
        char *text = base64_decode(arena, auth, NULL), *colon = text ? strchr(text, ':') : NULL;
        if (!colon)
            return err_set(err, ERR_INVALID, 0, "%s: the entry \"auth\" for %s is no base64 of user:password",
                           path, domain);
        *colon = 0;
        c.username = text;
        c.password = colon + 1;
    }
    if (!str_empty(token)) {
        c.identity_token = arena_strdup(arena, token);
        c.password = NULL;
    } else if (str_empty(c.username)) {
        c = (struct credentials){0};
    }
    *ret = c;
    return 0;
}

static int config_parse(const char *text, size_t size, const char *path, struct json **ret, struct err *err) {
    if (json_parse(text, size, ret) == 0 && json_is_object(*ret)) return 0;
    return err_set(err, ERR_INVALID, 0, "%s is no valid JSON", path);
}

int credentials_parse(struct arena *arena, const char *text, size_t size, const char *path,
                      const char *domain, struct credentials_entry *ret_entry, struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    struct credentials_entry result = {0};
    if (config_parse(text, size, path, &json, err)) return -1;
    const struct json *entry = entry_for(json_get(json, "auths"), domain);
    if (entry && entry_read(arena, entry, path, domain, &result.credentials, err)) return -1;
    // "": none, and no store either.
    const char *own = json_string(entry_for(json_get(json, "credHelpers"), domain));
    const char *helper = own ? own : json_get_string(json, "credsStore");
    result.helper = str_empty(helper) ? NULL : arena_strdup(arena, helper);
    // An empty entry is Docker's mark for credentials that are in its store.
    result.in_helper =
        !str_empty(own) || (entry && !result.credentials.username && !result.credentials.identity_token);
    *ret_entry = result;
    return 0;
}

static const char *config_path(struct arena *arena) {
    const char *directory = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
    return !str_empty(directory) ? arena_printf(arena, "%s/config.json", directory)
                                 : arena_printf(arena, "%s/.docker/config.json", home ? home : "/root");
}

static void text_wipe(struct str *text) {
    if (text->data) explicit_bzero(text->data, text->len);
    str_finish(text);
}

// "{}" when there is no file, or nothing in it.
static int config_read(const char *path, struct str *ret_text, struct err *err) {
    int r = file_read_at(AT_FDCWD, path, CONFIG_MAX, ret_text);
    if (r < 0 && r != -ENOENT && r != -ENOTDIR) return err_set(err, ERR_SYSTEM, -r, "can't read %s", path);
    const char *text = str_get(ret_text);
    if (!text[strspn(text, " \t\r\n")]) str_add(ret_text, "{}");
    return 0;
}

static int config_entry(struct arena *arena, const char *domain, struct credentials_entry *ret,
                        struct err *err) {
    const char *path = config_path(arena);
    _cleanup_(text_wipe) struct str text = {0};
    if (config_read(path, &text, err)) return -1;
    return credentials_parse(arena, text.data, text.len, path, domain, ret, err);
}

const char *credentials_file_string(struct arena *arena, const char *key) {
    _cleanup_(text_wipe) struct str text = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    struct err ignored;
    if (config_read(config_path(arena), &text, &ignored) || json_parse(text.data, text.len, &json))
        return NULL;
    return arena_strdup(arena, json_get_string(json, key));
}

int credentials_load(struct arena *arena, const char *domain, struct credentials *ret_credentials,
                     struct err *err) {
    struct credentials_entry entry;
    if (config_entry(arena, domain, &entry, err)) return -1;
    *ret_credentials = entry.credentials;
    if (!entry.helper) return 0;
    struct credentials kept;
    int r = helper_get(arena, entry.helper, credentials_server(domain), &kept, err);
    // A store that is not there is only missed when the file says that it has something.
    if (r < 0 && err->kind == ERR_NOT_FOUND && !entry.in_helper) return 0;
    if (r < 0) return err_wrap(err, "the credentials for %s", domain);
    if (!r) return 0;
    if (str_eq(kept.username, TOKEN_USER))
        kept = (struct credentials){.username = kept.username, .identity_token = kept.password};
    *ret_credentials = kept;
    return 0;
}

// Writing

struct edit {
    struct arena *arena;
    struct json_writer *w;
    const char *domain;
    const struct credentials *credentials;
    bool had_auths;
};

static void put_entry(struct edit *edit) {
    const struct credentials *c = edit->credentials;
    if (!c) return;
    json_begin_object(edit->w, credentials_server(edit->domain));
    if (c->username) {
        const char *text = arena_printf(edit->arena, "%s:%s", c->username, c->password ? c->password : "");
        json_put_string(edit->w, "auth", base64_encode(edit->arena, text, strlen(text)));
    }
    if (c->identity_token) json_put_string(edit->w, "identitytoken", c->identity_token);
    json_end_object(edit->w);
}

static int copy_other(const char *key, const struct json *value, void *data) {
    struct edit *edit = data;
    if (key_match(key, edit->domain) < KEY_URL) json_put_value(edit->w, key, value);
    return 0;
}

static void put_auths(struct edit *edit, const struct json *auths) {
    edit->had_auths = true;
    json_begin_object(edit->w, "auths");
    json_each(auths, copy_other, edit);
    put_entry(edit);
    json_end_object(edit->w);
}

static int copy_key(const char *key, const struct json *value, void *data) {
    struct edit *edit = data;
    if (str_eq(key, "auths"))
        put_auths(edit, value);
    else
        json_put_value(edit->w, key, value);
    return 0;
}

int credentials_edit(struct arena *arena, const char *text, size_t size, const char *path, const char *domain,
                     const struct credentials *credentials, const char **ret_text, struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    struct json_writer w = {.indent = 8};
    struct edit edit = {arena, &w, domain, credentials, false};
    if (config_parse(text, size, path, &json, err)) return -1;
    json_begin_object(&w, NULL);
    json_each(json, copy_key, &edit);
    if (!edit.had_auths) put_auths(&edit, NULL);
    json_end_object(&w);
    str_add_char(&w.text, '\n');
    *ret_text = arena_strdup(arena, str_get(&w.text));
    text_wipe(&w.text);
    return 0;
}

// The file that a link stands for (dotfiles are often kept elsewhere): that one is replaced, the link stays.
static const char *link_target(struct arena *arena, const char *path) {
    char target[4096];
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n <= 0) return path;
    target[n] = 0;
    const char *slash = strrchr(path, '/');
    return *target == '/' ? arena_strdup(arena, target)
                          : arena_printf(arena, "%.*s%s", slash ? (int)(slash + 1 - path) : 0, path, target);
}

// Root may write a user's file (sudo): it stays the user's.
static int config_write(struct arena *arena, const char *path, const char *text, struct err *err) {
    path = link_target(arena, path);
    char *directory = arena_strdup(arena, path), *slash = strrchr(directory, '/');
    struct stat before;
    bool there = stat(path, &before) == 0;
    if (slash && slash != directory) *slash = 0;
    int r = slash ? dir_make_all_at(AT_FDCWD, directory, 0700) : 0;
    if (!r) r = file_replace_at(AT_FDCWD, path, text, strlen(text), 0600, true);
    if (!r && there && (before.st_uid != geteuid() || before.st_gid != getegid()))
        r = lchown(path, before.st_uid, before.st_gid) && errno != EPERM ? -errno : 0;
    return r ? err_set(err, ERR_SYSTEM, -r, "can't write %s", path) : 0;
}

static int config_change(struct arena *arena, const char *domain, const struct credentials *credentials,
                         struct err *err) {
    const char *path = config_path(arena), *changed;
    _cleanup_(text_wipe) struct str text = {0};
    if (config_read(path, &text, err) ||
        credentials_edit(arena, text.data, text.len, path, domain, credentials, &changed, err))
        return -1;
    return config_write(arena, path, changed, err);
}

int credentials_store(struct arena *arena, const char *domain, const struct credentials *credentials,
                      const char **ret_file, struct err *err) {
    static const struct credentials mark = {0};
    struct credentials_entry entry;
    if (config_entry(arena, domain, &entry, err)) return -1;
    *ret_file = NULL;
    if (entry.helper) {
        struct credentials kept = *credentials;
        if (kept.identity_token) kept.username = TOKEN_USER, kept.password = kept.identity_token;
        if (helper_store(entry.helper, credentials_server(domain), &kept, err)) return -1;
        return config_change(arena, domain, &mark, err);
    }
    if (config_change(arena, domain, credentials, err)) return -1;
    *ret_file = config_path(arena);
    return 0;
}

int credentials_erase(struct arena *arena, const char *domain, struct err *err) {
    struct credentials_entry entry;
    int found = 0;
    if (config_entry(arena, domain, &entry, err)) return -1;
    if (entry.helper) found = helper_erase(entry.helper, credentials_server(domain), err);
    if (found < 0 && (err->kind != ERR_NOT_FOUND || entry.in_helper)) return -1;
    bool listed = entry.in_helper || entry.credentials.username || entry.credentials.identity_token;
    if (listed && config_change(arena, domain, NULL, err)) return -1;
    return listed || found > 0;
}
