// SPDX-License-Identifier: Apache-2.0
// <root>/tmp/pull-XXXXXX: where an image is put together before any of it counts. It is locked (flock) while
// its pull lives, so that what a killed one left can be told apart and removed.
#pragma once

#include "image/fetcher.h"
#include "image/image.h"

struct staging {
    int tmp, fd; // <root>/tmp, and the directory itself; -1 when there is none
    char name[16];
};

int staging_make(struct store *store, struct staging *ret_staging, struct err *err);
// A file of that kind, which is empty and so takes no room: while it is there, and its maker is not, somebody
// is to sweep the store (commit.h). 0 or -errno.
int staging_mark(struct store *store, struct staging *ret_staging);
// A document that the worker made there; an error when its digest is another.
int staging_document(const struct staging *staging, struct arena *arena, const char *name, const char *digest,
                     const char **ret_text, size_t *ret_size, struct err *err);
// Starts the worker with the directory for its world.
int staging_fetch(const struct staging *staging, struct fetcher *fetcher, const char *mode, struct err *err);
void staging_remove(struct staging *staging); // for _cleanup_
