// SPDX-License-Identifier: Apache-2.0
#include "resolver/watch.h"

#include "base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_MAX 64

int loop_init(struct loop *loop) {
    *loop = (struct loop){.epoll = epoll_create1(EPOLL_CLOEXEC)};
    return loop->epoll < 0 ? -errno : 0;
}

int watch_add(struct loop *loop, struct watch *watch, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event)) return -errno;
    watch->fd = fd;
    return 0;
}

int watch_change(struct loop *loop, struct watch *watch, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = watch};
    return epoll_ctl(loop->epoll, EPOLL_CTL_MOD, watch->fd, &event) ? -errno : 0;
}

// Somebody else may have the same open file still (a container's shim, its sockets): so it is taken out by
// name, the closing alone would leave it in.
int watch_take(struct loop *loop, struct watch *watch) {
    if (watch->fd < 0) return -1;
    (void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    for (int i = 0; i < loop->count; i++)
        if (loop->events[i].data.ptr == watch) loop->events[i].data.ptr = NULL;
    return take_fd(&watch->fd);
}

void watch_remove(struct loop *loop, struct watch *watch) {
    int fd = watch_take(loop, watch);
    fd_closep(&fd);
}

int loop_once(struct loop *loop, int timeout_ms) {
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(loop->epoll, events, EVENTS_MAX, timeout_ms);
    if (n < 0) return errno == EINTR ? 0 : -errno;
    loop->events = events;
    loop->count = n;
    for (int i = 0; i < n; i++) {
        struct watch *watch = events[i].data.ptr;
        if (watch) watch->ready(watch, events[i].events);
    }
    loop->events = NULL;
    loop->count = 0;
    return 0;
}
