// SPDX-License-Identifier: Apache-2.0
// A registry as hoy tells its worker to talk to it. hoy alone reads files; the worker alone speaks.
#pragma once

#include "base/json.h"
#include "registry/credentials.h"

// PEM: what we show of ourselves.
struct client_pair {
    const char *cert, *key;
};
struct client_pairs {
    struct client_pair *items;
    size_t count;
};

// URLs of proxies, and the hosts that are reached without (as NO_PROXY lists them). What is NULL the
// environment says.
struct proxies {
    const char *http, *https, *none;
};

struct endpoint {
    const char *host;       // "registry-1.docker.io", "localhost:5000"
    const char *repository; // "library/debian", or NULL
    const char *domain;     // as credentials are kept by: "docker.io". Not told to the worker
    bool mirror;            // of another registry, which comes later in the list
    bool insecure;          // its certificate is not checked, and without TLS it will do, too
    const char *ca;         // PEM: trusted as well; or NULL
    struct client_pairs pairs;
    struct proxies proxies; // the same for all
    struct credentials credentials;
};
struct endpoints {
    struct endpoint *items;
    size_t count;
};

void endpoint_put(struct json_writer *w, const char *key, const struct endpoint *endpoint);
// What is missing is NULL.
void endpoint_read(struct arena *arena, const struct json *json, struct endpoint *ret_endpoint);
