// SPDX-License-Identifier: Apache-2.0
// The parts of config.json: a file each has its table, and the rules that no table can say. A check names the
// field by its place in config.json.
#pragma once

#include "oci/fields.h"
#include "oci/spec.h"

#define invalid(err, ...) err_set(err, ERR_INVALID, 0, __VA_ARGS__)

static inline bool is_absolute(const char *path) {
    return path && *path == '/';
}

extern const struct field spec_process_fields[];     // of struct spec_process
extern const struct field spec_mount_fields[];       // of struct spec_mount
extern const struct field spec_hooks_fields[];       // of struct spec_hooks
extern const struct field spec_id_map_fields[];      // of struct spec_id_map
extern const struct field spec_resources_fields[];   // of struct spec_resources
extern const struct field spec_seccomp_fields[];     // of struct spec_seccomp
extern const struct field spec_seccomp_arg_fields[]; // of struct spec_seccomp_arg
extern const struct field spec_linux_fields[];       // of struct spec
extern const struct spec_seccomp spec_seccomp_default;

int spec_process_check(const struct spec_process *process, struct err *err);
int spec_mounts_check(struct arena *arena, struct spec *spec, struct err *err);
int spec_hooks_check(const struct spec_hooks *hooks, struct err *err);
int spec_id_maps_check(const struct spec_id_map *maps, size_t count, const char *path, struct err *err);
int spec_resources_check(struct arena *arena, struct spec_resources *resources, struct strings *warnings,
                         struct err *err);
int spec_linux_check(struct arena *arena, struct spec *spec, struct err *err);
bool spec_has_namespace(const struct spec *spec, uint64_t flag);

// hoy's own fields: taken out of the annotations, and put into them.
void spec_own_read(struct arena *arena, struct spec *spec);
void spec_own_annotate(struct arena *arena, struct spec *spec);
