// SPDX-License-Identifier: Apache-2.0
// libcurl is told to follow no redirect: each hop is judged here, since what may follow (a host, a scheme,
// credentials) is policy. A body reaches the caller only for a status that means success; of every other
// answer the first 64 KiB are kept for the registry's own words about it.
#include "registry/http.h"

#include "base/json.h"
#include "base/str.h"
#include "registry/client_cert.h"
#include "registry/reference.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define REDIRECTS_MAX   10
#define HEADERS_MAX     (64u << 10)
#define ERROR_BODY_MAX  (64u << 10)
#define CONNECT_SECONDS 15L
#define SLOW_BYTES      1000L
#define RECEIVE_BUFFER  (512L << 10)
#define SEND_BUFFER     (512L << 10)

struct http {
    CURL *curl;
    struct http_options options;
    char words[CURL_ERROR_SIZE];
};

// One hop: a request to one URL.
struct hop {
    struct http *http;
    struct arena *arena;
    const struct http_request *request;
    struct http_response response;
    const char *url, *host;
    const char *proxy;            // its URL, or NULL; NO_PROXY may pass it by
    const struct endpoint *known; // what there is to know about the host, or NULL
    bool exact;                   // … and its port
    struct err *err;
    bool refused; // *err says why it was ended from here
    size_t header_bytes;
    uint64_t to_skip; // of a body that starts before the offset
    bool started, has_range;
    uint64_t range_start;
    struct str error_body;
};

int http_new(const struct http_options *options, struct http **ret_http, struct err *err) {
    struct http *http = xmalloc(sizeof *http);
    *http = (struct http){.curl = curl_easy_init(), .options = *options};
    if (!http->curl) {
        free(http);
        return err_set(err, ERR_SYSTEM, ENOMEM, "can't start an HTTP client");
    }
    *ret_http = http;
    return 0;
}

void http_freep(struct http **http) {
    if (!*http) return;
    curl_easy_cleanup((*http)->curl);
    free(*http);
    *http = NULL;
}

const char *url_escape(struct arena *arena, const char *text) {
    struct str escaped = {0};
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
                     strchr("-_.~", *p);
        plain ? str_add_char(&escaped, (char)*p) : str_printf(&escaped, "%%%02X", *p);
    }
    const char *result = arena_strdup(arena, str_get(&escaped));
    str_finish(&escaped);
    return result;
}

static void url_cleanup(CURLU **url) {
    curl_url_cleanup(*url);
}

const char *url_resolve(struct arena *arena, const char *base, const char *location) {
    _cleanup_(url_cleanup) CURLU *url = curl_url();
    char *text = NULL;
    if (!location || !url || curl_url_set(url, CURLUPART_URL, base, 0) ||
        curl_url_set(url, CURLUPART_URL, location, 0) || curl_url_get(url, CURLUPART_URL, &text, 0))
        return NULL;
    const char *result = arena_strdup(arena, text);
    curl_free(text);
    return result;
}

// Headers

static bool is_header(const char *name, const char *line, size_t size, struct arena *arena,
                      const char **ret_value) {
    size_t n = strlen(name);
    if (size <= n || strncasecmp(line, name, n) != 0 || line[n] != ':') return false;
    const char *value = line + n + 1, *end = line + size;
    while (value < end && (*value == ' ' || *value == '\t')) value++;
    while (end > value && strchr("\r\n \t", end[-1])) end--;
    *ret_value = arena_strndup(arena, value, (size_t)(end - value));
    return true;
}

// Seconds, or a date (RFC 9110, 10.2.3); what is too far away for a number is as far as that goes.
static unsigned retry_after(const char *value) {
    uint32_t seconds;
    if (parse_u32(value, &seconds) == 0) return seconds;
    if (*value && !value[strspn(value, "0123456789")]) return UINT32_MAX;
    time_t when = curl_getdate(value, NULL), now = time(NULL);
    return when <= now ? 0 : when - now < UINT32_MAX ? (unsigned)(when - now) : UINT32_MAX;
}

