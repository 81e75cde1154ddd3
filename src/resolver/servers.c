// SPDX-License-Identifier: Apache-2.0
#include "resolver/servers.h"

#include "base/fd.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DNS_PORT     53
#define PREFERRED_NS 30000000000u

void servers_add(struct servers *servers, const char *address) {
    union server server = {0};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(DNS_PORT)};
    char text[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
    if (servers->count == SERVERS_MAX || strlen(address) >= sizeof text) return;
    memcpy(text, address, strlen(address) + 1);
    char *scope = strchr(text, '%');
    if (scope) *scope++ = '\0';
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(&server, &v4, sizeof v4);
    } else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
        if (scope && parse_u32(scope, &v6.sin6_scope_id))
            snprintf(servers->links[servers->count], IF_NAMESIZE, "%s", scope);
        memcpy(&server, &v6, sizeof v6);
    } else {
        return;
    }
    servers->items[servers->count++] = server;
}

void servers_read(struct servers *servers, const char *text) {
    _cleanup_(str_finish) struct str copy = {0};
    str_add(&copy, text);
    *servers = (struct servers){0};
    for (char *rest = copy.data, *line; (line = strsep(&rest, "\n"));) {
        const char *value = str_after(line + strspn(line, " \t"), "nameserver");
        if (!value || !strspn(value, " \t")) continue;
        char *address = (char *)value + strspn(value, " \t");
        address[strcspn(address, " \t\r#;")] = '\0';
        servers_add(servers, address);
    }
    if (!servers->count) servers_add(servers, "127.0.0.1");
}

const union server *servers_address(struct servers *servers, size_t index) {
    union server *server = &servers->items[index];
    if (*servers->links[index]) server->v6.sin6_scope_id = if_nametoindex(servers->links[index]);
    return server;
}

size_t servers_pick(const struct servers *servers, unsigned attempt, uint64_t now_ns) {
    size_t first = now_ns < servers->first_until_ns ? servers->first : 0;
    return (first + attempt) % servers->count;
}

void servers_answered(struct servers *servers, size_t index, unsigned attempt, uint64_t now_ns) {
    if (!attempt) return;
    servers->first = index;
    servers->first_until_ns = now_ns + PREFERRED_NS;
}
