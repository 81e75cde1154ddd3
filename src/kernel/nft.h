// SPDX-License-Identifier: Apache-2.0
// The nftables rules of a root's networks, by nfnetlink: raw messages, for the reason that netlink.h gives.
// All return -errno; netlink_error_text() has the kernel's words, where it has some.
//
// A root has one table, of the family inet. Its base chains are always the same. They look an interface's
// name up in maps of verdicts and so find the few rules of the network whose bridge that is; published ports
// are elements of maps. So what a packet meets does not grow with the networks and ports that there are, and
// neither does what it takes to add one.
//
//   guard        prerouting, before conntrack: what containers send under addresses that are not theirs, or
//                to the host's loopback, and what comes from elsewhere straight to a network's subnets, past
//                its published ports: dropped. That also keeps networks apart;
//   prerouting   what is for the host itself and a published port goes to the container;
//   output       the same for what the host's own processes send, to 127.0.0.0/8 too (not to ::1, from which
//                the kernel can't be made to forward), and for ports that respect the host's firewall;
//   gate         input, after every other filter: a connection to a port that respects the firewall comes
//                here when the firewall let it pass. It is logged to the table's group and dropped; who reads
//                the group sends it again from here, by way of output;
//   again        prerouting, after conntrack: what follows such a packet before there is an answer goes the
//   same
//                way. With a detour so does all that is new and would be forwarded from or to a network, or
//                within one: a FORWARD policy that drops what is new never sees it, and what belongs to a
//                connection it lets through. Where it drops that, too, all packets go this way, or those of
//                TCP the one of kernel/nft_onward.h, for which there are two more tables;
//   forward      into a network only what belongs to a connection that it made or that a published port
//                accepted;
//   postrouting  what leaves a network by another link gets that link's address, and so does what a published
//                port sends back into the network that it came from.
//
// A table of our own: what firewalls and other engines flush and reload is theirs. It cannot accept what
// another table drops.
#pragma once

#include "kernel/link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nft_table {
    const char *name;    // at most 15 bytes
    uint16_t gate_group; // of nfnetlink_log; see "gate"
    enum nft_detour {    // see "again"
        NFT_DETOUR_NONE,
        NFT_DETOUR_NEW,
        NFT_DETOUR_ALL,
    } detour;
    bool onward; // with NFT_DETOUR_ALL: the kernel itself sends what it knows of TCP; see nft_onward_works()
};

struct nft_subnet {
    uint8_t family; // AF_INET, AF_INET6
    uint8_t prefix; // bits
    uint8_t bytes[16];
};

enum nft_network_flags {
    NFT_INTERNAL = 1 << 0,       // nothing goes in or out
    NFT_NO_ICC = 1 << 1,         // containers reach each other by published ports only
    NFT_NO_MASQUERADE4 = 1 << 2, // containers keep their addresses outside
    NFT_NO_MASQUERADE6 = 1 << 3,
    NFT_ROUTED4 = 1 << 4, // everybody may send to the subnets, past published ports; implies NO_MASQUERADE
    NFT_ROUTED6 = 1 << 5,
};

#define NFT_SUBNETS_MAX 8

struct nft_network {
    char link[LINK_NAME_SIZE]; // the bridge; unique in the table
    struct nft_subnet subnets[NFT_SUBNETS_MAX];
    size_t subnet_count;
    uint32_t flags;
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

// Is the base there, made by this very code, and in it this network, complete? One message out. No (also when
// the kernel cannot be asked) is answered with nft_table_apply().
bool nft_network_ready(const struct nft_table *table, const struct nft_network *network);

// Makes the table with all that is in it, or makes it anew, in one transaction: there is no moment with half
// of the rules. -EINVAL for a name, subnet or port that can't be; -EEXIST for two ports on the same place,
// -ENOTEMPTY or -EEXIST for subnets that overlap.
int nft_table_apply(const struct nft_table *table, const struct nft_network *networks, size_t network_count,
                    const struct nft_port *ports, size_t port_count);
// Whether the kernel has what a table's onward needs (nft_dup_ipv4, nft_dup_ipv6). OUTPUT is the caller's to
// look at.
bool nft_onward_works(const char *name);
// -ENOENT when there is none.
int nft_table_delete(const struct nft_table *table);

// Adds a network, in one transaction; one that is there, the same, is fine. -ENOENT and -EEXIST: the table is
// not as this program would have made it (no base; another network with that link): nft_table_apply().
int nft_network_add(const struct nft_table *table, const struct nft_network *network);
// Takes a network out. One that is not there, in a table that may not be there, is fine. Its published ports
// are their owner's to remove.
int nft_network_remove(const struct nft_table *table, const struct nft_network *network);

// Publishes ports, all or none, in one transaction. Ports that are published to the same container already
// are fine. -EEXIST: one leads to another container; -ENOENT: there is no such table. Up to about a hundred
// ports no memory is allocated.
int nft_ports_add(const struct nft_table *table, const struct nft_port *ports, size_t count);
// Takes ports back, each once. What is not there, or leads to another container by now, is left as it is.
// Connections that a port accepted go on.
int nft_ports_remove(const struct nft_table *table, const struct nft_port *ports, size_t count);
// The same ports respect the host's firewall from now on, or no longer do, as respect says: in one
// transaction, so that there is no moment without them. Those that are so already are fine. Errors as of
// nft_ports_add().
int nft_ports_set_respect(const struct nft_table *table, const struct nft_port *ports, size_t count,
                          bool respect);
// Whether any of these is there, to whomever it leads.
bool nft_ports_any(const struct nft_table *table, const struct nft_port *ports, size_t count);
