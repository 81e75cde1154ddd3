// SPDX-License-Identifier: Apache-2.0
// A container's way to the resolver of its network: two sockets of its own network namespace, which the
// resolver gets.
#pragma once

#include "base/err.h"

// Registers a container: text is what resolver/scope.h says, connection is connected to the resolver, netns a
// descriptor of the network namespace. process: a pidfd, for which the resolver serves it then; -1: it does
// for as long as connection is open. Single-threaded callers only. 0 or -errno.
int resolver_register(int connection, const char *text, int netns, int process);
