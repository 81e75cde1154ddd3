// SPDX-License-Identifier: Apache-2.0
// The host's sockets that a process can reach: those with a name in a folder that it shares with the host,
// and, in the host's own network namespace, those without a file and those of TCP and UDP.
#include "isolation/parts.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LISTEN_FLAG 0x10000 // __SO_ACCEPTCON in /proc/net/unix
#define TCP_LISTEN  10
#define UDP_UNBOUND 7
#define SOCKETS_MAX 256 // words of one fact

// "/run/docker.sock" as the container has it, or NULL. The last mount over a place hides what is below it.
static const char *path_inside(struct arena *arena, const struct host_mounts *inside,
                               const struct host_mounts *host, const char *path) {
    const char *found = NULL;
    for (size_t i = 0; i < inside->count; i++) {
        const char *from = mount_host_path(arena, host, &inside->items[i]);
        const char *rest = from ? str_after(path, from) : NULL;
        if (!rest || (*rest && *rest != '/' && !str_eq(from, "/"))) continue;
        found = arena_printf(arena, "%s:%s%s", path, inside->items[i].target, rest);
    }
    return found;
}

struct unix_sockets {
    struct str named, abstract;
    size_t count;
};

// "Num: RefCount Protocol Flags Type St Inode Path"
static void add_unix(struct subject *subject, char *line, const struct host_mounts *inside,
                     const struct host_mounts *host, struct unix_sockets *sockets) {
    unsigned flags;
    int at = 0;
    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%*s %*s %*s %x %*s %*s %*s %n", &flags, &at) != 1 || !at || !line[at]) return;
    const char *name = line + at;
    bool is_datagram = strstr(line, " 0002 ") != NULL;
    if ((!(flags & LISTEN_FLAG) && !is_datagram) || sockets->count++ >= SOCKETS_MAX) return;
    if (*name == '@') {
        if (!subject->own_net) word_add(&sockets->abstract, name);
        return;
    }
    const char *path = *name == '/' ? path_inside(subject->arena, inside, host, name) : NULL;
    if (path) word_add(&sockets->named, path);
}

static void read_unix(struct subject *subject, const struct host_mounts *inside,
                      const struct host_mounts *host) {
    struct unix_sockets sockets = {0};
    char *line = NULL;
    size_t size = 0;
    FILE *file = subject->is_host ? NULL : host_open("/proc/self/net/unix");
    while (file && getline(&line, &size, file) > 0) add_unix(subject, line, inside, host, &sockets);
    if (file) fclose(file);
    free(line);
    fact_add_words(subject, "sockets", "unix", &sockets.named);
    fact_add_words(subject, "sockets", "abstract", &sockets.abstract);
    str_finish(&sockets.named);
    str_finish(&sockets.abstract);
}

// "0100007F:1538": words of 32 bits in the host's order, then the port.
static void add_address(struct str *words, const char *address) {
    unsigned char bytes[16];
    char text[INET6_ADDRSTRLEN], word[INET6_ADDRSTRLEN + 10];
    size_t digits = strcspn(address, ":");
    if (digits != 8 && digits != 32) return;
    for (size_t i = 0; i < digits / 8; i++) {
        char part[9];
        snprintf(part, sizeof part, "%.8s", address + 8 * i);
        uint32_t number = (uint32_t)strtoul(part, NULL, 16);
        memcpy(bytes + 4 * i, &number, 4);
    }
    unsigned port = (unsigned)strtoul(address + digits + 1, NULL, 16);
    if (!inet_ntop(digits == 8 ? AF_INET : AF_INET6, bytes, text, sizeof text)) return;
    snprintf(word, sizeof word, digits == 8 ? "%s:%u" : "[%s]:%u", text, port);
    word_add(words, word);
}

static void read_inet(const char *name, unsigned wanted, struct str *words) {
    char path[32], line[512], address[64];
    unsigned state;
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/self/net/%s", name);
    FILE *file = host_open(path);
    while (file && count < SOCKETS_MAX && fgets(line, sizeof line, file)) {
        if (sscanf(line, "%*s %63s %*s %x", address, &state) != 2 || state != wanted) continue;
        add_address(words, address);
        count++;
    }
    if (file) fclose(file);
}

static void read_ports(struct subject *subject, const char *name, const char *name6, unsigned wanted) {
    _cleanup_(str_finish) struct str words = {0};
    if (!subject->own_net && !subject->is_host) {
        read_inet(name, wanted, &words);
        read_inet(name6, wanted, &words);
    }
    fact_add_words(subject, "sockets", name, &words);
}

void read_sockets(struct subject *subject, const struct host_mounts *inside, const struct host_mounts *host) {
    read_unix(subject, inside, host);
    read_ports(subject, "tcp", "tcp6", TCP_LISTEN);
    read_ports(subject, "udp", "udp6", UDP_UNBOUND);
}
