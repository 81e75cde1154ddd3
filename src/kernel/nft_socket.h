// SPDX-License-Identifier: Apache-2.0
// The socket on which a process speaks with nftables about its network namespace. See nft_socket.c for why
// there is only one.
#pragma once

// Borrowed, with nothing in it to read; or -errno.
int nft_socket(void);
// The one that there is, to be kept open by somebody else; -1 when none is.
int nft_socket_kept(void);

// Waits for the kernel. A shim does it when it has told everybody of the end, and before it lets its
// starter's go: so the starter never has the last one.
void nft_socket_close(void);
