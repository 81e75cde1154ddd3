// SPDX-License-Identifier: Apache-2.0
// Echo requests from the sender's own namespace. One says whether anybody answers. Two, of which one is as
// large as the sender's interface takes and must not be cut (DF), find a link on the way that takes less: a
// router in front of it says so, and the sender's kernel makes do; a bridge drops without a word, and what is
// lost then is all but the small packets, so that a connection is made and stands still.
#include "base/clock.h"
#include "base/fd.h"
#include "engine/network_why_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIZE_MAX_BYTES 16384 // of a larger one nobody can tell where it is cut
#define SIZE_MS        1000

enum { SMALL = 1, LARGE = 2 }; // their sequence numbers

struct echo {
    struct walk *walk;
    int fd;
    bool four;
    uint16_t id;
    bool answered[LARGE + 1];
};

static void echo_finish(struct echo *echo) {
    fd_closep(&echo->fd);
}

static int echo_open(struct walk *walk, struct echo *ret_echo) {
    bool four = walk->target.family == AF_INET;
    int fd = why_socket(walk, SOCK_RAW, four ? IPPROTO_ICMP : IPPROTO_ICMPV6);
    if (fd < 0) return fd;
    *ret_echo = (struct echo){.walk = walk, .fd = fd, .four = four, .id = htons((uint16_t)getpid())};
    return 0;
}

// bytes: of the whole packet, or 0 for the smallest. The kernel fills in ICMPv6's checksum, which takes in
// the addresses; zeros add nothing to ICMP's.
static int echo_send(const struct echo *echo, uint16_t sequence, size_t bytes) {
    static const uint8_t zeros[SIZE_MAX_BYTES];
    struct why_name target = why_name_of(&echo->walk->target, 0);
    struct icmphdr head = {.type = echo->four ? ICMP_ECHO : ICMP6_ECHO_REQUEST,
                           .un.echo = {.id = echo->id, .sequence = htons(sequence)}};
    size_t heads = sizeof head + (echo->four ? 20 : 40);
    uint32_t sum = (uint32_t)htons((uint16_t)(head.type << 8)) + head.un.echo.id + head.un.echo.sequence;
    sum = (sum & 0xffff) + (sum >> 16);
    if (echo->four) head.checksum = (uint16_t) ~((sum & 0xffff) + (sum >> 16));
    struct iovec parts[] = {{&head, sizeof head}, {(void *)zeros, bytes > heads ? bytes - heads : 0}};
    struct msghdr message = {
        .msg_name = &target.name, .msg_namelen = target.size, .msg_iov = parts, .msg_iovlen = 2};
    return sendmsg(echo->fd, &message, 0) < 0 ? -errno : 0;
}

// A raw socket sees everybody's answers; ours have our own number.
static void echo_read(struct echo *echo, const uint8_t *bytes, size_t size) {
    size_t at = echo->four && size ? (bytes[0] & 15u) * 4u : 0;
    uint16_t sequence;
    if (size < at + 8 || bytes[at] != (echo->four ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) ||
        memcmp(bytes + at + 4, &echo->id, 2))
        return;
    memcpy(&sequence, bytes + at + 6, sizeof sequence);
    sequence = ntohs(sequence);
    if (sequence == SMALL || sequence == LARGE) echo->answered[sequence] = true;
}

// Until that one is answered, or -errno: -ETIMEDOUT, or what came in its place.
static int echo_wait(struct echo *echo, uint16_t sequence, uint64_t ms) {
    uint8_t answer[SIZE_MAX_BYTES];
    uint64_t deadline = clock_monotonic_ns() + ms * 1000000;
    while (!echo->answered[sequence]) {
        int r = why_wait(echo->fd, POLLIN, deadline);
        if (r) return r;
        ssize_t n = recv(echo->fd, answer, sizeof answer, 0);
        if (n < 0 && errno != EAGAIN) return -errno;
        if (n > 0) echo_read(echo, answer, (size_t)n);
    }
    return 0;
}

int echo_try(struct walk *walk) {
    _cleanup_(echo_finish) struct echo echo = {.fd = -1};
    int r = echo_open(walk, &echo);
    if (!r) r = echo_send(&echo, SMALL, 0);
    return r ? r : echo_wait(&echo, SMALL, WHY_TRY_MS);
}

// Sizes

