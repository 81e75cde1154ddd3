// SPDX-License-Identifier: Apache-2.0
// A recursive-descent reading of the grammar: each eat_x() takes the longest x at *p and says whether there
// was one. Docker's own is a regular expression of the same language.
#include "registry/reference.h"

#include "base/id.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define HUB       "docker.io"
#define OFFICIAL  "library/"
#define NAME_MAX_ 255
#define TAG_MAX   128
#define TEXT_MAX  1024 // more than any reference can have

static bool is_lower_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c) {
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

// One '.' or '_', two '_', or any number of '-'.
static size_t separator_length(const char *p) {
    if (*p == '-') return strspn(p, "-");
    if (p[0] == '_' && p[1] == '_') return 2;
    return *p == '.' || *p == '_';
}

static bool eat_path_component(const char **p) {
    const char *at = *p;
    if (!is_lower_or_digit(*at)) return false;
    for (;;) {
        while (is_lower_or_digit(*at)) at++;
        size_t n = separator_length(at);
        if (!n || !is_lower_or_digit(at[n])) break;
        at += n;
    }
    *p = at;
    return true;
}

static bool path_valid(const char *p) {
    for (;;) {
        if (!eat_path_component(&p)) return false;
        if (*p == 0) return true;
        if (*p++ != '/') return false;
    }
}

static bool eat_domain_component(const char **p) {
    const char *at = *p;
    while (is_alnum(*at) || *at == '-') at++;
    if (at == *p || **p == '-' || at[-1] == '-') return false;
    *p = at;
    return true;
}

static bool eat_ipv6(const char **p) {
    const char *end = strchr(*p, ']');
    size_t n = end ? (size_t)(end - *p) : 0;
    char address[INET6_ADDRSTRLEN];
    struct in6_addr in;
    if (**p != '[' || n < 3 || n > sizeof address) return false;
    memcpy(address, *p + 1, n - 1);
    address[n - 1] = 0;
    if (inet_pton(AF_INET6, address, &in) != 1) return false;
    *p = end + 1;
    return true;
}

static bool domain_valid(const char *p) {
    uint32_t port;
    if (!eat_ipv6(&p)) {
        do
            if (!eat_domain_component(&p)) return false;
        while (*p == '.' && p++);
    }
    return *p == 0 || (*p == ':' && parse_u32(p + 1, &port) == 0 && port < 65536);
}

bool reference_tag_valid(const char *tag) {
    size_t n = strlen(tag);
    if (n < 1 || n > TAG_MAX || *tag == '.' || *tag == '-') return false;
    for (; *tag; tag++)
        if (!is_alnum(*tag) && !strchr("_.-", *tag)) return false;
    return true;
}

static bool has_upper(const char *s) {
    for (; *s; s++)
        if (isupper((unsigned char)*s)) return true;
    return false;
}

static int wrong_format(struct err *err) {
    return err_set(err, ERR_INVALID, 0, "invalid reference format");
}

// The first component, when that is a host: it has a dot, a colon or an upper-case letter, or is localhost.
static const char *first_host(struct arena *arena, const char *name) {
    const char *slash = strchr(name, '/');
    char *first = slash ? arena_strndup(arena, name, (size_t)(slash - name)) : NULL;
    bool host = first && (strpbrk(first, ".:") || str_eq(first, "localhost") || has_upper(first));
    return host ? first : NULL;
}

static void split_domain(struct arena *arena, const char *name, struct reference *r) {
    const char *host = first_host(arena, name);
    r->domain = !host || str_eq(host, "index." HUB) ? HUB : host;
    r->path = host ? arena_strdup(arena, name + strlen(host) + 1) : name;
    if (str_eq(r->domain, HUB) && !strchr(r->path, '/'))
        r->path = arena_printf(arena, OFFICIAL "%s", r->path);
}

int reference_parse(struct arena *arena, const char *text, struct reference *ret_reference, struct err *err) {
    struct reference r = {0};
    if (str_empty(text) || strlen(text) > TEXT_MAX) return wrong_format(err);
    if (strlen(text) == ID_SIZE - 1 && strspn(text, "0123456789abcdef") == ID_SIZE - 1)
        return err_set(err, ERR_INVALID, 0,
                       "invalid repository name (%s), cannot specify 64-byte hexadecimal strings", text);

    char *name = arena_strdup(arena, text), *at = strchr(name, '@');
    if (at) *at++ = 0, r.digest = at;
    char *slash = strrchr(name, '/'), *colon = strchr(slash ? slash : name, ':');
    if (colon) *colon++ = 0, r.tag = colon;
    split_domain(arena, name, &r);

    if (has_upper(r.path))
        return err_set(err, ERR_INVALID, 0,
                       "invalid reference format: repository name (%.200s) must be lowercase", r.path);
    if (!domain_valid(r.domain) || !path_valid(r.path)) return wrong_format(err);
    if (strlen(r.path) > NAME_MAX_)
        return err_set(err, ERR_INVALID, 0, "repository name must not be more than %d characters", NAME_MAX_);
    if (r.tag && !reference_tag_valid(r.tag)) return wrong_format(err);
    if (r.digest && !digest_valid(r.digest)) return wrong_format(err);
    if (!r.tag && !r.digest) r.tag = "latest";
    *ret_reference = r;
    return 0;
}

static const char *with_version(struct arena *arena, const char *name, const struct reference *r) {
    return r->digest ? arena_printf(arena, "%s@%s", name, r->digest)
                     : arena_printf(arena, "%s:%s", name, r->tag);
}

const char *reference_repository(struct arena *arena, const struct reference *r) {
    return arena_printf(arena, "%s/%s", r->domain, r->path);
}

const char *reference_full(struct arena *arena, const struct reference *r) {
    return with_version(arena, reference_repository(arena, r), r);
}

const char *reference_familiar_repository(struct arena *arena, const struct reference *r) {
    // "docker.io/a.b/c" without its host would be another registry's.
    if (!str_eq(r->domain, HUB) || first_host(arena, r->path)) return reference_repository(arena, r);
    const char *official = str_after(r->path, OFFICIAL);
    return official && !strchr(official, '/') ? official : r->path;
}

const char *reference_familiar(struct arena *arena, const struct reference *r) {
    return with_version(arena, reference_familiar_repository(arena, r), r);
}

const char *reference_host(const struct reference *r) {
    return str_eq(r->domain, HUB) ? "registry-1." HUB : r->domain;
}

bool host_is_loopback(const char *host) {
    char name[256];
    struct in_addr v4;
    struct in6_addr v6;
    bool bracket = *host == '[';
    size_t n = strcspn(host + bracket, bracket ? "]" : ":");
    if (n >= sizeof name) return false;
    memcpy(name, host + bracket, n);
    name[n] = 0;
    if (bracket) return inet_pton(AF_INET6, name, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
    if (strcasecmp(name, "localhost") == 0) return true;
    return inet_pton(AF_INET, name, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}
