// SPDX-License-Identifier: Apache-2.0
// The network of an ordinary user's containers: the program pasta (plan/pasta.c).
#pragma once

#include "engine/engine.h"
#include "network/port.h"

#define NETWORK_PASTA "pasta"
// By this address a container reaches a DNS server on the host's own loopback.
#define PASTA_DNS "169.254.1.1"

bool container_uses_pasta(const struct container_config *config);
// The network of a container whose caller names none: "bridge", or an ordinary user's.
const char *network_usual(void);

// At create: ERR_INVALID for a network that this user can't have, and for what pasta can't do.
int pasta_check(const struct engine *engine, const struct container_config *config, struct err *err);
// ERR_INVALID for an ordinary user: of what is to be done with networks of hoy's.
int pasta_refuse_networks(const struct engine *engine, const char *what, struct err *err);
// The PASTA operation. ports: free a moment ago. ERR_UNAVAILABLE when the program is not there.
int pasta_plan(const struct port_runs *ports, struct plan *plan, struct err *err);
