// SPDX-License-Identifier: Apache-2.0
// --firewall: whether a container's published ports pass the host's own INPUT rules first. A container that
// does not say has what the host's administrator sets ("firewall" in /etc/hoy/config.json, or HOY_FIREWALL),
// from its next start on.
#pragma once

#include "engine/config.h"

// ERR_INVALID for a word that is none, wherever it stands.
int firewall_respects(const struct container_config *config, bool *ret_respects, struct err *err);
