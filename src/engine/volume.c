// SPDX-License-Identifier: Apache-2.0
// Volumes: <root>/volumes/<name>/_data. One is made when a container that names it starts; what the image has
// at its place is copied into an empty one by the container's plan, inside the container's mount namespace.
#include "engine/parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int volume_make(struct engine *engine, const char *name, struct err *err) {
    char path[512];
    if ((size_t)snprintf(path, sizeof path, "volumes/%s/_data", name) >= sizeof path)
        return err_set(err, ERR_INVALID, 0, "the volume's name %.40s… is too long", name);
    int r = dir_make_all_at(engine->store.root_fd, path, 0755);
    return r ? err_set(err, ERR_SYSTEM, -r, "make volume %s", name) : 0;
}

// -v makes a directory that the host does not have, as Docker does.
static int source_make(const char *source, struct err *err) {
    struct stat st;
    if (!stat(source, &st)) return 0;
    int r = dir_make_all_at(AT_FDCWD, source, 0755);
    return r ? err_set(err, ERR_SYSTEM, -r, "make %s for a mount", source) : 0;
}

int volumes_make(struct engine *engine, const struct container_config *config, struct err *err) {
    for (size_t i = 0; i < config->mounts.count; i++) {
        const struct container_mount *mount = &config->mounts.items[i];
        int r = mount->type == CONTAINER_MOUNT_VOLUME ? volume_make(engine, mount->source, err)
                : mount->type == CONTAINER_MOUNT_BIND && mount->create_source
                    ? source_make(mount->source, err)
                    : 0;
        if (r) return -1;
    }
    return 0;
}

int volumes_remove_anonymous(struct engine *engine, const struct container_config *config, struct err *err) {
    for (size_t i = 0; i < config->mounts.count; i++) {
        const struct container_mount *mount = &config->mounts.items[i];
        char path[512];
        if (!mount->anonymous || strlen(mount->source) != ID_SIZE - 1 || strchr(mount->source, '/')) continue;
        snprintf(path, sizeof path, "volumes/%s", mount->source);
        int r = dir_remove_all_at(engine->store.root_fd, path);
        if (r) return err_set(err, ERR_SYSTEM, -r, "remove volume %s", mount->source);
    }
    return 0;
}

int container_remove_volumes(struct engine *engine, const struct container *container, struct err *err) {
    return volumes_remove_anonymous(engine, &container->config, err);
}
