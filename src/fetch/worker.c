// SPDX-License-Identifier: Apache-2.0
#include "fetch/worker.h"

#include "base/fd.h"
#include "registry/channel.h"

#include <errno.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DISK_RESERVE (64u << 20)

void worker_send(struct worker *worker, const struct json_writer *message) {
    worker_send_with(worker, message, -1);
}

void worker_send_with(struct worker *worker, const struct json_writer *message, int fd) {
    pthread_mutex_lock(&worker->lock);
    int r = channel_send(worker->channel, str_get(&message->text), message->text.len, fd);
    pthread_mutex_unlock(&worker->lock);
    if (r < 0) _exit(1);
}

struct json *worker_receive(struct worker *worker, int *ret_fd) {
    _cleanup_(str_finish) struct str text = {0};
    struct json *json = NULL;
    if (channel_receive(worker->channel, &text, ret_fd) <= 0 || json_parse(text.data, text.len, &json))
        _exit(1);
    return json;
}

void worker_event(struct worker *worker, const char *event) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", event);
    json_end_object(&w);
    worker_send(worker, &w);
}

_Noreturn void worker_fail(struct worker *worker, const struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "error");
    json_put_i64(&w, "kind", err->kind);
    json_put_i64(&w, "code", err->code);
    json_put_string(&w, "text", err->text);
    json_end_object(&w);
    pthread_mutex_lock(&worker->lock); // and keep it: this is the last word
    channel_send(worker->channel, str_get(&w.text), w.text.len, -1);
    _exit(1);
}

int worker_write(struct worker *worker, const char *name, const void *bytes, size_t size, struct err *err) {
    _cleanup_(fd_closep) int fd =
        fd_open_at(worker->staging, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    int r = fd < 0 ? fd : fd_write_all(fd, bytes, size);
    return r < 0 ? err_set(err, ERR_SYSTEM, -r, "can't write %s", name) : 0;
}

int worker_check_disk(struct worker *worker, const char *what, struct err *err) {
    struct statvfs disk;
    if (fstatvfs(worker->staging, &disk) || disk.f_bavail * disk.f_frsize >= DISK_RESERVE) return 0;
    return err_set(err, ERR_SYSTEM, ENOSPC, "can't write %s", what);
}
