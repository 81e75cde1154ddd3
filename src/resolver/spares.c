// SPDX-License-Identifier: Apache-2.0
#include "resolver/spares.h"

#include "base/macro.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define LATE_MAX 4096 // answers in a socket's queue: more than it takes

static struct spare_sort *sort_of(struct spares *spares, int family, int type) {
    return &spares->sorts[2 * (family == AF_INET6) + (type == SOCK_STREAM)];
}

static int option(int fd, int name) {
    int value;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &size) ? -1 : value;
}

bool spares_add(struct spares *spares, int fd) {
    int family = option(fd, SO_DOMAIN), type = option(fd, SO_TYPE);
    if (family != AF_INET && family != AF_INET6) return false;
    struct spare_sort *sort = sort_of(spares, family, type);
    if (sort->all == SPARES_MAX) return false;
    sort->fds[sort->count++] = fd;
    sort->all++;
    return true;
}

int spares_take(struct spares *spares, int family, int type) {
    struct spare_sort *sort = sort_of(spares, family, type);
    if (!sort->count) return sort->all ? -EBUSY : -EAFNOSUPPORT;
    return sort->fds[--sort->count];
}

void spares_return(struct spares *spares, int fd) {
    static const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    int type = option(fd, SO_TYPE);
    struct spare_sort *sort = sort_of(spares, option(fd, SO_DOMAIN), type);
    char byte;
    if (connect(fd, &nobody, sizeof nobody)) {
        sort->all--;
        close(fd);
        return;
    }
    // What is in the queue would be taken for wrong answers to the next question.
    for (int i = 0; type == SOCK_DGRAM && i < LATE_MAX; i++)
        if (recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN) break;
    sort->fds[sort->count++] = fd;
}

void spares_finish(struct spares *spares) {
    for (size_t i = 0; i < ARRAY_SIZE(spares->sorts); i++)
        for (struct spare_sort *sort = &spares->sorts[i]; sort->count;) close(sort->fds[--sort->count]);
}
