// SPDX-License-Identifier: Apache-2.0
// Every request goes the same way: with the authorization that worked last; a 401 gets a new one, once; then,
// where another try can help, again after a while that doubles. It is given up after a few failures in a row.
#include "registry/client_parts.h"

#include "base/id.h"
#include "base/json.h"
#include "base/str.h"
#include "oci/image_spec.h"
#include "registry/reference.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIES_UNKNOWN   3 // of a host that has not answered once: it may be a wrong name
#define RETRY_AFTER_MAX 60

#define MANIFEST_ACCEPT OCI_MANIFEST_TYPE ", " OCI_INDEX_TYPE ", " DOCKER_MANIFEST_TYPE ", " DOCKER_LIST_TYPE

void registry_init_endpoint(struct registry *registry, const struct endpoint *endpoint, const char *name) {
    *registry = (struct registry){.host = endpoint->host,
                                  .repository = endpoint->repository,
                                  .name = name,
                                  .credentials = endpoint->credentials,
                                  .plain = host_is_loopback(endpoint->host),
                                  .insecure = endpoint->insecure,
                                  .mirror = endpoint->mirror};
    pthread_mutex_init(&registry->lock, NULL);
}

void registry_finish(struct registry *registry) {
    pthread_mutex_destroy(&registry->lock);
    arena_finish(&registry->arena);
}

// Documents: bodies into memory, with a limit.

int document_add(const void *bytes, size_t size, void *data, struct err *err) {
    struct document *d = data;
    if (d->text->len + size > d->limit)
        return err_set(err, ERR_UNAVAILABLE, 0, "%s sends a document of more than %zu KiB", d->host,
                       d->limit >> 10);
    str_add_n(d->text, bytes, size);
    return 0;
}

bool status_may_pass(int status) {
    return status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505);
}

// One try

// A URL that the registry or a manifest gave may be somebody else's.
static bool is_ours(const struct registry *registry, struct arena *arena, const struct ask *ask) {
    return ask->path || (!ask->foreign && str_eq(url_host(arena, ask->request.url), registry->host));
}

static void ask_address(struct registry *registry, struct arena *arena, struct ask *ask,
                        unsigned *ret_generation, bool *ret_plain) {
    pthread_mutex_t *lock __attribute__((cleanup(unlockp))) = &registry->lock;
    pthread_mutex_lock(lock);
    bool below = registry->repository && !str_eq(ask->path, ASK_BASE);
    if (ask->path)
        ask->request.url =
            arena_printf(arena, "http%s://%s/v2/%s%s%s", registry->plain ? "" : "s", registry->host,
                         below ? registry->repository : "", below ? "/" : "", ask->path);
    ask->request.authorization =
        is_ours(registry, arena, ask) ? arena_strdup(arena, registry->authorization) : NULL;
    *ret_generation = registry->generation;
    *ret_plain = registry->plain;
}

static bool switch_scheme(struct registry *registry, bool plain) {
    pthread_mutex_t *lock __attribute__((cleanup(unlockp))) = &registry->lock;
    pthread_mutex_lock(lock);
    if (registry->generation) return false;
    registry->plain = plain;
    return true;
}

// The other scheme may be what it speaks: a loopback registry that wants TLS answers with 400, an insecure
// one that has none does not get as far as an answer.
static bool other_scheme(const struct registry *registry, bool plain, int r, int status,
                         const struct err *err) {
    if (plain) return r == 0 && status == 400;
    return r && registry->insecure && (err->code == EPROTO || err->code == ECONNREFUSED);
}

static int ask_scheme(struct registry *registry, struct http *http, struct arena *arena, struct ask *ask,
                      unsigned *ret_generation, struct http_response *ret, bool *ret_again, struct err *err) {
    bool plain, again;
    struct http_response other;
    struct err other_err;
    ask_address(registry, arena, ask, ret_generation, &plain);
    int r = http_exchange(http, arena, &ask->request, ret, ret_again, err);
    bool early = !ask->request.method || str_eq(ask->request.method, "HEAD");
    if (!early || !other_scheme(registry, plain, r, ret->status, err) || !switch_scheme(registry, !plain))
        return r;
    ask_address(registry, arena, ask, ret_generation, &plain);
    if (http_exchange(http, arena, &ask->request, &other, &again, &other_err) == 0) return *ret = other, 0;
    if (other_err.code == EKEYREJECTED) return *err = other_err, -1; // TLS it is, only not to be trusted
    switch_scheme(registry, !plain);
    return r;
}

