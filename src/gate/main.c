// SPDX-License-Identifier: Apache-2.0
// hoy-gate GROUP DIRECTORY CONTAINERS: how a packet for a published port passes the host's own firewall
// first.
//
// A port is usually translated in prerouting, and the packet is forwarded: the host's INPUT rules, where its
// owner said what may come in, never see it. A port that respects them is not translated there. Its first
// packet goes where every packet for the host goes, and a late rule of hoy's, which sees only what all others
// accepted, logs it to GROUP and drops it. This program reads it and sends the very same packet again, from
// the client's address, by a raw socket. So it comes by the OUTPUT hook, where it is translated, and
// connection tracking knows the connection from then on: whatever follows is translated in prerouting by the
// kernel, and is ESTABLISHED in FORWARD. One packet a connection comes here; TCP, UDP, SCTP alike, and nobody
// listens on anything. (Where a FORWARD policy drops what is known, too, as Docker's does, all packets come
// here, but those of TCP that the kernel can send on: kernel/nft_onward.h.)
//
// The same way leads past a FORWARD policy that drops what is NEW: for published ports, for connections out
// of containers, and for those between two of them where the kernel shows iptables what stays on a bridge.
//
// It says "ready" when it listens, gives everything else away (confine.h), and stays until the directory
// CONTAINERS, which has an entry for every container that runs, is empty, and a moment longer: its end takes
// the kernel 10 ms, in which nobody can change nftables, and so nobody can start a container. DIRECTORY is
// for who starts it: it is started with a lock (flock) on that, after the container's entry was made; with
// the same lock it looks for the last time, so that nobody relies on a gate that goes. It holds a lock on
// DIRECTORY/alive, so that there is one, and has it open for writing: that this is closed tells a watcher
// that it is gone.
#include "base/fd.h"
#include "base/str.h"
#include "gate/confine.h"
#include "gate/packet.h"
#include "kernel/nflog.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINGER_MS 1000

struct gate {
    int log, raw4, raw6; // raw6: -1 where there is no IPv6
    int directory, containers, watch, alive;
    uint32_t identification; // of the next packet that is sent in fragments
};

static struct gate gate = {-1, -1, -1, -1, -1, -1, -1, 0};
static char buffer[NFLOG_BUFFER_SIZE] __attribute__((aligned(8)));

// Packets

struct way {
    int raw;
    struct sockaddr_storage to;
    socklen_t to_size;
};

static int way_send(const uint8_t *packet, size_t size, void *data) {
    const struct way *way = data;
    return sendto(way->raw, packet, size, MSG_DONTWAIT, (const struct sockaddr *)&way->to, way->to_size) < 0
               ? -errno
               : 0;
}

// What can't be sent (no route, or the host's OUTPUT rules drop it) is lost, as on any way through a network.
static void packet_pass(uint8_t *packet, size_t size, uint32_t link, void *data) {
    struct way way;
    (void)data;
    if (packet_prepare(packet, size, link, &way.to, &way.to_size)) return;
    way.raw = way.to.ss_family == AF_INET ? gate.raw4 : gate.raw6;
    if (way.raw >= 0 && way_send(packet, size, &way) == -EMSGSIZE)
        packet_cut(packet, size, gate.identification++, way_send, &way);
}

// Whether anybody needs it

// By the system call: opendir() would take memory, which is no longer to be had.
static bool nobody_runs(void) {
    struct {
        ino64_t inode;
        off64_t offset;
        unsigned short size;
        unsigned char type;
        char name[];
    } * entry;
    if (lseek(gate.containers, 0, SEEK_SET) < 0) return true;
    while (true) {
        char *at = buffer;
        long n = syscall(SYS_getdents64, gate.containers, buffer, sizeof buffer);
        if (n <= 0) return true; // the end; or the directory itself is gone
        for (; at < buffer + n; at += entry->size) {
            entry = (void *)at;
            if (entry->name[0] != '.') return false;
        }
    }
}

static bool is_needed(void) {
    if (fd_lock(gate.directory, LOCK_EX) || nobody_runs())
        return false; // with the lock until the sockets are closed
    flock(gate.directory, LOCK_UN);
    return true;
}

