// SPDX-License-Identifier: Apache-2.0
// Who is asked what nobody here knows: those of --dns, or the host's, as its resolv.conf has them now.
#pragma once

#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define SERVERS_MAX 3 // as many as the C library uses

struct servers {
    union server {
        struct sockaddr any;
        struct sockaddr_in6 v6;
        struct sockaddr_storage storage;
    } items[SERVERS_MAX];
    char links[SERVERS_MAX][IF_NAMESIZE]; // of a scope that is a name, or ""
    size_t count;
    size_t first;            // who is asked first: the one that answered when others did not
    uint64_t first_until_ns; // after that the list's own order counts again
};

// An address as resolv.conf has it, may be with a scope ("fe80::1%eth0"). What is none, or too many, is left
// out.
void servers_add(struct servers *servers, const char *address);
// The text of a resolv.conf. Without a server in it the C library would ask 127.0.0.1.
void servers_read(struct servers *servers, const char *text);

// The address of one as it is now: its link may be made anew under the same name, or come later.
const union server *servers_address(struct servers *servers, size_t index);

// The one to ask at the nth attempt.
size_t servers_pick(const struct servers *servers, unsigned attempt, uint64_t now_ns);
// This one answered at the nth attempt.
void servers_answered(struct servers *servers, size_t index, unsigned attempt, uint64_t now_ns);
