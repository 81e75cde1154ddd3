// SPDX-License-Identifier: Apache-2.0
#include "registry/settings_parts.h"

#include "base/fd.h"
#include "base/json_strings.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define DAEMON_MAX (1u << 20)

struct search {
    struct arena *arena;
    const char *etc;
    const struct reference *reference;
    struct json *daemon; // daemon.json, or NULL
    struct strings insecure;
    struct proxies proxies;
    struct endpoints endpoints;
    struct err *err;
};

static void searchp(struct search *search) {
    json_free(search->daemon);
}

static int daemon_read(struct search *s) {
    const char *path = arena_printf(s->arena, "%s/docker/daemon.json", s->etc);
    int r = json_read_file(path, DAEMON_MAX, &s->daemon);
    if (r == -EINVAL) return err_set(s->err, ERR_INVALID, 0, "%s is no valid JSON", path);
    return r < 0 ? err_set(s->err, ERR_SYSTEM, -r, "can't read %s", path) : 0;
}

static int daemon_wrong(struct search *s, const char *what) {
    return err_set(s->err, ERR_INVALID, 0, "%s/docker/daemon.json: %s", s->etc, what);
}

static int list_read(struct search *s, const char *key, struct strings *ret) {
    if (json_strings(s->arena, json_get(s->daemon, key), ret) == 0) return 0;
    return daemon_wrong(s, arena_printf(s->arena, "%s is no list of texts", key));
}

// It is over the environment, as dockerd has it; what is empty is not said.
static int proxies_read(struct search *s) {
    const struct json *proxies = json_get(s->daemon, "proxies");
    const struct {
        const char *key, **ret;
    } texts[] = {
        {"http-proxy", &s->proxies.http}, {"https-proxy", &s->proxies.https}, {"no-proxy", &s->proxies.none}};
    if (!json_is_null(proxies) && !json_is_object(proxies)) return daemon_wrong(s, "proxies is no object");
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        const struct json *value = json_get(proxies, texts[i].key);
        if (!json_is_null(value) && !json_string(value))
            return daemon_wrong(s, arena_printf(s->arena, "%s in proxies is no text", texts[i].key));
        if (!str_empty(json_string(value))) *texts[i].ret = arena_strdup(s->arena, json_string(value));
    }
    return 0;
}

// insecure-registries: hosts, and networks for hosts that are given by their address. (Docker asks the DNS
// for those that are not; hoy believes no DNS in this.)

static bool address_read(const char *host, unsigned char bytes[static 16], int *ret_size) {
    char text[INET6_ADDRSTRLEN];
    bool bracket = *host == '[';
    size_t n = strcspn(host + bracket, bracket ? "]" : ":");
    if (n >= sizeof text) return false;
    memcpy(text, host + bracket, n);
    text[n] = 0;
    *ret_size = bracket ? 16 : 4;
    return inet_pton(bracket ? AF_INET6 : AF_INET, text, bytes) == 1;
}

struct network {
    unsigned char base[16];
    int size; // of an address
    uint32_t bits;
};

static bool network_read(struct arena *arena, const char *text, struct network *ret) {
    const char *slash = strchr(text, '/');
    char *name = arena_strndup(arena, text, (size_t)(slash - text));
    if (strchr(name, ':')) name = arena_printf(arena, "[%s]", name);
    return !parse_u32(slash + 1, &ret->bits) && address_read(name, ret->base, &ret->size) &&
           ret->bits <= 8 * (uint32_t)ret->size;
}

static bool in_network(struct arena *arena, const char *text, const char *host) {
    unsigned char address[16];
    int size;
    struct network network;
    if (!network_read(arena, text, &network) || !address_read(host, address, &size) || size != network.size)
        return false;
    for (uint32_t i = 0; i < network.bits; i++)
        if ((address[i / 8] ^ network.base[i / 8]) >> (7 - i % 8) & 1) return false;
    return true;
}

static bool is_insecure(struct search *s, const char *domain) {
    for (size_t i = 0; i < s->insecure.count; i++) {
        const char *one = s->insecure.items[i];
        if (strchr(one, '/') ? in_network(s->arena, one, domain) : str_eq(one, domain)) return true;
    }
    return false;
}

