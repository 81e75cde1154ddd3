// SPDX-License-Identifier: Apache-2.0
#include "registry/challenge.h"

#include "base/str.h"
#include "registry/reference.h"

#include <string.h>
#include <strings.h>

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

// As much memory as the value has: a header may have thousands of them.
static char *eat_value(struct arena *arena, const char **p) {
    if (**p != '"') return eat_token(arena, p);
    const char *start = *p + 1, *end = start;
    while (*end && *end != '"') end += *end == '\\' && end[1] ? 2 : 1;
    *p = end + (*end == '"');
    char *value = arena_strndup(arena, start, (size_t)(end - start)), *out = value;
    for (const char *in = value; *in; *out++ = *in++)
        if (*in == '\\' && in[1]) in++;
    *out = 0;
    return value;
}

static void set_parameter(struct challenge *c, const char *name, const char *value) {
    if (strcasecmp(name, "realm") == 0) c->realm = value;
    if (strcasecmp(name, "service") == 0) c->service = value;
    if (strcasecmp(name, "scope") == 0) c->scope = value;
}

// Those that nobody can answer (another scheme, or no word of where tokens are) are the last choice.
static int strength(const struct challenge *c) {
    bool nowhere = c->scheme == CHALLENGE_BEARER && str_empty(c->realm);
    return !c->name ? 0 : nowhere ? 2 : c->scheme == CHALLENGE_NONE ? 1 : 2 + (int)c->scheme;
}

static void keep_stronger(struct challenge *best, const struct challenge *c) {
    if (strength(c) > strength(best)) *best = *c;
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
            now = (struct challenge){.name = word,
                                     .scheme = strcasecmp(word, "basic") == 0    ? CHALLENGE_BASIC
                                               : strcasecmp(word, "bearer") == 0 ? CHALLENGE_BEARER
                                                                                 : CHALLENGE_NONE};
        } else {
            break; // a quote where none can be
        }
    }
    keep_stronger(challenge, &now);
}

// "name", "name:port", "[address]:port". Of anything else ("a\", "b%2ec") libcurl could make another host.
static bool host_plain(const char *host, size_t n) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    bool bracket = *host == '[';
    size_t name = bracket ? 1 + strspn(host + 1, "0123456789abcdefABCDEF:.") : 0;
    if (bracket && host[name++] != ']') return false;
    while (!bracket && name < n && (strchr(letters, host[name]) || strchr("-._", host[name]))) name++;
    bool port = name && name < n && host[name] == ':';
    return name && name + port + (port ? strspn(host + name + 1, "0123456789") : 0) == n;
}

const char *url_host(struct arena *arena, const char *url) {
    const char *host = str_after(url, "https://");
    if (!host) host = str_after(url, "http://");
    if (!host) return NULL;
    size_t n = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', n);
    if (at) n -= (size_t)(at + 1 - host), host = at + 1;
    return n && host_plain(host, n) ? arena_strndup(arena, host, n) : NULL;
}

// The last two labels of a name, without its port.
static const char *site_of(struct arena *arena, const char *host) {
    char *name = arena_strndup(arena, host, *host == '[' ? strcspn(host, "]") : strcspn(host, ":"));
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
