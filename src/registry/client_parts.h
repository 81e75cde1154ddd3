// SPDX-License-Identifier: Apache-2.0
// What client.c, authorize.c, download.c and upload.c share.
#pragma once

#include "base/str.h"
#include "registry/client.h"

#include <pthread.h>

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

// One try, whatever the answer is; *ret_again: may another help?
int ask_once(struct registry *registry, struct http *http, struct arena *arena, struct ask *ask,
             struct http_response *ret, bool *ret_again, struct err *err);
bool ask_is_fine(const struct ask *ask, int status);
bool status_may_pass(int status); // another try may have another
// The error for a status that is not fine. Returns -1.
int ask_refuse(struct arena *arena, const struct registry *registry, const struct ask *ask,
               const struct http_response *r, struct err *err);
// The try failed, as did all since the first: 1 after a wait, when another may help; -1 with their number.
int ask_failed(struct registry *registry, int try, bool again, unsigned retry_after_s, struct err *err);

// A body that goes into memory: the request's body is document_add, its data this.
struct document {
    struct str *text;
    size_t limit;
    const char *host;
};
int document_add(const void *bytes, size_t size, void *data, struct err *err);

// ERR_UNAUTHORIZED, in the words of what was to be done. Returns -1.
int ask_denied(const struct registry *registry, const struct http_response *response, struct err *err);
// Answers a 401. generation: of the authorization that was refused; another thread may have a new one
// already.
int ask_authorize(struct registry *registry, struct http *http, struct arena *arena,
                  struct http_response *response, unsigned generation, bool *ret_again, struct err *err);

static inline void unlockp(pthread_mutex_t **lock) {
    if (*lock) pthread_mutex_unlock(*lock);
}
