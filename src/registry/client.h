// SPDX-License-Identifier: Apache-2.0
// A registry as the OCI distribution specification has it: documents and blobs of one repository, with
// authentication, several tries and resumed downloads. One struct registry serves many threads, each with its
// own struct http.
#pragma once

#include "base/str.h"
#include "oci/image_spec.h"
#include "registry/challenge.h"
#include "registry/http.h"

#include <pthread.h>

struct registry {
    const char *host, *repository; // "registry-1.docker.io", "library/debian"
    const char *name;              // as the user knows the image, for messages: "debian:12"
    struct credentials credentials;
    bool insecure, mirror;  // struct endpoint
    const char *push_scope; // what tokens are asked for when something is pushed; NULL: as the registry says
    pthread_mutex_t lock;
    struct arena arena;         // of what follows
    bool plain;                 // HTTP without TLS: a loopback registry
    const char *authorization;  // the header's value that works at the moment
    unsigned generation;        // counts its changes
    atomic_bool answered;       // once at least
    atomic_bool whole_only;     // asked for a part of a blob it gave none, or had enough of us
    bool login;                 // ask token servers for an identity token as well
    const char *identity_token; // that one gave
};

// Borrows the strings.
void registry_init_endpoint(struct registry *registry, const struct endpoint *endpoint, const char *name);
void registry_finish(struct registry *registry);

// Does the registry take the credentials? ERR_UNAUTHORIZED when not. For a registry without a repository.
// ret_identity_token: one to keep in the password's place, or NULL. Borrowed from the registry.
int registry_login(struct registry *registry, struct http *http, struct arena *arena,
                   const char **ret_identity_token, struct err *err);

// A manifest by tag or digest, at most IMAGE_DOCUMENT_MAX bytes. Everything is in the arena. With a digest it
// is verified. ret_digest: of the bytes.
int registry_manifest(struct registry *registry, struct http *http, struct arena *arena,
                      const char *tag_or_digest, struct str *ret_text, const char **ret_type,
                      const char **ret_digest, struct err *err);

// A blob's bytes, in order, each once, however often the connection broke: from `have` on to `size`, or an
// error; the caller hashes them. body as in http.h.
struct registry_sink {
    int (*body)(const void *bytes, size_t size, void *data, struct err *err);
    void *data;
    uint64_t have;                // bytes of it that are there already
    bool in_one;                  // not put together of parts that came on several ways (fetch/ranges.h)
    atomic_uint_least64_t *ahead; // counts what is there behind the next byte; or NULL
};
int registry_blob(struct registry *registry, struct http *http, const char *digest, uint64_t size,
                  const struct registry_sink *sink, struct err *err);
// The bytes up to `end` only, and only as long as they come: whoever asks has another way. After a refusal
// registry->whole_only says that there is no use in asking for more parts.
int registry_blob_part(struct registry *registry, struct http *http, const struct descriptor *blob,
                       uint64_t end, const struct registry_sink *sink, struct err *err);
// The same from a URL that a manifest names. Nobody's credentials go there, and a registry of the network
// can't lead into this machine.
int registry_foreign_blob(struct registry *registry, struct http *http, const char *url, uint64_t size,
                          const struct registry_sink *sink, struct err *err);

// A page of the repository's tags. *next is what the page before said, NULL at first; it becomes NULL after
// the last.
int registry_tags(struct registry *registry, struct http *http, struct arena *arena, const char **next,
                  struct strings *ret_tags, struct err *err);

// A page of what refers to the digest (*next as above), an index' text. 1; 0: the registry does not list
// that.
int registry_referrers(struct registry *registry, struct http *http, struct arena *arena, const char *digest,
                       const char **next, struct str *ret_text, struct err *err);
