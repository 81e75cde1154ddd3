// SPDX-License-Identifier: Apache-2.0
// Being in another network namespace for a while. Sockets, names of links and /proc/sys/net are then that
// namespace's, so that every function of link.h, traffic.h and nft.h works there. For processes without
// further threads.
#pragma once

#include <sys/types.h>

// Enters the namespace (a descriptor of it). *ret_own brings the caller back:
//   _cleanup_(netns_leavep) int own = -1;
//   int r = netns_enter(netns, &own);
int netns_enter(int netns, int *ret_own);
// Goes back and closes the descriptor. -1 is fine. It can't fail: a process that stays in somebody else's
// namespace does nothing right any more, and ends here.
void netns_leavep(int *own);

// A socket of the namespace of a process, which a child makes: root of a user namespace could not come back
// to a namespace that is not its own. Its descriptor, or -errno.
int netns_socket(pid_t pid, int family, int type);
