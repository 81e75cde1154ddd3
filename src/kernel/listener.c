// SPDX-License-Identifier: Apache-2.0
#include "kernel/listener.h"

#include "base/fd.h"
#include "base/macro.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TABLE_MAX (64 << 20)

enum { STATE_LISTEN = 0x0a, STATE_CLOSE = 0x07 }; // a UDP socket that is connected to nobody is "closed"

static void note(struct listeners *found, int family, const void *bytes) {
    static const uint8_t zero[16], mapped[12] = {[10] = 0xff, [11] = 0xff};
    const uint8_t *address = bytes;
    size_t size = family == AF_INET ? 4 : 16;
    if (family == AF_INET6 && !memcmp(address, mapped, sizeof mapped))
        return note(found, AF_INET, address + 12);
    bool loopback = family == AF_INET ? address[0] == 127 : !memcmp(address, zero, 15) && address[15] == 1;
    if (!memcmp(address, zero, size))
        *(family == AF_INET ? &found->any4 : &found->any6) = true;
    else if (loopback)
        found->loopback = true;
    else {
        found->some = true;
        inet_ntop(family, address, found->address, sizeof found->address);
    }
}

// "   0: 0100007F:1F90 00000000:0000 0A …": addresses as the machine's own words of 32 bits.
static void line_read(const char *line, int family, unsigned state, uint16_t port, struct listeners *found) {
    unsigned local, status;
    uint32_t words[4] = {0};
    char address[33] = "";
    if (sscanf(line, " %*u: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x", address, &local, &status) != 3) return;
    if (local != port || status != state) return;
    for (size_t i = 0; i < 4 && strlen(address) >= (i + 1) * 8; i++)
        if (sscanf(address + i * 8, "%8x", &words[i]) != 1) return;
    note(found, family, words);
}

static int table_read(int pid, const char *name, int family, unsigned state, uint16_t port,
                      struct listeners *found) {
    _cleanup_(str_finish) struct str text = {0};
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/net/%s", pid, name);
    int r = file_read_at(AT_FDCWD, path, TABLE_MAX, &text);
    if (r) return r;
    for (char *rest = text.data, *line; rest && (line = strsep(&rest, "\n"));)
        line_read(line, family, state, port, found);
    return 0;
}

int listeners_find(int pid, enum listener_protocol protocol, uint16_t port, struct listeners *ret_listeners) {
    struct listeners found = {0};
    bool tcp = protocol == LISTENER_TCP;
    unsigned state = tcp ? STATE_LISTEN : STATE_CLOSE;
    int r = table_read(pid, tcp ? "tcp" : "udp", AF_INET, state, port, &found);
    if (r) return r;
    r = table_read(pid, tcp ? "tcp6" : "udp6", AF_INET6, state, port, &found);
    if (r && r != -ENOENT) return r; // a kernel without IPv6
    *ret_listeners = found;
    return 0;
}
