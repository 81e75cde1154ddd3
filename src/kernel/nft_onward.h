// SPDX-License-Identifier: Apache-2.0
// For the nft files alone: how the kernel itself leads around a FORWARD policy what belongs to a connection
// of TCP. The table's rules mark such a packet in prerouting. A table of the same name in the families ip and
// ip6 (inet has no word for it) gives it both addresses and both ports that it would have after FORWARD,
// which connection tracking knows, has the kernel send a copy (dup), and drops it. The copy leaves by OUTPUT,
// and no connection tracking looks at it again. So it is for hosts alone whose OUTPUT lets pass all.
#pragma once

#include "kernel/nft_message.h"

#define ONWARD_MARK 0x686f7au // the packet is dropped, and its copy has no mark

// Both tables with all that is in them.
void nft_onward_tables_put(struct nft_batch *batch);
// Deletes both, which need not be there.
void nft_onward_tables_delete(struct nft_batch *batch);
// Questions after their chains.
void nft_onward_ask(struct nft_batch *batch);

// For the words: the packet gets the names of the other direction, turned around, and a copy of it is sent.
// other: IP_CT_DIR_*. The batch is for a table of the family ip or ip6.
void nft_onward_put(struct nft_batch *batch, uint8_t other);
