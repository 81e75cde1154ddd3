// SPDX-License-Identifier: Apache-2.0
#include "registry/auth.h"

#include "base/fd.h"
#include "base/json.h"
#include "registry/reference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONFIG_MAX (1u << 20)

// Base64 with padding (RFC 4648); NULL when it is none.
static char *base64_decode(struct arena *arena, const char *text) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t size = strlen(text), n = 0;
    char *out = arena_alloc(arena, size + 1);
    unsigned bits = 0, have = 0;
    while (size && text[size - 1] == '=') size--;
    for (size_t i = 0; i < size; i++) {
        const char *at = strchr(letters, text[i]);
        if (!at) return NULL;
        bits = bits << 6 | (unsigned)(at - letters);
        have += 6;
        if (have >= 8) out[n++] = (char)(bits >> (have -= 8));
    }
    return out;
}

// The key of an entry as a host: "https://gcr.io/v1/" is gcr.io.
static bool key_means(const char *key, const char *domain) {
    const char *host = str_after(key, "https://");
    if (!host) host = str_after(key, "http://");
    if (!host) host = key;
    size_t n = strcspn(host, "/");
    if (str_eq(domain, "docker.io") && n == strlen("index.docker.io") &&
        memcmp(host, "index.docker.io", n) == 0)
        return true;
    return n == strlen(domain) && memcmp(host, domain, n) == 0;
}

struct entry_search {
    const char *domain;
    const struct json *found;
};

static int match_entry(const char *key, const struct json *value, void *data) {
    struct entry_search *search = data;
    if (key_means(key, search->domain)) search->found = value;
    return 0;
}

static const struct json *entry_for(const struct json *object, const char *domain) {
    struct entry_search search = {.domain = domain};
    json_each(object, match_entry, &search);
    return search.found;
}

static int helper_needed(struct err *err, const char *path, const char *domain, const char *helper) {
    return err_set(
        err, ERR_UNAUTHORIZED, 0,
        "the credentials for %s are in the credential helper \"%s\" (%s), which hoy does not ask: put them "
        "into \"auths\" of that file",
        domain, helper, path);
}

