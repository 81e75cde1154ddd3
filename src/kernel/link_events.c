// SPDX-License-Identifier: Apache-2.0
// A parent is told with RTM_NEWLINK that one of its own has left. Which one of all changes that is does not
// matter: who waits tries again after each.
#include "kernel/link_events.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#define PATIENCE_NS 3000000000ull

int link_events_open(struct link_events *ret_events) {
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    _cleanup_(fd_closep) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address)) return -errno;
    *ret_events = (struct link_events){.fd = take_fd(&fd)};
    return 0;
}

void link_events_finish(struct link_events *events) {
    fd_closep(&events->fd);
}

bool link_events_wait(struct link_events *events) {
    char ignored[4096];
    struct pollfd change = {.fd = events->fd, .events = POLLIN};
    uint64_t now = clock_monotonic_ns();
    if (events->fd < 0) return false;
    if (!events->deadline_ns) events->deadline_ns = now + PATIENCE_NS;
    if (now >= events->deadline_ns) return false;
    int n = poll(&change, 1, (int)((events->deadline_ns - now) / 1000000 + 1));
    // More than the socket holds is news as well.
    while (recv(events->fd, ignored, sizeof ignored, 0) > 0 || errno == ENOBUFS) {}
    return n > 0;
}
