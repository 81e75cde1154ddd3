// SPDX-License-Identifier: Apache-2.0
#include "shim/names.h"

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/process.h"

#include <linux/close_range.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORDS_MAX 8
#define REST_NS   1000000000u  // before the second time, and twice as long before each that follows
#define STEADY_NS 60000000000u // after so long the next time is a first one again

void names_held_begin(struct names_held *names, const struct plan_block *plan, int connection) {
    const struct plan_op *op = plan_find(plan, PLAN_RESOLVER);
    *names = (struct names_held){.plan = plan, .end = op ? connection : -1, .again_ns = UINT64_MAX};
}

void names_held_want(struct names_held *names) {
    names->live = true;
    if (names->end < 0) names->again_ns = 0;
}

void names_held_end(struct names_held *names) {
    fd_closep(&names->end);
    names->again_ns = UINT64_MAX;
}

struct pollfd names_held_poll(const struct names_held *names) {
    return (struct pollfd){.fd = names->end, .events = POLLIN};
}

uint64_t names_held_deadline(const struct names_held *names) {
    return names->again_ns;
}

static void execute(const char **argv, int end) {
    process_unblock_signals();
    if (dup2(end, STDIN_FILENO) >= 0) {
        syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
        execv(argv[0], (char *const *)argv);
    }
    _exit(127);
}

// Where that goes wrong, our end hears it.
static void ask(struct names_held *names) {
    const char *argv[WORDS_MAX + 1];
    int ends[2];
    names->again_ns = UINT64_MAX;
    names->began_ns = clock_monotonic_ns();
    if (names->plan->on_exit.count < 2 || names->plan->on_exit.count > WORDS_MAX) return;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) return;
    plan_list_get(names->plan, names->plan->on_exit, argv);
    argv[names->plan->on_exit.count - 2] = "hold-names"; // in place of after-exit
    pid_t pid = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork): the parent waits for an execve
    if (pid == 0) execute(argv, ends[1]); // NOLINT(clang-analyzer-unix.Vfork): the same
    close(ends[1]);
    names->end = ends[0];
}

static void gone(struct names_held *names) {
    uint64_t now = clock_monotonic_ns();
    if (now - names->began_ns > STEADY_NS)
        names->rest_ns = 0;
    else
        names->rest_ns = names->rest_ns ? names->rest_ns * 2 : REST_NS;
    if (names->rest_ns > STEADY_NS) names->rest_ns = STEADY_NS;
    names->again_ns = now + names->rest_ns;
}

void names_held_serve(struct names_held *names, short events) {
    char byte;
    if (events) {
        bool none = recv(names->end, &byte, 1, MSG_DONTWAIT) > 0;
        fd_closep(&names->end);
        if (!none) gone(names);
    }
    if (clock_monotonic_ns() >= names->again_ns) ask(names);
}