static int size_ask(struct echo *echo, uint32_t mtu) {
    static const int v4[][2] = {{IP_MTU_DISCOVER, IP_PMTUDISC_PROBE}, {IP_RECVERR, 1}};
    static const int v6[][2] = {
        {IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE}, {IPV6_DONTFRAG, 1}, {IPV6_RECVERR, 1}};
    const int(*options)[2] = echo->four ? v4 : v6;
    for (size_t i = 0; i < (echo->four ? ARRAY_SIZE(v4) : ARRAY_SIZE(v6)); i++)
        if (setsockopt(echo->fd, echo->four ? IPPROTO_IP : IPPROTO_IPV6, options[i][0], &options[i][1],
                       sizeof(int)))
            return -errno;
    int r = echo_send(echo, SMALL, 0);
    if (!r) r = echo_send(echo, LARGE, mtu);
    return r ? r : echo_wait(echo, LARGE, SIZE_MS);
}

// Who said that it is too large, and what would fit.
static bool complaint_read(const struct echo *echo, uint32_t *ret_mtu, struct address *ret_router) {
    char control[512] __attribute__((aligned(8)));
    struct msghdr message = {.msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(echo->fd, &message, MSG_ERRQUEUE) < 0) return false;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at)) {
        struct sock_extended_err error;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
        if (at->cmsg_len < CMSG_LEN(sizeof error + (echo->four ? sizeof four : sizeof six))) continue;
        memcpy(&error, CMSG_DATA(at), sizeof error);
        if (error.ee_errno != EMSGSIZE) continue;
        memcpy(&four, CMSG_DATA(at) + sizeof error, sizeof four);
        *ret_router = (struct address){.family = echo->walk->target.family};
        if (echo->four)
            memcpy(ret_router->bytes, &four.sin_addr, 4);
        else {
            memcpy(&six, CMSG_DATA(at) + sizeof error, sizeof six);
            memcpy(ret_router->bytes, &six.sin6_addr, 16);
        }
        *ret_mtu = error.ee_info;
        return true;
    }
    return false;
}

// The narrowest of the interfaces of this host that it passes. A bridge comes after its ports: by itself it
// has the least of theirs.
static const struct look_link *narrower(const struct look_link *a, const struct look_link *b) {
    return !a || (b && b->mtu && b->mtu < a->mtu) ? b : a;
}

static const struct look_link *narrowest(struct walk *walk, const struct look_link *own) {
    const struct why_interface *sending = sender_interface(walk);
    const struct why_interface *receiving =
        walk->to.kind == WHY_CONTAINER ? side_interface_with(&walk->to, &walk->target) : NULL;
    const struct look_link *link = own;
    struct look_route route;
    if (sending) link = narrower(link, sending->host);
    if (receiving) link = narrower(narrower(link, receiving->host), &receiving->own);
    if (sending) link = narrower(link, sending->bridge);
    if (receiving) return narrower(link, receiving->bridge);
    bool leaves = !look_route(walk->target.family, walk->target.bytes, &route) && !route.local;
    for (size_t i = 0; leaves && i < walk->links.count; i++)
        if (walk->links.items[i].index == route.link) link = narrower(link, &walk->links.items[i]);
    return link;
}

static void loss_explain(struct walk *walk, const struct look_link *own) {
    const struct look_link *link = narrowest(walk, own);
    if (link == own) {
        walk_ends(
            walk, "mtu",
            "small packets get through, but those of %u bytes, which %s of %s takes, are lost without a word",
            own->mtu, own->name, walk->from.text);
        return walk_advise(walk,
                           "an interface outside takes less, or a firewall drops ICMP's \"too big\", or "
                           "what is large: ip link set %s mtu … with less than %u",
                           own->name, own->mtu);
    }
    walk_ends(
        walk, "mtu",
        "small packets get through, but those of %u bytes, which %s of %s takes, are lost without a word: %s "
        "on the way takes %u",
        own->mtu, own->name, walk->from.text, link->name, link->mtu);
    walk_advise(walk, "ip link set %s mtu %u", link->name, own->mtu);
    if (walk->from.kind == WHY_CONTAINER)
        walk_advise(walk,
                    "hoy network create -o com.docker.network.driver.mtu=%u …: its containers send no more",
                    link->mtu);
}

void size_try(struct walk *walk) {
    const struct why_interface *sending = sender_interface(walk);
    _cleanup_(echo_finish) struct echo echo = {.fd = -1};
    struct address router;
    uint32_t fits;
    // A published port's address answers for itself, not for the container.
    if (!sending || walk->published || sending->own.mtu > SIZE_MAX_BYTES || echo_open(walk, &echo)) return;
    int r = size_ask(&echo, sending->own.mtu);
    if (r == -EMSGSIZE && complaint_read(&echo, &fits, &router))
        return walk_note(
            walk, "mtu",
            "%s says that packets of %u bytes fit on the way, of the %u that %s of %s takes: the "
            "kernel makes them smaller",
            address_text(walk->arena, &router), fits, sending->own.mtu, sending->own.name, walk->from.text);
    if (r == -ETIMEDOUT && echo.answered[SMALL]) loss_explain(walk, &sending->own);
}
