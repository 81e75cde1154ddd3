// SPDX-License-Identifier: Apache-2.0
// When a socket of nfnetlink is closed the kernel first waits until whatever transactions took away is
// destroyed, by whomever: 10 to 40 ms, after each published port that goes. So a process opens one and never
// closes it. It is closed when the process ends, unless another one has it, too: a shim keeps that of the
// command that started it (shim/protocol.h), and nobody waits for the end of a shim.
//
// The kernel has its lock of nftables while it waits, for which every interface that is made on the host
// waits, and with that one everything that is asked of interfaces. So the shim's own is closed only when
// there is nothing left to wait for.
#include "kernel/nft_socket.h"

#include "base/fd.h"
#include "kernel/netlink.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int kept = -1;
static ino_t kept_in; // the network namespace

int nft_socket_kept(void) {
    return kept;
}

// What the kernel destroys waits for a grace period of all processors, and so does this barrier.
void nft_socket_close(void) {
    if (kept >= 0) (void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
    fd_closep(&kept);
}

// What an answer that nobody read to its end has left.
static void drain(int fd) {
    char bytes[4096];
    while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) >= 0) {}
}

int nft_socket(void) {
    struct stat here;
    if (stat("/proc/self/ns/net", &here)) return -errno;
    if (kept >= 0 && kept_in == here.st_ino) {
        drain(kept);
        return kept;
    }
    int fd = netlink_open(NETLINK_NETFILTER);
    if (fd < 0) return fd;
    kept = fd;
    kept_in = here.st_ino;
    return fd;
}
