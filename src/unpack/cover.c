// SPDX-License-Identifier: Apache-2.0
// A walk over the directories that overlayfs would show, all layers' at once. Only where a layer has
// directories that it implies, or whiteouts (it is marked then), somebody has to look. Everything is opened
// below a directory that is open, and no link is followed.
#include "unpack/cover.h"

#include "unpack/cover_parts.h"

#include "base/fd.h"
#include "kernel/overlay.h"
#include "unpack/extract.h"
#include "unpack/inode.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void place_finish(struct place *place) {
    for (size_t i = 0; i < place->count; i++) close(place->parts[i].fd);
    free(place->parts);
    if (place->parent) fd_closep(&place->fd);
}

int open_below(int dir, const char *name) {
    return fd_open_at(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

int place_make(struct place *place) {
    if (place->fd >= 0 || !place->parent) return 0; // the root is there from the beginning
    int r = place_make(place->parent);
    if (!r && mkdirat(place->parent->fd, place->name, 0700) && errno != EEXIST) r = -errno;
    if (!r) r = place->fd = open_below(place->parent->fd, place->name);
    return r < 0 ? r : 0;
}

// The times last: they change with everything else.
int place_end(const struct place *place) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(fd_closep) int again = -1;
    struct inode inode;
    int r = inode_read(place->model, ".", &arena, &inode, &again);
    if (r <= 0) return r ? r : -ENOENT;
    return inode_set(&inode.node, place->fd, NULL) ? -errno : 0;
}

bool place_choose_model(struct place *place) {
    size_t model = 0;
    while (model < place->count && overlay_is_marked(place->parts[model].fd, EXTRACT_IMPLIED)) model++;
    bool shows = model > 0 && model < place->count;
    place->model = place->parts[shows ? model : 0].fd;
    return shows;
}

// The parts of a directory in a directory, as overlayfs finds them.
int place_enter(struct place *parent, const char *name, struct place *place) {
    *place = (struct place){.parent = parent, .name = name, .fd = -1};
    place->parts = xmalloc(parent->count * sizeof *place->parts);
    for (size_t i = 0; i < parent->count; i++) {
        int fd = open_below(parent->parts[i].fd, name);
        if (fd == -ENOENT) continue;
        if (fd == -ENOTDIR || fd == -ELOOP) return 0; // a whiteout, or a file: it hides what is below
        if (fd < 0) return fd;
        place->parts[place->count++] = (struct directory){fd, parent->parts[i].matters};
        if (overlay_is_marked(fd, EXTRACT_OPAQUE)) return 0;
    }
    return 0;
}

static int place_visit(struct place *place, bool *any);

// A name in the part `from` of a place. It is visited when it is found in the uppermost layer of interest.
static int name_visit(struct place *place, size_t from, const char *name, bool *any) {
    _cleanup_(place_finish) struct place below = {0};
    for (size_t i = 0; i < from; i++) {
        struct stat st;
        if (place->parts[i].matters && !fstatat(place->parts[i].fd, name, &st, AT_SYMLINK_NOFOLLOW)) return 0;
    }
    int r = place_enter(place, name, &below);
    return r || !below.count ? r : place_visit(&below, any);
}

static bool is_whiteout(int dir, const char *name) {
    struct stat st;
    return !fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISCHR(st.st_mode) && !st.st_rdev;
}

// What the cover has too is merged.
static int place_merge(struct place *place, bool *any) {
    *any = true;
    return place_make(place);
}

static int names_visit(struct place *place, size_t from, bool *any) {
    _cleanup_(dir_closep) DIR *dir = NULL;
    int r = dir_open_at(place->parts[from].fd, ".", &dir);
    for (struct dirent *entry; !r && (r = dir_read(dir, &entry)) > 0;) {
        if (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN)
            r = name_visit(place, from, entry->d_name, any);
        else if (place->count == 1 && entry->d_type == DT_CHR && is_whiteout(dirfd(dir), entry->d_name))
            r = place_merge(place, any);
        else
            r = 0;
    }
    return r;
}

static int place_visit(struct place *place, bool *any) {
    int r = place_choose_model(place) ? place_merge(place, any) : 0;
    for (size_t i = 0; !r && i < place->count; i++)
        if (place->parts[i].matters) r = names_visit(place, i, any);
    return r || place->fd < 0 || !*any ? r : place_end(place);
}

int cover_write(const int *layers, size_t count, int target, bool *ret_any, struct err *err) {
    _cleanup_(place_finish) struct place root = {.fd = target};
    bool any = false;
    int r = 0;
    root.parts = xmalloc((count + 1) * sizeof *root.parts);
    for (size_t i = 0; i < count && !r; i++) {
        int fd = open_below(layers[i], ".");
        if (fd < 0) r = fd;
        if (fd >= 0)
            root.parts[root.count++] = (struct directory){fd, overlay_is_marked(fd, EXTRACT_IMPLIES) ||
                                                                  overlay_is_marked(fd, EXTRACT_HIDES)};
        if (fd >= 0 && overlay_is_marked(fd, EXTRACT_OPAQUE)) break;
    }
    if (!r) r = place_visit(&root, &any);
    if (r) return err_set(err, ERR_SYSTEM, -r, "can't make the cover of an image's layers");
    if (links_cover(&root, &any, err)) return -1;
    *ret_any = any;
    return 0;
}