// "bytes 100-199/200"; the whole may be "*".
static void range_read(struct hop *hop, const char *value) {
    const char *start = str_after(value, "bytes "), *slash = start ? strchr(start, '/') : NULL;
    uint64_t total = hop->request->size;
    if (!slash || parse_u64(arena_strndup(hop->arena, start, strcspn(start, "-")), &hop->range_start)) return;
    hop->has_range = str_eq(slash + 1, "*") || (parse_u64(slash + 1, &total) == 0 &&
                                                (!hop->request->size || total == hop->request->size));
}

static void header_read(struct hop *hop, const char *line, size_t size) {
    struct http_response *r = &hop->response;
    const char *value;
    if (is_header("content-type", line, size, hop->arena, &value)) r->content_type = value;
    if (is_header("docker-content-digest", line, size, hop->arena, &value)) r->digest = value;
    if (is_header("link", line, size, hop->arena, &value)) r->link = value;
    if (is_header("www-authenticate", line, size, hop->arena, &value))
        challenge_parse(hop->arena, value, &r->challenge);
    if (is_header("location", line, size, hop->arena, &value)) r->location = value;
    if (is_header("oci-subject", line, size, hop->arena, &value)) r->subject = value;
    if (is_header("range", line, size, hop->arena, &value)) r->range = value;
    if (is_header("oci-chunk-min-length", line, size, hop->arena, &value)) parse_u64(value, &r->chunk_min);
    if (is_header("retry-after", line, size, hop->arena, &value)) r->retry_after_s = retry_after(value);
    if (is_header("content-range", line, size, hop->arena, &value)) range_read(hop, value);
}

static size_t on_header(char *line, size_t one, size_t size, void *data) {
    struct hop *hop = data;
    (void)one;
    hop->header_bytes += size;
    if (hop->header_bytes > HEADERS_MAX) {
        err_set(hop->err, ERR_UNAVAILABLE, 0, "%s sends more than 64 KiB of headers", hop->host);
        hop->refused = true;
        return 0;
    }
    if (size > 5 && memcmp(line, "HTTP/", 5) == 0) { // of a new answer: after "100 Continue", or a proxy's
        hop->response = (struct http_response){0};
        hop->has_range = false;
    }
    header_read(hop, line, size);
    return size;
}

// Bodies

static bool is_success(int status) {
    return status == 200 || status == 206;
}

// At the first bytes of a body: from where on is it?
static int body_begin(struct hop *hop) {
    uint64_t offset = hop->request->offset;
    long status = 0;
    hop->started = true;
    curl_easy_getinfo(hop->http->curl, CURLINFO_RESPONSE_CODE, &status);
    hop->response.status = (int)status;
    if (status == 200) hop->to_skip = offset;
    if (status == 200 && hop->request->end) {
        hop->refused = true;
        return err_set(hop->err, ERR_UNAVAILABLE, 0, "%s gives no parts of a file", hop->host);
    }
    if (status == 206 && (!hop->has_range || hop->range_start != offset)) {
        hop->refused = true;
        return err_set(hop->err, ERR_UNAVAILABLE, 0, "%s sends another part of the file than was asked for",
                       hop->host);
    }
    return 0;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *data) {
    struct hop *hop = data;
    (void)one;
    if (!hop->started && body_begin(hop)) return 0;
    if (!is_success(hop->response.status)) {
        size_t room = ERROR_BODY_MAX - hop->error_body.len;
        str_add_n(&hop->error_body, bytes, size < room ? size : room);
        return size;
    }
    size_t skip = hop->to_skip < size ? (size_t)hop->to_skip : size;
    hop->to_skip -= skip;
    if (skip == size || !hop->request->body) return size;
    if (hop->request->body(bytes + skip, size - skip, hop->request->data, hop->err)) {
        hop->refused = true;
        return 0;
    }
    return size;
}

// Bodies to send

static size_t on_send(char *buffer, size_t one, size_t size, void *data) {
    struct hop *hop = data;
    const struct http_upload *upload = hop->request->upload;
    size_t n = 0;
    (void)one;
    if (!upload->read(buffer, size, &n, upload->data, hop->err)) return n;
    hop->refused = true;
    return CURL_READFUNC_ABORT;
}

