// SPDX-License-Identifier: Apache-2.0
// hoy-gate (src/gate) from outside: one process a root, there while a container needs it.
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

// The log group of nftables that the rules of a root name, and its gate listens to. bridge: the root's
// default one, "hoy" and a number.
uint16_t network_gate_group(const char *bridge);

// The container needs the gate from now on: writes that down below runroot, and starts the gate if there is
// none. It listens when this returns. Releasing what was never held is fine.
int network_gate_hold(const char *runroot, const char *bridge, const char *container_id, struct err *err);
int network_gate_release(const char *runroot, const char *container_id, struct err *err);

// Starts it again if it is needed and not there (somebody killed it).
int network_gate_ensure(const char *runroot, const char *bridge, struct err *err);
bool network_gate_runs(const char *runroot);
