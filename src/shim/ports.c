// SPDX-License-Identifier: Apache-2.0
#include "shim/ports.h"

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/process.h"

#include <errno.h>
#include <linux/close_range.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 8
#define REST_NS   1000000000u // after a proxy that could not do its work
#define CLOSE_MS  1000        // for one that closes its sockets: it may be stopped

void ports_begin(struct ports *ports, const struct plan_block *plan, int bag, int served, int container) {
    *ports = (struct ports){.plan = plan,
                            .op = plan_find(plan, PLAN_PUBLISH),
                            .bag = bag,
                            .served = served,
                            .container = container,
                            .open = -1};
    if (!ports->op) return;
    ports->op->publish.keeper = getpid();
    ports->op->publish.bag = bag;
}

static void proxy_leave(struct ports *ports) {
    struct pollfd open = {.fd = ports->open};
    if (!ports->proxy) return;
    kill(ports->proxy, SIGTERM);
    (void)poll(&open, 1, CLOSE_MS);
    fd_closep(&ports->open);
    ports->proxy = 0;
}

void ports_change(struct ports *ports, int bag, int served) {
    fd_closep(&ports->bag);
    fd_closep(&ports->served);
    ports->bag = bag;
    ports->served = served;
    if (ports->op) ports->op->publish.bag = bag;
    proxy_leave(ports);
    ports->again_ns = 0;
}

void ports_end(struct ports *ports) {
    fd_closep(&ports->bag);
    fd_closep(&ports->served);
    fd_closep(&ports->open);
    if (!ports->proxy) return;
    kill(ports->proxy, SIGKILL);
    while (waitpid(ports->proxy, NULL, 0) < 0 && errno == EINTR) {}
}

struct pollfd ports_poll(const struct ports *ports) {
    bool rests = ports->again_ns && clock_monotonic_ns() < ports->again_ns;
    return (struct pollfd){.fd = ports->proxy || rests ? -1 : ports->served, .events = POLLIN};
}

uint64_t ports_deadline(const struct ports *ports) {
    bool rests = ports->again_ns && clock_monotonic_ns() < ports->again_ns;
    return rests && !ports->proxy && ports->served >= 0 ? ports->again_ns : UINT64_MAX;
}

// Descriptors to their places, out of the way of both first.
static void execute(const struct ports *ports, int open, const char **argv) {
    process_unblock_signals();
    int bag = fcntl(ports->bag, F_DUPFD, PORTS_PROXY_OPEN + 1),
        container = fcntl(ports->container, F_DUPFD, PORTS_PROXY_OPEN + 1);
    open = fcntl(open, F_DUPFD, PORTS_PROXY_OPEN + 1);
    if (dup2(bag, PORTS_PROXY_BAG) >= 0 && dup2(container, PORTS_PROXY_CONTAINER) >= 0 &&
        dup2(open, PORTS_PROXY_OPEN) >= 0) {
        syscall(SYS_close_range, PORTS_PROXY_OPEN + 1, ~0U, CLOSE_RANGE_CLOEXEC);
        execv(argv[0], (char *const *)argv);
    }
    _exit(127);
}

// A child of vfork shares our memory, but has descriptors of its own.
void ports_serve(struct ports *ports) {
    const char *argv[WORDS_MAX + 1];
    int ends[2];
    struct plan_list words = ports->op ? ports->op->publish.proxy : (struct plan_list){0};
    ports->again_ns = clock_monotonic_ns() + REST_NS;
    if (!words.count || words.count > WORDS_MAX || pipe2(ends, O_CLOEXEC)) return;
    plan_list_get(ports->plan, words, argv);
    pid_t pid = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork): the parent waits for an execve
    if (pid == 0) execute(ports, ends[1], argv); // NOLINT(clang-analyzer-unix.Vfork): the same
    close(ends[1]);
    if (pid < 0) return (void)close(ends[0]);
    ports->proxy = pid;
    ports->open = ends[0];
}

bool ports_reaped(struct ports *ports, const siginfo_t *info) {
    if (!ports->proxy || info->si_pid != ports->proxy) return false;
    ports->proxy = 0;
    fd_closep(&ports->open);
    bool well = info->si_code == CLD_EXITED && info->si_status == 0;
    ports->again_ns = well ? 0 : clock_monotonic_ns() + REST_NS;
    return true;
}
