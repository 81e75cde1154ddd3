// SPDX-License-Identifier: Apache-2.0
// Every request goes the same way: with the authorization that worked last; a 401 gets a new one, once; then,
// where another try can help, again after a while that doubles. It is given up after a few failures in a row.
// What a download has already is kept: the next try asks for the rest, and new bytes make up for failures.
#include "registry/client_parts.h"

#include "base/id.h"
#include "base/json.h"
#include "base/str.h"
#include "oci/image_spec.h"
#include "oci/referrers.h"
#include "registry/base64.h"
#include "registry/reference.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIES_UNKNOWN   3 // of a host that has not answered once: it may be a wrong name
#define RETRY_AFTER_MAX 60
#define PIECE_MIN       (64u << 10)
#define TOKEN_MAX       (1u << 20)

#define MANIFEST_ACCEPT                                                                     \
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, " \
    "application/vnd.docker.distribution.manifest.v2+json, "                                \
    "application/vnd.docker.distribution.manifest.list.v2+json"

void registry_init(struct registry *registry, const char *host, const char *repository, const char *name,
                   const struct credentials *credentials) {
    *registry = (struct registry){.host = host,
                                  .repository = repository,
                                  .name = name,
                                  .credentials = *credentials,
                                  .plain = host_is_loopback(host)};
    pthread_mutex_init(&registry->lock, NULL);
}

void registry_init_endpoint(struct registry *registry, const struct endpoint *endpoint, const char *name) {
    registry_init(registry, endpoint->host, endpoint->repository, name, &endpoint->credentials);
    registry->insecure = endpoint->insecure;
    registry->mirror = endpoint->mirror;
}

void registry_finish(struct registry *registry) {
    pthread_mutex_destroy(&registry->lock);
    arena_finish(&registry->arena);
}

static void unlockp(pthread_mutex_t **lock) {
    if (*lock) pthread_mutex_unlock(*lock);
}

// Documents: bodies into memory, with a limit.

struct document {
    struct str *text;
    size_t limit;
    const char *host;
};

static int document_add(const void *bytes, size_t size, void *data, struct err *err) {
    struct document *d = data;
    if (d->text->len + size > d->limit)
        return err_set(err, ERR_UNAVAILABLE, 0, "%s sends a document of more than %zu KiB", d->host,
                       d->limit >> 10);
    str_add_n(d->text, bytes, size);
    return 0;
}

// Authorization

static const char *basic_value(struct arena *arena, const struct credentials *c) {
    const char *text = arena_printf(arena, "%s:%s", c->username, c->password ? c->password : "");
    return arena_printf(arena, "Basic %s", base64_encode(arena, text, strlen(text)));
}

bool is_anonymous(const struct registry *registry) {
    return !registry->credentials.username && !registry->credentials.identity_token;
}

static int denied(const struct registry *registry, const struct http_response *response, struct err *err) {
    bool anonymous = is_anonymous(registry);
    if (!registry->repository)
        return err_set(err, ERR_UNAUTHORIZED, 0, "unauthorized: %s",
                       response->message ? response->message : "authentication required");
    if (registry->push_scope) return push_denied(registry, response, err);
    return err_set(err, ERR_UNAUTHORIZED, 0, "pull access denied for %s: %s%s%s", registry->name,
                   anonymous ? "it does not exist, or it needs credentials in ~/.docker/config.json"
                             : "the registry does not accept the credentials of ~/.docker/config.json for it",
                   response->message ? ": " : "", response->message ? response->message : "");
}

// In a query each scope is a parameter of its own, in a form they are one.
static const char *scope_parameters(struct arena *arena, const char *scope, bool form) {
    if (form) return arena_printf(arena, "&scope=%s", url_escape(arena, scope));
    char *rest = arena_strdup(arena, scope);
    const char *parameters = "";
    for (char *one; (one = strsep(&rest, " "));)
        if (*one) parameters = arena_printf(arena, "%s&scope=%s", parameters, url_escape(arena, one));
    return parameters;
}

