// SPDX-License-Identifier: Apache-2.0
// Datagrams. Each sender gets a socket of its own towards the container, so that answers find back to him. He
// is forgotten when nothing has gone either way for a while, and the one that was silent for longest when
// there are too many.
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

struct sender {
    struct source source; // towards the container
    struct door *door;
    struct sockaddr_in6 name;
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

static void answer(struct source *source, uint32_t events) {
    struct sender *sender = (struct sender *)source;
    (void)events;
    for (int i = 0; i < AT_ONCE; i++) {
        ssize_t n = recv(source->fd, datagram, sizeof datagram, 0);
        if (n < 0 && errno == ECONNREFUSED && !sender->v4 && connect_sender(sender, AF_INET))
            return forget(sender);
        if (n < 0) return;
        heard(sender);
        (void)sendto(sender->door->source.fd, datagram, (size_t)n, 0, (struct sockaddr *)&sender->name,
                     sizeof sender->name);
    }
}

static struct sender *find(struct door *door, const struct sockaddr_in6 *name) {
    struct sender *sender = *bucket_of(door, name);
    while (sender && (sender->door != door || memcmp(&sender->name, name, sizeof *name)))
        sender = sender->next;
    return sender;
}

static struct sender *add(struct door *door, const struct sockaddr_in6 *name) {
    size_t i = 0;
    if (count == SENDERS_MAX) forget(oldest);
    while (senders[i].door) i++;
    struct sender *sender = &senders[i], **at = bucket_of(door, name);
    *sender = (struct sender){.source = {-1, answer}, .door = door, .name = *name, .next = *at};
    *at = sender;
    age_add(sender);
    count++;
    if (!connect_sender(sender, AF_INET6) || !connect_sender(sender, AF_INET)) return sender;
    forget(sender);
    return NULL;
}

void udp_hear(struct source *source, uint32_t events) {
    struct door *door = (struct door *)source;
    (void)events;
    for (int i = 0; i < AT_ONCE; i++) {
        struct sockaddr_in6 name = {0};
        socklen_t size = sizeof name;
        ssize_t n = recvfrom(source->fd, datagram, sizeof datagram, 0, (struct sockaddr *)&name, &size);
        if (n < 0) return;
        struct sender *sender = find(door, &name);
        if (!sender) sender = add(door, &name);
        if (!sender) continue;
        heard(sender);
        (void)send(sender->source.fd, datagram, (size_t)n, 0);
    }
}
