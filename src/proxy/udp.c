// SPDX-License-Identifier: Apache-2.0
// Datagrams. Each sender gets a socket of its own towards the container, so that answers find back to him;
// they come from the address that he has sent to, of which the host may have several. He is forgotten when
// nothing has gone either way for a while, and the one that was silent for longest when there are too many.
#include "proxy/proxy.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SENDERS_MAX 1024
#define BUCKETS     256
#define SILENCE_NS  90000000000u
#define AT_ONCE     64 // datagrams, before others have their turn

// The address that was sent to, as the kernel tells it, and takes it for an answer.
struct here {
    size_t size; // 0: it did not say
    char control[CMSG_SPACE(sizeof(struct in6_pktinfo))]
        __attribute__((aligned(__alignof__(struct cmsghdr))));
};

struct sender {
    struct source source; // towards the container
    struct door *door;
    struct sockaddr_in6 name;
    struct here here;
    uint64_t heard_ns;
    struct sender *next;          // in its bucket
    struct sender *older, *newer; // by when they were heard
    bool v4;                      // the container refused version 6
};

static struct sender senders[SENDERS_MAX], *buckets[BUCKETS], *oldest, *newest;
static size_t count;
static char datagram[65536];

size_t udp_count(void) {
    return count;
}

static struct sender **bucket_of(const struct door *door, const struct sockaddr_in6 *name) {
    uint32_t hash = 2166136261u;
    const uint8_t *bytes = (const uint8_t *)name; // of either version
    for (size_t i = 0; i < sizeof *name; i++) hash = (hash ^ bytes[i]) * 16777619u;
    hash = (hash ^ (uint32_t)door->source.fd) * 16777619u;
    return &buckets[(hash ^ hash >> 16) % BUCKETS];
}

// By age

static void age_remove(struct sender *sender) {
    *(sender->older ? &sender->older->newer : &oldest) = sender->newer;
    *(sender->newer ? &sender->newer->older : &newest) = sender->older;
    sender->older = sender->newer = NULL;
}

static void age_add(struct sender *sender) {
    sender->heard_ns = clock_monotonic_ns();
    sender->older = newest;
    sender->newer = NULL;
    *(newest ? &newest->newer : &oldest) = sender;
    newest = sender;
}

static void heard(struct sender *sender) {
    age_remove(sender);
    age_add(sender);
}

static void forget(struct sender *sender) {
    struct sender **at = bucket_of(sender->door, &sender->name);
    while (*at != sender) at = &(*at)->next;
    *at = sender->next;
    age_remove(sender);
    fd_closep(&sender->source.fd);
    sender->door = NULL;
    count--;
}

uint64_t udp_forget(uint64_t now_ns, bool all) {
    while (oldest && (all || oldest->heard_ns + SILENCE_NS <= now_ns)) forget(oldest);
    return oldest ? oldest->heard_ns + SILENCE_NS : UINT64_MAX;
}

// Towards the container

static int connect_sender(struct sender *sender, sa_family_t family) {
    struct sockaddr_storage name;
    socklen_t size = proxy_target(&sender->door->label, family, &name);
    if (!size) return -EAFNOSUPPORT;
    _cleanup_(fd_closep) int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (struct sockaddr *)&name, size)) return -errno;
    fd_closep(&sender->source.fd);
    sender->source.fd = take_fd(&fd);
    sender->v4 = family == AF_INET;
    return proxy_watch(&sender->source, EPOLLIN);
}

// To a broadcast nobody can answer from where it went.
static void answer_from(const struct sender *sender, size_t size) {
    struct iovec part = {datagram, size};
    struct msghdr message = {.msg_name = (void *)&sender->name,
                             .msg_namelen = sizeof sender->name,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = (void *)sender->here.control,
                             .msg_controllen = sender->here.size};
    if (sendmsg(sender->door->source.fd, &message, 0) >= 0 || !sender->here.size) return;
    message.msg_controllen = 0;
    (void)sendmsg(sender->door->source.fd, &message, 0);
}

static void answer(struct source *source, uint32_t events) {
    struct sender *sender = (struct sender *)source;
    (void)events;
    for (int i = 0; i < AT_ONCE; i++) {
        ssize_t n = recv(source->fd, datagram, sizeof datagram, 0);
        if (n < 0 && errno == ECONNREFUSED && !sender->v4 && connect_sender(sender, AF_INET))
            return forget(sender);
        if (n < 0) return;
        heard(sender);
        answer_from(sender, (size_t)n);
    }
}

static struct sender *find(struct door *door, const struct sockaddr_in6 *name, const struct here *here) {
    struct sender *sender = *bucket_of(door, name);
    while (sender && (sender->door != door || memcmp(&sender->name, name, sizeof *name) ||
                      memcmp(&sender->here, here, sizeof *here)))
        sender = sender->next;
    return sender;
}

static struct sender *add(struct door *door, const struct sockaddr_in6 *name, const struct here *here) {
    size_t i = 0;
    if (count == SENDERS_MAX) forget(oldest);
    while (senders[i].door) i++;
    struct sender *sender = &senders[i], **at = bucket_of(door, name);
    *sender =
        (struct sender){.source = {-1, answer}, .door = door, .name = *name, .here = *here, .next = *at};
    *at = sender;
    age_add(sender);
    count++;
    if (!connect_sender(sender, AF_INET6) || !connect_sender(sender, AF_INET)) return sender;
    forget(sender);
    return NULL;
}

void udp_open(int door) {
    int on = 1;
    (void)setsockopt(door, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    (void)setsockopt(door, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
}

// Of what the kernel tells the address alone: an answer goes by whatever link leads to who asked.
static void here_read(struct msghdr *message, struct here *here) {
    struct cmsghdr *head = CMSG_FIRSTHDR(message);
    here->size = head ? message->msg_controllen : 0;
    if (head && head->cmsg_level == IPPROTO_IP) {
        struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(head);
        info->ipi_spec_dst = info->ipi_addr;
        info->ipi_ifindex = 0;
    } else if (head)
        ((struct in6_pktinfo *)CMSG_DATA(head))->ipi6_ifindex = 0;
}

static ssize_t hear(int door, struct sockaddr_in6 *ret_name, struct here *ret_here) {
    struct iovec part = {datagram, sizeof datagram};
    struct msghdr message = {.msg_name = ret_name,
                             .msg_namelen = sizeof *ret_name,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = ret_here->control,
                             .msg_controllen = sizeof ret_here->control};
    ssize_t n = recvmsg(door, &message, 0);
    if (n >= 0) here_read(&message, ret_here);
    return n;
}

void udp_hear(struct source *source, uint32_t events) {
    struct door *door = (struct door *)source;
    (void)events;
    for (int i = 0; i < AT_ONCE; i++) {
        struct sockaddr_in6 name = {0};
        struct here here = {0};
        ssize_t n = hear(source->fd, &name, &here);
        if (n < 0) return;
        struct sender *sender = find(door, &name, &here);
        if (!sender) sender = add(door, &name, &here);
        if (!sender) continue;
        heard(sender);
        (void)send(sender->source.fd, datagram, (size_t)n, 0);
    }
}
