// SPDX-License-Identifier: Apache-2.0
// hoyd [--root DIRECTORY] [--runroot DIRECTORY]: puts back what others take away from hoy's networks: rules
// of nftables
// (`nft flush ruleset`, a firewall that is loaded anew), bridges, the gate of ports that respect the host's
// firewall.
//
// It keeps nothing: what ought to be there is in the database, and the engine makes it so. What comes here is
// only when to look. The kernel tells of each change; when it has told of none for a moment, or after a while
// in any case, one look is taken at all of them together. What the look itself changes is told, too: the next
// look finds nothing to do, and with that it is quiet.
#include "engine/network_restore.h"

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/net_watch.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUIET_MS  50   // nothing was told for so long: whoever changes things is done
#define LATEST_MS 500  // after the first word
#define AGAIN_MS  5000 // after a failure

struct watch {
    struct engine_options options;
    int rules, links, gate, lock;
};

static int fail(const struct err *err) {
    fprintf(stderr, "hoyd: %s\n", err->text);
    return 1;
}

// The look. The store is only open for it: while nothing happens nothing of hoyd's is in anybody's way.
static int look(const struct watch *watch, struct err *err) {
    struct engine engine = {0};
    if (engine_open(&engine, &watch->options, err)) return -1;
    int r = networks_restore(&engine, err);
    engine_close(&engine);
    return r;
}

// Listening

// One a root. The gate's directory is made here, so that there is one to watch.
static int claim(struct watch *watch, struct err *err) {
    _cleanup_(str_finish) struct str path = {0};
    struct engine engine = {0};
    if (engine_open(&engine, &watch->options, err)) return -1;
    str_add(&path, engine.store.runroot);
    engine_close(&engine);
    _cleanup_(fd_closep) int root = fd_open_at(AT_FDCWD, str_get(&path), O_PATH | O_DIRECTORY, 0);
    if (root < 0) return err_set(err, ERR_SYSTEM, -root, "open %s", str_get(&path));
    watch->lock = fd_open_at(root, "hoyd.lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    if (watch->lock < 0) return err_set(err, ERR_SYSTEM, -watch->lock, "make %s/hoyd.lock", str_get(&path));
    if (flock(watch->lock, LOCK_EX | LOCK_NB))
        return errno == EWOULDBLOCK
                   ? err_set(err, ERR_CONFLICT, 0, "there is a hoyd for %s already", str_get(&path))
                   : err_set(err, ERR_SYSTEM, errno, "lock %s/hoyd.lock", str_get(&path));
    if (mkdirat(root, "gate", 0700) && errno != EEXIST)
        return err_set(err, ERR_SYSTEM, errno, "make %s/gate", str_get(&path));
    str_add(&path, "/gate");
    watch->gate = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->gate < 0 || inotify_add_watch(watch->gate, str_get(&path), IN_CLOSE_WRITE | IN_ONLYDIR) < 0)
        return err_set(err, ERR_SYSTEM, errno, "watch %s", str_get(&path));
    return 0;
}

static int watch_open(struct watch *watch, struct err *err) {
    if (claim(watch, err)) return -1;
    watch->rules = net_watch_open(NET_WATCH_RULES);
    if (watch->rules < 0) return err_set(err, ERR_SYSTEM, -watch->rules, "listen to nftables");
    watch->links = net_watch_open(NET_WATCH_LINKS);
    if (watch->links < 0) return err_set(err, ERR_SYSTEM, -watch->links, "listen to the host's interfaces");
    return 0;
}

static bool events_drain(int fd) {
    char buffer[4096] __attribute__((aligned(8)));
    bool some = false;
    while (read(fd, buffer, sizeof buffer) > 0) some = true;
    return some;
}

static int watch_read(struct watch *watch, bool *ret_changed, struct err *err) {
    bool rules = false, links = false;
    int r = net_watch_read(watch->rules, NET_WATCH_RULES, &rules);
    if (!r) r = net_watch_read(watch->links, NET_WATCH_LINKS, &links);
    if (r) return err_set(err, ERR_SYSTEM, -r, "listen to the kernel");
    *ret_changed = events_drain(watch->gate) || rules || links;
    return 0;
}

// Waits for something to be told: 1, or 0 when nothing was for so long (-1: for ever).
static int watch_wait(const struct watch *watch, int64_t timeout_ms) {
    struct pollfd fds[] = {{watch->rules, POLLIN, 0}, {watch->links, POLLIN, 0}, {watch->gate, POLLIN, 0}};
    int r = poll(fds, ARRAY_SIZE(fds), (int)timeout_ms);
    return r > 0 || (r < 0 && errno == EINTR);
}

// Returns when a look is to be taken.
static int change_wait(struct watch *watch, bool again, struct err *err) {
    int64_t first = 0;
    while (true) {
        bool changed = false;
        int64_t now = (int64_t)(clock_monotonic_ns() / 1000000);
        int64_t left = first ? first + LATEST_MS - now : again ? AGAIN_MS : -1;
        if (first && left <= 0) return 0;
        int told = watch_wait(watch, first && left > QUIET_MS ? QUIET_MS : left);
        if (!told) return 0;
        if (watch_read(watch, &changed, err)) return -1;
        if (changed && !first) first = now ? now : 1;
    }
}

static int serve(struct watch *watch, struct err *err) {
    while (true) {
        struct err trouble = {0};
        bool again = look(watch, &trouble) < 0;
        if (again) fail(&trouble);
        if (change_wait(watch, again, err)) return -1;
    }
}

static int usage(FILE *file) {
    fprintf(file, "usage: hoyd [--root DIRECTORY] [--runroot DIRECTORY]\n"
                  "Puts back what others take away from hoy's networks.\n");
    return file == stdout ? 0 : 2;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"root", required_argument, NULL, 'r'},
        {"runroot", required_argument, NULL, 'u'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {0},
    };
    struct watch watch = {.rules = -1, .links = -1, .gate = -1, .lock = -1};
    struct err err = {0};
    fd_ensure_standard();
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) switch (c) {
        case 'r': watch.options.root = optarg; break;
        case 'u': watch.options.runroot = optarg; break;
        case 'h': return usage(stdout);
        case 'v': return puts("hoyd version " HOY_VERSION) < 0;
        default: return usage(stderr);
        }
    if (optind < argc) return usage(stderr);
    if (watch_open(&watch, &err) || serve(&watch, &err)) return fail(&err);
    return 0;
}
