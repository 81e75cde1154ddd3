// SPDX-License-Identifier: Apache-2.0
// The program is a child of the one who asks, since a process that it restores becomes its sibling: the
// asker's own child, to be waited for like any other. It reads the asker's descriptors by their numbers,
// through /proc.
#include "criu/session.h"

#include "base/fd.h"
#include "base/protobuf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX 65536
#define FAR        64 // numbers that are nobody's place

static int place(const struct criu_program *program, int socket) {
    int fds[CRIU_EXTRA_MAX + 1] = {socket};
    size_t count = program->extra_count + 1;
    for (size_t i = 1; i < count; i++) fds[i] = program->extra[i - 1];
    int r = fd_place(fds, count, CRIU_FD_SOCKET);
    syscall(SYS_close_range, (unsigned)(CRIU_FD_SOCKET + count), ~0U, CLOSE_RANGE_CLOEXEC);
    return r;
}

static int execute(const struct criu_program *program, int socket, struct err *err) {
    char number[16];
    const char *path = str_empty(program->path) ? "criu" : program->path;
    if (program->prepare && program->prepare(program->data, err)) return -1;
    int r = place(program, socket);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot hand descriptors to criu");
    snprintf(number, sizeof number, "%d", CRIU_FD_SOCKET);
    execlp(path, path, "swrk", number, (char *)NULL);
    if (errno == ENOENT && str_empty(program->path))
        return err_set(err, ERR_NOT_FOUND, 0,
                       "there is no program criu in $PATH: install CRIU (Debian's package criu)");
    return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, errno, "cannot execute %s", path);
}

// In the child: why it can't be, to who waits for the pipe's end.
static _Noreturn void child(const struct criu_program *program, int socket, int errors) {
    struct err err = {0};
    int far = fcntl(errors, F_DUPFD_CLOEXEC, FAR + CRIU_EXTRA_MAX + 1);
    signal(SIGPIPE, SIG_DFL);
    execute(program, socket, &err);
    (void)fd_write_all(far < 0 ? errors : far, &err, sizeof err);
    _exit(127);
}

int criu_start(const struct criu_program *program, struct criu_session *ret_session, struct err *err) {
    int ends[2], pipes[2];
    struct err failure;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        return err_set(err, ERR_SYSTEM, errno, "cannot make a socket");
    _cleanup_(fd_closep) int ours = ends[0];
    _cleanup_(fd_closep) int theirs = ends[1];
    if (pipe2(pipes, O_CLOEXEC)) return err_set(err, ERR_SYSTEM, errno, "cannot make a pipe");
    _cleanup_(fd_closep) int input = pipes[0];
    _cleanup_(fd_closep) int output = pipes[1];
    pid_t pid = fork();
    if (pid < 0) return err_set(err, ERR_SYSTEM, errno, "cannot start criu");
    if (pid == 0) child(program, theirs, output);
    fd_closep(&output);
    ssize_t n = fd_read_full(input, &failure, sizeof failure);
    if (n == 0) return *ret_session = (struct criu_session){pid, take_fd(&ours)}, 0;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    if (n == sizeof failure) return *err = failure, -1;
    return err_set(err, ERR_SYSTEM, 0, "criu's process ended before it was criu");
}

void criu_finish(struct criu_session *session) {
    fd_closep(&session->socket);
    if (session->pid <= 0) return;
    while (waitpid(session->pid, NULL, 0) < 0 && errno == EINTR) {}
    session->pid = 0;
}

// Messages

static int send_message(const struct criu_session *session, const struct str *message, struct err *err) {
    ssize_t n;
    do n = send(session->socket, str_get(message), message->len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? err_set(err, ERR_SYSTEM, errno, "cannot speak with criu") : 0;
}

static void copy_text(const struct protobuf_field *field, char *text, size_t size) {
    snprintf(text, size, "%.*s", (int)(field->size < size ? field->size : size),
             field->bytes ? field->bytes : "");
}

static int read_notice(const struct protobuf_field *outer, struct criu_notice *notice) {
    struct protobuf_reader reader = {outer->bytes, outer->size};
    struct protobuf_field field;
    int r;
    while ((r = protobuf_next(&reader, &field)) > 0) {
        if (field.number == 1) copy_text(&field, notice->script, sizeof notice->script);
        if (field.number == 2) notice->pid = (pid_t)field.value;
    }
    return r;
}

static int read_pid(const struct protobuf_field *outer, pid_t *pid) {
    struct protobuf_reader reader = {outer->bytes, outer->size};
    struct protobuf_field field;
    int r;
    while ((r = protobuf_next(&reader, &field)) > 0)
        if (field.number == 1) *pid = (pid_t)field.value;
    return r;
}

static int read_answer(const char *bytes, size_t size, enum criu_type *type, struct criu_answer *answer,
                       struct criu_notice *notice) {
    struct protobuf_reader reader = {bytes, size};
    struct protobuf_field field;
    int r;
    while ((r = protobuf_next(&reader, &field)) > 0) {
        int inner = 0;
        switch (field.number) {
        case CRIU_ANSWER_TYPE: *type = (enum criu_type)field.value; break;
        case CRIU_ANSWER_SUCCESS: answer->success = field.value; break;
        case CRIU_ANSWER_RESTORE: inner = read_pid(&field, &answer->pid); break;
        case CRIU_ANSWER_NOTIFY: inner = read_notice(&field, notice); break;
        case CRIU_ANSWER_ERRNO: answer->error = (int)field.value; break;
        case CRIU_ANSWER_MESSAGE: copy_text(&field, answer->message, sizeof answer->message); break;
        default: break;
        }
        if (inner) return inner;
    }
    return r;
}

// The program goes on, or gives up, by what we say.
static int say_noticed(const struct criu_session *session, bool success, struct err *err) {
    _cleanup_(str_finish) struct str reply = {0};
    protobuf_put_number(&reply, CRIU_REQUEST_TYPE, CRIU_NOTIFY);
    protobuf_put_number(&reply, CRIU_REQUEST_NOTIFY_SUCCESS, success);
    return send_message(session, &reply, err);
}

static void close_notice(struct criu_notice *notice) {
    fd_closep(&notice->fd);
}

int criu_request(struct criu_session *session, enum criu_type type, const struct str *options,
                 criu_listener *listener, void *data, struct criu_answer *ret_answer, struct err *err) {
    static char buffer[ANSWER_MAX];
    _cleanup_(str_finish) struct str request = {0};
    struct err ignored;
    int result = 0;
    *ret_answer = (struct criu_answer){0};
    protobuf_put_number(&request, CRIU_REQUEST_TYPE, type);
    protobuf_put_message(&request, CRIU_REQUEST_OPTIONS, options);
    if (send_message(session, &request, err)) return -1;
    for (;;) {
        _cleanup_(close_notice) struct criu_notice notice = {.fd = -1};
        enum criu_type answered = 0;
        ssize_t n = fd_receive(session->socket, 0, buffer, ANSWER_MAX, &notice.fd, 1);
        if (n < 0) return result ? result : err_set(err, ERR_SYSTEM, (int)-n, "cannot hear from criu");
        if (n == 0) return result; // it ended without a word: answer.arrived is false
        struct criu_answer answer = {.arrived = true};
        if (read_answer(buffer, (size_t)n, &answered, &answer, &notice))
            return err_set(err, ERR_SYSTEM, 0, "criu's answer cannot be read");
        if (answered != CRIU_NOTIFY) return *ret_answer = answer, result;
        int r = result ? result : listener(data, &notice, err);
        if (r) result = -1;
        if (say_noticed(session, !r, result ? &ignored : err)) return -1;
    }
}
