// SPDX-License-Identifier: Apache-2.0
// The parents of macvlan and ipvlan networks.
#include "network/kernel.h"

bool parent_is_ready(const struct network *network) {
    return link_index(network->link) > 0;
}

int parent_check(const struct network *network, struct err *err) {
    return err_set(err, ERR_INVALID, 0, "parent %s: no such interface", network->link);
}

int parent_make(const struct network *network, const char *database, struct err *err) {
    (void)database;
    return err_set(err, ERR_INVALID, 0, "parent %s: no such interface", network->link);
}

void parent_remove(const struct network *network) {
    (void)network;
}
