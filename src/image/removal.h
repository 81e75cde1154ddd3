// SPDX-License-Identifier: Apache-2.0
// Images leave the store. Private to src/image.
//
// Files are taken away in three steps, so that kill -9 and a pull of the same layer at the same moment harm
// nothing: a list of what will go is written down; the transaction deletes the rows; a second transaction
// moves those files beside the list that still have no row. A list that is left over is finished by the next
// image_recover(); whoever works on one holds a lock on its directory.
//
// Where there is no room for a list (and images are removed to make some), a mark is made instead
// (staging.h), and all files go that have no row.
#pragma once

#include "image/image.h"
#include "image/staging.h"

#include <limits.h>

struct removal {
    struct store *store;
    struct arena arena;
    struct strings lines,
        files;   // what to tell ("Untagged: …", "Deleted: …"); what goes, as paths below <root>
    int journal; // the directory <root>/tmp/<journal_name>, from removal_write() on
    char journal_name[NAME_MAX + 1];
    struct staging mark; // or this
};
#define REMOVAL_INIT(s)                                 \
    {                                                   \
        .store = (s), .journal = -1, .mark = { -1, -1 } \
    }
void removal_finish(struct removal *removal); // for _cleanup_

// "docker.io/library/debian", of a full name with a tag or a digest.
const char *removal_repository(struct removal *removal, const char *full);

// Inside the caller's transaction: one of an image's names goes (from the list, too); all of them; the image
// itself, its index, and every layer that no other image has; the list of the files is written down.
int removal_untag(struct removal *removal, struct strings *names, size_t index, struct err *err);
int removal_untag_all(struct removal *removal, struct image *image, struct err *err);
int removal_delete(struct removal *removal, const struct image *image, struct err *err);
int removal_write(struct removal *removal, struct err *err);
// What the files that go take on the disk now.
int removal_count(struct removal *removal, uint64_t *ret_bytes, struct err *err);
// After it was committed.
int removal_apply(struct removal *removal, struct err *err);
