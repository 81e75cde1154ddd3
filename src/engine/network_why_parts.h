// SPDX-License-Identifier: Apache-2.0
// The walk of network_why.h, shared by its files.
#pragma once

#include "engine/network_why.h"
#include "kernel/net_look.h"
#include "kernel/nft_look.h"
#include "kernel/nft_trace.h"
#include "kernel/xt_look.h"
#include "network/address.h"
#include "network/port.h"

#include <netinet/in.h>
#include <sys/socket.h>

// An interface of a container, and where its other end is on the host.
struct why_interface {
    struct look_link own;
    const struct look_link *host;   // NULL: not there, or no veth
    const struct look_link *bridge; // NULL: on none
    struct look_address addresses[8];
    size_t address_count;
};

struct why_links {
    struct look_link *items;
    size_t count;
};

struct why_side {
    enum { WHY_CONTAINER, WHY_HOST, WHY_OUTSIDE } kind;
    const char *text; // as it was given
    struct container container;
    int pid;   // of a container; of this process for the host
    int netns; // -1: none of this machine
    struct {
        struct why_interface *items;
        size_t count;
    } interfaces;
    struct address address; // of somebody outside
};

struct walk {
    struct engine *engine;
    struct arena *arena;
    struct network_why *why;
    struct why_side from, to;
    uint16_t port; // 0: none
    bool udp;
    int home;               // this process's own network namespace
    struct why_links links; // the host's
    struct nft_look firewall;
    struct address target;  // where the packet is sent to
    bool target_is_host;    // an address of the host itself
    const char *bridge;     // that the packet comes from or goes to, or NULL
    bool published;         // it is for a port of the host's that leads to a container
    struct port_run run;    // the row of that, also where somebody outside is told of it; count 0: none
    uint16_t host_port;     // of it
    bool respects;          // and passes the host's own rules for input first
    struct why_side behind; // that container
    uint16_t behind_port;
    struct address behind_address;
    bool held;   // somebody else leads it on, to where can't be seen
    bool heard;  // somebody listens there
    bool traced; // the kernel told where nftables ends a packet:
    bool dropped;
    struct nft_trace_drop drop;
    struct {
        struct xt_look_drop *items;
        size_t count;
    } legacy; // what drops of the old iptables, with its counts before the try
};

// Does the kernel show iptables and nftables what stays on a bridge (br_netfilter)?
bool bridges_are_filtered(void);

// What is found
void walk_say(struct walk *walk, enum network_step_state state, const char *topic, const char *format, ...)
    _printf_(4, 5);
#define walk_fine(walk, ...) walk_say(walk, NETWORK_STEP_FINE, __VA_ARGS__)
#define walk_note(walk, ...) walk_say(walk, NETWORK_STEP_NOTE, __VA_ARGS__)
#define walk_ends(walk, ...) walk_say(walk, NETWORK_STEP_ENDS, __VA_ARGS__)
void walk_advise(struct walk *walk, const char *format, ...) _printf_(2, 3);
bool walk_has_ended(const struct walk *walk);
static inline const char *protocol_word(const struct walk *walk) {
    return walk->udp ? "udp" : "tcp";
}

// Namespaces. Whoever entered one leaves it again; sockets that are opened meanwhile stay in it.
int walk_enter(const struct why_side *side); // 0 or -errno
void walk_leave(struct walk *walk);

// Who they are (network_why_side.c): -1 with *err, or 0; then walk_has_ended() may be true.
int side_find(struct walk *walk, struct why_side *side, const char *text, struct err *err);
// For one that is known to be a container.
int side_open(struct walk *walk, struct why_side *side, struct err *err);
// Nothing leads out of its networks, or into them but from themselves.
bool side_is_internal(struct walk *walk, const struct why_side *side);
// The interface with an address is gone, or the address: says so, by the rows of the container's endpoints.
// 1; 0 when none of them has that address; -1.
int gone_explain(struct walk *walk, const struct why_side *side, const struct address *address,
                 struct err *err);