static bool forget_events(void) {
    return read(gate.watch, buffer, sizeof buffer) > 0 || errno == EINTR || errno == EAGAIN;
}

static int serve(void) {
    struct pollfd fds[] = {{gate.log, POLLIN, 0}, {gate.watch, POLLIN, 0}};
    int timeout = LINGER_MS;
    while (true) {
        int n = poll(fds, 2, timeout);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return 1;
        if (n == 0) {
            if (!is_needed()) return 0;
            timeout = -1;
            continue;
        }
        if (fds[1].revents) {
            if (!forget_events()) return 0;
            timeout = LINGER_MS;
        }
        if (!fds[0].revents) continue;
        int r = nflog_read(gate.log, buffer, packet_pass, NULL);
        if (r && r != -EINTR && r != -EAGAIN && r != -EBADMSG) return 1;
    }
}

// The start

static int fail(const char *what, const char *name, int r) {
    fprintf(stderr, "hoy-gate: %s%s: %s\n", what, name, strerror(-r));
    return 1;
}

enum { ALREADY = -1 }; // there is one

static int open_directories(const char *path, const char *containers) {
    gate.directory = fd_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
    if (gate.directory < 0) return fail("open ", path, gate.directory);
    gate.alive = fd_open_at(gate.directory, "alive", O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
    if (gate.alive < 0) return fail("make the file alive in ", path, gate.alive);
    if (flock(gate.alive, LOCK_EX | LOCK_NB))
        return errno == EWOULDBLOCK ? ALREADY : fail("lock the file alive in ", path, -errno);
    gate.containers = fd_open_at(AT_FDCWD, containers, O_RDONLY | O_DIRECTORY, 0);
    if (gate.containers < 0) return fail("open ", containers, gate.containers);
    gate.watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (gate.watch < 0 || inotify_add_watch(gate.watch, containers,
                                            IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_ONLYDIR) < 0)
        return fail("watch ", containers, -errno);
    return 0;
}

static int open_sockets(uint16_t group) {
    gate.raw4 = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (gate.raw4 < 0) return fail("open a raw socket", "", -errno);
    gate.raw6 = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (gate.raw6 < 0 && errno != EAFNOSUPPORT) return fail("open a raw socket of IPv6", "", -errno);
    // Who asks for a neighbour has asked this host already.
    if (gate.raw6 >= 0) setsockopt(gate.raw6, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &(int){0}, sizeof(int));
    gate.log = nflog_open(group);
    if (gate.log == -EPERM)
        return fail("nftables' log group has another listener, or this is not root", "", -EPERM);
    return gate.log < 0 ? fail("listen to nftables' log group", "", gate.log) : 0;
}

// The parent waits for the word; nothing is said afterwards.
static void say_ready(void) {
    int null = fd_open_at(AT_FDCWD, "/dev/null", O_RDWR, 0);
    if (fd_write_all(STDOUT_FILENO, "ready\n", 6)) {}
    for (int fd = 0; fd < 3; fd++)
        if (null >= 0) dup2(null, fd);
    if (null > 2) close(null);
}

int main(int argc, char **argv) {
    uint32_t group;
    fd_ensure_standard();
    if (argc != 4 || parse_u32(argv[1], &group) || group > UINT16_MAX) {
        fprintf(stderr, "usage: hoy-gate GROUP DIRECTORY CONTAINERS\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    if (getrandom(&gate.identification, sizeof gate.identification, 0) < 0) gate.identification = 1;
    int r = open_directories(argv[2], argv[3]);
    if (r == ALREADY) puts("ready");
    if (r) return r == ALREADY ? 0 : 1;
    if (open_sockets((uint16_t)group)) return 1;
    say_ready();
    r = gate_confine();
    if (r) return 1;
    r = serve();
    // Whoever gets the lock on the directory may look whether there is a gate, or start one: that goes last
    // of these. And not by this program's end, where it would wait for the watch, which takes the kernel 10
    // ms.
    close(gate.log);
    close(gate.raw4);
    close(gate.raw6);
    close(gate.alive);
    close(gate.directory);
    return r;
}
