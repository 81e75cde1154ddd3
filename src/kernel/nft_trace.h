// SPDX-License-Identifier: Apache-2.0
// Where nftables ends a packet: the kernel tells it of packets that a rule has marked. For a moment there is
// a table with such a rule, which the kernel removes with the descriptor that made it, whatever happens to
// its owner. All return -errno.
#pragma once

#include "kernel/nft_look.h"

#include <stdint.h>

struct nft_trace {
    int owner, listener;
};
#define NFT_TRACE_NONE              \
    (struct nft_trace) {            \
        .owner = -1, .listener = -1 \
    }

// Packets to an address (of 4 or 16 bytes), and to a port of it unless that is 0, and their answers.
// -EOPNOTSUPP: a kernel before 5.12.
int nft_trace_begin(uint8_t family, const void *address, uint8_t protocol, uint16_t port,
                    struct nft_trace *ret_trace);
void nft_trace_end(struct nft_trace *trace);

struct nft_trace_drop {
    uint8_t family; // NFPROTO_*, of the table
    char table[NFT_LOOK_NAME], chain[NFT_LOOK_NAME];
    uint64_t rule; // its handle; 0: the chain's policy
};
// Takes in what was told so far. 1, with the last drop or reject, but for those after which hoy's own gate
// sends the packet on; 0 when none was.
int nft_trace_read(struct nft_trace *trace, struct nft_trace_drop *ret_drop);
