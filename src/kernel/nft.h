// SPDX-License-Identifier: Apache-2.0
// One nftables table of IPv4 rules for a bridge of containers, by nfnetlink: raw messages, for the reason
// that netlink.h gives. All return -errno.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The table has the bridge's name and three chains:
//   raw          what comes from elsewhere straight to the subnet, what the containers send with an address
//                that is not theirs or to the host's loopback: dropped before anything else sees it;
//   forward      between containers and out of them: accepted; into them only what belongs to a connection
//   that
//                they made;
//   postrouting  what leaves the subnet by another link gets that link's address.
// A table of our own: what firewalls and other engines flush and reload are theirs. It cannot accept what
// another table drops.
struct nft_bridge {
    const char *bridge;
    uint32_t subnet; // host byte order
    uint8_t prefix;
};

// Is the table there, and made by this very code for this bridge? One message.
bool nft_bridge_ready(const struct nft_bridge *rules);
// Makes the table, or makes it anew, in one transaction: there is no moment with half of the rules.
int nft_bridge_apply(const struct nft_bridge *rules);
// -ENOENT when there is none.
int nft_bridge_delete(const char *bridge);

struct nft_table {
    const char *name;    // at most 15 bytes
    uint16_t gate_group; // of nfnetlink_log; see "gate"
};

struct nft_port {
    uint8_t family;      // of both addresses: AF_INET, AF_INET6
    uint8_t protocol;    // IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP
    uint8_t host[16];    // network byte order; zero: all the host's addresses
    uint16_t host_port;  // host byte order
    uint8_t address[16]; // of the container
    uint16_t port;
    bool respect; // the host's firewall has its say; see "gate"
};
int nft_ports_add(const struct nft_table *table, const struct nft_port *ports, size_t count);
int nft_ports_remove(const struct nft_table *table, const struct nft_port *ports, size_t count);
