// SPDX-License-Identifier: Apache-2.0
// A transaction is acknowledged once, with its last message: nfnetlink answers in order, and tells of every
// message that fails without being asked.
#include "kernel/nft_message.h"

#include "base/macro.h"
#include "kernel/nft_socket.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

// Where every message has its table; the attributes' numbers agree.
static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 && NFTA_SET_TABLE == 1 &&
                  NFTA_SET_ELEM_LIST_TABLE == 1,
              "the table is the first attribute");

void nft_batch_finish(struct nft_batch *batch) {
    netlink_batch_finish(&batch->messages);
}

static void batch_mark(struct nft_batch *batch, uint16_t type) {
    struct nfgenmsg head = {.version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};
    netlink_begin(&batch->messages, type, 0, &head, sizeof head);
}

void nft_batch_begin(struct nft_batch *batch, const char *table) {
    batch->table = table;
    batch->messages.growing = true;
    batch_mark(batch, NFNL_MSG_BATCH_BEGIN);
}

static void batch_end(struct nft_batch *batch) {
    netlink_acknowledge(&batch->messages);
    batch_mark(batch, NFNL_MSG_BATCH_END);
}

int nft_batch_send(struct nft_batch *batch) {
    batch_end(batch);
    return nft_batch_ask(batch, NULL, NULL);
}

int nft_batch_send_by(int fd, struct nft_batch *batch) {
    batch_end(batch);
    return netlink_call(fd, &batch->messages, NULL, NULL);
}

int nft_batch_ask(const struct nft_batch *batch, netlink_each *each, void *data) {
    int fd = nft_socket();
    return fd < 0 ? fd : netlink_call(fd, &batch->messages, each, data);
}

void nft_message_family(struct nft_batch *batch, uint8_t family, uint8_t type, uint16_t flags) {
    struct nfgenmsg head = {.nfgen_family = family, .version = NFNETLINK_V0};
    netlink_begin(&batch->messages, NFNL_SUBSYS_NFTABLES << 8 | type, flags, &head, sizeof head);
    netlink_put_string(&batch->messages, NFTA_TABLE_NAME, batch->table);
}

void nft_message(struct nft_batch *batch, uint8_t type, uint16_t flags) {
    nft_message_family(batch, batch->family ? batch->family : NFPROTO_INET, type, flags);
}

int nft_answer_parse(uint16_t type, const void *payload, size_t size, const struct nlattr *ret_table[],
                     size_t count) {
    if (size < sizeof(struct nfgenmsg)) return -EBADMSG;
    int r = netlink_parse((const char *)payload + sizeof(struct nfgenmsg), size - sizeof(struct nfgenmsg),
                          ret_table, count);
    return r ? r : type & 0xff;
}

// A type (0: comment), a length, a text with its NUL.
static size_t comment_make(const char *text, uint8_t ret_bytes[static NFT_HASH_SIZE + 2]) {
    size_t size = strlen(text) + 1;
    ret_bytes[0] = 0;
    ret_bytes[1] = (uint8_t)size;
    memcpy(ret_bytes + 2, text, size);
    return size + 2;
}

void nft_comment_put(struct nft_batch *batch, uint16_t attribute, const char *text) {
    uint8_t bytes[NFT_HASH_SIZE + 2];
    netlink_put(&batch->messages, attribute, bytes, comment_make(text, bytes));
}

bool nft_comment_is(const struct nlattr *attribute, const char *text) {
    uint8_t bytes[NFT_HASH_SIZE + 2], found[NFT_HASH_SIZE + 2];
    size_t size = comment_make(text, bytes);
    return !netlink_get(attribute, found, size) && !memcmp(found, bytes, size);
}

// FNV-1a over words: messages are padded to them.
void nft_batch_hash(const struct nft_batch *batch, char ret_text[static NFT_HASH_SIZE]) {
    const char *bytes = netlink_batch_bytes(&batch->messages);
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < batch->messages.used; i += sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, bytes + i, sizeof word);
        hash = (hash ^ word) * 0x100000001b3;
    }
    snprintf(ret_text, NFT_HASH_SIZE, "hoy %016llx", (unsigned long long)hash);
}

struct nft_expression nft_expression_begin(struct nft_batch *batch, const char *name) {
    struct nft_expression e = {.element = netlink_nest(&batch->messages, NFTA_LIST_ELEM)};
    netlink_put_string(&batch->messages, NFTA_EXPR_NAME, name);
    e.data = netlink_nest(&batch->messages, NFTA_EXPR_DATA);
    return e;
}

void nft_expression_end(struct nft_batch *batch, struct nft_expression expression) {
    netlink_end(&batch->messages, expression.data);
    netlink_end(&batch->messages, expression.element);
}