int ask_once(struct registry *registry, struct http *http, struct arena *arena, struct ask *ask,
             struct http_response *ret, bool *ret_again, struct err *err) {
    unsigned generation;
    for (bool authorized = false;; authorized = true) {
        int r = ask_scheme(registry, http, arena, ask, &generation, ret, ret_again, err);
        if (r == 0) atomic_store(&registry->answered, true);
        if (r || ret->status != 401 || !is_ours(registry, arena, ask)) return r;
        *ret_again = false;
        if (authorized) return ask_denied(registry, ret, err);
        if (ask_authorize(registry, http, arena, ret, generation, ret_again, err)) return -1;
    }
}

static int not_found(const struct registry *registry, const struct ask *ask, const char *message,
                     struct err *err) {
    const char *path = ask->path ? ask->path : ask->foreign ? ask->request.url : "the upload";
    if (str_has_prefix(path, "manifests/"))
        return err_set(err, ERR_NOT_FOUND, 0, "manifest for %s not found%s", registry->name, message);
    if (str_has_prefix(path, "tags/"))
        return err_set(err, ERR_NOT_FOUND, 0, "repository %s not found%s", registry->name, message);
    if (!*path) return err_set(err, ERR_UNAVAILABLE, 0, "%s is no registry (404)", registry->host);
    return err_set(err, ERR_NOT_FOUND, 0, "%s does not have it: %s is not found (404)%s", registry->host,
                   path, message);
}

int ask_refuse(struct arena *arena, const struct registry *registry, const struct ask *ask,
               const struct http_response *r, struct err *err) {
    const char *message = r->message ? arena_printf(arena, ": %s", r->message) : "";
    switch (r->status) {
    case 403: return ask_denied(registry, r, err);
    case 404: return not_found(registry, ask, message, err);
    case 413:
        return err_set(err, ERR_UNAVAILABLE, 0,
                       "%s refuses a body of this size (413): it, or a proxy before it, has a limit (nginx: "
                       "client_max_body_size)%s",
                       registry->host, message);
    case 429:
        return err_set(err, ERR_UNAVAILABLE, 0, "%s takes no more requests from here for now (429)%s",
                       registry->host, message);
    default:
        return err_set(err, ERR_UNAVAILABLE, 0, "%s answers with status %d%s", registry->host, r->status,
                       message);
    }
}

// 0.25 s, 0.5 s, …, with up to a quarter more, so that many don't come back at once.
static void wait_before(int try, unsigned retry_after_s) {
    uint64_t ms = 250ull << (try - 1);
    ms += (uint64_t)random() % (ms / 4 + 1);
    if (ms < retry_after_s * 1000ull) ms = retry_after_s * 1000ull;
    struct timespec wait = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, &wait) == EINTR) {}
}

static int give_up(struct err *err, int try, unsigned retry_after_s) {
    size_t n = strlen(err->text);
    if (retry_after_s > RETRY_AFTER_MAX)
        snprintf(err->text + n, sizeof err->text - n, " (it asks to come back in %u seconds)", retry_after_s);
    else if (try > 1)
        snprintf(err->text + n, sizeof err->text - n, " (tried %d times)", try);
    return -1;
}

// The try failed, as did all since the first: 1 after a wait, when another may help; -1 with their number.
int ask_failed(struct registry *registry, int try, bool again, unsigned retry_after_s, struct err *err) {
    int limit = atomic_load(&registry->answered) ? TRIES_MAX : registry->mirror ? 1 : TRIES_UNKNOWN;
    // What a registry wants to wait for longer than a minute nobody waits for.
    if (!again || try >= limit || retry_after_s > RETRY_AFTER_MAX) return give_up(err, try, retry_after_s);
    wait_before(try, retry_after_s);
    return 1;
}

bool ask_is_fine(const struct ask *ask, int status) {
    for (const int *fine = ask->fine; fine && *fine; fine++)
        if (*fine == status) return true;
    return status == 200 || status == 206;
}

int ask_and_judge(struct registry *registry, struct http *http, struct arena *arena, struct ask *ask, int try,
                  struct http_response *ret, struct err *err) {
    bool again = false;
    *ret = (struct http_response){0};
    if (ask_once(registry, http, arena, ask, ret, &again, err) == 0) {
        if (ask_is_fine(ask, ret->status)) return 0;
        ask_refuse(arena, registry, ask, ret, err);
        again = status_may_pass(ret->status);
    }
    return ask_failed(registry, try, again, ret->retry_after_s, err);
}

int ask_often(struct registry *registry, struct http *http, struct arena *arena, struct ask *ask,
              struct http_response *ret, struct err *err) {
    int r, try = 1;
    while ((r = ask_and_judge(registry, http, arena, ask, try++, ret, err)) > 0) {}
    return r;
}

