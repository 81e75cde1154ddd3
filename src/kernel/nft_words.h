// SPDX-License-Identifier: Apache-2.0
// For the nft files alone: rules as words.
#pragma once

#include "kernel/nft_message.h"

enum nft_word_kind {
    END,
    // Matches.
    ANY, // everything
    IN_LOOPBACK,
    NOT_IN_LOOPBACK,
    IN_LINK,  // text: its name
    OUT_LINK, // the same
    IPV4,
    IPV6,
    ICMP6,
    SOLICITATION, // of neighbours
    ADVERTISEMENT,
    FROM,        // subnet
    TO,          // subnet
    FROM_SET,    // family, text: a set of addresses
    TO_SET,      // the same
    TO_HOST,     // an address of the host's own
    TO_OTHERS,   // a single address that is not the host's
    ESTABLISHED, // and related
    KNOWN_TCP,   // of a connection that both ends have spoken on
    NEW,
    ORIGINAL,      // in the direction of who made the connection
    REPLY,         // in the other
    OTHER_NAME,    // of a connection whose maker is masqueraded
    OF_MAKER,      // subnet: its family; text: a set of addresses: who made the connection
    OF_TARGET,     // the same: who it came to, in the end
    TRANSLATED,    // of a connection that a published port accepted
    FROM_LOCALNET, // of a connection that began at an address of 127.0.0.0/8
    ONWARD,        // marked by MARK_ONWARD
    TO_PORTS,      // text: a set of ports
    TO_ADDRESS_PORTS4,
    TO_ADDRESS_PORTS6,
    PROTOCOL,  // number
    FROM_PORT, // number
    TO_PORT,
    IN_PORTS4, // text: a map of ports
    IN_PORTS6,
    IN_ADDRESS_PORTS4,
    IN_ADDRESS_PORTS6,
    // What ends a rule, or may.
    ACCEPT,
    DROP,
    RETURN,
    JUMP,        // text: a chain
    GOTO,        // the same
    BY_IN_LINK,  // text: a map of verdicts
    BY_OUT_LINK, // the same
    MASQUERADE,
    MARK_LOCALNET, // goes on; see kernel/localnet.h
    MARK_ONWARD,   // goes on; see kernel/nft_onward.h
    UNMARK,        // goes on
    SEND_ORIGINAL, // goes on, as SEND_REPLY does; the same
    SEND_REPLY,
    LOG,      // to the gate's group; goes on
    TRACE,    // goes on; see kernel/nft_trace.h
    FORWARD4, // text: a map of ports, to whose container it goes
    FORWARD6,
    FORWARD_ADDRESS4,
    FORWARD_ADDRESS6,
};

struct nft_word {
    enum nft_word_kind kind;
    const char *text;
    const struct nft_subnet *subnet;
    uint16_t number;
};

#define NFT_WORDS_MAX 7

struct nft_rule {
    const char *chain;
    struct nft_word words[NFT_WORDS_MAX];
};

// group: of the gate, for LOG.
void nft_rule_put(struct nft_batch *batch, const struct nft_rule *rule, uint16_t group);
