// SPDX-License-Identifier: Apache-2.0
// The worker gives up everything that it doesn't need before it touches a byte from outside: root,
// capabilities, the files of the machine (Landlock, where the kernel has it), and all system calls but a
// short list.
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

// Single-threaded still. The staging directory (-1: none) becomes the worker's own. With network false there
// are no sockets, and files in that directory can be renamed and removed.
int confine(int staging, bool network, struct err *err);

// For a look at a root file system (a detached tree of mounts): it becomes all that there is, without a
// network. What stays is the capability to read every file in it; and those that are
// given (bits): with any of them files can be made.
int confine_to_view(int view, uint64_t capabilities, struct err *err);
