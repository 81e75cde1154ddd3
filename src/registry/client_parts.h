// SPDX-License-Identifier: Apache-2.0
// What client.c and upload.c share.
#pragma once

#include "registry/client.h"

#define TRIES_MAX        5 // in a row
#define DOCUMENT_SECONDS 60

#define ASK_BASE "" // the registry itself
struct ask {
    const char *path; // below the repository: "manifests/12", or ASK_BASE; NULL: request.url says it all
    bool foreign;     // … which is of a manifest, and gets no authorization
    struct http_request request;
    const int *fine; // statuses beside 200 and 206 that are no failure; ends with 0. NULL: none
};

// 0: a fine answer. 1: another try (they are counted from 1) may help; the wait before it is over. -1: no.
int ask_and_judge(struct registry *registry, struct http *http, struct arena *arena, struct ask *ask, int try,
                  struct http_response *ret, struct err *err);
// Until there is a fine answer. 0, or -1.
int ask_often(struct registry *registry, struct http *http, struct arena *arena, struct ask *ask,
              struct http_response *ret, struct err *err);

bool is_anonymous(const struct registry *registry); // without credentials
// In upload.c: ERR_UNAUTHORIZED in a push's words. Returns -1.
int push_denied(const struct registry *registry, const struct http_response *response, struct err *err);