// What to ask a token server: a GET with a query and may be basic credentials, or OAuth2's POST (distribution
// specification, "token" and "oauth"), which an identity token needs and some servers have alone.
static void token_request(struct registry *registry, struct arena *arena, const struct challenge *c,
                          bool trusted, bool oauth, struct http_request *ret) {
    const struct credentials *credentials = &registry->credentials;
    const char *scope = registry->push_scope ? registry->push_scope
                        : c->scope           ? c->scope
                        : registry->repository
                            ? arena_printf(arena, "repository:%s:pull", registry->repository)
                            : NULL;
    const char *what = arena_printf(arena, "service=%s%s", url_escape(arena, c->service ? c->service : ""),
                                    scope ? scope_parameters(arena, scope, oauth) : "");
    if (oauth) {
        const char *user = url_escape(arena, credentials->username ? credentials->username : "");
        const char *secret = url_escape(arena, credentials->identity_token ? credentials->identity_token
                                               : credentials->password     ? credentials->password
                                                                           : "");
        const char *how = credentials->identity_token
                              ? arena_printf(arena, "refresh_token&refresh_token=%s", secret)
                              : arena_printf(arena, "password&username=%s&password=%s", user, secret);
        ret->url = c->realm;
        ret->authorization = NULL;
        ret->form = arena_printf(arena, "client_id=hoy&%s%s&grant_type=%s", what,
                                 registry->login ? "&access_type=offline" : "", how);
        return;
    }
    ret->url = arena_printf(arena, "%s%c%s%s", c->realm, strchr(c->realm, '?') ? '&' : '?', what,
                            registry->login ? "&client_id=hoy&offline_token=true" : "");
    if (!trusted || !credentials->username) return;
    ret->url = arena_printf(arena, "%s&account=%s", ret->url, url_escape(arena, credentials->username));
    ret->authorization = basic_value(arena, credentials);
}

static int realm_refused(const struct registry *registry, const struct challenge *c, struct err *err) {
    return err_set(err, ERR_UNAUTHORIZED, 0,
                   "%s wants credentials sent to %.200s, which is another site or without TLS: refused",
                   registry->host, c->realm);
}

static int token_parse(struct registry *registry, struct arena *arena, const struct str *text,
                       const char **ret_token) {
    _cleanup_(json_freep) struct json *json = NULL;
    if (!text->len || json_parse(text->data, text->len, &json)) return -EINVAL;
    const char *token = json_get_string(json, "token");
    if (str_empty(token)) token = json_get_string(json, "access_token");
    if (str_empty(token) || strpbrk(token, "\r\n")) return -EINVAL;
    *ret_token = arena_strdup(arena, token);
    const char *refresh = json_get_string(json, "refresh_token");
    if (registry->login && !str_empty(refresh))
        registry->identity_token = arena_strdup(&registry->arena, refresh);
    return 0;
}

// May the token server be asked at all, and (*ret_trusted) with credentials?
static bool realm_allowed(const struct registry *registry, struct arena *arena, const struct challenge *c,
                          bool *ret_trusted) {
    const char *host = url_host(arena, c->realm);
    bool anonymous = is_anonymous(registry);
    bool insecure = host && registry->insecure && host_same_name(host, registry->host);
    *ret_trusted = insecure || realm_trusted(registry->host, c->realm);
    if (!host || (!str_has_prefix(c->realm, "https://") && !host_is_loopback(host) && !insecure))
        return false;
    if (host_is_loopback(host) && !host_is_loopback(registry->host)) return false;
    return *ret_trusted || anonymous;
}

static bool status_may_pass(int status) {
    return status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505);
}

// *ret_again, *ret_retry_after_s: after a failure, whether and when another try may help.
static int token_fetch(struct registry *registry, struct http *http, struct arena *arena,
                       const struct challenge *c, const char **ret_token, bool *ret_again,
                       unsigned *ret_retry_after_s, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    struct document document = {&text, TOKEN_MAX, c->realm};
    struct http_request request = {
        .accept = "application/json", .timeout_s = DOCUMENT_SECONDS, .body = document_add, .data = &document};
    struct http_response response;
    const struct credentials *credentials = &registry->credentials;
    bool trusted, oauth;
    if (!realm_allowed(registry, arena, c, &trusted)) return realm_refused(registry, c, err);
    oauth = trusted && credentials->identity_token;
    token_request(registry, arena, c, trusted, oauth, &request);
    if (http_exchange(http, arena, &request, &response, ret_again, err)) return -1;
    if ((response.status == 404 || response.status == 405) && trusted && !oauth && credentials->username) {
        token_request(registry, arena, c, trusted, true, &request);
        if (http_exchange(http, arena, &request, &response, ret_again, err)) return -1;
    }
    if (response.status == 400 || response.status == 401 || response.status == 403)
        return denied(registry, &response, err);
    *ret_again = status_may_pass(response.status);
    *ret_retry_after_s = response.retry_after_s;
    if (response.status != 200)
        return err_set(err, ERR_UNAVAILABLE, 0, "the token server %s answers with status %d",
                       url_host(arena, c->realm), response.status);
    if (token_parse(registry, arena, &text, ret_token))
        return err_set(err, ERR_UNAVAILABLE, 0, "the token server %s does not answer with a token",
                       url_host(arena, c->realm));
    return 0;
}