// A scheme before it means nothing, as for dockerd.
static int insecure_read(struct search *s) {
    static const char *const schemes[] = {"http://", "https://"};
    struct network network;
    if (list_read(s, "insecure-registries", &s->insecure)) return -1;
    for (size_t i = 0; i < s->insecure.count; i++) {
        const char **one = &s->insecure.items[i];
        for (size_t j = 0; j < ARRAY_SIZE(schemes); j++)
            if (strncasecmp(*one, schemes[j], strlen(schemes[j])) == 0) *one += strlen(schemes[j]);
        if (str_empty(*one) || (strchr(*one, '/') && !network_read(s->arena, *one, &network)))
            return daemon_wrong(s,
                                arena_printf(s->arena,
                                             "\"%.200s\" in insecure-registries is neither HOST[:PORT] nor "
                                             "a network ADDRESS/BITS",
                                             *one));
    }
    return 0;
}

// Endpoints

// location: "host[:port][/path]", and what of the reference follows it.
static int add(struct search *s, const char *location, const char *rest, bool insecure, bool mirror) {
    char *domain = arena_printf(s->arena, "%s%s", location, rest), *path = strchr(domain, '/');
    if (path) *path++ = 0, path[strcspn(path, ":@")] = 0;
    if (s->reference->path && str_empty(path))
        return err_set(s->err, ERR_INVALID, 0,
                       "registries.conf makes a registry alone (%s) of an image's name", location);
    const struct reference r = {.domain = domain};
    struct endpoint *e = arena_push(s->arena, &s->endpoints);
    *e = (struct endpoint){.domain = domain,
                           .host = reference_host(&r),
                           .repository = s->reference->path ? path : NULL,
                           .insecure = insecure || is_insecure(s, domain),
                           .proxies = s->proxies,
                           .mirror = mirror};
    return certificates_read(s->arena, s->etc, e, s->err);
}

static int add_mirrors(struct search *s, const struct settings_registry *registry, const char *rest) {
    bool by_digest = s->reference->digest;
    for (size_t i = 0; i < registry->mirror_count && s->reference->path; i++) {
        const struct settings_mirror *m = &registry->mirrors[i];
        bool serves = m->pull == MIRROR_DIGEST || registry->by_digest_only ? by_digest
                      : m->pull == MIRROR_TAG                              ? !by_digest
                                                                           : true;
        if (serves && add(s, m->location, rest, m->insecure, true)) return -1;
    }
    return 0;
}

// registry-mirrors are URLs of Docker Hub's mirrors.
static int add_hub_mirrors(struct search *s) {
    struct strings list = {0};
    if (list_read(s, "registry-mirrors", &list)) return -1;
    if (!str_eq(s->reference->domain, "docker.io") || !s->reference->path) return 0;
    for (size_t i = 0; i < list.count; i++) {
        const char *url = list.items[i], *plain = str_after(url, "http://");
        const char *host = plain ? plain : str_after(url, "https://");
        size_t n = host ? strcspn(host, "/") : 0;
        if (!n || strspn(host + n, "/") != strlen(host + n))
            return daemon_wrong(
                s, arena_printf(s->arena, "\"%.200s\" in registry-mirrors is not https://HOST[:PORT]", url));
        const char *name = arena_strndup(s->arena, host, n);
        const char *rest = arena_printf(s->arena, "/%s", s->reference->path);
        if (add(s, name, rest, plain, true)) return -1;
    }
    return 0;
}

static int search_all(struct search *s) {
    const struct reference *r = s->reference;
    struct settings_registries registries;
    size_t length = 0;
    const char *full = r->path ? reference_full(s->arena, r) : r->domain;
    if (daemon_read(s) || proxies_read(s) || insecure_read(s) ||
        registries_read(s->arena, s->etc, &registries, s->err))
        return -1;
    const struct settings_registry *registry = registries_find(&registries, full, &length);
    if (registry && registry->blocked)
        return err_set(s->err, ERR_INVALID, 0, "registry %s is blocked in %s", registry->prefix,
                       registry->file);
    if (registry && add_mirrors(s, registry, full + length)) return -1;
    if (add_hub_mirrors(s)) return -1;
    bool moved = registry && registry->location;
    return add(s, moved ? registry->location : r->domain, moved ? full + length : full + strlen(r->domain),
               registry && registry->insecure, false);
}

int settings_endpoints(struct arena *arena, const char *etc, const struct reference *reference,
                       struct endpoints *ret_endpoints, struct err *err) {
    _cleanup_(searchp) struct search s = {.arena = arena, .etc = etc, .reference = reference, .err = err};
    if (search_all(&s)) return -1;
    *ret_endpoints = s.endpoints;
    return 0;
}
