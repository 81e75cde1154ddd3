// SPDX-License-Identifier: Apache-2.0
// newuidmap and newgidmap (Debian's uidmap): they may write what /etc/subuid and /etc/subgid grant to the
// user who runs them.
#pragma once

#include <sys/types.h>

// Has name, one of the two, write a map ("0 100000 65536\n…") for the user namespace of a process. -ENOENT:
// it is not installed; -EPERM: it refuses the map, and has said so on standard error.
int id_helper_run(const char *name, pid_t pid, const char *map);
