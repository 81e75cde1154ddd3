// SPDX-License-Identifier: Apache-2.0
// A name as somebody else finds it: by the hosts file and the servers that stand in its own root file system,
// asked from its own network namespace. libc's resolver would read ours.
#include "engine/network_why_parts.h"

#include "base/fd.h"
#include "kernel/path.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define FILE_LIMIT   (1 << 20)
#define ANSWER_MS    2000
#define SERVERS_MAX  3
#define MESSAGE_SIZE 1232

enum { TYPE_A = 1, TYPE_AAAA = 28, HEADER = 12 };

// Files

// Inside its root, where no link leads out.
static int file_read(const struct why_side *side, const char *path, struct str *ret_text) {
    char root_path[64], buffer[4096];
    snprintf(root_path, sizeof root_path, "/proc/%d/root", side->pid);
    _cleanup_(fd_closep) int root = fd_open_at(AT_FDCWD, root_path, O_PATH | O_DIRECTORY, 0);
    if (root < 0) return root;
    _cleanup_(fd_closep) int fd = path_open_in(root, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return fd;
    while (ret_text->len < FILE_LIMIT) {
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n <= 0) return n < 0 ? -errno : 0;
        str_add_n(ret_text, buffer, (size_t)n);
    }
    return 0;
}

static char *word_next(char **rest) {
    char *word;
    while ((word = strsep(rest, " \t\r")) && !*word) {}
    return word;
}

static bool hosts_find(const struct why_side *side, const char *name, struct address *ret_address) {
    _cleanup_(str_finish) struct str text = {0};
    if (file_read(side, "etc/hosts", &text)) return false;
    for (char *rest = text.data, *line; rest && (line = strsep(&rest, "\n"));) {
        struct address address;
        line[strcspn(line, "#")] = '\0';
        char *first = word_next(&line);
        if (!first || address_parse(first, &address)) continue;
        for (char *word; (word = word_next(&line));)
            if (!strcasecmp(word, name)) {
                *ret_address = address;
                return true;
            }
    }
    return false;
}

static size_t servers_read(const struct why_side *side, struct address servers[static SERVERS_MAX]) {
    _cleanup_(str_finish) struct str text = {0};
    size_t count = 0;
    if (file_read(side, "etc/resolv.conf", &text)) return 0;
    for (char *rest = text.data, *line; rest && (line = strsep(&rest, "\n")) && count < SERVERS_MAX;) {
        char *key = word_next(&line), *value = word_next(&line);
        if (str_eq(key, "nameserver") && value && !address_parse(value, &servers[count])) count++;
    }
    return count;
}

// DNS

// A question for one name; 0 when the name can't be one.
static size_t question_make(const char *name, uint16_t id, uint16_t type,
                            uint8_t message[static MESSAGE_SIZE]) {
    const uint8_t head[HEADER] = {(uint8_t)(id >> 8), (uint8_t)id, 1, 0, 0, 1};
    size_t used = HEADER;
    memcpy(message, head, HEADER);
    if (strlen(name) > 253) return 0;
    while (*name) {
        size_t length = strcspn(name, ".");
        if (!length || length > 63) return 0;
        message[used++] = (uint8_t)length;
        memcpy(message + used, name, length);
        used += length;
        name += length + (name[length] == '.');
    }
    const uint8_t tail[] = {0, (uint8_t)(type >> 8), (uint8_t)type, 0, 1};
    memcpy(message + used, tail, sizeof tail);
    return used + sizeof tail;
}

// Behind a name; 0 when it does not end within the message.
static size_t name_skip(const uint8_t *message, size_t size, size_t at) {
    while (at < size) {
        uint8_t length = message[at];
        if (length >= 0xc0) return at + 2 <= size ? at + 2 : 0;
        if (length > 63) return 0;
        at += 1u + length;
        if (!length) return at;
    }
    return 0;
}

static unsigned get16(const uint8_t *at) {
    return (unsigned)at[0] << 8 | at[1];
}

static bool answer_read(const uint8_t *message, size_t size, uint16_t type, struct address *ret_address) {
    size_t at = HEADER, wanted = type == TYPE_A ? 4 : 16;
    if (size < HEADER) return false;
    for (unsigned n = get16(message + 4); n && at; n--) {
        at = name_skip(message, size, at);
        if (at) at = at + 4 <= size ? at + 4 : 0;
    }
    for (unsigned n = get16(message + 6); n && at; n--) {
        at = name_skip(message, size, at);
        if (!at || at + 10 > size) return false;
        size_t length = get16(message + at + 8);
        if (at + 10 + length > size) return false;
        if (get16(message + at) == type && length == wanted) {
            *ret_address = (struct address){.family = type == TYPE_A ? AF_INET : AF_INET6};
            memcpy(ret_address->bytes, message + at + 10, length);
            return true;
        }
        at += 10 + length;
    }
    return false;
}

static int server_connect(const struct address *server) {
    struct why_name name = why_name_of(server, 53);
    _cleanup_(fd_closep) int fd = socket(server->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    return connect(fd, (const struct sockaddr *)&name.name, name.size) ? -errno : take_fd(&fd);
}

// 1: found, 0: the server says that there is none; -errno: no answer.
static int server_ask(int fd, const char *name, uint16_t type, struct address *ret_address) {
    uint8_t message[MESSAGE_SIZE];
    uint16_t id = 0;
    if (getrandom(&id, sizeof id, 0) < 0) id = 1;
    size_t size = question_make(name, id, type, message);
    if (!size) return 0;
    if (send(fd, message, size, 0) < 0) return -errno;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (poll(&ready, 1, ANSWER_MS) <= 0) return -ETIMEDOUT;
    ssize_t n = recv(fd, message, sizeof message, 0);
    if (n < 0) return -errno;
    if (n < HEADER || get16(message) != id) return -EBADMSG;
    return answer_read(message, (size_t)n, type, ret_address);
}

static int servers_ask(struct walk *walk, const struct why_side *side, const char *name,
                       struct address *ret_address, const char **ret_how) {
    struct address servers[SERVERS_MAX];
    size_t count = servers_read(side, servers);
    *ret_how = "its resolv.conf names no server";
    for (size_t i = 0; i < count; i++) {
        _cleanup_(fd_closep) int fd = -1;
        int r = walk_enter(side);
        if (!r) fd = server_connect(&servers[i]);
        walk_leave(walk);
        const char *server = address_text(walk->arena, &servers[i]);
        if (!r && fd < 0) r = fd;
        if (!r) r = server_ask(fd, name, TYPE_A, ret_address);
        if (!r) r = server_ask(fd, name, TYPE_AAAA, ret_address);
        *ret_how = arena_printf(walk->arena,
                                r > 0    ? "by server %s"
                                : r == 0 ? "server %s has no such name"
                                         : "server %s does not answer",
                                server);
        if (r >= 0) return r;
    }
    return 0;
}

static bool has_resolver(const struct why_side *side) {
    static const uint8_t resolver[4] = {127, 0, 0, 11};
    struct address servers[SERVERS_MAX];
    size_t count = servers_read(side, servers);
    return count && servers[0].family == AF_INET && !memcmp(servers[0].bytes, resolver, sizeof resolver);
}

int name_find(struct walk *walk, const struct why_side *side, const char *name, bool container,
              struct address *ret_address, const char **ret_how) {
    *ret_how = "by its hosts file";
    if (hosts_find(side, name, ret_address)) return 1;
    *ret_how = "the default network has no names, a network of your own has: hoy network create";
    if (container && !has_resolver(side)) return 0;
    return servers_ask(walk, side, name, ret_address, ret_how);
}
