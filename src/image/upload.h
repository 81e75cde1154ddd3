// SPDX-License-Identifier: Apache-2.0
// What a push says to the fetch worker (its push mode): to which repository, what else has the parts, each
// part, and in the end the manifests.
#pragma once

#include "image/fetcher.h"
#include "image/image.h"
#include "registry/endpoint.h"
#include "registry/reference.h"

// A repository that may have parts.
struct upload_source {
    struct reference reference;
    struct endpoint endpoint;
};

struct upload {
    struct arena *arena;
    struct reference target;
    struct fetcher fetcher;
    struct {
        struct upload_source *items;
        size_t count;
    } sources;
};

// A blob, and what it may be made of: fetch/push.c.
struct upload_part {
    size_t number;
    const char *digest; // as it is to be; NULL: what hoy's compressor makes
    uint64_t size;
    enum layer_compression compression; // when hoy makes it
    int level;
    const char *made_digest; // what comes out, if it is known
    uint64_t made_size;
    bool is_blob;          // the file is the blob as it is to be: nothing else is made of it
    struct strings mounts; // repositories of the target's registry
    struct {
        size_t *items;
        size_t count;
    } sources; // indexes
};

// The part may come from this repository ("docker.io/library/debian"), by a mount or through here. One that
// is the target itself, can't be used, or is one too many is left out.
void upload_part_from(struct upload *upload, struct upload_part *part, const char *repository);

// Starts the worker and tells it where to and from where. Then the parts, with the file that a part can be
// made of or -1, and upload_end().
int upload_begin(struct upload *upload, struct err *err);
int upload_part_send(struct upload *upload, const struct upload_part *part, int fd, struct err *err);
// A document that is a part as it stands.
int upload_document_send(struct upload *upload, size_t number, const char *digest, const char *text,
                         struct err *err);
int upload_end(struct upload *upload, struct err *err);
// After the event "parts": under a tag or its digest, any number of them; and upload_end().
int upload_manifest_send(struct upload *upload, const char *under, const char *type, const char *text,
                         struct err *err);
