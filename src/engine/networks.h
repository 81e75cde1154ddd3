// SPDX-License-Identifier: Apache-2.0
// Networks and the containers on them.
#pragma once

#include "engine/engine.h"

// With an event.
int networks_create(struct engine *engine, struct arena *arena, const struct network_request *request,
                    struct network *ret_network, struct err *err);
// By name. Filters ("KEY=VALUE"): dangling, driver, id, label, name, scope, type; of one key any has to
// match, but all labels.
int networks_list(struct engine *engine, struct arena *arena, const struct strings *filters,
                  struct networks *ret_networks, struct err *err);
// Its whole row, by name, id or the beginning of one. ERR_NOT_FOUND.
int networks_find(struct engine *engine, struct arena *arena, const char *name, struct network *ret_network,
                  struct err *err);
// ERR_CONFLICT while containers that run are on it, and for a predefined one.
int networks_remove(struct engine *engine, struct arena *arena, const char *name, struct err *err);
// Those that no container is on or would start on, by filters until, label and label!.
int networks_prune(struct engine *engine, struct arena *arena, const struct strings *filters,
                   struct strings *ret_names, struct err *err);

// What a container that runs has, with its settings.
int networks_endpoints(struct engine *engine, struct arena *arena, const struct container *container,
                       struct endpoints *ret_endpoints, struct err *err);

// The containers that run on a network, by name.
struct network_member {
    const char *id, *name;
    struct endpoint endpoint;
};
struct network_members {
    struct network_member *items;
    size_t count;
};
int networks_members(struct engine *engine, struct arena *arena, const struct network *network,
                     struct network_members *ret_members, struct err *err);

// Puts a container on one more network, at once when it runs, and for its later starts; takes it away again.
// All or nothing. force: also a container that is not there any more, by its id.
int networks_connect(struct engine *engine, struct arena *arena, const char *network, const char *container,
                     const struct endpoint_settings *settings, struct err *err);
int networks_disconnect(struct engine *engine, struct arena *arena, const char *network,
                        const char *container, bool force, struct err *err);
