// SPDX-License-Identifier: Apache-2.0
// image prune. A plan is the same transaction, rolled back: so what it says is what the next one does.
#include "args/filter.h"
#include "image/event.h"
#include "image/removal.h"
#include "state/event.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

static int is_in_use(struct removal *removal, const struct image *image, struct err *err) {
    struct store *store = removal->store;
    if (image_mount_path(store, &removal->arena, image)) return 1;
    return db_number(store->db, NULL, err, "SELECT 1 FROM container WHERE image_id = ? LIMIT 1", "s",
                     image->id);
}

// What went, and which of the lines tell of it.
struct gone {
    struct gone_image {
        const struct image *image;
        size_t first, end;
    } * items;
    size_t count;
};

static int remove_unused(struct removal *removal, const struct image_prune_options *options,
                         struct gone *gone, struct err *err) {
    struct images images;
    struct filters filters;
    if (filters_read(&removal->arena, &prune_filter_keys, &options->filters, NULL, &filters, err) ||
        image_list(removal->store, &removal->arena, &images, err))
        return -1;
    for (size_t i = 0; i < images.count; i++) {
        struct image *image = &images.items[i];
        if (image->names.count && !options->all) continue;
        const struct prunable prunable = {image_created(image, image->pulled), &image->config.labels};
        if (!filters_match(&filters, &prunable)) continue;
        int used = is_in_use(removal, image, err);
        if (used < 0) return -1;
        if (used) continue;
        size_t first = removal->lines.count;
        if (removal_untag_all(removal, image, err) || removal_delete(removal, image, err)) return -1;
        *arena_push(&removal->arena, gone) = (struct gone_image){image, first, removal->lines.count};
    }
    return 0;
}

static void tell(struct removal *removal, const struct gone *gone, uint64_t bytes) {
    char text[24];
    for (size_t i = 0; i < gone->count; i++) {
        const struct gone_image *g = &gone->items[i];
        image_events_removed(removal->store, g->image, removal->lines.items + g->first, g->end - g->first);
    }
    snprintf(text, sizeof text, "%" PRIu64, bytes);
    event_write(removal->store->root_fd, "image", "prune", "", "reclaimed", text, NULL);
}

int image_prune(struct store *store, struct arena *arena, const struct image_prune_options *options,
                struct image_pruned *ret_pruned, struct err *err) {
    _cleanup_(removal_finish) struct removal removal = REMOVAL_INIT(store);
    struct image_pruned pruned = {0};
    struct gone gone = {0};
    image_try_recover(store);
    if (db_begin(store->db, err)) return -1;
    _cleanup_(db_rollbackp) struct db *open = store->db;
    if (remove_unused(&removal, options, &gone, err) || removal_count(&removal, &pruned.bytes, err))
        return -1;
    if (!options->plan && removal.files.count &&
        (removal_write(&removal, err) || db_commit(open, err) || removal_apply(&removal, err)))
        return -1;
    if (!options->plan) tell(&removal, &gone, pruned.bytes);
    for (size_t i = 0; i < removal.lines.count; i++) {
        char *line = arena_strdup(arena, removal.lines.items[i]);
        *line = (char)tolower((unsigned char)*line);
        strings_add(arena, &pruned.lines, line);
    }
    *ret_pruned = pruned;
    return 0;
}
