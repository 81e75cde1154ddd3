// SPDX-License-Identifier: Apache-2.0
// How a container's questions come to its resolver: a small nftables table in its own network namespace.
#pragma once

#include <stdint.h>

// What is sent to port 53 of this address goes to another port of it, and comes back as if from there.
#define NFT_RESOLVER_ADDRESS 0x7f00000bu // 127.0.0.11, host byte order

// Makes the table in the caller's network namespace, or makes it anew. -errno.
int nft_resolver_apply(uint16_t port);
