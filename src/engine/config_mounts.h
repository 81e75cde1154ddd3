// SPDX-License-Identifier: Apache-2.0
// HostConfig's Binds, Tmpfs and Mounts, and Config's Volumes, for config.c. Reading adds to the mounts and
// returns 0, or -1 when the value is of another shape.
#pragma once

#include "engine/config.h"

// Where a mount stands: as -v gives it, as --tmpfs does, as --mount does, or with those that come from other
// containers.
enum config_form { CONFIG_FORM_BIND, CONFIG_FORM_TMPFS, CONFIG_FORM_MOUNT, CONFIG_FORM_INHERITED };

bool config_mounts_have(const struct container_config *config, enum config_form form);

void config_binds_write(const struct container_config *config, const char *key, struct json_writer *w);
int config_binds_read(struct arena *arena, const struct json *json, struct container_config *config);
// These leave the field out when there are none.
void config_tmpfs_write(const struct container_config *config, const char *key, struct json_writer *w);
int config_tmpfs_read(struct arena *arena, const struct json *json, struct container_config *config);
// Mounts of the last two forms.
void config_mounts_write(const struct container_config *config, enum config_form form, const char *key,
                         struct json_writer *w);
int config_mounts_read(struct arena *arena, const struct json *json, struct container_config *config);
int config_inherited_read(struct arena *arena, const struct json *json, struct container_config *config);
// {"/path":{}}: the anonymous ones.
void config_volumes_write(const struct container_config *config, const char *key, struct json_writer *w);
