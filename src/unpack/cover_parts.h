// SPDX-License-Identifier: Apache-2.0
// The walk of cover.h, shared by its files. -errno.
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct directory {
    int fd;
    bool matters; // the layer has directories that it implies, or whiteouts
};

// A directory of the image: what it is in the layers, and in the cover.
struct place {
    struct place *parent;
    const char *name;
    struct directory *parts; // uppermost first
    size_t count;
    int model; // the part that shows what it is
    int fd;    // in the cover, or -1
};
void place_finish(struct place *place);
// The parts of a directory in a directory, as overlayfs finds them.
int place_enter(struct place *parent, const char *name, struct place *place);
// Which of its parts shows what it is: true when that is not the uppermost.
bool place_choose_model(struct place *place);
// In the cover; and at last as it should be seen.
int place_make(struct place *place);
int place_end(const struct place *place);
int open_below(int dir, const char *name);

// Hard links of a layer to files of lower ones (cover_links.c): 0, or -1 with *err.
int links_cover(struct place *root, bool *any, struct err *err);
