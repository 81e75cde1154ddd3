// SPDX-License-Identifier: Apache-2.0
// The end of the way: who listens there, and a connection that is really made (or an echo request, where no
// port was given), from the sender's own namespace.
#include "engine/network_why_parts.h"

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// Whose processes could listen: the container's, or the host's own, for an address of the host.
static const struct why_side *receiver(const struct walk *walk) {
    if (walk->published) return &walk->behind;
    return walk->to.kind == WHY_CONTAINER || walk->to.kind == WHY_HOST ? &walk->to : NULL;
}

static const struct address *wanted_address(const struct walk *walk) {
    return walk->published ? &walk->behind_address : &walk->target;
}

// A socket of all of IPv6 has the port of IPv4, too, or that is free.
static bool is_free(struct walk *walk, const struct why_side *side, uint16_t port) {
    struct port_address address = {
        .family = AF_INET, .protocol = walk->udp ? IPPROTO_UDP : IPPROTO_TCP, .port = port};
    _cleanup_(fd_closep) int fd = -1;
    memcpy(address.bytes, wanted_address(walk)->bytes, sizeof address.bytes);
    int r = walk_enter(side);
    if (!r) r = port_socket_hold(&address, &fd, &port);
    walk_leave(walk);
    return r == 0;
}

static bool reaches(const struct walk *walk, const struct listeners *found) {
    const struct address *to = wanted_address(walk);
    if (to->family == AF_INET ? found->any4 || found->any6 : found->any6) return true;
    if (found->loopback && address_is_loopback(to)) return true;
    return found->some && str_eq(found->address, address_text(walk->arena, to));
}

void listener_look(struct walk *walk) {
    struct listeners found;
    const struct why_side *side = receiver(walk);
    uint16_t port = walk->published ? walk->behind_port : walk->port;
    if (!port || !side || walk->held) return;
    if (listeners_find(side->pid, walk->udp ? LISTENER_UDP : LISTENER_TCP, port, &found)) return;
    const char *who = side->kind == WHY_HOST ? "the host" : side->text, *protocol = protocol_word(walk);
    bool six =
        found.any6 && !found.any4 && wanted_address(walk)->family == AF_INET && is_free(walk, side, port);
    found.any6 = found.any6 && !six;
    walk->heard = reaches(walk, &found);
    if (walk->heard)
        return walk_fine(walk, "listener", "somebody on %s listens on port %u/%s", who, port, protocol);
    if (found.loopback) {
        walk_ends(walk, "listener",
                  "on %s port %u/%s is listened on at loopback (127.0.0.1 or ::1) only, which nobody "
                  "else reaches",
                  who, port, protocol);
        walk_advise(walk, "make the program listen on 0.0.0.0 (or ::)");
    } else if (found.some)
        walk_ends(walk, "listener", "on %s port %u/%s is listened on at %s only", who, port, protocol,
                  found.address);
    else if (six)
        walk_ends(walk, "listener", "on %s port %u/%s is listened on for IPv6 only", who, port, protocol);
    else if (found.any4)
        walk_ends(walk, "listener", "on %s port %u/%s is listened on for IPv4 only", who, port, protocol);
    else
        walk_ends(walk, "listener", "nobody on %s listens on port %u/%s", who, port, protocol);
}

// The try

struct why_name why_name_of(const struct address *address, uint16_t port) {
    struct why_name name = {0};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = (uint32_t)address->link};
    memcpy(&four.sin_addr, address->bytes, 4);
    memcpy(&six.sin6_addr, address->bytes, 16);
    if (address->family == AF_INET) {
        memcpy(&name.name, &four, sizeof four);
        name.size = sizeof four;
    } else {
        memcpy(&name.name, &six, sizeof six);
        name.size = sizeof six;
    }
    return name;
}