// The same for a body that goes into memory, from its beginning with each try.
static int ask_document(struct registry *registry, struct http *http, struct arena *arena, struct ask *ask,
                        struct str *ret_text, struct http_response *ret, struct err *err) {
    struct document document = {ret_text, IMAGE_DOCUMENT_MAX, registry->host};
    int r, try = 1;
    ask->request.timeout_s = DOCUMENT_SECONDS;
    ask->request.body = document_add;
    ask->request.data = &document;
    do ret_text->len = 0;
    while ((r = ask_and_judge(registry, http, arena, ask, try++, ret, err)) > 0);
    return r;
}

int registry_login(struct registry *registry, struct http *http, struct arena *arena,
                   const char **ret_identity_token, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    struct ask ask = {.path = ASK_BASE};
    struct http_response response;
    registry->login = true;
    int r = ask_document(registry, http, arena, &ask, &text, &response, err);
    *ret_identity_token = registry->identity_token;
    return r;
}

int registry_manifest(struct registry *registry, struct http *http, struct arena *arena,
                      const char *tag_or_digest, struct str *ret_text, const char **ret_type,
                      const char **ret_digest, struct err *err) {
    struct ask ask = {.path = arena_printf(arena, "manifests/%s", tag_or_digest),
                      .request.accept = MANIFEST_ACCEPT};
    struct http_response response;
    if (ask_document(registry, http, arena, &ask, ret_text, &response, err)) return -1;
    const char *text = str_get(ret_text);
    if (response.html || text[strspn(text, " \t\r\n")] == '<')
        return err_set(err, ERR_UNAVAILABLE, 0, "%s answers with a web page (HTML): it is no registry",
                       registry->host);
    char *digest = arena_alloc(arena, DIGEST_SIZE);
    digest_of(text, ret_text->len, digest);
    const char *promised = digest_valid(tag_or_digest)     ? tag_or_digest
                           : digest_valid(response.digest) ? response.digest
                                                           : digest;
    if (!str_eq(digest, promised))
        return err_set(err, ERR_UNAVAILABLE, 0, "%s sent the wrong manifest for %s: its digest is %s, not %s",
                       registry->host, registry->name, digest, promised);
    *ret_type = response.content_type;
    *ret_digest = digest;
    return 0;
}

// Lists

#define TAGS_PATH "tags/list"

// `</v2/NAME/tags/list?n=…>; rel="next"`: what follows the repository; NULL when there is no such thing.
// which: "tags/list".
static const char *next_page(const struct registry *registry, struct arena *arena, const char *which,
                             const char *link) {
    const char *start = link ? strchr(link, '<') : NULL, *end = start ? strchr(start, '>') : NULL;
    if (!end || !strstr(end, "next")) return NULL;
    char *url = arena_strndup(arena, start + 1, (size_t)(end - start - 1));
    const char *path = strstr(url, arena_printf(arena, "/v2/%s/%s?", registry->repository, which));
    return path ? path + strlen("/v2//") + strlen(registry->repository) : NULL;
}

int registry_tags(struct registry *registry, struct http *http, struct arena *arena, const char **next,
                  struct strings *ret_tags, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    struct ask ask = {.path = *next ? *next : TAGS_PATH "?n=1000", .request.accept = "application/json"};
    struct http_response response;
    if (ask_document(registry, http, arena, &ask, &text, &response, err)) return -1;
    if (!text.len || json_parse(text.data, text.len, &json) || !json_is_object(json))
        return err_set(err, ERR_UNAVAILABLE, 0, "%s does not answer with a list of tags", registry->host);
    const struct json *tags = json_get(json, "tags");
    for (size_t i = 0; i < json_length(tags); i++) {
        const char *tag = json_string(json_at(tags, i));
        if (!tag || !reference_tag_valid(tag))
            return err_set(err, ERR_UNAVAILABLE, 0, "%s lists what is no tag", registry->host);
        strings_add(arena, ret_tags, arena_strdup(arena, tag));
    }
    *next = next_page(registry, arena, TAGS_PATH, response.link);
    return 0;
}

int registry_referrers(struct registry *registry, struct http *http, struct arena *arena, const char *digest,
                       const char **next, struct str *ret_text, struct err *err) {
    static const int unknown[] = {404, 0};
    const char *path = arena_printf(arena, "referrers/%s", digest);
    struct ask ask = {.path = *next ? *next : path, .request.accept = OCI_INDEX_TYPE, .fine = unknown};
    struct http_response response;
    if (ask_document(registry, http, arena, &ask, ret_text, &response, err)) return -1;
    *next = next_page(registry, arena, path, response.link);
    return response.status != 404;
}
