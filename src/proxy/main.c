// SPDX-License-Identifier: Apache-2.0
// hoy-proxy: hands on to a container what the kernel can't: connections to ::1, whose packets are never
// routed, and those of a version of IP that it does not have. The shim starts it when the first one comes
// (shim/ports.h); it ends when it has had nothing to do for a while, with its container, and, after SIGTERM,
// with its last connection.
#include "proxy/proxy.h"

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/bag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define DOORS_MAX  65536
#define IDLE_NS    10000000000u
#define EVENTS_MAX 64

static int epoll = -1, doorway = -1; // all doors are in the doorway
static bool doors_open, leaving;
static volatile sig_atomic_t asked_to_leave;
static struct door *doors;
static size_t door_count;

static int watch(int in, int change, struct source *source, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(in, change, source->fd, &event) ? -errno : 0;
}

int proxy_watch(struct source *source, uint32_t events) {
    return watch(epoll, EPOLL_CTL_ADD, source, events);
}

// Events of one door; others have their turn.
static void doorway_ready(struct source *source, uint32_t events) {
    struct epoll_event some[EVENTS_MAX];
    (void)events;
    int n = epoll_pwait(source->fd, some, EVENTS_MAX, 0, NULL);
    for (int i = 0; i < n && doors_open; i++) {
        struct source *door = some[i].data.ptr;
        door->ready(door, some[i].events);
    }
}
static struct source doorway_source = {-1, doorway_ready};

void proxy_open_doors(bool open) {
    open = open && !leaving;
    if (open == doors_open) return;
    doors_open = open;
    (void)watch(epoll, open ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, &doorway_source, EPOLLIN);
}

socklen_t proxy_target(const struct ports_label *label, sa_family_t family,
                       struct sockaddr_storage *ret_name) {
    *ret_name = (struct sockaddr_storage){.ss_family = family};
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret_name;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_name;
    if (family == AF_INET) {
        v4->sin_port = htons(label->port);
        memcpy(&v4->sin_addr, label->v4, sizeof label->v4);
        return label->has_v4 ? sizeof *v4 : 0;
    }
    v6->sin6_port = htons(label->port);
    memcpy(&v6->sin6_addr, label->v6, sizeof label->v6);
    return label->has_v6 ? sizeof *v6 : 0;
}

// Others may serve the same doors, and whoever comes is theirs. A door that was taken away is closed.
static void leave_doors(void) {
    leaving = true;
    proxy_open_doors(false);
    (void)udp_forget(0, true); // who finds them by their doors' numbers
    for (size_t i = 0; i < door_count; i++) fd_closep(&doors[i].source.fd);
    fd_closep(&doorway);
    close(PORTS_PROXY_OPEN);
}

// Beginning

static int add_door(int fd, const struct ports_label *label) {
    int type = 0;
    socklen_t size = sizeof type;
    if (door_count == DOORS_MAX || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size)) return -EMFILE;
    if (type == SOCK_DGRAM) udp_open(fd);
    struct door *door = &doors[door_count++];
    *door = (struct door){.source = {fd, type == SOCK_DGRAM ? udp_hear : tcp_let_in}, .label = *label};
    return watch(doorway, EPOLL_CTL_ADD, &door->source, EPOLLIN);
}

static int take_doors(int bag) {
    struct ports_label label;
    int fds[BAG_MAX], r = bag_lock(bag);
    size_t offset = 0;
    for (ssize_t n; !r && (n = bag_look(bag, &offset, &label, sizeof label, fds)) != -ENODATA;) {
        if (n < 0) r = (int)n;
        for (ssize_t i = 0; i < n; i++)
            if (!label.served || r || (r = add_door(fds[i], &label))) close(fds[i]);
    }
    bag_unlock(bag);
    return r;
}

static void container_ended(struct source *source, uint32_t events) {
    (void)source, (void)events;
    _exit(0);
}

static void leave(int number) {
    (void)number;
    asked_to_leave = 1;
}

static int prepare(sigset_t *ret_waiting) {
    static struct source container = {PORTS_PROXY_CONTAINER, container_ended};
    struct sigaction action = {.sa_handler = leave};
    sigset_t term;
    fd_allow_many();
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, ret_waiting);
    sigdelset(ret_waiting, SIGTERM);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    doorway = epoll_create1(EPOLL_CLOEXEC);
    doors = mmap(NULL, DOORS_MAX * sizeof *doors, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (epoll < 0 || doorway < 0 || doors == MAP_FAILED) return -errno;
    doorway_source.fd = doorway;
    int r = take_doors(PORTS_PROXY_BAG);
    close(PORTS_PROXY_BAG);
    if (!r) r = proxy_watch(&container, EPOLLIN);
    if (!r) proxy_open_doors(true);
    return r;
}

// The loop

static uint64_t next_end(uint64_t now_ns, uint64_t *idle_since_ns) {
    uint64_t udp_ns = udp_forget(now_ns, leaving);
    if (tcp_count() || udp_count()) {
        *idle_since_ns = 0;
        return udp_ns;
    }
    if (!*idle_since_ns) *idle_since_ns = now_ns;
    return leaving ? now_ns : *idle_since_ns + IDLE_NS;
}

static int milliseconds_until(uint64_t deadline_ns, uint64_t now_ns) {
    if (deadline_ns == UINT64_MAX) return -1;
    return deadline_ns <= now_ns ? 0 : (int)((deadline_ns - now_ns + 999999) / 1000000);
}

static int loop(const sigset_t *waiting) {
    uint64_t idle_since_ns = 0;
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        if (asked_to_leave && !leaving) leave_doors();
        uint64_t now_ns = clock_monotonic_ns(), end_ns = next_end(now_ns, &idle_since_ns);
        if (idle_since_ns && now_ns >= end_ns) return 0;
        int n = epoll_pwait(epoll, events, EVENTS_MAX, milliseconds_until(end_ns, now_ns), waiting);
        for (int i = 0; i < n; i++) {
            struct source *source = events[i].data.ptr;
            if (source->fd >= 0) source->ready(source, events[i].events);
        }
    }
}

int main(void) {
    sigset_t waiting;
    int r = prepare(&waiting);
    if (!r) r = proxy_confine();
    if (r) return dprintf(STDERR_FILENO, "hoy-proxy: %s\n", strerror(-r)), 1;
    return loop(&waiting);
}
