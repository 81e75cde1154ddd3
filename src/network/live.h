// SPDX-License-Identifier: Apache-2.0
// Interfaces of containers that run. netns is a descriptor of the container's network namespace.
#pragma once

#include "network/network.h"

// Makes the interface with its addresses, up, without the default route. What was begun is taken away again
// when something fails.
int live_add(const struct endpoint *endpoint, int netns, struct err *err);
// Under whatever names its ends have by now. One that is not there is fine. netns -1: the container is gone,
// and its interfaces with it. ERR_CONFLICT: it can't be told whether it is there.
int live_remove(const struct endpoint *endpoint, int netns, struct err *err);
// The default routes become those of the endpoints (endpoints_choose_gateway()). before: what had them; one
// that was taken away has none any more.
int live_route(const struct endpoints *before, const struct endpoints *after, int netns, struct err *err);

// The row's mark, and with it what the caller does in the same transaction.
int network_set_pending(struct db *db, const char *container_id, const char *network_id, bool pending,
                        struct err *err);