// How a container comes to a network; with: what more there is to say of it.
void connect_advise(struct walk *walk, const struct why_side *side, const char *with);
// The interface is on another bridge than its network's: says so.
bool misplaced_explain(struct walk *walk, const struct why_side *side, const struct why_interface *interface);
// The network of a bridge; NULL: none of hoy's.
int network_of_bridge(struct walk *walk, const char *bridge, const struct network **ret_network,
                      struct err *err);
// It shares a parent's link (macvlan, ipvlan): the host has no word in what is sent there.
bool interface_is_child(const struct why_interface *interface);
// That parent, where it is the host's; NULL: it is no such interface.
const struct look_link *interface_parent(const struct walk *walk, const struct why_interface *interface);
void side_finish(struct why_side *side);
// Where the packet is sent to: an address of the other side, which this one knows by a name.
int target_find(struct walk *walk, struct err *err);
// An IP address of a name, as a container or the host finds it (network_why_name.c): 1, or 0 when nobody
// knows the name. container: it is one's name, for which nobody outside is asked. ret_how: who said so.
int name_find(struct walk *walk, const struct why_side *side, const char *name, bool container,
              struct address *ret_address, const char **ret_how);

// The interfaces that the packet passes: by which it leaves a container or the host, and which has the
// address. NULL: none, or only loopback (network_why_path.c).
const struct why_interface *sender_interface(struct walk *walk);
bool interface_has(const struct why_interface *interface, const struct address *address);
const struct why_interface *side_interface_with(const struct why_side *side, const struct address *address);

// An interface of a container's; with at NULL one of the host's.
const char *link_name(const struct walk *walk, const struct why_side *at, int index);
// The route of a container, or the host, to an address: 0 or -errno, as look_route().
int why_route(struct walk *walk, const struct why_side *from, const struct address *to,
              struct look_route *ret_route);
// What the packet has on it once the host has looked up where a published port leads.
struct why_flow {
    struct address source;
    const struct address *target;
    const struct why_side *receiver;
    const struct why_interface *sending, *receiving; // of containers; NULL: there is none
};
// false: it can't be said.
bool flow_find(struct walk *walk, struct why_flow *ret_flow);

// It is a container's to itself, and never comes to the host.
bool stays_inside(const struct walk *walk);

// The steps of the way, in this order
int port_look(struct walk *walk, struct err *err); // network_why_port.c
void route_look(struct walk *walk);                // network_why_path.c
void bridge_look(struct walk *walk);
void arrival_look(struct walk *walk);  // network_why_arrival.c
void rules_look(struct walk *walk);    // network_why_rules.c
void listener_look(struct walk *walk); // network_why_try.c
void packet_try(struct walk *walk);
// What the try is made of: a socket in the sender's namespace that does not block (or -errno), waiting for it
// until a moment of the monotonic clock (-ETIMEDOUT), an address for it.
#define WHY_TRY_MS 2000
int why_socket(struct walk *walk, int type, int protocol);
int why_wait(int fd, short events, uint64_t deadline);
struct why_name {
    struct sockaddr_storage name;
    socklen_t size;
};
struct why_name why_name_of(const struct address *address, uint16_t port);
// An echo request, 0 or -errno; then, where small packets get through, what happens to large ones
// (network_why_echo.c).
int echo_try(struct walk *walk);
void size_try(struct walk *walk);
// The rules of the old iptables (network_why_legacy.c): says which drop at the hook, and returns how many
// steps that took; after the try, which of them has dropped (false: none).
size_t legacy_look(struct walk *walk, uint32_t hook, const char *hook_word);
bool legacy_explain(struct walk *walk);
// A route of the host's that leads astray, or none back (network_why_passage.c): says so. false: there is no
// such.
bool way_explain(struct walk *walk);
// What IPv4 is set to on an interface of this namespace, or on "all" (network_why_arrival.c).
uint32_t why_setting(const char *interface, const char *name);
// Is it one of the host's interfaces by which the packet comes or goes?
bool device_is_passed(struct walk *walk, const char *device);
// What may have swallowed a packet that nobody answered; what to do about it (network_why_rules.c).
void silence_explain(struct walk *walk);
// The host has no word in what a container's own rules do: says how to look at them, on either side.
void inner_firewalls_advise(struct walk *walk);
