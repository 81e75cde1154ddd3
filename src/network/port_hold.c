// SPDX-License-Identifier: Apache-2.0
// Sockets for published ports, on their way into a shim's bag. A port has one for each of its addresses;
// those of IPv6 that the kernel can't hand on have one that hoy-proxy serves.
#include "network/port.h"

#include "base/fd.h"
#include "base/macro.h"
#include "shim/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

struct port_address port_run_address(const struct port_run *run, uint16_t host_port) {
    struct port_address address = {.family = run->family, .protocol = run->protocol, .port = host_port};
    inet_pton(run->family, run->host, address.bytes);
    return address;
}

static bool is_loopback6(const struct port_address *address) {
    return address->family == AF_INET6 && !memcmp(address->bytes, &in6addr_loopback, sizeof address->bytes);
}

static uint8_t family_of(const char *address) {
    return strchr(address, ':') ? AF_INET6 : AF_INET;
}

bool port_run_has(const struct port_run *run, uint8_t protocol, uint16_t port) {
    return run->protocol == protocol && port >= run->port && port - run->port < (int)run->count;
}

bool port_runs_have(const struct port_runs *runs, uint8_t protocol, uint16_t port) {
    for (size_t i = 0; i < runs->count; i++)
        if (port_run_has(&runs->items[i], protocol, port)) return true;
    return false;
}

bool port_run_is_served(const struct port_run *run) {
    struct port_address address = port_run_address(run, run->host_port);
    return *run->address && (run->family != family_of(run->address) || is_loopback6(&address));
}

struct plan_port port_run_plan(const struct port_run *run) {
    struct port_address address = port_run_address(run, run->host_port);
    struct plan_port port = {.family = run->family,
                             .protocol = run->protocol,
                             .host_port = run->host_port,
                             .port = run->port,
                             .respect = run->respect,
                             .count = port_run_is_served(run) || !*run->address ? 0 : run->count};
    memcpy(port.host, address.bytes, sizeof port.host);
    inet_pton(family_of(run->address), run->address, port.address);
    return port;
}

const char *port_protocol_name(uint8_t protocol) {
    return protocol == IPPROTO_UDP ? "udp" : protocol == IPPROTO_SCTP ? "sctp" : "tcp";
}

// The bag

int port_hold_begin(struct port_hold *hold) {
    *hold = PORT_HOLD_NONE;
    return bag_make(&hold->bag, &hold->mouth);
}

static int put_waiting(struct port_hold *hold) {
    static const struct ports_label held;
    int r = hold->count ? bag_put(hold->mouth, &held, sizeof held, hold->fds, hold->count) : 0;
    for (size_t i = 0; i < hold->count; i++) close(hold->fds[i]);
    hold->count = 0;
    return r;
}

static int put_held(struct port_hold *hold, int fd) {
    hold->fds[hold->count++] = fd;
    return hold->count == BAG_MAX ? put_waiting(hold) : 0;
}

