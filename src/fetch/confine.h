// SPDX-License-Identifier: Apache-2.0
// The worker gives up everything that it doesn't need before it touches a byte from outside: root,
// capabilities, the files of the machine (Landlock, where the kernel has it), and all system calls but a
// short list.
#pragma once

#include "base/err.h"

#include <stdbool.h>

// Single-threaded still. The staging directory becomes the worker's own; -1: there is none. With network
// false there are no sockets.
int confine(int staging, bool network, struct err *err);
