// SPDX-License-Identifier: Apache-2.0
#include "image/blob.h"

#include "base/fd.h"

const char *blob_path(struct arena *arena, const char *digest) {
    return arena_printf(arena, BLOB_FOLDER "/%s", digest_hex(digest));
}

int blob_open(struct store *store, const char *digest, int *ret_fd, struct err *err) {
    char path[sizeof BLOB_FOLDER + ID_SIZE];
    int r = db_number(store->db, NULL, err, "SELECT 1 FROM kept_blob WHERE digest = ?", "s", digest);
    if (r <= 0) return r;
    snprintf(path, sizeof path, BLOB_FOLDER "/%s", digest_hex(digest));
    int fd = fd_open_at(store->root_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0) return 0; // somebody removed it by hand
    *ret_fd = fd;
    return 1;
}

int image_blobs(struct store *store, struct arena *arena, const struct image *image,
                struct strings *ret_digests, struct err *err) {
    struct strings digests = {0};
    if (db_texts(store->db, arena, &digests, err,
                 "SELECT digest FROM kept_blob WHERE image_id = ? ORDER BY digest", "s", image->id))
        return -1;
    *ret_digests = digests;
    return 0;
}
