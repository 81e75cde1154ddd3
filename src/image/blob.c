// SPDX-License-Identifier: Apache-2.0
#include "image/blob.h"

#include "base/fd.h"
#include "base/str.h"

const char *blob_path(struct arena *arena, const char *digest) {
    return arena_printf(arena, BLOB_FOLDER "/%s", digest_hex(digest));
}

int blob_open(struct store *store, const char *digest, int *ret_fd, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    char path[sizeof BLOB_FOLDER + ID_SIZE];
    if (db_query(store->db, &rows, err, "SELECT 1 FROM kept_blob WHERE digest = ?", "s", digest)) return -1;
    int r = db_next(&rows, err);
    if (r <= 0) return r;
    snprintf(path, sizeof path, BLOB_FOLDER "/%s", digest_hex(digest));
    int fd = fd_open_at(store->root_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0) return 0; // somebody removed it by hand
    *ret_fd = fd;
    return 1;
}

int image_blobs(struct store *store, struct arena *arena, const struct image *image,
                struct strings *ret_digests, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    struct strings digests = {0};
    int r;
    if (db_query(store->db, &rows, err, "SELECT digest FROM kept_blob WHERE image_id = ? ORDER BY digest",
                 "s", image->id))
        return -1;
    while ((r = db_next(&rows, err)) > 0)
        strings_add(arena, &digests, arena_strdup(arena, db_text(&rows, 0)));
    if (!r) *ret_digests = digests;
    return r;
}
