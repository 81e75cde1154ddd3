// SPDX-License-Identifier: Apache-2.0
// How fast an interface sends and receives: tc's token bucket, by rtnetlink, in the caller's network
// namespace. All return -errno (netlink_error_text() has the kernel's words); -ENODEV: no such interface.
#pragma once

#include <stdint.h>

// What the interface sends goes out at no more than so many bits a second; 0: as fast as it can. What is over
// it waits for up to a tenth of a second, and is dropped then. Changes at once, and may be repeated.
// -EOPNOTSUPP (or -ENOENT) when the kernel has no token bucket.
int traffic_limit_sent(const char *link, uint64_t bits_per_second);

// The same for what the interface receives. The kernel can only hold back what is sent: so it is sent once
// more, by an interface of the kind ifb that is made for this one, and received after that. It is not an end
// of anything, so it does not go with the interface: traffic_release() takes it away. 0 does, too.
int traffic_limit_received(const char *link, uint64_t bits_per_second);

// Takes away the ifb of an interface, which may be gone itself. Cheap when there is none; when there is one,
// it waits for the kernel's grace periods (20 to 40 ms measured).
int traffic_release(const char *link);

// The ifb's name: "ifb" and all of the interface's but its first three characters.
void traffic_helper_name(const char *link, char ret_name[static 16]);
