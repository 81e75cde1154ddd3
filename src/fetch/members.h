// SPDX-License-Identifier: Apache-2.0
// The members of an archive of images, which comes as a stream: what they are is known at the end. So each
// becomes a file in the staging directory, named by its digest, and the list says which name had which.
#pragma once

#include "base/arena.h"
#include "base/id.h"
#include "fetch/worker.h"

struct archive_member {
    const char *name;
    const char *target; // of a link: the name it leads to; NULL: a file
    char digest[DIGEST_SIZE];
    uint64_t size;
};

struct archive_members {
    struct archive_member *items; // by name
    size_t count;
};

// Reads the whole archive. A member named blobs/sha256/<hex> has that digest.
int members_stage(struct worker *worker, struct arena *arena, int archive_fd,
                  struct archive_members *ret_members, struct err *err);
// The file that a name leads to, through links; ERR_NOT_FOUND.
const struct archive_member *members_find(const struct archive_members *members, const char *name,
                                          struct err *err);

// What is staged by its digest. -1 when there is no such blob: `what` and the digest are in the sentence.
#define BLOB_NAME_SIZE (ID_SIZE + 5)
const char *blob_name(const char *digest, char buffer[static BLOB_NAME_SIZE]);
bool blob_exists(const struct worker *worker, const char *digest);
int blob_open(const struct worker *worker, const char *digest, const char *what, uint64_t *ret_size,
              struct err *err);
// A document, with its size limited.
int blob_read(const struct worker *worker, struct arena *arena, const char *digest, const char *what,
              const char **ret_text, size_t *ret_size, struct err *err);
