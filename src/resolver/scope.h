// SPDX-License-Identifier: Apache-2.0
// What one container may know: the names of the networks that it is on, its links, its host. The engine says
// it in lines of text (network/names.h composes them):
//   container ID
//   network ID NAME [internal]   for each, the first to look in first
//   alias NAME TARGET            a link: NAME is what TARGET is on these networks
//   gateway ADDRESS              the host's, as the container reaches it
//   server ADDRESS               of --dns, as the container reaches it; none: the host's
//   ndots                        the container's options have ndots above 0
#pragma once

#include "base/arena.h"
#include "resolver/message.h"
#include "resolver/servers.h"

struct membership {
    struct zone *zone;
    const char *name; // the network's, lower case
    bool internal;
};

struct link_name {
    const char *name, *target; // lower case
};

struct scope {
    char container[ID_SIZE];
    struct zones *zones;
    struct arena arena;
    struct {
        struct membership *items;
        size_t count;
    } networks;
    struct {
        struct link_name *items;
        size_t count;
    } links;
    struct zone_address gateways[4];
    size_t gateway_count;
    struct servers servers;
    bool ndots;
};

// 0, or -EINVAL for a text that is none: nothing is taken then.
int scope_init(struct scope *scope, struct zones *zones, const char *text);
void scope_finish(struct scope *scope);

enum scope_answer {
    SCOPE_ADDRESSES, // of which there may be none: the name is there all the same
    SCOPE_NAME,
    SCOPE_UNKNOWN, // there is no such name
    SCOPE_SILENT,  // nobody else may be asked
    SCOPE_FORWARD,
};

struct finding {
    struct zone_address addresses[MESSAGE_ANSWERS];
    size_t count;
    char name[2 * ZONE_NAME_MAX]; // web.NETWORK
};

enum scope_answer scope_find(const struct scope *scope, const struct question *question,
                             struct finding *ret_finding);
