// SPDX-License-Identifier: Apache-2.0
// The socket on which a process speaks with nftables about its network namespace. See nft_socket.c for why
// there is only one.
#pragma once

// Borrowed, with nothing in it to read; or -errno.
int nft_socket(void);
// The one that there is, to be kept open by somebody else; -1 when none is.
int nft_socket_kept(void);
