// SPDX-License-Identifier: Apache-2.0
// The events' file is read from its beginning or its end, and followed by inotify. When it is renamed because
// it is long, or removed, a new one is followed; the old one, too, for those who had it open.
#include "engine/events.h"

#include "base/clock.h"
#include "base/event_log.h"
#include "base/fd.h"
#include "engine/event_filter.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
    int fd, watch;
    struct str text; // the beginning of a line
};

struct stream {
    struct engine *engine;
    const struct event_query *query;
    event_tell *tell;
    void *data;
    struct err *err;
    int inotify;
    struct file old, now;
};

static void file_finish(struct file *file) {
    fd_closep(&file->fd);
    str_finish(&file->text);
}

static void stream_finish(struct stream *s) {
    file_finish(&s->old);
    file_finish(&s->now);
    fd_closep(&s->inotify);
}

// One line

static bool in_time(const struct stream *s, const struct json *event) {
    int64_t time_ns;
    if (json_i64(json_get(event, "timeNano"), &time_ns)) return false;
    return time_ns >= s->query->since_ns && (!s->query->until_ns || time_ns <= s->query->until_ns);
}

// What is no event is somebody's accident, and not the reader's.
static int tell_line(struct stream *s, const char *line, size_t size) {
    _cleanup_(json_freep) struct json *event = NULL;
    if (json_parse(line, size, &event) || !in_time(s, event) ||
        !event_filters_match(&s->query->filters, event))
        return 0;
    return s->tell(event, s->data, s->err);
}

static int tell_lines(struct stream *s, struct file *file) {
    char *at = file->text.data, *end;
    int r = 0;
    while (!r && at && (end = memchr(at, '\n', file->text.len - (size_t)(at - file->text.data)))) {
        r = tell_line(s, at, (size_t)(end - at));
        at = end + 1;
    }
    if (at) {
        file->text.len -= (size_t)(at - file->text.data);
        memmove(file->text.data, at, file->text.len + 1);
    }
    return r;
}

static int read_file(struct stream *s, struct file *file) {
    char bytes[64 << 10];
    ssize_t n;
    while (file->fd >= 0 && (n = read(file->fd, bytes, sizeof bytes)) != 0) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_set(s->err, ERR_SYSTEM, errno, "read %s/" EVENT_LOG, s->engine->store.root);
        str_add_n(&file->text, bytes, (size_t)n);
        int r = tell_lines(s, file);
        if (r) return r;
    }
    return 0;
}

// Files

// 1, 0 or -errno.
static int same_file(int fd, const struct stat *other) {
    struct stat st;
    if (fstat(fd, &st)) return -errno;
    return st.st_ino == other->st_ino && st.st_dev == other->st_dev;
}

static int watch(struct stream *s, struct file *file) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file->fd);
    file->watch = inotify_add_watch(s->inotify, path, IN_MODIFY | IN_MOVE_SELF | IN_ATTRIB);
    return file->watch < 0 ? err_set(s->err, ERR_SYSTEM, errno, "watch %s/" EVENT_LOG, s->engine->store.root)
                           : 0;
}

static int open_now(struct stream *s) {
    const struct store *store = &s->engine->store;
    s->now.fd = fd_open_at(store->root_fd, EVENT_LOG, O_RDONLY | O_CREAT | O_NOFOLLOW, 0600);
    if (s->now.fd < 0) return err_set(s->err, ERR_SYSTEM, -s->now.fd, "open %s/" EVENT_LOG, store->root);
    return watch(s, &s->now);
}

// Whether the file that is read still has the name: 1, 0, or -1 when nobody can say.
static int is_current(const struct stream *s) {
    const struct store *store = &s->engine->store;
    struct stat there;
    int r = fstatat(store->root_fd, EVENT_LOG, &there, AT_SYMLINK_NOFOLLOW) ? -errno
                                                                            : same_file(s->now.fd, &there);
    if (r >= 0 || r == -ENOENT) return r > 0;
    return err_set(s->err, ERR_SYSTEM, -r, "look at %s/" EVENT_LOG, store->root);
}

static int turn(struct stream *s) {
    if (read_file(s, &s->now)) return -1;
    file_finish(&s->old); // its watch goes with the next one's beginning
    (void)inotify_rm_watch(s->inotify, s->old.watch);
    s->old = s->now;
    s->now = (struct file){.fd = -1};
    return open_now(s) || read_file(s, &s->now) ? -1 : 0;
}

// With the older file, unless they changed places meanwhile.
static int open_both(struct stream *s) {
    const struct store *store = &s->engine->store;
    for (;;) {
        struct stat old;
        if (open_now(s)) return -1;
        int r = s->old.fd = fd_open_at(store->root_fd, EVENT_LOG_OLD, O_RDONLY | O_NOFOLLOW, 0);
        if (r >= 0) r = fstat(s->old.fd, &old) ? -errno : same_file(s->now.fd, &old);
        if (r == 0 || r == -ENOENT) return 0;
        if (r < 0) return err_set(s->err, ERR_SYSTEM, -r, "open %s/" EVENT_LOG_OLD, store->root);
        file_finish(&s->old);
        file_finish(&s->now);
    }
}

static int start(struct stream *s) {
    bool history = s->query->since_ns || s->query->until_ns;
    s->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (s->inotify < 0) return err_set(s->err, ERR_SYSTEM, errno, "make an inotify descriptor");
    if (history) return open_both(s) || read_file(s, &s->old) || read_file(s, &s->now) ? -1 : 0;
    if (open_now(s)) return -1;
    return lseek(s->now.fd, 0, SEEK_END) < 0 ? err_set(s->err, ERR_SYSTEM, errno, "read the events") : 0;
}

// Following

// 1: something was written; 0: the time is over.
static int wait_event(struct stream *s) {
    char events[4096];
    for (;;) {
        int64_t left_ms = s->query->until_ns ? (s->query->until_ns - clock_wall_ns()) / 1000000 + 1 : -1;
        if (s->query->until_ns && left_ms <= 0) return 0;
        struct pollfd polls = {.fd = s->inotify, .events = POLLIN};
        int n = poll(&polls, 1, left_ms > 60000 ? 60000 : (int)left_ms); // the clock may be set
        if (n < 0 && errno != EINTR) return err_set(s->err, ERR_SYSTEM, errno, "wait for events");
        if (n <= 0) continue;
        while (read(s->inotify, events, sizeof events) > 0) {}
        return 1;
    }
}

static int follow(struct stream *s, void (*before_wait)(void *data)) {
    for (;;) {
        int r;
        while (!(r = is_current(s)))
            if (turn(s)) return -1;
        if (r < 0 || read_file(s, &s->old) || read_file(s, &s->now)) return -1;
        if (before_wait) before_wait(s->data);
        r = wait_event(s);
        if (r <= 0) return r;
    }
}

int engine_events(struct engine *engine, const struct event_query *query, event_tell *tell,
                  void (*before_wait)(void *data), void *data, struct err *err) {
    _cleanup_(stream_finish) struct stream s = {.engine = engine,
                                                .query = query,
                                                .tell = tell,
                                                .data = data,
                                                .err = err,
                                                .inotify = -1,
                                                .old = {.fd = -1},
                                                .now = {.fd = -1}};
    if (start(&s)) return -1;
    if (query->until_ns && query->until_ns <= clock_wall_ns()) return 0;
    return follow(&s, before_wait);
}
