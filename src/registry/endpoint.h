// SPDX-License-Identifier: Apache-2.0
// A registry as hoy tells its worker to talk to it. hoy alone reads files; the worker alone speaks.
#pragma once

#include "base/json.h"
#include "registry/credentials.h"

struct endpoint {
    const char *host;       // "registry-1.docker.io", "localhost:5000"
    const char *repository; // "library/debian", or NULL
    struct credentials credentials;
};
struct endpoints {
    struct endpoint *items;
    size_t count;
};

void endpoint_put(struct json_writer *w, const char *key, const struct endpoint *endpoint);
// What is missing is NULL.
void endpoint_read(struct arena *arena, const struct json *json, struct endpoint *ret_endpoint);
