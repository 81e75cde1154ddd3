// SPDX-License-Identifier: Apache-2.0
// A link by which packets of the host's 127.0.0.0/8 may leave and their answers come back (route_localnet).
#pragma once

#include <stdbool.h>

// What nftables' rules mark packets with that belong to a connection which began in 127.0.0.0/8. Nobody
// outside of the host can: a mark does not leave a network namespace.
#define LOCALNET_MARK 0x686f79u

// -errno. Whoever is on the link still cannot send to the host's loopback: see localnet.c. Once rules that
// say the same are in place: kernels without the classifier have nothing but them.
int localnet_open(const char *link);
bool localnet_is_open(const char *link);
