// SPDX-License-Identifier: Apache-2.0
// What the kernel tells of changes to nftables and to links, in the network namespace where the socket was
// opened. All return -errno.
#pragma once

#include <stdbool.h>

enum net_watch {
    NET_WATCH_RULES, // of tables whose name begins with "hoy": something went, or somebody added to them; of
                     // others: chains at a hook, which decide by their policies
    NET_WATCH_LINKS, // a bridge went, or went down; an interface left its bridge; an address went; forwarding
                     // was switched off
};

// A descriptor that does not block.
int net_watch_open(enum net_watch what);
// Takes in all that was told. ret_changed: there was something of the sort, or the kernel told more than
// there was room for, so that nobody knows.
int net_watch_read(int fd, enum net_watch what, bool *ret_changed);
