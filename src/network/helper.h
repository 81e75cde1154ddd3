// SPDX-License-Identifier: Apache-2.0
// Starting the programs that serve containers and outlive the command that started them.
#pragma once

#include <stddef.h>

#define HELPER_FDS 8

// Executes a program as a grandchild, which nobody has to wait for: in a session of its own, at /, outside of
// the unit of systemd that we are in, with an empty environment. fds: what it has at 0, 1, 2, and so on,
// where -1 is /dev/null; count of them, at most HELPER_FDS, and no others. Single-threaded callers only. 0 or
// -errno.
int helper_start(const char *program, const char *const argv[], const int *fds, size_t count);
