// SPDX-License-Identifier: Apache-2.0
// A container's way to the resolver of its network, and the resolver's to the servers of --dns: sockets of
// the container's network namespace, which the resolver gets.
#pragma once

#include "base/err.h"

// Registers a container: text is what resolver/scope.h says, connection is connected to the resolver, netns a
// descriptor of the network namespace. until: a pidfd, or a socket: the resolver serves it until that ends;
// -1: for as long as connection is open. Single-threaded callers only. 0 or -errno.
int resolver_register(int connection, const char *text, int netns, int until);
