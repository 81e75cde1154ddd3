// SPDX-License-Identifier: Apache-2.0
// --mount type=image: an image is mounted on the host, once for all that use it (image/rootfs.c), and bound
// into the container.
#include "engine/parts.h"
#include "image/lower.h"

const struct image_source *image_source_find(const struct image_sources *sources,
                                             const struct container_mount *mount) {
    for (size_t i = 0; sources && i < sources->count; i++)
        if (sources->items[i].mount == mount) return &sources->items[i];
    return NULL;
}

static int find(struct engine *engine, struct arena *arena, struct image_source *source, struct plan *plan,
                struct err *err) {
    struct image image;
    struct image_lower lower;
    struct store *store = &engine->store;
    if (image_find(store, arena, source->mount->source, &image, err) ||
        image_lower_find(store, &image, arena, &lower, err))
        return -1;
    if (lower.index)
        source->path = plan ? image_plan_index(store, &image, &lower, source->mount->why, plan, arena)
                            : image_index_path(store, &image, arena);
    else if (lower.directories.count == 1)
        source->path = lower.directories.items[0];
    else
        source->layers = arena_printf(arena, "lowerdir=%s", strings_join(arena, &lower.directories, ":"));
    return 0;
}

int image_sources_find(struct engine *engine, struct arena *arena, const struct container_config *config,
                       struct plan *plan, struct image_sources *ret_sources, struct err *err) {
    struct image_sources sources = {0};
    for (size_t i = 0; i < config->mounts.count; i++) {
        if (config->mounts.items[i].type != CONTAINER_MOUNT_IMAGE) continue;
        struct image_source *source = arena_push(arena, &sources);
        *source = (struct image_source){.mount = &config->mounts.items[i]};
        if (find(engine, arena, source, plan, err)) return err_wrap(err, "%s", source->mount->why);
    }
    *ret_sources = sources;
    return 0;
}