int why_socket(struct walk *walk, int type, int protocol) {
    int r = walk_enter(&walk->from), fd = -1;
    if (!r) fd = socket(walk->target.family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (!r && fd < 0) r = -errno;
    walk_leave(walk);
    return r ? r : fd;
}

int why_wait(int fd, short events, uint64_t deadline) {
    struct pollfd ready = {.fd = fd, .events = events};
    while (true) {
        uint64_t now = clock_monotonic_ns();
        int r = poll(&ready, 1, now < deadline ? (int)((deadline - now) / 1000000 + 1) : 0);
        if (r > 0) return 0;
        if (r == 0) return -ETIMEDOUT;
        if (errno != EINTR) return -errno;
    }
}

static int try_tcp(struct walk *walk) {
    struct why_name target = why_name_of(&walk->target, walk->port);
    int error = 0;
    socklen_t size = sizeof error;
    _cleanup_(fd_closep) int fd = why_socket(walk, SOCK_STREAM, 0);
    if (fd < 0) return fd;
    if (!connect(fd, (struct sockaddr *)&target.name, target.size)) return 0;
    if (errno != EINPROGRESS) return -errno;
    int r = why_wait(fd, POLLOUT, clock_monotonic_ns() + WHY_TRY_MS * 1000000ull);
    if (r) return r;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size)) return -errno;
    return -error;
}

static void refusal_explain(struct walk *walk) {
    if (walk->dropped) {
        walk_ends(walk, "try", "the connection is refused");
        return silence_explain(walk);
    }
    walk_ends(walk, "try", "the connection is refused: %sa firewall rejects it",
              walk->heard ? "somebody listens there, so " : "nobody listens there, or ");
    if (legacy_explain(walk) || way_explain(walk)) return;
    if (walk->heard) return walk->traced ? inner_firewalls_advise(walk) : silence_explain(walk);
    if (walk->to.kind == WHY_CONTAINER)
        walk_advise(walk, "look what listens: hoy exec %s ss -tlnp", walk->to.text);
    else if (walk->target_is_host)
        walk_advise(walk, "hoy ps shows what is published; -p %u:PORT publishes a container's port",
                    walk->port);
}

static void failure_explain(struct walk *walk, int r) {
    switch (r) {
    case -ECONNREFUSED: return refusal_explain(walk);
    case -ETIMEDOUT:
        walk_ends(walk, "try", "nobody answers within two seconds");
        return silence_explain(walk);
    case -EHOSTUNREACH:
        walk_ends(walk, "try", "nobody has that address on the last link, or a firewall rejects it");
        return silence_explain(walk);
    case -ENETUNREACH: walk_ends(walk, "try", "somebody on the way has no route there"); break;
    case -EPERM:
    case -EACCES:
        walk_ends(walk, "try", "the packet is not let out: a rule drops it at output");
        return silence_explain(walk);
    default: walk_ends(walk, "try", "%s", strerror(-r));
    }
    (void)way_explain(walk);
}

// Without it (an old kernel) what may have dropped the packet is guessed.
static void trace_begin(struct walk *walk, struct nft_trace *trace) {
    uint8_t protocol = walk->port                       ? IPPROTO_TCP
                       : walk->target.family == AF_INET ? IPPROTO_ICMP
                                                        : IPPROTO_ICMPV6;
    walk->traced = !nft_trace_begin(walk->target.family, walk->target.bytes, protocol, walk->port, trace);
}

static void trace_read(struct walk *walk, struct nft_trace *trace) {
    int r = nft_trace_read(trace, &walk->drop);
    walk->traced = r >= 0;
    walk->dropped = r > 0;
}

void packet_try(struct walk *walk) {
    if ((walk->from.kind == WHY_OUTSIDE || walk->udp) && way_explain(walk)) return;
    if (walk->from.kind == WHY_OUTSIDE)
        return walk_note(walk, "try", "no try: %s is not on this host", walk->from.text);
    if (walk->udp)
        return walk_note(walk, "try", "no try: whether a program takes a packet of udp, it alone knows");
    _cleanup_(nft_trace_end) struct nft_trace trace = NFT_TRACE_NONE;
    trace_begin(walk, &trace);
    int r = walk->port ? try_tcp(walk) : echo_try(walk);
    if (r && walk->traced) trace_read(walk, &trace);
    if (r) return failure_explain(walk, r);
    walk->why->tried = true;
    if (walk->port)
        walk_fine(walk, "try", "a connection to port %u is made", walk->port);
    else
        walk_fine(walk, "try", "an echo request is answered");
    size_try(walk);
}