static int on_rewind(void *data, curl_off_t offset, int origin) {
    struct hop *hop = data;
    const struct http_upload *upload = hop->request->upload;
    if (offset || origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
    if (!upload->begin(upload->data, hop->err)) return CURL_SEEKFUNC_OK;
    hop->refused = true;
    return CURL_SEEKFUNC_FAIL;
}

static int on_progress(void *data, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    const struct hop *hop = data;
    (void)a, (void)b, (void)c, (void)d;
    return hop->http->options.cancelled && atomic_load(hop->http->options.cancelled);
}

static bool is_html(const struct hop *hop) {
    const char *type = hop->response.content_type;
    if (type) return strncasecmp(type, "text/html", 9) == 0;
    const char *body = str_get(&hop->error_body);
    return body[strspn(body, " \t\r\n")] == '<';
}

// {"errors":[{"code":"DENIED","message":"…"}]}, or a token server's {"details":"…"}.
static const char *message_of(struct hop *hop) {
    _cleanup_(json_freep) struct json *json = NULL;
    if (!hop->error_body.len || json_parse(hop->error_body.data, hop->error_body.len, &json)) return NULL;
    const struct json *first = json_at(json_get(json, "errors"), 0);
    const char *text = json_get_string(first, "message");
    if (str_empty(text)) text = json_get_string(first, "code");
    if (str_empty(text)) text = json_get_string(json, "details");
    if (str_empty(text)) return NULL;
    return str_make_line(arena_strndup(hop->arena, text, strlen(text) < 200 ? strlen(text) : 200));
}

// Hosts

static size_t name_length(const char *host) {
    return *host == '[' ? strcspn(host, "]") : strcspn(host, ":");
}

bool host_same_name(const char *a, const char *b) {
    return name_length(a) == name_length(b) && strncasecmp(a, b, name_length(a)) == 0;
}

// The endpoint at this host, or at least at another port of it: of that only the trust holds, not its key.
static const struct endpoint *known_host(const struct http *http, const char *host, bool *ret_exact) {
    const struct endpoints *known = http->options.known;
    const struct endpoint *near = NULL;
    *ret_exact = false;
    for (size_t i = 0; known && i < known->count; i++) {
        const struct endpoint *e = &known->items[i];
        if (strcasecmp(e->host, host) == 0) return *ret_exact = true, e;
        if (!near && host_same_name(e->host, host)) near = e;
    }
    return near;
}

static bool may_be_plain(const struct http *http, const char *host) {
    bool exact;
    const struct endpoint *known = known_host(http, host, &exact);
    return host_is_loopback(host) || (known && known->insecure);
}

// Failures in words.

static const struct failure {
    CURLcode code;
    bool again;        // may another try help?
    const char *words; // %s: the host
} failures[] = {
    {CURLE_COULDNT_RESOLVE_HOST, true, "can't find the address of %s"},
    {CURLE_COULDNT_CONNECT, true, "can't connect to %s"},
    {CURLE_OPERATION_TIMEDOUT, true, "%s does not answer, or too slowly"},
    {CURLE_PARTIAL_FILE, true, "%s closed the connection before all of the answer was there"},
    {CURLE_GOT_NOTHING, true, "%s closed the connection without an answer"},
    {CURLE_RECV_ERROR, true, "the connection to %s broke"},
    {CURLE_SEND_ERROR, true, "the connection to %s broke"},
    {CURLE_PEER_FAILED_VERIFICATION, false, "the TLS certificate of %s can't be trusted"},
    {CURLE_SSL_CACERT_BADFILE, false, "can't read the trusted certificates to check %s with"},
    {CURLE_SSL_CERTPROBLEM, false, "can't use the client's certificates for %s in certs.d"},
    {CURLE_SSL_CONNECT_ERROR, true, "no TLS connection with %s"},
    {CURLE_WEIRD_SERVER_REPLY, false, "%s does not speak HTTP"},
    {CURLE_UNSUPPORTED_PROTOCOL, false, "%s does not speak HTTP as a registry does"},
    {CURLE_URL_MALFORMAT, false, "%s is no address of a registry"},
    {CURLE_ABORTED_BY_CALLBACK, false, "the exchange with %s was called off"},
};

static unsigned stall_seconds(const struct hop *hop) {
    return hop->request->stall_s ? hop->request->stall_s : hop->http->options.stall_s;
}

// Without the credentials in it.
static const char *proxy_words(struct hop *hop) {
    const char *end = strstr(hop->proxy, "://"), *host = end ? end + 3 : hop->proxy;
    const char *at = strrchr(host, '@');
    return arena_printf(hop->arena, "%.*s%.200s", (int)(host - hop->proxy), hop->proxy, at ? at + 1 : host);
}

// What libcurl says tells whether it was the proxy that could not be reached. 1; 0 when it was not.
static int proxy_explain(struct hop *hop, CURLcode code, long os, bool *ret_again) {
    const char *to = str_after(hop->http->words, "Failed to connect to ");
    if (!hop->proxy) return 0;
    if (str_has_prefix(hop->http->words, "Unsupported proxy")) {
        *ret_again = false;
        err_set(
            hop->err, ERR_UNAVAILABLE, 0,
            "can't use the proxy %s on the way to %s: it is no http://HOST:PORT (or https, socks4, socks5)",
            proxy_words(hop), hop->host);
        return 1;
    }
    if (code == CURLE_COULDNT_RESOLVE_PROXY)
        err_set(hop->err, ERR_UNAVAILABLE, 0, "can't find the address of the proxy %s on the way to %s",
                proxy_words(hop), hop->host);
    else if (to && strncasecmp(to, hop->host, name_length(hop->host)) != 0)
        err_set(hop->err, ERR_UNAVAILABLE, 0, "can't connect to the proxy %s on the way to %s%s%s",
                proxy_words(hop), hop->host, os ? ": " : "", os ? strerror((int)os) : "");
    else
        return 0;
    *ret_again = true;
    return 1;
}

// libcurl ended it: less than SLOW_BYTES a second, for so long.
static int stall_explain(struct hop *hop) {
    unsigned seconds = stall_seconds(hop);
    bool silent = !hop->header_bytes && !hop->request->upload;
    return err_set(hop->err, ERR_UNAVAILABLE, ETIMEDOUT,
                   silent ? "%s does not answer: nothing came for %u second%s"
                          : "%s stalls: less than a kilobyte a second for %u second%s",
                   hop->host, seconds, seconds == 1 ? "" : "s");
}

static int failure_explain(struct hop *hop, CURLcode code, bool *ret_again) {
    static const struct failure other = {CURLE_OK, true, "the exchange with %s failed"};
    const struct failure *f = &other;
    for (size_t i = 0; i < ARRAY_SIZE(failures); i++)
        if (failures[i].code == code) f = &failures[i];
    *ret_again = f->again;
    long os = 0;
    curl_easy_getinfo(hop->http->curl, CURLINFO_OS_ERRNO, &os);
    if (proxy_explain(hop, code, os, ret_again)) return -1;
    char words[256];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(words, sizeof words, f->words, hop->host);
#pragma GCC diagnostic pop
    if (code == CURLE_COULDNT_CONNECT && os)
        return err_set(hop->err, ERR_UNAVAILABLE, (int)os, "%s: %s", words, strerror((int)os));
    if (str_has_prefix(hop->http->words, "Operation too slow")) return stall_explain(hop);
    if (code == CURLE_ABORTED_BY_CALLBACK) return err_set(hop->err, ERR_UNAVAILABLE, ECANCELED, "%s", words);
    bool rejected = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CERTPROBLEM;
    int number = rejected ? EKEYREJECTED : code == CURLE_SSL_CONNECT_ERROR ? EPROTO : 0;
    const char *detail = *hop->http->words ? hop->http->words : curl_easy_strerror(code);
    return err_set(hop->err, ERR_UNAVAILABLE, number, "%s: %.200s", words, detail);
}

// One hop

static struct curl_slist *add_header(struct curl_slist *list, struct arena *arena, const char *name,
                                     const char *value) {
    return value ? curl_slist_append(list, arena_printf(arena, "%s: %s", name, value)) : list;
}

static void list_freep(struct curl_slist **list) {
    curl_slist_free_all(*list);
}

static void set_blob(CURL *c, CURLoption option, const char *text) {
    struct curl_blob blob = {(void *)text, text ? strlen(text) : 0, CURL_BLOB_NOCOPY};
    if (text) curl_easy_setopt(c, option, &blob);
}

static void hop_identify(struct hop *hop) {
    CURL *c = hop->http->curl;
    const struct client_pairs *pairs = &hop->known->pairs;
    if (pairs->count == 1) {
        set_blob(c, CURLOPT_SSLCERT_BLOB, pairs->items[0].cert);
        set_blob(c, CURLOPT_SSLKEY_BLOB, pairs->items[0].key);
    }
    if (pairs->count < 2) return;
    curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, client_cert_install);
    curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, pairs);
}

