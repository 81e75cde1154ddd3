// SPDX-License-Identifier: Apache-2.0
// HTTP for the fetch worker, over libcurl: TLS, proxies (of the endpoints, or the environment), redirects
// that never carry credentials to another host, and a limit on everything a server can choose.
//
// Plain HTTP is spoken to loopback addresses, and to hosts that are said to be insecure.
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "registry/challenge.h"
#include "registry/endpoint.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// A client with its connections; for one thread.
struct http;
struct http_options {
    unsigned stall_s;              // no kilobyte in a second for so long ends an exchange
    const atomic_bool *cancelled;  // becomes true when nobody wants the answer any more
    const struct endpoints *known; // for their certificates, and which of them are insecure. Or NULL
};
int http_new(const struct http_options *options, struct http **ret_http, struct err *err);
void http_freep(struct http **http);

struct http_request {
    const char *url;
    const char *accept;        // NULL: */*
    const char *authorization; // the value of that header, or NULL; for the URL's own host only
    const char *form;          // the body of a POST, or NULL: a GET
    uint64_t offset;           // ask for the bytes from here on
    bool whole;                // … without a Range: all come, those before it are passed over
    uint64_t end;              // … up to here, and take nothing else; 0: all of them
    uint64_t size;             // of the whole, when it is known: a part has to be a part of that
    unsigned timeout_s;        // for all of it; 0: as long as bytes come
    unsigned stall_s;          // another patience than the client's; 0: the client's
    // Gets the body of a 200 or 206, from `offset` on. Non-zero with *err filled in ends the exchange.
    int (*body)(const void *bytes, size_t size, void *data, struct err *err);
    void *data;
    // A method of its own, and the body that goes with it. Such a request is not sent on to where a redirect
    // leads, but for HEAD.
    const char *method; // NULL: as above
    const struct http_upload *upload;
};

// A body to send: exactly `size` bytes. begin() is called before the first byte, and again when they have to
// be sent once more; read() gives some, 0 only when there will be no more. Non-zero with *err filled in ends
// the exchange.
struct http_upload {
    const char *content_type, *content_range; // NULL: no such header
    uint64_t size;
    int (*begin)(void *data, struct err *err);
    int (*read)(void *buffer, size_t size, size_t *ret_size, void *data, struct err *err);
    void *data;
};

struct http_response {
    int status;
    const char *content_type, *digest; // Content-Type, Docker-Content-Digest; NULL where absent
    const char *link;                  // Link
    const char *location, *range;      // of an upload
    uint64_t chunk_min;                // OCI-Chunk-Min-Length
    const char *subject;               // OCI-Subject
    const char *message;               // the first error's message of a registry's JSON answer, or NULL
    unsigned retry_after_s;            // Retry-After, also when it was a date
    struct challenge challenge;
    bool html; // the body was a web page
};

// 0 with an answer of whatever status; -1 when there was none, and *ret_again: may another try help?
int http_exchange(struct http *http, struct arena *arena, const struct http_request *request,
                  struct http_response *ret_response, bool *ret_again, struct err *err);

// Are they the same host, whatever the ports?
bool host_same_name(const char *a, const char *b);

// May an answer of the host `from` (to a request to from_url) send us to `url`? Not out of TLS, and not from
// the network into this machine.
int redirect_check(const struct http *http, struct arena *arena, const char *from_url, const char *from,
                   const char *url, struct err *err);

// What a Location header means in the answer to a request to `base`; NULL when it is no such thing.
const char *url_resolve(struct arena *arena, const char *base, const char *location);
// A string as a part of a URL's query or a form.
const char *url_escape(struct arena *arena, const char *text);
