// SPDX-License-Identifier: Apache-2.0
// Volumes: a row each, with a directory <root>/volumes/<name>/_data. A container uses the volumes that it
// names from when it is made until it is removed; one that is used stays.
#pragma once

#include "engine/engine.h"

#define VOLUME_ANONYMOUS_LABEL "com.docker.volume.anonymous"

struct volume {
    const char *name; // NULL: a made-up one
    int64_t created;  // wall clock, ns
    bool anonymous;
    struct spec_key_values labels, options;
    struct strings users; // ids of containers
};
struct volumes {
    struct volume *items;
    size_t count;
};

// One that is there stays as it is. The name in ret_name.
int volume_create(struct engine *engine, struct arena *arena, const struct volume *volume,
                  const char **ret_name, struct err *err);
// ERR_NOT_FOUND: "get X: no such volume".
int volume_find(struct engine *engine, struct arena *arena, const char *name, struct volume *ret_volume,
                struct err *err);
// By name. Filters ("KEY=VALUE"): dangling, driver, label, name; of one key any has to match, but all labels.
int volume_list(struct engine *engine, struct arena *arena, const struct strings *filters,
                struct volumes *ret_volumes, struct err *err);
const char *volume_path(struct engine *engine, struct arena *arena, const char *name);

// ERR_CONFLICT while a container uses it: "remove X: volume is in use - [ids]".
int volume_remove(struct engine *engine, const char *name, struct err *err);

struct volume_prune_options {
    bool all; // else anonymous ones
    struct strings filters;
};
struct volume_pruned {
    struct strings names;
    uint64_t bytes;
};
int volume_prune(struct engine *engine, struct arena *arena, const struct volume_prune_options *options,
                 struct volume_pruned *ret_pruned, struct err *err);
