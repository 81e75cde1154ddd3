// SPDX-License-Identifier: Apache-2.0
// Finding images: by the names that they were pulled by, or by their id. What is under a name is looked up
// before an id, as Docker does: "beef" is the image beef:latest, if there is one.
#include "image/image.h"
#include "registry/reference.h"

#include <string.h>

#define COLUMNS "id, manifest, manifest_digest, media_type, config, chain_id, size, pulled"

#define PREFIX_MIN 4

static int load_names(struct store *store, struct arena *arena, struct image *image, struct err *err) {
    _cleanup_(db_rows_finish)
    struct db_rows rows = {0};
    int r;
    if (db_query(store->db, &rows, err,
                 "SELECT 0, name FROM image_name WHERE image_id = ?1 UNION ALL "
                 "SELECT 1, repository || '@' || digest FROM image_digest WHERE image_id = ?1 ORDER BY 1, 2",
                 "s", image->id))
        return -1;
    while ((r = db_next(&rows, err)) > 0)
        strings_add(arena, db_i64(&rows, 0) ? &image->digests : &image->names,
                    arena_strdup(arena, db_text(&rows, 1)));
    return r;
}

static int load_row(struct db_rows *rows, struct arena *arena, struct image *image, struct err *err) {
    *image = (struct image){
        .id = arena_strdup(arena, db_text(rows, 0)),
        .manifest = arena_strdup(arena, db_text(rows, 1)),
        .manifest_digest = arena_strdup(arena, db_text(rows, 2)),
        .media_type = arena_strdup(arena, db_text(rows, 3)),
        .config_text = arena_strdup(arena, db_text(rows, 4)),
        .chain_id = arena_strdup(arena, db_text(rows, 5)),
        .size = (uint64_t)db_i64(rows, 6),
        .pulled = db_i64(rows, 7),
    };
    if (image_config_parse(arena, image->config_text, strlen(image->config_text), &image->config, err))
        return err_wrap(err, "image %s", image->id);
    return 0;
}

static int find_by_id(struct store *store, struct arena *arena, const char *id, struct image *ret_image,
                      struct err *err) {
    struct image image;
    _cleanup_(db_rows_finish)
    struct db_rows rows = {0};
    if (db_query(store->db, &rows, err, "SELECT " COLUMNS " FROM image WHERE id = ?", "s", id)) return -1;
    int r = db_next(&rows, err);
    if (r <= 0) return r;
    if (load_row(&rows, arena, &image, err) || load_names(store, arena, &image, err)) return -1;
    *ret_image = image;
    return 1;
}

// The first column of the only row. 1, 0 when there is none, -1.
static int only_text(struct db_rows *rows, struct arena *arena, const char **ret_text, struct err *err) {
    int r = db_next(rows, err);
    if (r > 0) *ret_text = arena_strdup(arena, db_text(rows, 0));
    return r;
}

static int id_of_reference(struct store *store, struct arena *arena, const struct reference *reference,
                           const char **ret_id, struct err *err) {
    _cleanup_(db_rows_finish)
    struct db_rows rows = {0};
    int r = reference->digest
                ? db_query(store->db, &rows, err,
                           "SELECT image_id FROM image_digest WHERE repository = ? AND digest = ?", "ss",
                           reference_repository(arena, reference), reference->digest)
                : db_query(store->db, &rows, err, "SELECT image_id FROM image_name WHERE name = ?", "s",
                           reference_full(arena, reference));
    return r ? -1 : only_text(&rows, arena, ret_id, err);
}

// "sha256:ab12…", or the digits alone. Two images with the prefix are as good as none.
static int id_of_prefix(struct store *store, struct arena *arena, const char *name, const char **ret_id,
                        struct err *err) {
    const char *after = str_after(name, DIGEST_PREFIX), *hex = after ? after : name;
    size_t length = strspn(hex, "0123456789abcdef");
    if (hex[length] || length < PREFIX_MIN || length >= ID_SIZE) return 0;
    const char *low = arena_printf(arena, DIGEST_PREFIX "%s", hex), *unused;
    const char *high = arena_printf(arena, "%s~", low);
    _cleanup_(db_rows_finish)
    struct db_rows rows = {0};
    if (db_query(store->db, &rows, err, "SELECT id FROM image WHERE id BETWEEN ? AND ? LIMIT 2", "ss", low,
                 high))
        return -1;
    int r = only_text(&rows, arena, ret_id, err);
    if (r <= 0) return r;
    r = only_text(&rows, arena, &unused, err);
    return r < 0 ? -1 : !r;
}

// A full id can't be a name; anything else is one first.
static int id_of(struct store *store, struct arena *arena, const char *name, const char **ret_id,
                 struct err *err) {
    struct reference reference;
    struct err grammar;
    if (strlen(name) == ID_SIZE - 1 || digest_valid(name)) {
        int r = id_of_prefix(store, arena, name, ret_id, err);
        if (r) return r;
    }
    bool is_name = !reference_parse(arena, name, &reference, &grammar);
    int r = is_name ? id_of_reference(store, arena, &reference, ret_id, err) : 0;
    if (!r) r = id_of_prefix(store, arena, name, ret_id, err);
    if (r) return r;
    if (!is_name) {
        *err = grammar;
        return -1;
    }
    err_set(err, ERR_NOT_FOUND, 0, "No such image: %s", reference_familiar(arena, &reference));
    return -1;
}

int image_find(struct store *store, struct arena *arena, const char *name, struct image *ret_image,
               struct err *err) {
    const char *id;
    if (id_of(store, arena, name, &id, err) < 0) return -1;
    int r = find_by_id(store, arena, id, ret_image, err);
    if (!r) err_set(err, ERR_NOT_FOUND, 0, "No such image: %s", name); // removed between the two looks
    return r > 0 ? 0 : -1;
}

int image_list(struct store *store, struct arena *arena, struct images *ret_images, struct err *err) {
    struct images images = {0};
    _cleanup_(db_rows_finish)
    struct db_rows rows = {0};
    if (db_query(store->db, &rows, err, "SELECT " COLUMNS " FROM image ORDER BY pulled DESC, id", ""))
        return -1;
    int r;
    while ((r = db_next(&rows, err)) > 0) {
        struct image *image = arena_push(arena, &images);
        if (load_row(&rows, arena, image, err) || load_names(store, arena, image, err)) return -1;
    }
    if (r) return -1;
    *ret_images = images;
    return 0;
}
