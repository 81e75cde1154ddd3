// SPDX-License-Identifier: Apache-2.0
// Sockets of a container's network namespace, by which the servers of --dns are asked: the resolver has no
// right to go there and make one, so a few come with the container (plan/resolver.c). One that is done with
// is disconnected and used again, on another random port.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SPARES_MAX 64 // of each sort

struct spares {
    struct spare_sort {
        int fds[SPARES_MAX];
        size_t count, all; // all: with those that are in use
    } sorts[4];            // IPv4 or IPv6, UDP or TCP
};

// True: the descriptor is taken; false: it is no such socket, or one too many.
bool spares_add(struct spares *spares, int fd);
// A descriptor, for spares_return(). -EBUSY: all are in use; -EAFNOSUPPORT: there are none of that sort.
int spares_take(struct spares *spares, int family, int type);
void spares_return(struct spares *spares, int fd);
void spares_finish(struct spares *spares);
