// SPDX-License-Identifier: Apache-2.0
// The options of a volume, as Docker's driver "local" has them: type=, device= and o= of a mount, size= of a
// quota.
#include "engine/lookup.h"
#include "engine/parts.h"
#include "oci/key_values.h"

#include <string.h>
#include <sys/mount.h>

const char *volume_option(const struct volume *volume, const char *key) {
    return key_values_find(&volume->options, key);
}

static int missing(const struct volume *volume, const char *key, struct err *err) {
    return err_set(err, ERR_INVALID, 0, "create %s: missing required option: \"%s\"", volume->name, key);
}

static int check_mount(const struct volume *volume, struct err *err) {
    const char *type = volume_option(volume, "type"), *device = volume_option(volume, "device");
    if (!type && !device && !volume_option(volume, "o")) return 0;
    if (str_empty(device)) return missing(volume, "device", err);
    return str_empty(type) ? missing(volume, "type", err) : 0;
}

int volume_options_check(const struct volume *volume, struct err *err) {
    static const char *const known[] = {"type", "device", "o", "size"};
    for (size_t i = 0; i < volume->options.count; i++) {
        const char *key = volume->options.items[i].key;
        size_t n = 0;
        while (n < ARRAY_SIZE(known) && !str_eq(known[n], key)) n++;
        if (n == ARRAY_SIZE(known))
            return err_set(err, ERR_INVALID, 0, "create %s: invalid option: \"%s\"", volume->name, key);
    }
    uint64_t bytes;
    const char *size = volume_option(volume, "size");
    if (size && parse_size(size, &bytes))
        return err_set(err, ERR_INVALID, 0, "create %s: invalid size: '%s'", volume->name, size);
    return check_mount(volume, err);
}

// In the plan

// The words of o=; what the kernel has no flag for is the file system's.
static void read_words(struct arena *arena, const char *text, struct mount_options *options) {
    struct strings words = {0};
    char *rest = arena_strdup(arena, text ? text : "");
    for (char *word; (word = strsep(&rest, ","));)
        if (*word) strings_add(arena, &words, word);
    mount_options_parse(arena, &words, options);
}

// The kernel does not look names up: addr= gets its address.
static int resolve_address(struct arena *arena, const struct volume *volume, const char **data,
                           struct err *err) {
    const char *at = *data ? strstr(*data, "addr=") : NULL;
    char address[INET6_ADDRSTRLEN];
    if (!at || (at != *data && at[-1] != ',')) return 0;
    at += strlen("addr=");
    const char *name = arena_strndup(arena, at, strcspn(at, ","));
    if (lookup_address(name, address))
        return err_set(err, ERR_NOT_FOUND, 0, "volume %s: addr=%s: lookup %s: no such host", volume->name,
                       name, name);
    *data = arena_printf(arena, "%.*s%s%s", (int)(at - *data), *data, address, at + strlen(name));
    return 0;
}

static int plan_one(struct engine *engine, struct arena *arena, const struct volume *volume, const char *why,
                    struct plan *plan, struct err *err) {
    const char *type = volume_option(volume, "type"), *device = volume_option(volume, "device");
    const char *path = volume_path(engine, arena, volume->name);
    struct mount_options options = {0};
    if (!type) return 0;
    read_words(arena, volume_option(volume, "o"), &options);
    if (str_eq(type, "bind")) options.flags |= MS_BIND;
    if (resolve_address(arena, volume, &options.data, err)) return -1;
    plan_str name = plan_string(plan, volume->name), kind = plan_string(plan, type),
             from = plan_string(plan, device), data = plan_string(plan, options.data),
             target = plan_string(plan, path),
             lock = plan_printf(plan, "%s/volumes/%s/lock", engine->store.root, volume->name);
    struct plan_op *op = plan_add(plan, PLAN_VOLUME_MOUNT, why);
    op->volume.name = name;
    op->volume.type = kind;
    op->volume.device = from;
    op->volume.data = data;
    op->volume.target = target;
    op->volume.lock = lock;
    op->volume.flags = options.flags;
    return 0;
}

int volumes_plan(struct engine *engine, struct arena *arena, const struct container_config *config,
                 struct plan *plan, struct err *err) {
    for (size_t i = 0; i < config->mounts.count; i++) {
        const struct container_mount *mount = &config->mounts.items[i];
        struct volume volume;
        if (mount->type != CONTAINER_MOUNT_VOLUME || mount->anonymous) continue;
        if (volume_find(engine, arena, mount->source, &volume, err)) return -1;
        if (plan_one(engine, arena, &volume, mount->why, plan, err)) return -1;
    }
    return 0;
}
