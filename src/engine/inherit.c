// SPDX-License-Identifier: Apache-2.0
// --volumes-from: the bind mounts and volumes of another container, as it has them when this one is made.
// What this container names itself goes before; of several containers with one place the last one counts.
#include "engine/parts.h"

#include <string.h>

static int read_mode(const char *text, const char *mode, bool *ret_readonly, struct err *err) {
    static const char *const known[] = {"ro", "rw", "z", "Z"};
    *ret_readonly = str_eq(mode, "ro");
    for (size_t i = 0; mode && i < ARRAY_SIZE(known); i++)
        if (str_eq(mode, known[i])) return 0;
    return mode ? err_set(err, ERR_INVALID, 0, "--volumes-from %s: invalid mode: %s", text, mode) : 0;
}

static struct container_mount *find(struct container_config *config, const char *target) {
    for (size_t i = 0; i < config->mounts.count; i++)
        if (str_eq(config->mounts.items[i].target, target)) return &config->mounts.items[i];
    return NULL;
}

static void take(struct arena *arena, struct container_config *config, const struct container_mount *from,
                 bool readonly, const char *why) {
    if (from->type == CONTAINER_MOUNT_TMPFS) return;
    struct container_mount *mount = find(config, from->target);
    if (mount && !mount->inherited) return;
    if (!mount) mount = arena_push(arena, &config->mounts);
    *mount = *from;
    mount->readonly |= readonly;
    mount->volume_nocopy = true;
    mount->inherited = true;
    mount->why = why;
}

static int inherit_from(struct engine *engine, struct arena *arena, struct container_config *config,
                        const char *text, struct err *err) {
    char *name = arena_strdup(arena, text), *mode = strchr(name, ':');
    struct container other;
    bool readonly;
    if (!*text) return err_set(err, ERR_INVALID, 0, "volumes-from specification cannot be an empty string");
    if (mode) *mode++ = 0;
    if (read_mode(text, mode, &readonly, err) || row_find(engine, arena, name, &other, err)) return -1;
    const char *why = arena_printf(arena, "--volumes-from %s", text);
    for (size_t i = 0; i < other.config.mounts.count; i++)
        take(arena, config, &other.config.mounts.items[i], readonly, why);
    return 0;
}

int mounts_inherit(struct engine *engine, struct arena *arena, struct container_config *config,
                   struct err *err) {
    for (size_t i = 0; i < config->volumes_from.count; i++)
        if (inherit_from(engine, arena, config, config->volumes_from.items[i], err)) return -1;
    return 0;
}
