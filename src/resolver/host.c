// SPDX-License-Identifier: Apache-2.0
// The host's resolv.conf is read again when it changes: by another file of that name, in place (also where it
// is a mount of its own), also where it is a link into a directory of another program (systemd-resolved,
// NetworkManager, resolvconf): both places are watched. systemd-resolved's 127.0.0.53 is as good here as for
// any program of the host.
#include "resolver/resolver.h"

#include "base/fd.h"
#include "resolver/confine.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#define HOST_FOLDER   "/etc" // of HOST_RESOLV_CONF
#define HOST_FILE     "resolv.conf"
#define HOST_FILE_MAX 65536
#define EVENTS        (IN_MOVED_TO | IN_CLOSE_WRITE | IN_CREATE | IN_ONLYDIR)

// The directory of what the link says, if it is one.
static void watch_target(struct resolver *resolver, int inotify) {
    char target[PATH_MAX], path[2 * PATH_MAX];
    ssize_t n = readlink(HOST_RESOLV_CONF, target, sizeof target - 1);
    if (n <= 0) return;
    target[n] = '\0';
    char *slash = strrchr(target, '/');
    if (!slash) return;
    *slash = '\0';
    snprintf(path, sizeof path, "%s%s", *target == '/' ? "" : HOST_FOLDER "/", target);
    resolver->host_target = inotify_add_watch(inotify, path, EVENTS);
}

// What can't be read now leaves everything as it is; but where that is for our own confinement, which knows
// nothing of a program that was installed since, or of a file somewhere else, another resolver can: the shims
// start one when this ends.
static void host_read(struct resolver *resolver, int inotify) {
    _cleanup_(str_finish) struct str text = {0};
    watch_target(resolver, inotify);
    resolver->host_file = inotify_add_watch(inotify, HOST_RESOLV_CONF, IN_CLOSE_WRITE);
    int r = file_read_at(AT_FDCWD, HOST_RESOLV_CONF, HOST_FILE_MAX, &text);
    if (r == -EACCES && confine_is_outdated()) exit(0);
    if (!r) servers_read(&resolver->servers, str_get(&text));
}

static bool is_meant(const struct resolver *resolver, const struct inotify_event *event) {
    return event->wd == resolver->host_target || event->wd == resolver->host_file ||
           event->mask & IN_Q_OVERFLOW || (event->len && str_eq(event->name, HOST_FILE));
}

static void host_ready(struct watch *watch, uint32_t events) {
    struct resolver *resolver = watch->owner;
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool changed = false;
    (void)events;
    for (ssize_t n; (n = read(watch->fd, buffer, sizeof buffer)) > 0;)
        for (char *at = buffer; at < buffer + n;) {
            const struct inotify_event *event = (const struct inotify_event *)at;
            changed |= is_meant(resolver, event);
            at += sizeof *event + event->len;
        }
    if (changed) host_read(resolver, watch->fd);
}

int host_init(struct resolver *resolver) {
    _cleanup_(fd_closep) int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (inotify < 0) return -errno;
    resolver->host = (struct watch){.fd = -1, .ready = host_ready, .owner = resolver};
    resolver->host_target = resolver->host_file = -1;
    // First the watch, then the look.
    (void)inotify_add_watch(inotify, HOST_FOLDER, EVENTS);
    servers_read(&resolver->servers, "");
    host_read(resolver, inotify);
    int r = watch_add(&resolver->loop, &resolver->host, inotify, EPOLLIN);
    if (!r) (void)take_fd(&inotify);
    return r;
}
