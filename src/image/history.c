// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "image/image.h"

#include <string.h>

// What each layer has, uncompressed, lowest first.
static int layer_sizes(struct store *store, const struct image *image, uint64_t *sizes, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(store->db, &rows, err,
                 "SELECT position, layer.size FROM image_layer JOIN layer USING (diff_id) WHERE image_id = ?",
                 "s", image->id))
        return -1;
    int r;
    while ((r = db_next(&rows, err)) > 0)
        if ((uint64_t)db_i64(&rows, 0) < image->config.diff_ids.count)
            sizes[db_i64(&rows, 0)] = (uint64_t)db_i64(&rows, 1);
    return r;
}

static const char *text_of(struct arena *arena, const struct json *json, const char *field) {
    const char *text = json_get_string(json, field);
    return text ? arena_strdup(arena, text) : "";
}

static void add_step(struct arena *arena, const struct json *json, struct image_history *history) {
    struct image_step *step = arena_push(arena, history);
    *step = (struct image_step){.created_by = text_of(arena, json, "created_by"),
                                .comment = text_of(arena, json, "comment"),
                                .created = CLOCK_NEVER,
                                .empty = json_boolean(json_get(json, "empty_layer"))};
    const char *created = json_get_string(json, "created");
    if (created) clock_parse_rfc3339(created, &step->created);
}

int image_history(struct store *store, struct arena *arena, const struct image *image,
                  struct image_history *ret_history, struct err *err) {
    _cleanup_(json_freep) struct json *config = NULL;
    size_t layers = image->config.diff_ids.count, next = 0;
    uint64_t *sizes = arena_array(arena, uint64_t, layers);
    struct image_history history = {0};
    if (layer_sizes(store, image, sizes, err)) return -1;
    if (json_parse(image->config_text, strlen(image->config_text), &config))
        return err_set(err, ERR_INVALID, 0, "the config of image %s is no JSON", image->id);
    const struct json *steps = json_get(config, "history");
    for (size_t i = 0; i < json_length(steps); i++) {
        add_step(arena, json_at(steps, i), &history);
        struct image_step *step = &history.items[history.count - 1];
        if (!step->empty && next < layers) step->size = sizes[next++];
    }
    // Layers that nobody wrote down.
    for (; next < layers; next++) {
        add_step(arena, NULL, &history);
        history.items[history.count - 1].size = sizes[next];
    }
    *ret_history = history;
    return 0;
}
