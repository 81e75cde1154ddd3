// SPDX-License-Identifier: Apache-2.0
// The answer to a 401: basic credentials, or a token of the server that the registry names, which is told
// credentials only when it may have them.
#include "registry/client_parts.h"

#include "base/json.h"
#include "registry/base64.h"
#include "registry/reference.h"

#include <errno.h>
#include <string.h>

#define TOKEN_MAX (1u << 20)

static const char *basic_value(struct arena *arena, const struct credentials *c) {
    const char *text = arena_printf(arena, "%s:%s", c->username, c->password ? c->password : "");
    return arena_printf(arena, "Basic %s", base64_encode(arena, text, strlen(text)));
}

static bool is_anonymous(const struct registry *registry) {
    return !registry->credentials.username && !registry->credentials.identity_token;
}

static int push_denied(const struct registry *registry, const struct http_response *response,
                       struct err *err) {
    bool anonymous = is_anonymous(registry);
    bool hub = str_has_suffix(registry->host, ".docker.io");
    return err_set(err, ERR_UNAUTHORIZED, 0, "push access denied for %s: %s: %s 'hoy login%s%s'",
                   registry->name,
                   response->message ? response->message
                   : anonymous       ? "it needs credentials"
                                     : "the registry does not accept the credentials",
                   anonymous ? "log in with" : "log in as somebody who may with", hub ? "" : " ",
                   hub ? "" : registry->host);
}

int ask_denied(const struct registry *registry, const struct http_response *response, struct err *err) {
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
        return ask_denied(registry, &response, err);
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

// A challenge that can't be answered, whoever asks.
static int unanswerable(const struct registry *registry, const struct challenge *c, struct err *err) {
    if (c->scheme == CHALLENGE_BEARER)
        return err_set(err, ERR_UNAVAILABLE, 0,
                       "%s wants a token, and does not say who gives it (WWW-Authenticate without a realm)",
                       registry->host);
    return err_set(
        err, ERR_UNAVAILABLE, 0,
        "%s wants the authentication scheme %.40s, which hoy does not speak: it knows Basic and Bearer",
        registry->host, c->name);
}

// Answers a 401. generation: of the authorization that was refused; another thread may have a new one
// already.
int ask_authorize(struct registry *registry, struct http *http, struct arena *arena,
                  struct http_response *response, unsigned generation, bool *ret_again, struct err *err) {
    pthread_mutex_t *lock __attribute__((cleanup(unlockp))) = &registry->lock;
    pthread_mutex_lock(lock);
    if (registry->generation != generation) return 0;
    const struct challenge *c = &response->challenge;
    const char *token = NULL;
    if (c->name && (c->scheme == CHALLENGE_NONE || (c->scheme == CHALLENGE_BEARER && str_empty(c->realm))))
        return unanswerable(registry, c, err);
    if (c->scheme == CHALLENGE_BEARER) {
        if (token_fetch(registry, http, arena, c, &token, ret_again, &response->retry_after_s, err))
            return -1;
        registry->authorization = arena_printf(&registry->arena, "Bearer %s", token);
    } else if (c->scheme == CHALLENGE_BASIC && registry->credentials.username && !registry->authorization) {
        registry->authorization = basic_value(&registry->arena, &registry->credentials);
    } else {
        return ask_denied(registry, response, err);
    }
    registry->generation++;
    return 0;
}