static int put_served(struct port_hold *hold, int fd, const struct ports_label *label) {
    struct epoll_event event = {.events = EPOLLIN};
    if (hold->served < 0) hold->served = epoll_create1(EPOLL_CLOEXEC);
    int r = hold->served < 0 || epoll_ctl(hold->served, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
    if (!r) r = bag_put(hold->mouth, label, sizeof *label, &fd, 1);
    close(fd);
    return r;
}

int port_hold_end(struct port_hold *hold) {
    int r = put_waiting(hold);
    fd_closep(&hold->mouth);
    return r;
}

void port_hold_finish(struct port_hold *hold) {
    for (size_t i = 0; i < hold->count; i++) close(hold->fds[i]);
    hold->count = 0;
    fd_closep(&hold->mouth);
    fd_closep(&hold->bag);
    fd_closep(&hold->served);
}

// Taking

// The sockets of one port, until all of them are bound.
struct taking {
    int held[2], served[2];
    size_t count, served_count;
};

static void taking_finish(struct taking *taking) {
    for (size_t i = 0; i < ARRAY_SIZE(taking->held); i++) fd_closep(&taking->held[i]);
    for (size_t i = 0; i < ARRAY_SIZE(taking->served); i++) fd_closep(&taking->served[i]);
}

// What the kernel has no sockets for nobody can listen on: then the row alone holds the port.
static bool kernel_has_no(int r) {
    return r == -EPROTONOSUPPORT || r == -EAFNOSUPPORT;
}

// beside: the socket that holds the same port of all addresses, or -1.
static int take_served(struct taking *taking, const struct port_run *run, uint16_t host_port, int beside) {
    struct port_address address = port_run_address(run, host_port);
    if (beside >= 0) memcpy(address.bytes, &in6addr_loopback, sizeof address.bytes);
    return port_socket_serve(&address, beside, &taking->served[taking->served_count++]);
}

// ::1 has to be served, by itself or among all addresses; SCTP never is.
static bool has_served(const struct port_run *run) {
    return *run->address && run->protocol != IPPROTO_SCTP &&
           (port_run_is_served(run) || str_eq(run->host, "::"));
}

static int take_one(struct taking *taking, const struct port_run *run, uint16_t *host_port) {
    struct port_address address = port_run_address(run, *host_port);
    bool served = has_served(run), alone = served && port_run_is_served(run);
    int beside = -1;
    if (!alone || !*host_port) {
        int r = port_socket_hold(&address, &taking->held[taking->count], host_port);
        if (r) return kernel_has_no(r) && run->protocol == IPPROTO_SCTP ? 0 : r;
        if (alone)
            fd_closep(&taking->held[taking->count]); // it has only said which one is free
        else
            beside = taking->held[taking->count++];
    }
    return served ? take_served(taking, run, *host_port, beside) : 0;
}

static struct ports_label label_of(const struct port_target *target, uint16_t port) {
    struct ports_label label = {.served = 1, .port = port};
    label.has_v4 = inet_pton(AF_INET, target->v4, label.v4) == 1;
    label.has_v6 = inet_pton(AF_INET6, target->v6, label.v6) == 1;
    return label;
}

int port_hold_take(struct port_hold *hold, const struct port_run *runs, size_t count, uint16_t port,
                   const struct port_target *target, uint16_t *host_port) {
    _cleanup_(taking_finish) struct taking taking = {.held = {-1, -1}, .served = {-1, -1}};
    uint16_t found = *host_port;
    int r = 0;
    for (size_t i = 0; !r && i < count; i++) r = take_one(&taking, &runs[i], &found);
    for (size_t i = 0; !r && i < taking.count; i++) r = put_held(hold, take_fd(&taking.held[i]));
    for (size_t i = 0; !r && i < taking.served_count; i++) {
        struct ports_label label = label_of(target, port);
        r = put_served(hold, take_fd(&taking.served[i]), &label);
    }
    if (!r) *host_port = found;
    return r;
}

// Copying

static bool run_has(const struct port_run *run, const struct port_address *address) {
    struct port_address own = port_run_address(run, run->host_port);
    static const uint8_t all[16];
    bool same_host = !memcmp(own.bytes, address->bytes, sizeof own.bytes) ||
                     (is_loopback6(address) && !memcmp(own.bytes, all, sizeof all));
    return run->family == address->family && run->protocol == address->protocol && same_host &&
           address->port >= run->host_port && address->port - run->host_port < (int)run->count;
}

static bool is_wanted(int fd, const struct port_runs *without) {
    struct port_address address;
    if (port_socket_address(fd, &address)) return false;
    for (size_t i = 0; i < without->count; i++)
        if (run_has(&without->items[i], &address)) return false;
    return true;
}

int port_hold_copy(struct port_hold *hold, int bag, const struct port_runs *without,
                   const struct port_target *target) {
    struct ports_label label;
    int fds[BAG_MAX], r = bag_lock(bag);
    size_t offset = 0;
    for (ssize_t n; !r && (n = bag_look(bag, &offset, &label, sizeof label, fds)) != -ENODATA;) {
        if (n < 0) r = (int)n;
        if (n > 0 && label.served && target) label = label_of(target, label.port);
        for (ssize_t i = 0; i < n; i++) {
            if (r || !is_wanted(fds[i], without))
                close(fds[i]);
            else
                r = label.served ? put_served(hold, fds[i], &label) : put_held(hold, fds[i]);
        }
    }
    bag_unlock(bag);
    return r;
}
