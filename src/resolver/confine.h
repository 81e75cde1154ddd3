// SPDX-License-Identifier: Apache-2.0
// The resolver gives everything away before it reads a byte of a container's: root, capabilities, the
// machine's files but those that it reads, and all system calls but a short list.
#pragma once

#include "base/err.h"

#include <stdbool.h>

// Single-threaded. directory: the one of all networks, which is all that it can list.
int confine(int directory, struct err *err);
#define HOST_RESOLV_CONF "/etc/resolv.conf"
// Whether a directory where it may lie has come since, or it is another file: it can't be read from in here.
bool confine_is_outdated(void);
