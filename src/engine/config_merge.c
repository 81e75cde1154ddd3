// SPDX-License-Identifier: Apache-2.0
// A container's settings, and what its image says where they say nothing.
#include "engine/config.h"

#include "base/id.h"
#include "engine/pasta.h"
#include "engine/upkeep.h"
#include "oci/key_values.h"

#include <string.h>

// Of the image's own the last counts.
static void env_merge(struct arena *arena, const struct strings *image, struct strings *env) {
    struct strings own = {0};
    for (size_t i = 0; i < image->count; i++)
        if (!spec_env_has(env, image->items[i])) spec_env_put(arena, &own, image->items[i]);
    for (size_t i = 0; i < own.count; i++) strings_add(arena, env, own.items[i]);
}

static bool target_has(const struct container_config *config, const char *target) {
    for (size_t i = 0; i < config->mounts.count; i++)
        if (str_eq(config->mounts.items[i].target, target)) return true;
    return false;
}

// --entrypoint clears the image's command; else a command of the user's own replaces it. ENTRYPOINT [""] is
// how an image says that it has none.
static void command_merge(const struct image_config *image, struct container_config *config) {
    if (config->has_entrypoint) return;
    if (!config->cmd.count) config->cmd = image->cmd;
    if (image->entrypoint.count == 1 && !*image->entrypoint.items[0]) return;
    config->entrypoint = image->entrypoint;
    config->has_entrypoint = image->entrypoint.count > 0;
}

void container_mount_name(struct arena *arena, struct container_mount *mount) {
    if (mount->type != CONTAINER_MOUNT_VOLUME || !str_empty(mount->source)) return;
    char *name = arena_alloc(arena, ID_SIZE);
    id_random(name);
    mount->source = name;
    mount->anonymous = true;
}

// An image's volume that nothing else is mounted over gets a name of its own.
static void volumes_merge(struct arena *arena, const struct image_config *image,
                          struct container_config *config) {
    for (size_t i = 0; i < image->volumes.count; i++) {
        const char *target = image->volumes.items[i];
        if (*target != '/' || target_has(config, target)) continue;
        *arena_push(arena, &config->mounts) = (struct container_mount){
            .type = CONTAINER_MOUNT_VOLUME, .target = target, .why = "image Volumes"};
    }
    for (size_t i = 0; i < config->mounts.count; i++) container_mount_name(arena, &config->mounts.items[i]);
}

void container_config_merge(struct arena *arena, const struct image_config *image, const char *id,
                            struct container_config *config) {
    command_merge(image, config);
    env_merge(arena, &image->env, &config->env);
    for (size_t i = 0; i < image->labels.count; i++)
        if (!key_values_find(&config->labels, image->labels.items[i].key))
            *arena_push(arena, &config->labels) = image->labels.items[i];
    for (size_t i = 0; i < image->exposed_ports.count; i++)
        if (!strings_have(&config->exposed_ports, image->exposed_ports.items[i]))
            strings_add(arena, &config->exposed_ports, image->exposed_ports.items[i]);
    if (str_empty(config->user)) config->user = image->user;
    if (str_empty(config->working_dir)) config->working_dir = image->working_dir;
    if (str_empty(config->stop_signal)) config->stop_signal = image->stop_signal;
    if (str_empty(config->network_mode)) config->network_mode = network_usual();
    if (str_empty(config->hostname)) config->hostname = arena_strndup(arena, id, SHORT_ID);
    health_config_merge(arena, image, config);
    volumes_merge(arena, image, config);
}
