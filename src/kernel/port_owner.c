// SPDX-License-Identifier: Apache-2.0
// Who has a port: the kernel's list of sockets gives the inode, and the process is the one that has that
// among its descriptors. A TCP socket that is bound and does not listen is on no list of older kernels.
#include "kernel/port_socket.h"

#include "base/fd.h"
#include "base/macro.h"
#include "kernel/netlink.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TCP_LISTEN_STATE 10
#define TCP_CLOSE_STATE  7

struct search {
    const struct port_address *wanted;
    struct port_address found;
    uint32_t inode;
    bool done;
};

static bool is_any(const uint8_t *bytes, size_t size) {
    static const uint8_t none[16];
    return !memcmp(bytes, none, size);
}

// One of version 6 that is bound to all may have version 4's ports as well.
static bool overlaps(const struct port_address *wanted, const struct inet_diag_msg *message, bool six_only) {
    const uint8_t *bytes = (const uint8_t *)message->id.idiag_src;
    size_t size = message->idiag_family == AF_INET ? 4 : 16;
    if (ntohs(message->id.idiag_sport) != wanted->port) return false;
    if (is_any(bytes, size)) return !six_only || wanted->family == AF_INET6;
    if (message->idiag_family != wanted->family) return false;
    return is_any(wanted->bytes, size) || !memcmp(bytes, wanted->bytes, size);
}

static int look(uint16_t type, const void *payload, size_t size, void *data) {
    struct search *search = data;
    const struct inet_diag_msg *message = payload;
    const struct nlattr *table[INET_DIAG_SKV6ONLY + 1] = {0};
    uint8_t six_only = 0;
    if (type != SOCK_DIAG_BY_FAMILY || size < sizeof *message || search->done) return 0;
    int r = netlink_parse(message + 1, size - sizeof *message, table, ARRAY_SIZE(table));
    if (r) return r;
    (void)netlink_get(table[INET_DIAG_SKV6ONLY], &six_only, sizeof six_only); // not of version 4
    if (!overlaps(search->wanted, message, six_only)) return 0;
    search->found = (struct port_address){
        .family = message->idiag_family, .protocol = search->wanted->protocol, .port = search->wanted->port};
    memcpy(search->found.bytes, message->id.idiag_src, message->idiag_family == AF_INET ? 4 : 16);
    search->inode = message->idiag_inode;
    search->done = true;
    return 0;
}

static int list(uint8_t family, struct search *search) {
    static const uint8_t states[] = {TCP_LISTEN_STATE, TCP_CLOSE_STATE};
    struct netlink_batch batch = {0};
    struct inet_diag_req_v2 request = {.sdiag_family = family, .sdiag_protocol = search->wanted->protocol};
    for (size_t i = 0; i < sizeof states; i++) request.idiag_states |= 1u << states[i];
    request.id.idiag_sport = htons(search->wanted->port);
    _cleanup_(fd_closep) int fd = netlink_open(NETLINK_SOCK_DIAG);
    if (fd < 0) return fd;
    netlink_begin(&batch, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof request);
    return netlink_call(fd, &batch, look, search);
}

static bool has_inode(int process, const char *link) {
    char name[300], target[64];
    _cleanup_(dir_closep) DIR *stream = NULL;
    bool found = false;
    if (dir_open_at(process, "fd", &stream)) return false;
    for (struct dirent *entry; !found && (entry = readdir(stream));) {
        snprintf(name, sizeof name, "fd/%s", entry->d_name);
        ssize_t n = readlinkat(process, name, target, sizeof target - 1);
        target[n < 0 ? 0 : n] = '\0';
        found = str_eq(target, link);
    }
    return found;
}

static void read_name(int process, char ret_name[static 32]) {
    _cleanup_(str_finish) struct str text = {0};
    if (file_read_at(process, "comm", 64, &text)) return;
    snprintf(ret_name, 32, "%.*s", (int)strcspn(str_get(&text), "\n"), str_get(&text));
}

static void find_process(uint32_t inode, struct port_owner *owner) {
    char link[32];
    snprintf(link, sizeof link, "socket:[%u]", inode);
    _cleanup_(dir_closep) DIR *stream = NULL;
    if (dir_open_at(AT_FDCWD, "/proc", &stream)) return;
    for (struct dirent *entry; !owner->pid && (entry = readdir(stream));) {
        char *end;
        long pid = strtol(entry->d_name, &end, 10);
        if (pid <= 0 || *end) continue;
        _cleanup_(fd_closep) int process =
            fd_open_at(dirfd(stream), entry->d_name, O_RDONLY | O_DIRECTORY, 0);
        if (process < 0 || !has_inode(process, link)) continue;
        owner->pid = (pid_t)pid;
        read_name(process, owner->name);
    }
}

int port_owner_find(const struct port_address *address, struct port_owner *ret_owner) {
    static const uint8_t families[] = {AF_INET, AF_INET6};
    struct search search = {.wanted = address};
    int r = 0;
    for (size_t i = 0; !r && !search.done && i < sizeof families; i++) r = list(families[i], &search);
    if (r || !search.done) return r;
    struct port_owner owner = {.address = search.found};
    find_process(search.inode, &owner);
    *ret_owner = owner;
    return 1;
}