// Answers a 401. generation: of the authorization that was refused; another thread may have a new one
// already.
static int authorize(struct registry *registry, struct http *http, struct arena *arena,
                     struct http_response *response, unsigned generation, bool *ret_again, struct err *err) {
    pthread_mutex_t *lock __attribute__((cleanup(unlockp))) = &registry->lock;
    pthread_mutex_lock(lock);
    if (registry->generation != generation) return 0;
    const struct challenge *c = &response->challenge;
    const char *token = NULL;
    if (c->scheme == CHALLENGE_BEARER) {
        if (token_fetch(registry, http, arena, c, &token, ret_again, &response->retry_after_s, err))
            return -1;
        registry->authorization = arena_printf(&registry->arena, "Bearer %s", token);
    } else if (c->scheme == CHALLENGE_BASIC && registry->credentials.username && !registry->authorization) {
        registry->authorization = basic_value(&registry->arena, &registry->credentials);
    } else {
        return denied(registry, response, err);
    }
    registry->generation++;
    return 0;
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

static int ask_once(struct registry *registry, struct http *http, struct arena *arena, struct ask *ask,
                    struct http_response *ret, bool *ret_again, struct err *err) {
    unsigned generation;
    for (bool authorized = false;; authorized = true) {
        int r = ask_scheme(registry, http, arena, ask, &generation, ret, ret_again, err);
        if (r == 0) atomic_store(&registry->answered, true);
        if (r || ret->status != 401 || !is_ours(registry, arena, ask)) return r;
        *ret_again = false;
        if (authorized) return denied(registry, ret, err);
        if (authorize(registry, http, arena, ret, generation, ret_again, err)) return -1;
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

static int refuse_status(struct arena *arena, const struct registry *registry, const struct ask *ask,
                         const struct http_response *r, struct err *err) {
    const char *message = r->message ? arena_printf(arena, ": %s", r->message) : "";
    switch (r->status) {
    case 403: return denied(registry, r, err);
    case 404: return not_found(registry, ask, message, err);
    case 429:
        return err_set(err, ERR_UNAVAILABLE, 0, "%s takes no more requests from here for now (429)%s",
                       registry->host, message);
    default:
        if (r->html)
            return err_set(err, ERR_UNAVAILABLE, 0,
                           "%s answers with a web page (status %d): it is no registry", registry->host,
                           r->status);
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
static int failed(struct registry *registry, int try, bool again, unsigned retry_after_s, struct err *err) {
    int limit = atomic_load(&registry->answered) ? TRIES_MAX : registry->mirror ? 1 : TRIES_UNKNOWN;
    // What a registry wants to wait for longer than a minute nobody waits for.
    if (!again || try >= limit || retry_after_s > RETRY_AFTER_MAX) return give_up(err, try, retry_after_s);
    wait_before(try, retry_after_s);
    return 1;
}

static bool is_fine(const struct ask *ask, int status) {
    for (const int *fine = ask->fine; fine && *fine; fine++)
        if (*fine == status) return true;
    return status == 200 || status == 206;
}

int ask_and_judge(struct registry *registry, struct http *http, struct arena *arena, struct ask *ask, int try,
                  struct http_response *ret, struct err *err) {
    bool again = false;
    *ret = (struct http_response){0};
    if (ask_once(registry, http, arena, ask, ret, &again, err) == 0) {
        if (is_fine(ask, ret->status)) return 0;
        refuse_status(arena, registry, ask, ret, err);
        again = status_may_pass(ret->status);
    }
    return failed(registry, try, again, ret->retry_after_s, err);
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

// Blobs

struct download {
    struct registry *registry;
    const struct registry_sink *sink;
    uint64_t received, end, size; // so far; that are wanted; of the whole
    bool final;                   // the error is ours or can't be helped: no other try
};

static int download_add(const void *bytes, size_t size, void *data, struct err *err) {
    struct download *d = data;
    if (size > d->end - d->received) {
        d->final = true;
        return err_set(err, ERR_UNAVAILABLE, 0,
                       "%s sends more than the %llu bytes that the manifest gives it", d->registry->host,
                       (unsigned long long)d->size);
    }
    d->received += size;
    d->final = d->sink->body(bytes, size, d->sink->data, err);
    return d->final ? -1 : 0;
}

static int blob_too_short(const struct download *d, const struct http_response *response, struct err *err) {
    if (response->html)
        return err_set(err, ERR_UNAVAILABLE, 0, "%s answers with a web page (HTML)", d->registry->host);
    return err_set(err, ERR_UNAVAILABLE, 0, "%s sends only %llu of the %llu bytes that the manifest gives it",
                   d->registry->host, (unsigned long long)d->received, (unsigned long long)d->size);
}

// One request for the rest. 0: all is there; 1: not, and *ret_again: may another help?; -1: none will.
static int blob_once(struct download *d, struct http *http, struct arena *arena, struct ask *ask,
                     struct http_response *ret, bool *ret_again, struct err *err) {
    ask->request.offset = d->received;
    *ret = (struct http_response){0};
    *ret_again = false;
    int r = ask_once(d->registry, http, arena, ask, ret, ret_again, err);
    if (d->final) return -1;
    if (r) return 1;
    if (ret->status != 200 && ret->status != 206) {
        if (ask->request.offset && ret->status == 416) return blob_too_short(d, ret, err);
        refuse_status(arena, d->registry, ask, ret, err);
        *ret_again = status_may_pass(ret->status);
        return 1;
    }
    if (d->received == d->end) return 0;
    blob_too_short(d, ret, err);
    *ret_again = !ret->html;
    return 1;
}

// … and when it failed, the wait before the next.
static int blob_try(struct download *d, struct http *http, struct arena *arena, struct ask *ask, int *try,
                    struct err *err) {
    struct http_response response;
    uint64_t before = d->received;
    bool again;
    int r = blob_once(d, http, arena, ask, &response, &again, err);
    if (r <= 0) return r;
    if (d->received - before >= PIECE_MIN) *try = 1; // it goes on, only not in one piece
    return failed(d->registry, *try, again, response.retry_after_s, err);
}

static int blob_all(struct registry *registry, struct http *http, struct arena *arena, struct ask *ask,
                    uint64_t size, const struct registry_sink *sink, struct err *err) {
    struct download d = {registry, sink, .received = sink->have, .end = size, .size = size};
    ask->request.body = download_add;
    ask->request.data = &d;
    ask->request.size = size;
    int r = d.received < size || !size;
    for (int try = 1; r > 0; try++) r = blob_try(&d, http, arena, ask, &try, err);
    ask->request.data = NULL;
    return r;
}

int registry_blob_part(struct registry *registry, struct http *http, const struct descriptor *blob,
                       uint64_t end, const struct registry_sink *sink, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct download d = {registry, sink, .received = sink->have, .end = end, .size = blob->size};
    struct ask ask = {.path = arena_printf(&arena, "blobs/%s", blob->digest),
                      .request = {.body = download_add, .data = &d, .size = blob->size, .end = end}};
    struct http_response response;
    bool again;
    for (;;) {
        uint64_t before = d.received;
        int r = blob_once(&d, http, &arena, &ask, &response, &again, err);
        if (r == 0) return 0;
        bool answered = response.status && !is_fine(&ask, response.status);
        if ((answered || !again) && err->code != ECANCELED) atomic_store(&registry->whole_only, true);
        if (answered || !again || d.received - before < PIECE_MIN) return -1;
    }
}

int registry_blob(struct registry *registry, struct http *http, const char *digest, uint64_t size,
                  const struct registry_sink *sink, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct ask ask = {.path = arena_printf(&arena, "blobs/%s", digest)};
    return blob_all(registry, http, &arena, &ask, size, sink, err);
}

int registry_foreign_blob(struct registry *registry, struct http *http, const char *url, uint64_t size,
                          const struct registry_sink *sink, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct ask ask = {.request = {.url = url}, .foreign = true};
    const char *host = url_host(&arena, url);
    if (!host || (host_is_loopback(host) && !host_is_loopback(registry->host)))
        return err_set(err, ERR_NOT_FOUND, 0, "the manifest sends us to %.200s for it: refused", url);
    return blob_all(registry, http, &arena, &ask, size, sink, err);
}

// Lists

#define TAGS_PATH "tags/list"
#define TAG_MAX   128

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
        if (!tag || strlen(tag) > TAG_MAX)
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
    struct ask ask = {.path = *next ? *next : path, .request.accept = REFERRERS_TYPE, .fine = unknown};
    struct http_response response;
    if (ask_document(registry, http, arena, &ask, ret_text, &response, err)) return -1;
    *next = next_page(registry, arena, path, response.link);
    return response.status != 404;
}
