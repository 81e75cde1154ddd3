// SPDX-License-Identifier: Apache-2.0
// Everything of an image has a digest for its name, so that it can be checked against nothing but that: the
// config, the manifest, the layers. A layer that became a directory can't be made a tar again, bit by bit:
// there the digest is of what was extracted, and stands in its row. What has none is the index, which was
// made here: whether the kernel mounts it is all that is asked.
#include "base/fd.h"
#include "image/blob.h"
#include "image/fetcher.h"
#include "image/image.h"
#include "kernel/mount.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void add(struct arena *arena, struct image_faults *faults, const char *part, const char *diff_id,
                const char *what) {
    *arena_push(arena, faults) = (struct image_fault){.part = part, .diff_id = diff_id, .what = what};
}

static void check_text(struct arena *arena, struct image_faults *faults, const char *part, const char *text,
                       const char *digest) {
    char found[DIGEST_SIZE];
    digest_of(text, strlen(text), found);
    if (!str_eq(found, digest))
        add(arena, faults, arena_printf(arena, "%s %s", part, digest), NULL,
            arena_printf(arena, "its digest is %s", found));
}

// 1, and what it should be; 0: it is not known.
static int made_find(struct store *store, struct arena *arena, const char *diff_id, const char **ret_made,
                     struct err *err) {
    return db_word(store->db, arena, ret_made, err, "SELECT made FROM layer WHERE diff_id = ? AND made != ''",
                   "s", diff_id);
}

static int directory_digest(int fd, char found[static DIGEST_SIZE], struct err *err) {
    _cleanup_(json_freep) struct json *done = NULL;
    _cleanup_(fd_closep) int view = mount_clone(fd, "", false);
    if (view < 0) return err_set(err, ERR_SYSTEM, -view, "can't look at it");
    if (fetcher_run("digest", view, -1, &done, err)) return -1;
    const char *digest = json_get_string(done, "digest");
    if (!digest_valid(digest)) return err_set(err, ERR_SYSTEM, 0, "hoy-fetch speaks out of turn");
    strcpy(found, digest);
    return 0;
}

static void check_directory(struct store *store, struct arena *arena, struct image_faults *faults,
                            const char *part, const char *diff_id, int fd) {
    struct err err = {0};
    const char *made;
    char found[DIGEST_SIZE];
    int r = made_find(store, arena, diff_id, &made, &err);
    faults->unchecked |= r == 0;
    if (r > 0 && directory_digest(fd, found, &err)) r = -1;
    if (r < 0)
        add(arena, faults, part, diff_id, arena_strdup(arena, err.text));
    else if (r && !str_eq(found, made))
        add(arena, faults, part, diff_id, "its files are not what was unpacked");
}

static void check_layer(struct store *store, struct arena *arena, struct image_faults *faults,
                        const char *diff_id) {
    const char *part = arena_printf(arena, "layer %s", diff_id);
    char path[16 + ID_SIZE], found[DIGEST_SIZE];
    snprintf(path, sizeof path, "layers/%s", digest_hex(diff_id));
    _cleanup_(fd_closep) int fd = fd_open_at(store->root_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) return add(arena, faults, part, diff_id, "it is not in the store");
    if (S_ISDIR(st.st_mode)) return check_directory(store, arena, faults, part, diff_id, fd);
    int r = digest_of_file(fd, found);
    if (r)
        add(arena, faults, part, diff_id, arena_printf(arena, "it can't be read: %s", strerror(-r)));
    else if (!str_eq(found, diff_id))
        add(arena, faults, part, diff_id, arena_printf(arena, "its digest is %s", found));
}

