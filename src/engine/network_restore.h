// SPDX-License-Identifier: Apache-2.0
// What others did to hoy's networks while containers run, undone.
#pragma once

#include "engine/engine.h"
#include "network/network.h"
#include "network/port.h"

// Bridges, addresses and rules of nftables of the networks that containers run on, as the database has them,
// and the gate where one is needed. Cheap when everything is there.
int networks_restore(struct engine *engine, struct err *err);

// For a container that starts: the gate, where the rules of its networks lead by that.
int networks_open_gate(struct engine *engine, const struct endpoints *endpoints, struct err *err);
// For its ports, before they are published.
int ports_open_gate(struct engine *engine, const struct port_runs *runs, struct err *err);