void nft_meta_put(struct nft_batch *batch, uint32_t key) {
    struct nft_expression e = nft_expression_begin(batch, "meta");
    netlink_put_be32(&batch->messages, NFTA_META_DREG, NFT_REG_1);
    netlink_put_be32(&batch->messages, NFTA_META_KEY, key);
    nft_expression_end(batch, e);
}

void nft_payload_put(struct nft_batch *batch, uint32_t reg, uint32_t base, uint32_t offset, size_t size) {
    struct nft_expression e = nft_expression_begin(batch, "payload");
    netlink_put_be32(&batch->messages, NFTA_PAYLOAD_DREG, reg);
    netlink_put_be32(&batch->messages, NFTA_PAYLOAD_BASE, base);
    netlink_put_be32(&batch->messages, NFTA_PAYLOAD_OFFSET, offset);
    netlink_put_be32(&batch->messages, NFTA_PAYLOAD_LEN, (uint32_t)size);
    nft_expression_end(batch, e);
}

void nft_payload_write(struct nft_batch *batch, const struct nft_field *field) {
    struct nft_expression e = nft_expression_begin(batch, "payload");
    netlink_put_be32(&batch->messages, NFTA_PAYLOAD_SREG, NFT_REG_1);
    netlink_put_be32(&batch->messages, NFTA_PAYLOAD_BASE, field->base);
    netlink_put_be32(&batch->messages, NFTA_PAYLOAD_OFFSET, field->offset);
    netlink_put_be32(&batch->messages, NFTA_PAYLOAD_LEN, field->size);
    netlink_put_be32(&batch->messages, NFTA_PAYLOAD_CSUM_TYPE, field->sum_type);
    netlink_put_be32(&batch->messages, NFTA_PAYLOAD_CSUM_OFFSET, field->sum_offset);
    netlink_put_be32(&batch->messages, NFTA_PAYLOAD_CSUM_FLAGS, field->sum_flags);
    nft_expression_end(batch, e);
}

void nft_protocol_put(struct nft_batch *batch, uint8_t protocol) {
    nft_meta_put(batch, NFT_META_L4PROTO);
    nft_compare_put(batch, true, &protocol, sizeof protocol);
}

