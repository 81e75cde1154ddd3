// SPDX-License-Identifier: Apache-2.0
// The table carries a hash of all the messages that make its base as its comment, and a network's first chain
// one of the network's messages. The kernel counts the uses of each chain: rules, jumps, and elements that
// jump. So a few questions tell whether what is there is what this program would make.
#include "kernel/nft.h"

#include "base/macro.h"
#include "kernel/conntrack.h"
#include "kernel/nft_onward.h"
#include "kernel/nft_rules.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>
#include <sys/socket.h>

static bool table_valid(const struct nft_table *table) {
    return *table->name && strlen(table->name) < LINK_NAME_SIZE;
}

static bool subnet_valid(const struct nft_subnet *subnet) {
    unsigned bits = subnet->family == AF_INET ? 32 : 128;
    if (subnet->family != AF_INET && subnet->family != AF_INET6) return false;
    if (!subnet->prefix || subnet->prefix > bits) return false;
    for (unsigned i = subnet->prefix; i < bits; i++)
        if (subnet->bytes[i / 8] & 0x80 >> i % 8) return false;
    return true;
}

static bool network_valid(const struct nft_network *network) {
    size_t length = strnlen(network->link, sizeof network->link);
    if (!length || length == sizeof network->link || network->subnet_count > NFT_SUBNETS_MAX) return false;
    for (size_t i = 0; i < network->subnet_count; i++)
        if (!subnet_valid(&network->subnets[i])) return false;
    return true;
}

static void table_put(struct nft_batch *batch, uint8_t family, uint8_t type, const char *comment) {
    nft_message_family(batch, family, type, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);
    if (comment) nft_comment_put(batch, NFTA_TABLE_USERDATA, comment);
}

// The hash of what makes the base. Adds its uses.
static void base_hash(const struct nft_table *table, char ret_text[static NFT_HASH_SIZE], uint32_t *uses) {
    _cleanup_(nft_batch_finish) struct nft_batch batch = {0};
    nft_batch_begin(&batch, table->name);
    nft_base_put(&batch, table);
    nft_batch_hash(&batch, ret_text);
    *uses += batch.uses;
}

static void network_hash(const struct nft_table *table, const struct nft_network *network,
                         char ret_text[static NFT_HASH_SIZE], uint32_t *uses) {
    _cleanup_(nft_batch_finish) struct nft_batch batch = {0};
    nft_batch_begin(&batch, table->name);
    nft_network_put(&batch, table, network, 0, NULL);
    nft_batch_hash(&batch, ret_text);
    *uses += batch.uses;
}

static void network_put(struct nft_batch *batch, const struct nft_table *table,
                        const struct nft_network *network, uint16_t flags) {
    char comment[NFT_HASH_SIZE];
    uint32_t uses = 0;
    network_hash(table, network, comment, &uses);
    nft_network_put(batch, table, network, flags, comment);
}

// "There is one, it is deleted, there is a new one": the first so that the second can't fail.
static void table_renew(struct nft_batch *batch, const struct nft_table *table) {
    char comment[NFT_HASH_SIZE];
    uint32_t uses = 0;
    base_hash(table, comment, &uses);
    nft_onward_tables_delete(batch);
    table_put(batch, NFPROTO_INET, NFT_MSG_NEWTABLE, NULL);
    table_put(batch, NFPROTO_INET, NFT_MSG_DELTABLE, NULL);
    table_put(batch, NFPROTO_INET, NFT_MSG_NEWTABLE, comment);
}

