// SPDX-License-Identifier: Apache-2.0
// A network's rules.
#include "network/kernel.h"

#include "kernel/nft.h"

#include <arpa/inet.h>
#include <string.h>

static struct nft_bridge rules_of(const struct network *network) {
    uint32_t base;
    memcpy(&base, network->pools[0].subnet.base.bytes, 4);
    return (struct nft_bridge){network->link, ntohl(base), network->pools[0].subnet.prefix};
}

bool rules_are_ready(const struct network *network) {
    struct nft_bridge rules = rules_of(network);
    return nft_bridge_ready(&rules);
}

int rules_make(const struct network *network) {
    struct nft_bridge rules = rules_of(network);
    return nft_bridge_apply(&rules);
}

void rules_remove(const struct network *network) {
    (void)nft_bridge_delete(network->link);
}