// Authorities of certs.d are trusted beside the system's: those are looked up by CAPATH.
static void hop_trust(struct hop *hop) {
    CURL *c = hop->http->curl;
    if (getenv("SSL_CERT_FILE")) curl_easy_setopt(c, CURLOPT_CAINFO, getenv("SSL_CERT_FILE"));
    if (getenv("SSL_CERT_DIR")) curl_easy_setopt(c, CURLOPT_CAPATH, getenv("SSL_CERT_DIR"));
    if (!hop->known) return;
    set_blob(c, CURLOPT_CAINFO_BLOB, hop->known->ca);
    if (hop->exact) hop_identify(hop);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, (long)!hop->known->insecure);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, hop->known->insecure ? 0L : 2L);
}

// libcurl leaves HTTP_PROXY out, since in a CGI program a client could set it. Docker takes it.
static const char *environment_proxy(bool plain) {
    static const char *const names[][4] = {{"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"},
                                           {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}};
    for (size_t i = 0; i < ARRAY_SIZE(names[plain]); i++)
        if (!str_empty(getenv(names[plain][i]))) return getenv(names[plain][i]);
    return NULL;
}

static void hop_proxy(struct hop *hop) {
    const struct endpoints *known = hop->http->options.known;
    const struct proxies set = known && known->count ? known->items[0].proxies : (struct proxies){0};
    bool plain = str_has_prefix(hop->url, "http://");
    CURL *c = hop->http->curl;
    if (host_is_loopback(hop->host)) {
        curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
        return;
    }
    if (set.none) curl_easy_setopt(c, CURLOPT_NOPROXY, set.none);
    hop->proxy = plain ? set.http : set.https;
    if (!hop->proxy) hop->proxy = environment_proxy(plain);
    if (hop->proxy) curl_easy_setopt(c, CURLOPT_PROXY, hop->proxy);
}

