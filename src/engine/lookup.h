// SPDX-License-Identifier: Apache-2.0
// A host's name, as the host itself looks it up.
#pragma once

#include <arpa/inet.h>

// Its first address in numbers, or that of one in numbers. -ENOENT: there is none.
int lookup_address(const char *host, char ret_address[static INET6_ADDRSTRLEN]);
