// SPDX-License-Identifier: Apache-2.0
// hoy-resolver: the names of a network's containers. It is started by who starts the first container on the
// network (network/resolver.c), with descriptors (enum resolver_fd), and ends a moment after the last one.
#include "base/err.h"
#include "base/fd.h"
#include "resolver/confine.h"
#include "resolver/resolver.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

// The same numbers in network/resolver.c.
enum resolver_fd {
    RESOLVER_FD_LISTEN = 3, // SOCK_SEQPACKET
    RESOLVER_FD_DIRECTORY,  // <runroot>/networks
    RESOLVER_FD_LOCK,       // of the network's directory, opened for this program alone
};

static int fail(const char *what, const char *why) {
    (void)!write(STDERR_FILENO, what, strlen(what));
    (void)!write(STDERR_FILENO, ": ", 2);
    (void)!write(STDERR_FILENO, why, strlen(why));
    (void)!write(STDERR_FILENO, "\n", 1);
    return 1;
}

int main(void) {
    struct err err = {0};
    // ldns takes 64 KiB for each answer: given back each time, it is a page fault each time.
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    fd_ensure_standard();
    for (int fd = RESOLVER_FD_LISTEN; fd <= RESOLVER_FD_LOCK; fd++)
        if (fcntl(fd, F_SETFD, FD_CLOEXEC))
            return fail("hoy-resolver", "hoy starts it, with the sockets of a network; nobody else does");
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_NAME, "hoy-resolver");
    // Paths of the networks start here, and nothing else is a relative path.
    if (fchdir(RESOLVER_FD_DIRECTORY) || fcntl(RESOLVER_FD_LISTEN, F_SETFL, O_RDWR | O_NONBLOCK))
        return fail("hoy-resolver", "can't use what it was started with");
    if (confine(RESOLVER_FD_DIRECTORY, &err)) return fail("hoy-resolver", err.text);
    int r = resolver_serve(RESOLVER_FD_LISTEN, RESOLVER_FD_DIRECTORY, RESOLVER_FD_LOCK);
    return r ? fail("hoy-resolver", strerror(-r)) : 0;
}