// A blob that was kept.
static void check_blob(struct store *store, struct arena *arena, struct image_faults *faults,
                       const char *digest) {
    struct image_fault fault = {.part = arena_printf(arena, "blob %s", digest), .blob = digest};
    char found[DIGEST_SIZE];
    _cleanup_(fd_closep) int fd =
        fd_open_at(store->root_fd, blob_path(arena, digest), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    int r = fd < 0 ? 0 : digest_of_file(fd, found);
    if (fd >= 0 && !r && str_eq(found, digest)) return;
    fault.what = fd < 0 ? "it is not in the store"
                 : r    ? arena_printf(arena, "it can't be read: %s", strerror(-r))
                        : arena_printf(arena, "its digest is %s", found);
    *arena_push(arena, faults) = fault;
}

static void check_blobs(struct store *store, struct arena *arena, const struct image *image,
                        struct image_faults *faults) {
    struct strings blobs = {0};
    struct err err = {0};
    if (image_blobs(store, arena, image, &blobs, &err))
        add(arena, faults, "blobs", NULL, arena_strdup(arena, err.text));
    for (size_t i = 0; i < blobs.count; i++) check_blob(store, arena, faults, blobs.items[i]);
}

void image_verify(struct store *store, struct arena *arena, const struct image *image,
                  struct image_faults *ret_faults) {
    const struct strings *diff_ids = &image->config.diff_ids;
    struct image_faults faults = {0};
    check_text(arena, &faults, "config", image->config_text, image->id);
    check_text(arena, &faults, "manifest", image->manifest, image->manifest_digest);
    for (size_t i = 0; i < diff_ids->count; i++)
        if (!strings_repeat(diff_ids, i)) check_layer(store, arena, &faults, diff_ids->items[i]);
    check_blobs(store, arena, image, &faults);
    if (!faults.count && diff_ids->count) {
        struct err err = {0};
        int tree = image_tree(store, image, &err);
        if (tree < 0) add(arena, &faults, "index", NULL, arena_strdup(arena, err.text));
        fd_closep(&tree);
    }
    *ret_faults = faults;
}

// What its own manifest was pulled by: that is the one whose blobs are kept. 1, or 0.
static int source_find(struct store *store, struct arena *arena, const struct image *image,
                       const char **ret_reference, struct err *err) {
    return db_word(
        store->db, arena, ret_reference, err,
        "SELECT d.repository || '@' || d.digest FROM image_digest d JOIN image i ON i.id = d.image_id "
        "WHERE i.id = ? ORDER BY d.manifest_digest = i.manifest_digest DESC, d.repository, d.digest",
        "s", image->id);
}

static int repair_without_source(struct store *store, const struct image *image, struct err *err) {
    int r = image_repair_base(store, image->id, err);
    if (r) return r < 0 ? -1 : 0;
    return err_set(err, ERR_INVALID, 0,
                   "image %.19s did not come from a registry: remove it, and load it again", image->id);
}

// A directory that takes another's place takes it from under whoever has it mounted.
static int check_unused(struct store *store, const char *diff_id, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(store->db, &rows, err,
                 "SELECT c.name FROM container c JOIN image_layer l ON l.image_id = c.image_id "
                 "JOIN layer USING (diff_id) WHERE diff_id = ? AND driver = 'dir' "
                 "AND c.state IN ('starting', 'running', 'restarting') LIMIT 1",
                 "s", diff_id))
        return -1;
    int r = db_next(&rows, err);
    if (r <= 0) return r;
    return err_set(err, ERR_CONFLICT, 0, "container %s runs on layer %.19s: stop it before that is repaired",
                   db_text(&rows, 0), diff_id);
}

int image_repair(struct store *store, struct arena *arena, const struct image *image,
                 const struct image_faults *faults, struct err *err) {
    const struct image_config *config = &image->config;
    struct strings broken = {0}, broken_blobs = {0}, kept = {0};
    struct image repaired;
    for (size_t i = 0; i < faults->count; i++) {
        const struct image_fault *fault = &faults->items[i];
        if (fault->diff_id && check_unused(store, fault->diff_id, err)) return -1;
        if (fault->diff_id) strings_add(arena, &broken, fault->diff_id);
        if (fault->blob) strings_add(arena, &broken_blobs, fault->blob);
    }
    const char *source;
    int r = source_find(store, arena, image, &source, err);
    if (r < 0 || image_blobs(store, arena, image, &kept, err)) return -1;
    if (r == 0) return repair_without_source(store, image, err);
    const struct pull_options options = {
        .reference = source,
        .platform = config->os && config->architecture
                        ? arena_printf(arena, "%s/%s%s%s", config->os, config->architecture,
                                       config->variant ? "/" : "", config->variant ? config->variant : "")
                        : NULL,
        .quiet = true,
        .broken = &broken,
        .broken_blobs = &broken_blobs,
        .keep_blobs = kept.count,
    };
    return image_pull(store, arena, &options, &repaired, err);
}
