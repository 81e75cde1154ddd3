// SPDX-License-Identifier: Apache-2.0
// Finding images: by the names that they were pulled by, or by their id. What is under a name is looked up
// before an id, as Docker does: "beef" is the image beef:latest, if there is one.
#include "base/clock.h"
#include "image/image.h"
#include "registry/reference.h"

#include <string.h>

#define COLUMNS "i.id, m.manifest, m.digest, m.media_type, i.config, i.chain_id, i.size, i.pulled"
// By its id an image has one of its manifests, by a name or a digest that which they led to.
#define IMAGES "image i JOIN image_manifest m ON m.image_id = i.id AND m.digest = i.manifest_digest"
#define NAMED(table)                              \
    table " n JOIN image i ON i.id = n.image_id " \
          "JOIN image_manifest m ON m.image_id = i.id AND m.digest = n.manifest_digest"

#define PREFIX_MIN 4

static int load_names(struct store *store, struct arena *arena, struct image *image, struct err *err) {
    return db_texts(store->db, arena, &image->names, err,
                    "SELECT name FROM image_name WHERE image_id = ? ORDER BY name", "s", image->id) ||
                   db_texts(store->db, arena, &image->digests, err,
                            "SELECT repository || '@' || digest FROM image_digest WHERE image_id = ? "
                            "ORDER BY repository, digest",
                            "s", image->id)
               ? -1
               : 0;
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

// The only row: 1; none, or several: 0; -1.
static int load_only(struct arena *arena, struct db_rows *rows, struct image *ret_image, struct err *err) {
    struct image image;
    int r = db_next(rows, err);
    if (r <= 0) return r;
    if (load_row(rows, arena, &image, err)) return -1;
    r = db_next(rows, err);
    if (r) return r < 0 ? -1 : 0;
    *ret_image = image;
    return 1;
}

static int find_by_reference(struct store *store, struct arena *arena, const struct reference *reference,
                             struct image *ret_image, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    int r = reference->digest
                ? db_query(store->db, &rows, err,
                           "SELECT " COLUMNS
                           " FROM " NAMED("image_digest") " WHERE repository = ? AND n.digest = ?",
                           "ss", reference_repository(arena, reference), reference->digest)
                : db_query(store->db, &rows, err,
                           "SELECT " COLUMNS " FROM " NAMED("image_name") " WHERE name = ?", "s",
                           reference_full(arena, reference));
    return r ? -1 : load_only(arena, &rows, ret_image, err);
}

// "sha256:ab12…", or the digits alone. Two images with the prefix are as good as none.
static int find_by_prefix(struct store *store, struct arena *arena, const char *name, struct image *ret_image,
                          struct err *err) {
    const char *after = str_after(name, DIGEST_PREFIX), *hex = after ? after : name;
    size_t length = strspn(hex, "0123456789abcdef");
    if (hex[length] || length < PREFIX_MIN || length >= ID_SIZE) return 0;
    const char *low = arena_printf(arena, DIGEST_PREFIX "%s", hex);
    const char *high = arena_printf(arena, "%s~", low);
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(store->db, &rows, err,
                 "SELECT " COLUMNS " FROM " IMAGES " WHERE i.id BETWEEN ? AND ? LIMIT 2", "ss", low, high))
        return -1;
    return load_only(arena, &rows, ret_image, err);
}

// A full id can't be a name; anything else is one first.
int image_find_unnamed(struct store *store, struct arena *arena, const char *name, struct image *ret_image,
                       struct err *err) {
    struct reference reference;
    struct err grammar;
    bool is_id = strlen(name) == ID_SIZE - 1 || digest_valid(name);
    int r = is_id ? find_by_prefix(store, arena, name, ret_image, err) : 0;
    bool is_name = !r && !reference_parse(arena, name, &reference, &grammar);
    if (is_name) r = find_by_reference(store, arena, &reference, ret_image, err);
    if (!r && !is_id) r = find_by_prefix(store, arena, name, ret_image, err);
    if (r) return r > 0 ? 0 : -1;
    if (is_name)
        return err_set(err, ERR_NOT_FOUND, 0, "No such image: %s", reference_familiar(arena, &reference));
    if (is_id) return err_set(err, ERR_NOT_FOUND, 0, "No such image: %s", name);
    *err = grammar;
    return -1;
}

int image_find(struct store *store, struct arena *arena, const char *name, struct image *ret_image,
               struct err *err) {
    struct image image;
    if (image_find_unnamed(store, arena, name, &image, err) || load_names(store, arena, &image, err))
        return -1;
    *ret_image = image;
    return 0;
}

int64_t image_created(const struct image *image, int64_t otherwise) {
    int64_t created = CLOCK_NEVER;
    if (image->config.created) clock_parse_rfc3339(image->config.created, &created);
    return created == CLOCK_NEVER ? otherwise : created;
}

int image_list(struct store *store, struct arena *arena, struct images *ret_images, struct err *err) {
    struct images images = {0};
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(store->db, &rows, err, "SELECT " COLUMNS " FROM " IMAGES " ORDER BY i.pulled DESC, i.id",
                 ""))
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