static void hop_options(struct hop *hop) {
    CURL *c = hop->http->curl;
    curl_easy_reset(c);
    hop->http->words[0] = 0;
    curl_easy_setopt(c, CURLOPT_URL, hop->url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, may_be_plain(hop->http, hop->host) ? "http,https" : "https");
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, hop->http->words);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "hoy/" HOY_VERSION);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)stall_seconds(hop));
    curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)hop->request->timeout_s);
    curl_easy_setopt(c, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, hop);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, hop);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, hop);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    hop_proxy(hop);
    hop_trust(hop);
}

// Without a body an empty one is said, which POST, PATCH and PUT want.
static void hop_method(struct hop *hop) {
    CURL *c = hop->http->curl;
    const struct http_request *request = hop->request;
    if (str_eq(request->method, "HEAD")) {
        curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
        return;
    }
    if (request->upload) {
        curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BUFFER);
        curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->upload->size);
        curl_easy_setopt(c, CURLOPT_READFUNCTION, on_send);
        curl_easy_setopt(c, CURLOPT_READDATA, hop);
        curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_rewind);
        curl_easy_setopt(c, CURLOPT_SEEKDATA, hop);
    } else {
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, "");
    }
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, request->method);
}

// Nobody is asked whether a body is welcome ("Expect"): servers that don't know the question cost a second.
static struct curl_slist *hop_method_headers(const struct hop *hop, struct curl_slist *headers) {
    const struct http_upload *upload = hop->request->upload;
    headers = curl_slist_append(headers, "Expect:");
    if (!upload || !upload->content_type) return curl_slist_append(headers, "Content-Type:");
    headers = add_header(headers, hop->arena, "Content-Type", upload->content_type);
    return add_header(headers, hop->arena, "Content-Range", upload->content_range);
}

