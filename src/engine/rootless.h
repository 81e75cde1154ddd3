// SPDX-License-Identifier: Apache-2.0
// What an ordinary user's hoy does before anything else, and where such a user's folders are.
#pragma once

#include "base/err.h"

#include <stdbool.h>

// Whether this process is an ordinary user's, or root of a user namespace that the network around does not
// belong to: what rootless_enter() makes of it.
bool rootless_is_here(void);

// Where <root> and <runroot> are unless somebody says otherwise, allocated: $XDG_DATA_HOME/hoy,
// $XDG_RUNTIME_DIR/hoy, or what stands for them when they are not set or not the user's own.
int rootless_root(char **ret_path, struct err *err);
int rootless_runroot(char **ret_path, struct err *err);

// This process enters the user namespace that all of the user's hoy processes of runroot share, and the mount
// namespace that goes with it: there it is root. Makes them when there is nobody in them. runroot is there,
// and open. ret_hold: the descriptor by which this process holds them (kernel/holders.h).
int rootless_enter(int runroot, int *ret_hold, struct err *err);

// For a process that was born there: the same hold.
int rootless_hold(int runroot, int *ret_hold, struct err *err);
