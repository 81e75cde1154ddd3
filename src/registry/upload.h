// SPDX-License-Identifier: Apache-2.0
// Pushing, as the OCI distribution specification has it: blobs in one piece or in chunks, blobs mounted from
// another repository, and manifests. The registry's push_scope is set.
#pragma once

#include "registry/client.h"

// Asks for nothing: finds out whether the registry is there, takes TLS, and knows us.
int registry_ping(struct registry *registry, struct http *http, struct err *err);

// 1: the repository has the blob, 0: it has not.
int registry_has_blob(struct registry *registry, struct http *http, const char *digest, struct err *err);
// Makes a blob of another repository of the same registry one of this repository. 1: done, 0: the registry
// doesn't do it, or the other repository doesn't have it.
int registry_mount_blob(struct registry *registry, struct http *http, const char *digest, const char *from,
                        struct err *err);

// Where a blob's bytes come from. begin() goes to the first byte, and may be called again when all has to be
// sent once more; read() fills the buffer and gives less only at the end.
struct blob_source {
    int (*begin)(void *data, struct err *err);
    int (*read)(void *buffer, size_t size, size_t *ret_size, void *data, struct err *err);
    const char *(*digest)(void *data); // after the end: of all bytes
    void (*progress)(uint64_t sent, void *data);
    void *data;
};

// A blob whose digest and size are known before, and one whose digest is known at its end. The first goes in
// one piece; what breaks, and the second, goes in chunks, of which only the one that broke is sent again.
int registry_put_blob(struct registry *registry, struct http *http, const char *digest, uint64_t size,
                      const struct blob_source *source, struct err *err);
int registry_put_unknown_blob(struct registry *registry, struct http *http, const struct blob_source *source,
                              struct err *err);

// The manifest, under a tag or its digest; the text ends with a 0 after its size. When it has a subject it is
// listed among what refers to that, by the registry or under the tag that takes its place (oci/referrers.h).
int registry_put_manifest(struct registry *registry, struct http *http, const char *tag_or_digest,
                          const char *media_type, const char *text, size_t size, struct err *err);
