// SPDX-License-Identifier: Apache-2.0
// For the nft files alone: messages of nfnetlink's nf_tables, gathered into a transaction.
#pragma once

#include "kernel/netlink.h"
#include "kernel/nft.h"

#define NFT_HASH_SIZE 24 // "hoy <16 digits>", with its NUL

struct nft_batch {
    struct netlink_batch messages;
    const char *table;
    uint8_t family; // NFPROTO_*; 0: inet
    uint32_t uses;  // what the kernel will count as uses of the chains: rules, jumps and elements that jump
};

void nft_batch_finish(struct nft_batch *batch); // for _cleanup_
// A transaction: begin, messages, send.
void nft_batch_begin(struct nft_batch *batch, const char *table);
int nft_batch_send(struct nft_batch *batch);
int nft_batch_send_by(int fd, struct nft_batch *batch); // by a socket of the caller's
// Sends questions, which are no transaction.
int nft_batch_ask(const struct nft_batch *batch, netlink_each *each, void *data);

// type: NFT_MSG_*, flags: NLM_F_*. The table's name is the first attribute.
void nft_message(struct nft_batch *batch, uint8_t type, uint16_t flags);
// The same for a table of another family.
void nft_message_family(struct nft_batch *batch, uint8_t family, uint8_t type, uint16_t flags);
// The attributes of an answer. Its NFT_MSG_*, or -EBADMSG.
int nft_answer_parse(uint16_t type, const void *payload, size_t size, const struct nlattr *ret_table[],
                     size_t count);

// A comment as nft shows it, under an attribute for user data. text: at most NFT_HASH_SIZE bytes.
void nft_comment_put(struct nft_batch *batch, uint16_t attribute, const char *text);
bool nft_comment_is(const struct nlattr *attribute, const char *text);
// A hash of the batch's messages, as the text of a comment.
void nft_batch_hash(const struct nft_batch *batch, char ret_text[static NFT_HASH_SIZE]);

// An expression of a rule: a name and nested data, and the end closes both.
struct nft_expression {
    size_t element, data;
};
struct nft_expression nft_expression_begin(struct nft_batch *batch, const char *name);
void nft_expression_end(struct nft_batch *batch, struct nft_expression expression);

// The expressions that every rule is made of: what is looked at goes into a register, and is compared there.
void nft_meta_put(struct nft_batch *batch, uint32_t key); // into the first one
void nft_payload_put(struct nft_batch *batch, uint32_t reg, uint32_t base, uint32_t offset, size_t size);
// Where something is in a packet, and what sums it is in: NFT_PAYLOAD_*.
struct nft_field {
    uint32_t base, offset, size;
    uint32_t sum_type, sum_offset, sum_flags;
};
void nft_payload_write(struct nft_batch *batch, const struct nft_field *field); // what the first one has
void nft_protocol_put(struct nft_batch *batch, uint8_t protocol);               // compared as well
void nft_compare_put(struct nft_batch *batch, bool equal, const void *bytes, size_t size); // the first one
void nft_immediate_put(struct nft_batch *batch, const void *bytes, size_t size); // into the first one
// chain: where to, for NFT_JUMP and NFT_GOTO; NULL for the others.
void nft_immediate_verdict_put(struct nft_batch *batch, int code, const char *chain);
// Of the tuple that connection tracking has of a direction (IP_CT_DIR_*): an NFT_CT_*, into the first one.
void nft_tuple_put(struct nft_batch *batch, uint32_t key, uint8_t direction);
#define NFT_LOOPBACK_INDEX 1 // in every network namespace

// A value, as data of an expression or an element.
void nft_data_put(struct nft_batch *batch, uint16_t attribute, const void *bytes, size_t size);

void nft_chain_put(struct nft_batch *batch, uint8_t type, uint16_t flags, const char *name,
                   const char *comment);
// One that is hooked, and lets pass what its rules don't end. hook: NF_INET_*.
void nft_base_chain_put(struct nft_batch *batch, const char *name, const char *type, uint32_t hook,
                        int32_t priority);
// An element of a map of verdicts by an interface's name, which jumps to a chain. type: NFT_MSG_NEWSETELEM,
// NFT_MSG_DELSETELEM.
void nft_link_put(struct nft_batch *batch, uint8_t type, const char *map, const char *link,
                  const char *chain);
// The addresses of a subnet as an interval of a set.
void nft_subnet_put(struct nft_batch *batch, uint8_t type, const char *set, const struct nft_subnet *subnet);

// The elements of ports, which belong to several maps: as many messages as that takes.
bool nft_ports_valid(const struct nft_port *ports, size_t count);
void nft_ports_put(struct nft_batch *batch, uint8_t type, const struct nft_port *ports, size_t count);
// The maps themselves.
void nft_port_maps_put(struct nft_batch *batch);

// A map or a set, whose id is its place in the transaction, from 1.
struct nft_set {
    const char *name;
    uint32_t flags; // NFT_SET_*
    uint32_t key_type, key_size, data_type, data_size;
};
void nft_set_put(struct nft_batch *batch, const struct nft_set *set);

#define NFT_TYPE_IPV4   7 // nft's own numbers for types, by which it prints elements
#define NFT_TYPE_IPV6   8
#define NFT_TYPE_PROTO  12
#define NFT_TYPE_PORT   13
#define NFT_TYPE_IFNAME 41
#define NFT_TYPES(a, b) ((uint32_t)(a) << 6 | (b)) // one after the other
