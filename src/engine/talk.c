// SPDX-License-Identifier: Apache-2.0
// A few words to a shim, for commands that want no output of the container: kill, stop, wait, rm -f.
#include "engine/parts.h"

#include "shim/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// A socket's name has 108 bytes, and <runroot> may be long: the directory is named by its descriptor.
int shim_connect(struct engine *engine, const char *id) {
    char path[CONTAINER_FOLDER_SIZE];
    _cleanup_(fd_closep) int dir =
        fd_open_at(engine->store.runroot_fd, container_folder(id, path), O_PATH | O_DIRECTORY, 0);
    if (dir < 0) return dir;
    _cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/shim.sock", dir);
    int r;
    do r = connect(fd, (struct sockaddr *)&address, sizeof address);
    while (r && errno == EINTR);
    return r ? -errno : take_fd(&fd);
}

// A shim takes clients when the command runs, and its first word to each is that. One that can't be asked is
// not one that has ended: what is then changed in the settings alone would be said to hold for what runs.
int shim_has_started(struct engine *engine, const char *id, struct err *err) {
    int32_t pid;
    _cleanup_(fd_closep) int shim = shim_connect(engine, id);
    int r = shim < 0 ? shim : shim_quiet(shim);
    if (!r && !client_wait_started(shim, &pid, err)) return 1;
    if (!r) r = -err->code; // 0: it has ended
    return !r || shim_is_gone(r) ? 0 : err_set(err, ERR_SYSTEM, -r, "ask the shim of container %.12s", id);
}

bool shim_is_gone(int r) {
    return r == -ENOENT || r == -ECONNREFUSED || r == -ENOTDIR || r == -EPIPE || r == -ECONNRESET;
}

int shim_send(int shim, enum shim_frame_type type, const void *bytes, size_t size) {
    struct {
        struct shim_frame head;
        char bytes[64];
    } frame = {.head = {.type = type, .size = (uint32_t)size}};
    if (size > sizeof frame.bytes) return -EINVAL;
    if (size) memcpy(frame.bytes, bytes, size);
    ssize_t n = send(shim, &frame, sizeof frame.head + size, MSG_NOSIGNAL);
    return n < 0 ? -errno : 0;
}

int shim_quiet(int shim) {
    struct shim_hello hello = {0};
    return shim_send(shim, SHIM_HELLO, &hello, sizeof hello);
}

// 1: there is something to read; 0: the deadline.
static int wait_readable(int fd, uint64_t deadline_ns) {
    for (;;) {
        uint64_t now = clock_monotonic_ns();
        uint64_t left_ms = now < deadline_ns ? (deadline_ns - now + 999999) / 1000000 : 0;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int n = poll(&p, 1, deadline_ns == UINT64_MAX || left_ms > INT32_MAX ? -1 : (int)left_ms);
        if (n > 0) return 1;
        if (n == 0 && !left_ms) return 0;
        if (n < 0 && errno != EINTR) return -errno;
    }
}

void shim_wait_end(int shim) {
    char bytes[512];
    ssize_t n;
    if (shim < 0) return;
    do n = recv(shim, bytes, sizeof bytes, 0);
    while (n > 0 || (n < 0 && errno == EINTR));
}

int shim_wait(int shim, uint64_t deadline_ns, struct shim_exit *ret_exit) {
    for (;;) {
        int r = wait_readable(shim, deadline_ns);
        if (r <= 0) return r;
        struct shim_frame head;
        char bytes[SHIM_FRAME_MAX];
        if (fd_read_full(shim, &head, sizeof head) != sizeof head || head.size > sizeof bytes) return -EPIPE;
        if (fd_read_full(shim, bytes, head.size) != (ssize_t)head.size) return -EPIPE;
        if (head.type != SHIM_EXITED || head.size != sizeof *ret_exit) continue;
        memcpy(ret_exit, bytes, sizeof *ret_exit);
        return 1;
    }
}

// What was said has been heard when the shim closes its end in answer to ours.
int shim_hang_up(int shim) {
    char bytes[512];
    uint64_t deadline_ns = clock_monotonic_ns() + 10000000000u;
    if (shutdown(shim, SHUT_WR)) return -errno;
    for (;;) {
        int r = wait_readable(shim, deadline_ns);
        if (r <= 0) return r ? r : -ETIMEDOUT;
        ssize_t n = read(shim, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 && errno != ECONNRESET ? -errno : 0;
    }
}
