// SPDX-License-Identifier: Apache-2.0
// How fast a container sends and receives (--net-rate): kept, checked, planned, changed while it runs. The
// kernel's side is kernel/traffic.h.
#pragma once

#include "engine/engine.h"
#include "network/network.h"
#include "plan/plan.h"

// HostConfig.NetRate. Nothing is written of one that is empty. Reading returns 0, or -1 when the value is of
// another shape.
bool net_rate_is_empty(const struct net_rate *rate);
void config_net_rate_write(const struct net_rate *rate, const char *key, struct json_writer *w);
int config_net_rate_read(struct arena *arena, const struct json *json, struct net_rate *ret_rate);

// Where a container has no interface whose other end is the host's, there is nothing to hold back.
int net_rate_check(const struct container_config *config, struct err *err);
// What is in changes, over what there is.
void net_rate_merge(struct net_rate *rate, const struct net_rate *changes);

// The same of the networks that it is on: those of the driver bridge alone have such an interface.
int net_rate_check_networks(const struct container_config *config, const struct endpoints *endpoints,
                            struct err *err);
// Adds NET_RATE for every interface, after what makes it.
void net_rate_plan(const struct container_config *config, const struct endpoints *endpoints,
                   struct plan *plan);
// For an interface that comes to a container that runs.
int net_rate_connect(const struct container_config *config, const struct endpoint *endpoint, struct err *err);
// For all interfaces of a container that runs: its rate is this one from now on.
int net_rate_apply(struct engine *engine, const struct container *container, const struct net_rate *rate,
                   struct err *err);
// What net_rate_apply() left on the host, when the container has ended. Before its addresses go.
int net_rate_release(struct engine *engine, const struct container *container, struct err *err);