static const char *range_value(const struct hop *hop) {
    unsigned long long first = hop->request->offset, end = hop->request->end;
    return end ? arena_printf(hop->arena, "bytes=%llu-%llu", first, end - 1)
               : arena_printf(hop->arena, "bytes=%llu-", first);
}

static int hop_perform(struct hop *hop, bool with_credentials, const char **ret_next, bool *ret_again) {
    const struct http_request *request = hop->request;
    _cleanup_(list_freep) struct curl_slist *headers = NULL;
    headers = add_header(headers, hop->arena, "Accept", request->accept);
    if (with_credentials) headers = add_header(headers, hop->arena, "Authorization", request->authorization);
    if ((request->offset && !request->whole) || request->end)
        headers = add_header(headers, hop->arena, "Range", range_value(hop));
    if (request->method) headers = hop_method_headers(hop, headers);
    hop_options(hop);
    if (request->method) hop_method(hop);
    if (request->upload && request->upload->begin(request->upload->data, hop->err)) return -1;
    CURL *c = hop->http->curl;
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    if (request->form && with_credentials) curl_easy_setopt(c, CURLOPT_POSTFIELDS, request->form);

    CURLcode code = curl_easy_perform(c);
    *ret_again = false;
    if (hop->refused) return -1;
    if (code != CURLE_OK) return failure_explain(hop, code, ret_again);
    long status = 0;
    char *next = NULL;
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c, CURLINFO_REDIRECT_URL, &next);
    hop->response.status = (int)status;
    hop->response.html = is_html(hop);
    hop->response.message = message_of(hop);
    *ret_next = arena_strdup(hop->arena, next);
    return 0;
}

int redirect_check(const struct http *http, struct arena *arena, const char *from_url, const char *from,
                   const char *url, struct err *err) {
    const char *to = url_host(arena, url);
    if (!to)
        return err_set(err, ERR_UNAVAILABLE, 0, "%s redirects to %.200s, which is no address for HTTP", from,
                       url);
    if (host_is_loopback(to) && !host_is_loopback(from))
        return err_set(err, ERR_UNAVAILABLE, 0, "%s redirects to this machine (%s): refused", from, to);
    if (str_has_prefix(url, "http://") && (str_has_prefix(from_url, "https://") || !may_be_plain(http, to)))
        return err_set(err, ERR_UNAVAILABLE, 0, "%s redirects to %s without TLS: refused", from, to);
    return 0;
}

int http_exchange(struct http *http, struct arena *arena, const struct http_request *request,
                  struct http_response *ret_response, bool *ret_again, struct err *err) {
    const char *url = request->url, *first_host = url_host(arena, url);
    bool same_host = true;
    *ret_again = false;
    if (!first_host) return err_set(err, ERR_INVALID, 0, "%s is no URL", url);
    for (int i = 0; i <= REDIRECTS_MAX; i++) {
        struct hop hop = {.http = http,
                          .arena = arena,
                          .request = request,
                          .url = url,
                          .host = url_host(arena, url),
                          .err = err};
        const char *next = NULL;
        hop.known = known_host(http, hop.host, &hop.exact);
        int r = hop_perform(&hop, same_host, &next, ret_again);
        str_finish(&hop.error_body);
        if (r) return -1;
        if (!next || (request->method && !str_eq(request->method, "HEAD")))
            return *ret_response = hop.response, 0;
        if (redirect_check(http, arena, url, hop.host, next, err)) return -1;
        // Once a redirect has left the host, credentials stay behind even if another leads back.
        same_host = same_host && strcasecmp(first_host, url_host(arena, next)) == 0;
        url = next;
    }
    return err_set(err, ERR_UNAVAILABLE, 0, "%s redirects in a circle, or more than %d times", first_host,
                   REDIRECTS_MAX);
}
