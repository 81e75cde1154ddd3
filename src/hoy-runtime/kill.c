// SPDX-License-Identifier: Apache-2.0
// kill and delete: how containers end.
#include "base/fd.h"
#include "base/signal_name.h"
#include "hoy-runtime/cgroups.h"
#include "hoy-runtime/select.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define END_MS 10000 // how long a killed container may take

struct kill_options {
    bool all, regex;
};

static const struct option kill_rows[] = {
    {"all", 'a', NULL, "Every process of the container", store_flag, offsetof(struct kill_options, all)},
    {"regex", 'r', NULL, "Every container whose id matches a regular expression", store_flag,
     offsetof(struct kill_options, regex)},
};
const struct option_table kill_options_table = OPTIONS(kill_rows, struct kill_options);

static int send_signal(int pidfd, int number) {
    return syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) ? -errno : 0;
}

static int kill_one(struct invocation *invocation, const char *id, int number, struct err *err) {
    const struct kill_options *options = invocation->options;
    _cleanup_(container_close) struct container container = {.dir = -1};
    if (container_open(invocation, id, false, &container, err)) return -1;
    // Without a group there is nobody to be found but the first.
    if ((options->all || container_shares_pids(&container)) && container_has_groups(&container))
        return container_signal_all(&container, number, err);
    _cleanup_(fd_closep) int pidfd = container_pidfd(&container);
    int r = pidfd < 0 ? pidfd : send_signal(pidfd, number);
    if (r == -ESRCH) return err_set(err, ERR_CONFLICT, 0, "container not running");
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot signal container %s", id);
    if (number == SIGKILL) container_thaw(&container);
    return 0;
}

// Of several, all are tried; the last sentence is the caller's.
static int each(struct invocation *invocation, const struct strings *ids, int argument,
                int (*function)(struct invocation *invocation, const char *id, int argument, struct err *err),
                struct err *err) {
    int result = 0;
    for (size_t i = 0; i < ids->count; i++) {
        struct err why;
        if (!function(invocation, ids->items[i], argument, &why)) continue;
        if (result) say_warning(invocation, err->text);
        *err = why;
        result = -1;
    }
    return result;
}

int run_kill(struct invocation *invocation, struct err *err) {
    const struct kill_options *options = invocation->options;
    const char *word = invocation->arguments.count > 1 ? invocation->arguments.items[1] : "";
    if (!*word) word = "SIGTERM";                            // an empty one, too, with runc
    int number = str_eq(word, "0") ? 0 : signal_parse(word); // 0 asks whether it runs
    struct strings ids = {.items = invocation->arguments.items, .count = 1};
    if (number < 0) return err_set(err, ERR_INVALID, 0, "unknown signal \"%s\"", word);
    if (options->regex && select_matching(invocation, ids.items[0], &ids, err)) return -1;
    return each(invocation, &ids, number, kill_one, err);
}

struct delete_options {
    bool force, regex;
};

static const struct option delete_rows[] = {
    {"force", 'f', NULL, "Kill it if it runs, and do not mind if it is not there", store_flag,
     offsetof(struct delete_options, force)},
    {"regex", 'r', NULL, "Every container whose id matches a regular expression", store_flag,
     offsetof(struct delete_options, regex)},
};
const struct option_table delete_options_table = OPTIONS(delete_rows, struct delete_options);

// The processes of a killed container are somebody else's children; the kernel says when the first has ended.
static int kill_and_wait(struct container *container, struct err *err) {
    _cleanup_(fd_closep) int pidfd = container_pidfd(container);
    if (pidfd == -ESRCH) return 0;
    int r = pidfd < 0 ? pidfd : send_signal(pidfd, SIGKILL);
    if (r && r != -ESRCH) return err_set(err, ERR_SYSTEM, -r, "cannot kill container %s", container->id);
    container_thaw(container);
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    while ((r = poll(&wait, 1, END_MS)) < 0 && errno == EINTR) {}
    return r > 0 ? 0
                 : err_set(err, ERR_SYSTEM, ETIMEDOUT, "container %s was killed, and does not end",
                           container->id);
}

// One that is being made is not waited for: without its process its maker gives up, and cleans up.
static void stop_making(struct invocation *invocation, const char *id) {
    _cleanup_(container_close) struct container container = {.dir = -1};
    struct err ignored;
    if (container_open(invocation, id, false, &container, &ignored) ||
        container_status(&container) != CONTAINER_CREATING)
        return;
    _cleanup_(fd_closep) int pidfd = container_pidfd(&container);
    if (pidfd >= 0) (void)send_signal(pidfd, SIGKILL);
}

static int delete_one(struct invocation *invocation, const char *id, int force, struct err *err) {
    _cleanup_(container_close) struct container container = {.dir = -1};
    if (force) stop_making(invocation, id);
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
    struct strings ids = invocation->arguments;
    if (options->regex && select_matching(invocation, ids.items[0], &ids, err)) return -1;
    return each(invocation, &ids, options->force, delete_one, err);
}
