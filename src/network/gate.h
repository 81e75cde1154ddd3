// SPDX-License-Identifier: Apache-2.0
// hoy-gate (src/gate) from outside: one process a root, there while a container needs it.
#pragma once

#include "base/err.h"
#include "kernel/nft.h"
#include "state/db.h"

#include <stdbool.h>
#include <stdint.h>

// The log group of nftables that the rules of a root name, and its gate listens to. default_id: of the root's
// default network.
uint16_t network_gate_group(const char *default_id);

// A container whose run directory is there needs the gate: starts it if there is none. It listens when this
// returns, and stays while any container of the root runs.
int network_gate_need(struct db *db, const char *runroot, struct err *err);
bool network_gate_runs(const char *runroot);

// Does a chain of somebody else's drop what is new in FORWARD? Then hoy's rules lead that around it, by way
// of the gate. Cheap enough for every start.
enum nft_detour network_detours(void);
