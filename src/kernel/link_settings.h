// SPDX-License-Identifier: Apache-2.0
// What links are set to, in the caller's network namespace. -errno; -ENODEV: there is no such link.
#pragma once

#include "kernel/link.h"

int link_set_mtu(const char *name, uint32_t mtu);
// Makes it a port of a bridge.
int link_set_master(const char *name, const char *bridge);

// A port of a bridge may get back what it sent: a container reaches itself by a published port where
// br_netfilter translates addresses within the bridge.
int link_set_hairpin(const char *name);

// IPv6 on a link, before it goes up: with a link-local address or without any. Router advertisements are not
// heard either way: who is on the link is not to say where its traffic goes. Nor is anybody asked whether
// they have an address: nobody has it, and an answer is a second away. Fine where the kernel has no IPv6.
// proc: a procfs, or AT_FDCWD for /proc. The kernel remembers there what each network namespace has, and
// looks for all of these when it looks for one: a container's are better set by a procfs of its own.
int link_set_ipv6(int proc, const char *name, bool on);

// A host that forwards IPv6 does not hear routers any more, unless it is told to: where an interface listens
// to them (accept_ra 1) it goes on doing so. Before forwarding is switched on.
int link_keep_advertisements(void);

// Whether the link has this IPv6 address.
bool link_has_ipv6(const char *link, const uint8_t bytes[16]);

// Calls each for every link. What it returns below 0 ends the calls.
int link_each(int (*each)(const char *name, const struct link *link, void *data), void *data);
