// SPDX-License-Identifier: Apache-2.0
// What others did to hoy's networks while containers run, undone.
#pragma once

#include "engine/engine.h"
#include "network/network.h"
#include "network/port.h"

// Bridges, addresses, rules of nftables and published ports of the networks that containers run on, as the
// database has them, the interfaces of containers on their bridges, and the gate where one is needed.
int networks_restore(struct engine *engine, struct err *err);
// The same for every command (network_glance.c): next to nothing while all is as the last look found it. An
// interface that somebody took off a bridge which stays is not seen. What can't be put back is said to
// standard error.
void networks_glance(struct engine *engine);
// A container has come to a network: from now on its bridge is looked at, too.
void networks_glance_from(struct engine *engine, const struct endpoint *endpoint);
// Both of them. thorough: also interfaces whose bridge is as it should be. ret_networks: with containers.
// ret_gate: whether the gate is needed.
int networks_look(struct engine *engine, struct arena *arena, bool thorough, struct networks *ret_networks,
                  bool *ret_gate, struct err *err);

// network_ensure(); and where something was missing the containers' interfaces are put on their bridge again.
int network_restore(struct engine *engine, struct arena *arena, struct network *network, bool thorough,
                    struct err *err);

// For a container that starts: the gate, where the rules of its networks lead by that.
int networks_open_gate(struct engine *engine, const struct endpoints *endpoints, struct err *err);
// For its ports, before they are published.
int ports_open_gate(struct engine *engine, const struct port_runs *runs, struct err *err);
