// SPDX-License-Identifier: Apache-2.0
// mounts.
#include "oci/field_rows.h"
#include "oci/spec_parts.h"

#include <sched.h>
#include <stdio.h>

const struct field spec_mount_fields[] = {
    STRING(spec_mount, "destination", destination, .required = true),
    STRING(spec_mount, "type", type),
    STRING(spec_mount, "source", source),
    STRINGS(spec_mount, "options", options),
    LIST(spec_mount, "uidMappings", uid_maps, spec_id_map, spec_id_map_fields),
    LIST(spec_mount, "gidMappings", gid_maps, spec_id_map, spec_id_map_fields),
    END,
};

static bool has_idmap(const struct strings *options) {
    for (size_t i = 0; i < options->count; i++) {
        if (str_eq(options->items[i], "idmap") || str_eq(options->items[i], "ridmap")) return true;
    }
    return false;
}

// Mappings are a wish for an id-mapped mount even when no option says so. Options without mappings mean those
// of the container, which it may not have.
static int check_maps(struct arena *arena, const struct spec *spec, size_t i, struct err *err) {
    struct spec_mount *mount = &spec->mounts.items[i];
    bool uid = mount->uid_maps.count, gid = mount->gid_maps.count;
    char path[48];
    if (uid != gid)
        return invalid(err, "mounts[%zu].%s is missing: users and groups are mapped together", i,
                       uid ? "gidMappings" : "uidMappings");
    snprintf(path, sizeof path, "mounts[%zu].uidMappings", i);
    if (spec_id_maps_check(mount->uid_maps.items, mount->uid_maps.count, path, err) < 0) return -1;
    snprintf(path, sizeof path, "mounts[%zu].gidMappings", i);
    if (spec_id_maps_check(mount->gid_maps.items, mount->gid_maps.count, path, err) < 0) return -1;
    bool asked = has_idmap(&mount->options);
    if (uid && !asked) strings_add(arena, &mount->options, "idmap");
    if (asked && !uid && !spec_has_namespace(spec, CLONE_NEWUSER))
        return invalid(err,
                       "mounts[%zu].options: an id-mapped mount needs uidMappings and gidMappings, or a "
                       "container with a user namespace",
                       i);
    return 0;
}

int spec_mounts_check(struct arena *arena, struct spec *spec, struct err *err) {
    for (size_t i = 0; i < spec->mounts.count; i++) {
        struct spec_mount *mount = &spec->mounts.items[i];
        if (!*mount->destination) return invalid(err, "mounts[%zu].destination is empty", i);
        if (!is_absolute(mount->destination)) // old tools wrote them so; config.md wants them below "/"
            mount->destination = arena_printf(arena, "/%s", mount->destination);
        if (check_maps(arena, spec, i, err) < 0) return -1;
    }
    return 0;
}