int nft_table_apply(const struct nft_table *table, const struct nft_network *networks, size_t network_count,
                    const struct nft_port *ports, size_t port_count) {
    _cleanup_(nft_batch_finish) struct nft_batch batch = {0};
    if (!table_valid(table) || !nft_ports_valid(ports, port_count)) return -EINVAL;
    for (size_t i = 0; i < network_count; i++)
        if (!network_valid(&networks[i])) return -EINVAL;
    nft_batch_begin(&batch, table->name);
    table_renew(&batch, table);
    nft_base_put(&batch, table);
    for (size_t i = 0; i < network_count; i++) network_put(&batch, table, &networks[i], NLM_F_EXCL);
    nft_ports_put(&batch, NFT_MSG_NEWSETELEM, ports, port_count);
    int r = nft_batch_send(&batch);
    if (!r) conntrack_forget(ports, port_count, false);
    return r == -EBUSY ? -EEXIST : r; // what older kernels say
}

int nft_table_delete(const struct nft_table *table) {
    _cleanup_(nft_batch_finish) struct nft_batch batch = {0};
    nft_batch_begin(&batch, table->name);
    nft_onward_tables_delete(&batch);
    table_put(&batch, NFPROTO_INET, NFT_MSG_DELTABLE, NULL);
    return nft_batch_send(&batch);
}

int nft_network_add(const struct nft_table *table, const struct nft_network *network) {
    _cleanup_(nft_batch_finish) struct nft_batch batch = {0};
    if (!table_valid(table) || !network_valid(network)) return -EINVAL;
    if (nft_network_ready(table, network)) return 0;
    nft_batch_begin(&batch, table->name);
    network_put(&batch, table, network, NLM_F_EXCL);
    return nft_batch_send(&batch);
}

int nft_network_remove(const struct nft_table *table, const struct nft_network *network) {
    _cleanup_(nft_batch_finish) struct nft_batch batch = {0};
    if (!table_valid(table) || !network_valid(network)) return -EINVAL;
    nft_batch_begin(&batch, table->name);
    nft_network_delete(&batch, table, network);
    int r = nft_batch_send(&batch);
    return r == -ENOENT ? 0 : r;
}

#define ATTRIBUTES 16
static_assert(NFTA_TABLE_USERDATA < ATTRIBUTES && NFTA_CHAIN_USERDATA < ATTRIBUTES, "all that is looked at");

struct found {
    const char *base, *network; // comments
    bool base_is_there, network_is_there;
    uint32_t uses; // what the chains have, added up
};

static int found_chain(struct found *found, const struct nlattr *const table[]) {
    uint32_t uses = 0;
    int r = netlink_get(table[NFTA_CHAIN_USE], &uses, sizeof uses);
    if (nft_comment_is(table[NFTA_CHAIN_USERDATA], found->network)) found->network_is_there = true;
    found->uses += ntohl(uses);
    return r;
}

static int found_read(uint16_t type, const void *payload, size_t size, void *data) {
    const struct nlattr *table[ATTRIBUTES] = {0};
    struct found *found = data;
    int r = nft_answer_parse(type, payload, size, table, ARRAY_SIZE(table));
    if (r == NFT_MSG_NEWCHAIN) return found_chain(found, table);
    if (r == NFT_MSG_NEWTABLE) found->base_is_there = nft_comment_is(table[NFTA_TABLE_USERDATA], found->base);
    return r < 0 ? r : 0;
}

bool nft_network_ready(const struct nft_table *table, const struct nft_network *network) {
    _cleanup_(nft_batch_finish) struct nft_batch batch = {.table = table->name};
    char base[NFT_HASH_SIZE], comment[NFT_HASH_SIZE];
    struct found found = {.base = base, .network = comment};
    uint32_t uses = 0;
    if (!table_valid(table) || !network_valid(network)) return false;
    base_hash(table, base, &uses);
    network_hash(table, network, comment, &uses);
    table_put(&batch, NFPROTO_INET, NFT_MSG_GETTABLE, NULL);
    nft_base_ask(&batch, table);
    nft_network_ask(&batch, table, network);
    netlink_acknowledge(&batch.messages);
    return !nft_batch_ask(&batch, found_read, &found) && found.base_is_there && found.network_is_there &&
           found.uses == uses;
}
