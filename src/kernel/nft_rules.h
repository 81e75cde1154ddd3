// SPDX-License-Identifier: Apache-2.0
// For the nft files alone: what the base and a network are made of, in the words of nft_words.h.
#pragma once

#include "kernel/nft_message.h"

// The chains, sets and rules that every table has, and how many chains these are.
void nft_base_put(struct nft_batch *batch, const struct nft_table *table);
// Questions after the base's chains, one message each.
void nft_base_ask(struct nft_batch *batch, const struct nft_table *table);

// Two base chains for a table that has nothing else, early where packets come in and where they are made: of
// those to an address (and to a port of it unless that is 0) and of their answers the kernel is to tell.
struct nft_flow {
    struct nft_subnet to;
    uint8_t protocol;
    uint16_t port;
};
void nft_trace_put(struct nft_batch *batch, const struct nft_flow *flow);

// A network's chains (the first has the comment), rules and elements. flags: NLM_F_* for the chains.
void nft_network_put(struct nft_batch *batch, const struct nft_table *table,
                     const struct nft_network *network, uint16_t flags, const char *comment);
// The same things' removal, when they are there.
void nft_network_delete(struct nft_batch *batch, const struct nft_table *table,
                        const struct nft_network *network);
// Questions after them.
void nft_network_ask(struct nft_batch *batch, const struct nft_table *table,
                     const struct nft_network *network);