void nft_compare_put(struct nft_batch *batch, bool equal, const void *bytes, size_t size) {
    struct nft_expression e = nft_expression_begin(batch, "cmp");
    netlink_put_be32(&batch->messages, NFTA_CMP_SREG, NFT_REG_1);
    netlink_put_be32(&batch->messages, NFTA_CMP_OP, equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
    nft_data_put(batch, NFTA_CMP_DATA, bytes, size);
    nft_expression_end(batch, e);
}

void nft_immediate_put(struct nft_batch *batch, const void *bytes, size_t size) {
    struct nft_expression e = nft_expression_begin(batch, "immediate");
    netlink_put_be32(&batch->messages, NFTA_IMMEDIATE_DREG, NFT_REG_1);
    nft_data_put(batch, NFTA_IMMEDIATE_DATA, bytes, size);
    nft_expression_end(batch, e);
}

// A verdict as data.
static void verdict_put(struct nft_batch *batch, uint16_t attribute, int code, const char *chain) {
    struct netlink_batch *messages = &batch->messages;
    size_t data = netlink_nest(messages, attribute), verdict = netlink_nest(messages, NFTA_DATA_VERDICT);
    netlink_put_be32(messages, NFTA_VERDICT_CODE, (uint32_t)code);
    if (chain) netlink_put_string(messages, NFTA_VERDICT_CHAIN, chain);
    if (chain) batch->uses++;
    netlink_end(messages, verdict);
    netlink_end(messages, data);
}

void nft_immediate_verdict_put(struct nft_batch *batch, int code, const char *chain) {
    struct nft_expression e = nft_expression_begin(batch, "immediate");
    netlink_put_be32(&batch->messages, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    verdict_put(batch, NFTA_IMMEDIATE_DATA, code, chain);
    nft_expression_end(batch, e);
}

void nft_tuple_put(struct nft_batch *batch, uint32_t key, uint8_t direction) {
    struct nft_expression e = nft_expression_begin(batch, "ct");
    netlink_put_be32(&batch->messages, NFTA_CT_DREG, NFT_REG_1);
    netlink_put_be32(&batch->messages, NFTA_CT_KEY, key);
    netlink_put_u8(&batch->messages, NFTA_CT_DIRECTION, direction);
    nft_expression_end(batch, e);
}

void nft_data_put(struct nft_batch *batch, uint16_t attribute, const void *bytes, size_t size) {
    size_t nest = netlink_nest(&batch->messages, attribute);
    netlink_put(&batch->messages, NFTA_DATA_VALUE, bytes, size);
    netlink_end(&batch->messages, nest);
}

void nft_chain_put(struct nft_batch *batch, uint8_t type, uint16_t flags, const char *name,
                   const char *comment) {
    nft_message(batch, type, flags);
    netlink_put_string(&batch->messages, NFTA_CHAIN_NAME, name);
    if (comment) nft_comment_put(batch, NFTA_CHAIN_USERDATA, comment);
}

void nft_base_chain_put(struct nft_batch *batch, const char *name, const char *type, uint32_t hook,
                        int32_t priority) {
    struct netlink_batch *messages = &batch->messages;
    nft_chain_put(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, name, NULL);
    netlink_put_string(messages, NFTA_CHAIN_TYPE, type);
    netlink_put_be32(messages, NFTA_CHAIN_POLICY, NF_ACCEPT);
    size_t nest = netlink_nest(messages, NFTA_CHAIN_HOOK);
    netlink_put_be32(messages, NFTA_HOOK_HOOKNUM, hook);
    netlink_put_be32(messages, NFTA_HOOK_PRIORITY, (uint32_t)priority);
    netlink_end(messages, nest);
}

// For nft, which else takes names for numbers of the network's byte order and shows nothing: a type (0: the
// keys' byte order), a length, a number (1: the host's).
static const uint8_t host_order_keys[] = {0, 4, 1, 0, 0, 0};

void nft_set_put(struct nft_batch *batch, const struct nft_set *set) {
    struct netlink_batch *messages = &batch->messages;
    nft_message(batch, NFT_MSG_NEWSET, NLM_F_CREATE);
    netlink_put_string(messages, NFTA_SET_NAME, set->name);
    netlink_put_be32(messages, NFTA_SET_FLAGS, set->flags);
    netlink_put_be32(messages, NFTA_SET_KEY_TYPE, set->key_type);
    netlink_put_be32(messages, NFTA_SET_KEY_LEN, set->key_size);
    netlink_put_be32(messages, NFTA_SET_ID, messages->count);
    if (set->key_type == NFT_TYPE_IFNAME)
        netlink_put(messages, NFTA_SET_USERDATA, host_order_keys, sizeof host_order_keys);
    if (!(set->flags & NFT_SET_MAP)) return;
    netlink_put_be32(messages, NFTA_SET_DATA_TYPE, set->data_type);
    netlink_put_be32(messages, NFTA_SET_DATA_LEN, set->data_size);
}

static size_t elements_begin(struct nft_batch *batch, uint8_t type, const char *set) {
    nft_message(batch, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
    netlink_put_string(&batch->messages, NFTA_SET_ELEM_LIST_SET, set);
    return netlink_nest(&batch->messages, NFTA_SET_ELEM_LIST_ELEMENTS);
}

void nft_link_put(struct nft_batch *batch, uint8_t type, const char *map, const char *link,
                  const char *chain) {
    struct netlink_batch *messages = &batch->messages;
    char padded[LINK_NAME_SIZE] = "";
    strncpy(padded, link, sizeof padded - 1);
    size_t list = elements_begin(batch, type, map), element = netlink_nest(messages, NFTA_LIST_ELEM);
    nft_data_put(batch, NFTA_SET_ELEM_KEY, padded, sizeof padded);
    verdict_put(batch, NFTA_SET_ELEM_DATA, NFT_JUMP, chain);
    netlink_end(messages, element);
    netlink_end(messages, list);
}

static void bound_put(struct nft_batch *batch, const uint8_t *bytes, size_t size, uint32_t flags) {
    size_t element = netlink_nest(&batch->messages, NFTA_LIST_ELEM);
    nft_data_put(batch, NFTA_SET_ELEM_KEY, bytes, size);
    if (flags) netlink_put_be32(&batch->messages, NFTA_SET_ELEM_FLAGS, flags);
    netlink_end(&batch->messages, element);
}

// The last bit of the prefix counted up. False when that is beyond the last address.
static bool subnet_end(const struct nft_subnet *subnet, uint8_t ret_bytes[static 16]) {
    if (!subnet->prefix) return false;
    unsigned at = (subnet->prefix - 1u) / 8, carry = 1u << (7 - (subnet->prefix - 1u) % 8);
    memcpy(ret_bytes, subnet->bytes, 16);
    for (unsigned i = at + 1; carry && i-- > 0; carry >>= 8) ret_bytes[i] = (uint8_t)(carry += ret_bytes[i]);
    return !carry;
}

// An interval is its first address, and as an end the first one after it.
void nft_subnet_put(struct nft_batch *batch, uint8_t type, const char *set, const struct nft_subnet *subnet) {
    size_t size = subnet->family == AF_INET ? 4 : 16, list = elements_begin(batch, type, set);
    uint8_t end[16];
    bound_put(batch, subnet->bytes, size, 0);
    if (type != NFT_MSG_GETSETELEM && subnet_end(subnet, end))
        bound_put(batch, end, size, NFT_SET_ELEM_INTERVAL_END);
    netlink_end(&batch->messages, list);
}
