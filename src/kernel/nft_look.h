// SPDX-License-Identifier: Apache-2.0
// What all of nftables does at the hooks where packets pass, whoever made it: base chains with their
// policies, and which tables drop. iptables' rules are among them where iptables is iptables-nft (xt_look.h
// has those of the old one). All return -errno.
#pragma once

#include "kernel/link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NFT_LOOK_NAME 64
#define NFT_LOOK_MAX  64

// A base chain of the families ip, ip6 and inet at the hooks input, forward and output, and one at prerouting
// whose policy drops; of bridge at forward; and one on a device (ingress and egress of netdev and inet), once
// for each of its devices.
struct nft_look_chain {
    uint8_t family; // NFPROTO_*
    char table[NFT_LOOK_NAME], name[NFT_LOOK_NAME];
    uint32_t hook;               // NF_INET_*; NF_INET_INGRESS: on a device
    char device[LINK_NAME_SIZE]; // "": on none
    int32_t priority;
    bool policy_drops;
    bool translates; // of the type nat
    bool has_rules;
    bool rules_drop; // some rule of its table drops or rejects, here or in a chain that it jumps to
};

struct nft_look {
    bool below_ip;                              // asked for: also at prerouting, on bridges and on devices
    struct nft_look_chain chains[NFT_LOOK_MAX]; // what is more than that is left out
    size_t count;
    bool ufw, docker; // by the names of their chains
};
int nft_look(struct nft_look *ret_look);
// The short question, about others' base chains. Only for forward_drops_known a table's rules are read.
struct nft_policies {
    bool forward_drops; // one at forward drops by its policy, or is firewalld's, which rejects at its end
    bool forward_drops_known; // and has no rule that lets pass whatever belongs to a connection
    bool output_is_open;      // nobody says anything about what the host sends
};
int nft_look_policies(struct nft_policies *ret_policies);
// A number that is another one after every change of anybody's rules in this network namespace.
int nft_look_generation(uint32_t *ret_generation);
// A table of hoy's, of whichever root: "hoy-" and ten hexadecimal digits.
bool nft_look_is_hoys(const struct nft_look_chain *chain);

// "ip filter FORWARD".
const char *nft_look_name(const struct nft_look_chain *chain, char buffer[static 160]);