static int entry_read(struct arena *arena, const struct json *entry, const char *path, const char *domain,
                      struct credentials *ret, struct err *err) {
    const char *auth = json_get_string(entry, "auth"), *token = json_get_string(entry, "identitytoken");
    struct credentials c = {.username = arena_strdup(arena, json_get_string(entry, "username")),
                            .password = arena_strdup(arena, json_get_string(entry, "password"))};
    if (!str_empty(auth)) {
        char *text = base64_decode(arena, auth), *colon = text ? strchr(text, ':') : NULL;
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

int credentials_parse(struct arena *arena, const char *text, size_t size, const char *path,
                      const char *domain, struct credentials *ret_credentials, struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    if (json_parse(text, size, &json) || !json_is_object(json))
        return err_set(err, ERR_INVALID, 0, "%s is no valid JSON", path);
    const char *helper = json_string(entry_for(json_get(json, "credHelpers"), domain));
    if (helper) return helper_needed(err, path, domain, helper);

    const struct json *entry = entry_for(json_get(json, "auths"), domain);
    struct credentials c = {0};
    if (entry && entry_read(arena, entry, path, domain, &c, err)) return -1;
    // An empty entry is Docker's mark for credentials that are in its store.
    helper = json_get_string(json, "credsStore");
    if (entry && !str_empty(helper) && !c.username && !c.identity_token)
        return helper_needed(err, path, domain, helper);
    *ret_credentials = c;
    return 0;
}

int credentials_load(struct arena *arena, const char *domain, struct credentials *ret_credentials,
                     struct err *err) {
    const char *directory = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
    const char *path = !str_empty(directory)
                           ? arena_printf(arena, "%s/config.json", directory)
                           : arena_printf(arena, "%s/.docker/config.json", home ? home : "/root");
    _cleanup_(str_finish) struct str text = {0};
    int r = file_read_at(AT_FDCWD, path, CONFIG_MAX, &text);
    if (r == -ENOENT || r == -ENOTDIR) return *ret_credentials = (struct credentials){0}, 0;
    if (r < 0) return err_set(err, ERR_SYSTEM, -r, "can't read %s", path);
    r = credentials_parse(arena, str_get(&text), text.len, path, domain, ret_credentials, err);
    explicit_bzero(text.data, text.len);
    return r;
}

// Challenges: a scheme, then name=value or name="value" pairs with commas between; then the next scheme.

static const char *skip(const char *p, const char *set) {
    return p + strspn(p, set);
}

static char *eat_token(struct arena *arena, const char **p) {
    size_t n = strcspn(*p, " \t,=\"");
    char *token = arena_strndup(arena, *p, n);
    *p += n;
    return token;
}

static char *eat_value(struct arena *arena, const char **p) {
    if (**p != '"') return eat_token(arena, p);
    char *value = arena_alloc(arena, strlen(*p)), *out = value;
    for ((*p)++; **p && **p != '"'; (*p)++) {
        if (**p == '\\' && (*p)[1]) (*p)++;
        *out++ = **p;
    }
    if (**p == '"') (*p)++;
    return value;
}

static void set_parameter(struct challenge *c, const char *name, const char *value) {
    if (strcasecmp(name, "realm") == 0) c->realm = value;
    if (strcasecmp(name, "service") == 0) c->service = value;
    if (strcasecmp(name, "scope") == 0) c->scope = value;
}

static void keep_stronger(struct challenge *best, const struct challenge *c) {
    if (c->scheme == CHALLENGE_BEARER && !c->realm) return;
    if (c->scheme > best->scheme) *best = *c;
}

void challenge_parse(struct arena *arena, const char *value, struct challenge *challenge) {
    struct challenge now = {0};
    for (const char *p = skip(value, " \t,"); *p; p = skip(p, " \t,")) {
        char *word = eat_token(arena, &p);
        p = skip(p, " \t");
        if (*p == '=') {
            p = skip(p + 1, " \t");
            set_parameter(&now, word, eat_value(arena, &p));
        } else if (*word) {
            keep_stronger(challenge, &now);
            now = (struct challenge){.scheme = strcasecmp(word, "basic") == 0    ? CHALLENGE_BASIC
                                               : strcasecmp(word, "bearer") == 0 ? CHALLENGE_BEARER
                                                                                 : CHALLENGE_NONE};
        } else {
            break; // a quote where none can be
        }
    }
    keep_stronger(challenge, &now);
}

const char *url_host(struct arena *arena, const char *url) {
    const char *host = str_after(url, "https://");
    if (!host) host = str_after(url, "http://");
    if (!host) return NULL;
    size_t n = strcspn(host, "/?#\\");
    const char *at = memrchr(host, '@', n);
    if (at) n -= (size_t)(at + 1 - host), host = at + 1;
    return n ? arena_strndup(arena, host, n) : NULL;
}

// The last two labels of a name, without its port.
static const char *site_of(struct arena *arena, const char *host) {
    char *name = arena_strndup(arena, host, strcspn(host, ":"));
    char *dot = strrchr(name, '.');
    if (!dot) return name;
    if (strspn(dot + 1, "0123456789") == strlen(dot + 1)) return name; // an address has no labels
    for (char *p = dot; p > name; p--)
        if (p[-1] == '.') return p;
    return name;
}

bool realm_trusted(const char *registry_host, const char *realm_url) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const char *host = url_host(&arena, realm_url);
    if (!host) return false;
    if (host_is_loopback(registry_host) && host_is_loopback(host)) return true;
    if (!str_has_prefix(realm_url, "https://")) return false;
    return strcasecmp(host, registry_host) == 0 ||
           strcasecmp(site_of(&arena, host), site_of(&arena, registry_host)) == 0;
}
