// SPDX-License-Identifier: Apache-2.0
// A folder is mounted, not the socket: that is bound by whoever starts the command, perhaps after the
// container was made. The host's socket itself stays out of reach: a container could say anything by it.
#include "hoy-runtime/notify.h"

#include "base/fd.h"

#include <errno.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define INSIDE     "/run/notify"
#define BARRIER_MS 30000 // how long the service manager may take to look at what it was told

static const char *host_socket(void) {
    const char *path = getenv("NOTIFY_SOCKET");
    return str_empty(path) ? NULL : path;
}

void notify_add(struct invocation *invocation, const char *folder, struct spec *spec) {
    struct arena *arena = &invocation->arena;
    if (!host_socket()) return;
    struct spec_mount *mount = arena_push(arena, &spec->mounts);
    *mount = (struct spec_mount){
        .destination = INSIDE, .type = "bind", .source = arena_printf(arena, "%s/notify", folder)};
    for (const char *const *word = (const char *const[]){"bind", "nosuid", "noexec", "nodev", "ro", NULL};
         *word; word++)
        strings_add(arena, &mount->options, *word);
    strings_add(arena, &spec->process.env, "NOTIFY_SOCKET=" INSIDE "/notify.sock");
}

int notify_make_folder(const struct container *container, struct err *err) {
    if (!host_socket()) return 0;
    // Whatever the umask is: the command may be nobody in there.
    if (mkdirat(container->dir, "notify", 0755) || fchmodat(container->dir, "notify", 0755, 0))
        return err_set(err, ERR_SYSTEM, errno, "cannot make %s/notify", container->folder);
    return 0;
}

// By descriptor, since the whole path may be longer than an address can be.
int notify_bind(const struct container *container, struct err *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_(fd_closep) int folder = fd_open_at(container->dir, "notify", O_PATH | O_DIRECTORY, 0);
    if (!host_socket() || folder == -ENOENT) return -1;
    _cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/notify.sock", folder);
    if (folder >= 0) (void)unlinkat(folder, "notify.sock", 0); // of a start that was killed
    if (folder < 0 || fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) ||
        fchmodat(folder, "notify.sock", 0777, 0))
        return err_set(err, ERR_SYSTEM, errno, "cannot make %s/notify/notify.sock", container->folder), -2;
    return take_fd(&fd);
}

static int connect_host(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = host_socket();
    size_t n = strlen(path);
    if (n >= sizeof address.sun_path) return -ENAMETOOLONG;
    memcpy(address.sun_path, path, n);
    if (*path == '@') address.sun_path[0] = 0;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (*path != '@'));
    _cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, size)) return -errno;
    return take_fd(&fd);
}

// The manager knows who told it something by looking at the process, which must be there still: it closes the
// pipe when it has looked.
static int wait_for_manager(int host) {
    static const char text[] = "BARRIER=1";
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return -errno;
    _cleanup_(fd_closep) int ours = ends[0];
    _cleanup_(fd_closep) int theirs = ends[1];
    int r = fd_send(host, text, sizeof text - 1, &theirs, 1);
    if (r) return r;
    fd_closep(&theirs);
    struct pollfd wait = {.fd = ours, .events = 0};
    while (poll(&wait, 1, BARRIER_MS) < 0 && errno == EINTR) {}
    return 0;
}

static int tell_host(pid_t main_pid, struct err *err) {
    char text[64];
    int n = snprintf(text, sizeof text, "READY=1\nMAINPID=%d\n", main_pid);
    _cleanup_(fd_closep) int host = connect_host();
    int r = host < 0 ? host : send(host, text, (size_t)n, MSG_NOSIGNAL) < 0 ? -errno : wait_for_manager(host);
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot notify %s", host_socket()) : 0;
}

// One datagram has a variable a line.
static bool says_ready(int socket) {
    char text[4096];
    ssize_t n = recv(socket, text, sizeof text - 1, MSG_DONTWAIT);
    text[n > 0 ? n : 0] = 0;
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (str_eq(line, "READY=1")) return true;
    return false;
}

int notify_forward(int socket, pid_t main_pid, int pidfd, struct err *err) {
    struct pollfd polls[] = {{.fd = socket, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
    for (;;) {
        if (poll(polls, 2, -1) < 0 && errno != EINTR)
            return err_set(err, ERR_SYSTEM, errno, "cannot wait for the container to be ready");
        if (polls[0].revents && says_ready(socket)) return tell_host(main_pid, err);
        if (polls[1].revents && !polls[0].revents) return 0;
    }
}

int notify_forward_aside(int socket, struct err *err) {
    pid_t parent = getpid(), pid = fork();
    if (pid < 0) return err_set(err, ERR_SYSTEM, errno, "cannot make a process");
    if (pid) return 0;
    // Nothing of the command's is held open by this one, and no lock.
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), pidfd = (int)syscall(SYS_pidfd_open, parent, 0);
    for (int i = 0; i < 3; i++) dup2(null, i);
    if (dup2(socket, 3) < 0 || dup2(pidfd, 4) < 0) _exit(1);
    syscall(SYS_close_range, 5U, ~0U, 0);
    struct err ignored;
    _exit(notify_forward(3, parent, 4, &ignored) ? 1 : 0);
}
