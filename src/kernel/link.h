// SPDX-License-Identifier: Apache-2.0
// Network links, addresses and routes, by rtnetlink, in the caller's network namespace (netns.h changes that
// for a while). All return -errno
// (netlink_error_text() has the kernel's words, where it has some); -ENODEV: there is no such link.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_NAME_SIZE  16  // with its NUL
#define LINK_ALIAS_SIZE 256 // with its NUL

struct link {
    int index;
    bool up;
    char kind[16]; // "bridge", "veth", …; "" for real ones
    char alias[LINK_ALIAS_SIZE];
    int master; // index, 0: none
    uint8_t mac[6];
    uint32_t mtu;
};

int link_index(const char *name); // the index, which is above 0
int link_get(const char *name, struct link *ret_link);
int link_up(const char *name);
// -EEXIST when the new name is taken. One that is up goes down for it and comes up again (before Linux 6.2
// only what is down is renamed), which loses its IPv6 addresses and its routes.
int link_rename(const char *name, const char *new_name);
int link_set_alias(const char *name, const char *alias);
// Waits for the kernel's grace periods: 20 to 40 ms measured for a veth pair, one after the other (a hundred:
// 1.9 s). Not for a container's pair: that goes by itself with the container's namespace, in the background
// and all that die at once together (a hundred: 35 ms).
int link_delete(const char *name);
// Moves a link into another network namespace (a descriptor of it), where it gets the name new_name, and
// there its addresses again: the kernel takes them away on the way. Those that stay for ever and are not of
// the link's own scope, at most 32. It comes up there, or comes back as it was. -EEXIST when the name is
// taken there, -EINVAL for one that can't be moved, -EOPNOTSUPP the same since Linux 6.10.
int link_move(const char *name, int netns, const char *new_name);
// How many links have this one as their master.
int link_count_ports(int master, size_t *ret_count);

// A bridge without spanning tree, and so without a delay before a new port forwards. It is down and has no
// address yet. -EEXIST when there is a link of that name. Its address on the wire is fixed: else it would
// change with the ports, and containers would have to ask again who the gateway is. It does not look into
// what is said of multicast groups: nobody on it asks for that, so everything would go everywhere as well,
// but each new port would take time for each that is there.
int bridge_create(const char *name, const uint8_t mac[6], const char *alias);

// A veth pair: one end here, up and without an IPv6 address, the other made directly in another namespace,
// down. No moment when half a pair is visible. -EEXIST when a name is taken.
struct veth {
    const char *host, *peer;
    int netns_pid;      // the peer's namespace: of a process,
    int netns_fd;       // or when netns_pid is 0 a descriptor
    const uint8_t *mac; // of the peer; NULL: made up by the kernel
    uint32_t mtu;       // 0: the kernel's default
};
int veth_create(const struct veth *veth);

// An interface that shares the host's interface parent: it has no end on the host, and goes with its
// namespace. Made directly there, down.
struct link_child {
    const char *kind;   // "macvlan" or "ipvlan"
    const char *mode;   // macvlan: "bridge", "private", "vepa", "passthru"; ipvlan: "l2", "l3", "l3s".
                        // NULL: the first
    const char *flag;   // of an ipvlan: "bridge", "private", "vepa". NULL: the first
    const char *parent; // in the caller's namespace
    const char *name;
    int netns_pid; // as of a veth
    int netns_fd;
    const uint8_t *mac; // NULL: made up by the kernel. An ipvlan has its parent's
    uint32_t mtu;       // 0: the parent's
};
// -EEXIST when the name is taken, -EINVAL for a word that is none of the above, -EBUSY when the parent is in
// use in a way that excludes this one (passthru; macvlan and ipvlan), -EOPNOTSUPP when this kernel has none
// of the kind.
int link_child_create(const struct link_child *child);
// The same, and where something that excludes it may be leaving just now it waits for that (link_events.h).
int link_child_make(const struct link_child *child);
bool link_child_has_mode(const char *kind, const char *mode);
bool link_child_has_flag(const char *kind, const char *flag);

// On the host: the part of parent's traffic that is tagged (802.1q) with an id of 1 to 4094, and an interface
// that leads nowhere. Both down, with an alias or NULL. -EEXIST, -EOPNOTSUPP as above.
int vlan_create(const char *name, const char *parent, uint16_t id, const char *alias);
int dummy_create(const char *name, const char *alias);

// bytes: 4 or 16, network byte order. An address that is there already is fine; IPv6 ones can be used at
// once, without asking whether somebody else has them.
int address_add(const char *link, uint8_t family, const void *bytes, uint8_t prefix);

struct route {
    const char *link;
    uint8_t family;          // AF_INET, AF_INET6
    uint8_t prefix;          // bits of the destination; 0: the default route
    const void *destination; // 4 or 16 bytes; may be NULL with prefix 0
    const void *gateway;     // NULL: what the link itself reaches. Link-local ones are the link's
    bool gateway_is_outside; // of all subnets that the link has
    uint32_t metric;         // 0: the kernel's default
};
int route_add(const struct route *route);    // -EEXIST
int route_delete(const struct route *route); // -ESRCH
// Whether the link has this IPv4 address.
bool link_has_address(const char *link, const uint8_t bytes[4]);
// Is it up, and its address on the wire. Like the function above, and link_index(), it does not wait for who
// makes or destroys interfaces, which link_get() does. -ENODEV.
int link_peek(const char *name, bool *ret_up, uint8_t ret_mac[6]);

// Calls each for every IPv4 route with a destination (of all tables, the default route left out): host byte
// order. Below 0 ends it.
int route_each(int (*each)(uint32_t destination, uint8_t prefix, void *data), void *data);
// The same for IPv6, without those to the host itself.
int route_each_ipv6(int (*each)(const uint8_t destination[16], uint8_t prefix, void *data), void *data);
