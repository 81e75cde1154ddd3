// SPDX-License-Identifier: Apache-2.0
// The kernel's connection tracking, by ctnetlink. What a port leads to is looked up for the first packet of a
// flow alone. UDP has no end: who goes on sending goes on being led to where the port led before, or nowhere.
#pragma once

#include "kernel/nft.h"

// Flows of UDP to these ports of the host that do not lead to their containers any more, or yet, are
// forgotten: their next packet is a first one. gone: those that do lead there. Best effort.
void conntrack_forget(const struct nft_port *ports, size_t count, bool gone);
