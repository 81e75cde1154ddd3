// SPDX-License-Identifier: Apache-2.0
// kill and delete: how containers end.
#include "base/fd.h"
#include "base/signal_name.h"
#include "hoy-runtime/cgroups.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define END_MS 10000 // how long a killed container may take

struct kill_options {
    bool all;
};

static const struct option kill_rows[] = {
    {"all", 'a', NULL, "Every process of the container", store_flag, offsetof(struct kill_options, all)},
};
const struct option_table kill_options_table = OPTIONS(kill_rows, struct kill_options);

static int send_signal(int pidfd, int number) {
    return syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) ? -errno : 0;
}

int run_kill(struct invocation *invocation, struct err *err) {
    const struct kill_options *options = invocation->options;
    const char *id = invocation->arguments.items[0];
    const char *word = invocation->arguments.count > 1 ? invocation->arguments.items[1] : "SIGTERM";
    int number = signal_parse(word);
    if (number < 0) return err_set(err, ERR_INVALID, 0, "unknown signal \"%s\"", word);
    _cleanup_(container_close) struct container container = {.dir = -1};
    if (container_open(invocation, id, false, &container, err)) return -1;
    if (options->all || container_shares_pids(&container))
        return container_signal_all(&container, number, err);
    _cleanup_(fd_closep) int pidfd = container_pidfd(&container);
    int r = pidfd < 0 ? pidfd : send_signal(pidfd, number);
    if (r == -ESRCH) return err_set(err, ERR_CONFLICT, 0, "container not running");
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot signal container %s", id) : 0;
}

struct delete_options {
    bool force;
};

static const struct option delete_rows[] = {
    {"force", 'f', NULL, "Kill it if it runs, and do not mind if it is not there", store_flag,
     offsetof(struct delete_options, force)},
};
const struct option_table delete_options_table = OPTIONS(delete_rows, struct delete_options);

// The processes of a killed container are somebody else's children; the kernel says when the first has ended.
static int kill_and_wait(struct container *container, struct err *err) {
    _cleanup_(fd_closep) int pidfd = container_pidfd(container);
    if (pidfd == -ESRCH) return 0;
    int r = pidfd < 0 ? pidfd : send_signal(pidfd, SIGKILL);
    if (r && r != -ESRCH) return err_set(err, ERR_SYSTEM, -r, "cannot kill container %s", container->id);
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    while ((r = poll(&wait, 1, END_MS)) < 0 && errno == EINTR) {}
    return r > 0 ? 0
                 : err_set(err, ERR_SYSTEM, ETIMEDOUT, "container %s was killed, and does not end",
                           container->id);
}

static int delete_one(struct invocation *invocation, const char *id, bool force, struct err *err) {
    _cleanup_(container_close) struct container container = {.dir = -1};
    if (container_open(invocation, id, true, &container, err))
        return force && err->kind == ERR_NOT_FOUND ? 0 : -1;
    enum container_status status = container_status(&container);
    if (!force && status != CONTAINER_STOPPED && status != CONTAINER_CREATED)
        return err_set(err, ERR_CONFLICT, 0, "cannot delete container %s that is not stopped: %s", id,
                       container_status_word(status));
    if (kill_and_wait(&container, err)) return -1;
    return container_remove(invocation, &container, err);
}

int run_delete(struct invocation *invocation, struct err *err) {
    const struct delete_options *options = invocation->options;
    int result = 0;
    for (size_t i = 0; i < invocation->arguments.count; i++) {
        struct err why;
        if (!delete_one(invocation, invocation->arguments.items[i], options->force, &why)) continue;
        if (result) say_warning(invocation, err->text);
        *err = why;
        result = -1;
    }
    return result;
}
