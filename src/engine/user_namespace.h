// SPDX-License-Identifier: Apache-2.0
// Making the user namespace of an ordinary user's containers.
#pragma once

#include "base/err.h"

// This process is root of a new user namespace then, in a new mount namespace. The user is its root; its
// other ids are those that /etc/subuid and /etc/subgid grant to the user. Without such, or without newuidmap
// and newgidmap, it has that one id. A sentence that says the way out when user namespaces are switched off.
int user_namespace_make(struct err *err);
