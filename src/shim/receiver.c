// SPDX-License-Identifier: Apache-2.0
#include "shim/receiver.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/macro.h"
#include "shim/log_time.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define WAIT_MS  200
#define RETRY_NS 1000000000LL
#define NS_PER_S 1000000000LL

enum { PRIORITY_ERR = 3, PRIORITY_INFO = 6 }; // syslog's

void receiver_init(struct receiver *receiver, const struct plan_block *plan, int fd) {
    int type = SOCK_DGRAM;
    socklen_t size = sizeof type;
    receiver->address_size = sizeof receiver->address;
    receiver->fd = plan->log.socket == PLAN_LOG_NO_SOCKET ? -1 : fd;
    if (receiver->fd < 0) return;
    receiver->plan = plan;
    receiver->present = !getpeername(fd, (struct sockaddr *)&receiver->address, &receiver->address_size) &&
                        !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
    receiver->stream = type == SOCK_STREAM;
}

// The connection

static void connect_again(struct receiver *receiver) {
    int64_t now = (int64_t)clock_monotonic_ns();
    if (receiver->fd >= 0 || now < receiver->retry_ns) return;
    receiver->retry_ns = now + RETRY_NS;
    int type = (receiver->stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
    int fd = socket(receiver->address.ss_family, type, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&receiver->address, receiver->address_size) &&
        errno != EINPROGRESS) {
        receiver->lost_error = errno;
        fd_closep(&fd);
    }
    receiver->fd = fd;
}

static bool is_full(int error) {
    return error == EAGAIN || error == ENOBUFS || error == ENOMEM || error == EINPROGRESS ||
           error == ENOTCONN;
}

// Once in a while: who was waited for in vain is not waited for again before it takes something.
static bool wait_room(struct receiver *receiver) {
    struct pollfd poll_fd = {.fd = receiver->fd, .events = POLLOUT};
    if (receiver->stuck || receiver->plan->log.drops) return false;
    if (poll(&poll_fd, 1, WAIT_MS) > 0) return true;
    receiver->stuck = true;
    return false;
}

// How much of it was taken; -errno.
static ssize_t send_once(struct receiver *receiver, struct iovec *parts, size_t count) {
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t n;
    do
        n = receiver->fd < 0 ? (errno = receiver->lost_error ? receiver->lost_error : ECONNREFUSED, -1)
                             : sendmsg(receiver->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static ssize_t send_waiting(struct receiver *receiver, struct iovec *parts, size_t count) {
    ssize_t n = send_once(receiver, parts, count);
    if (n < 0 && is_full((int)-n) && wait_room(receiver)) n = send_once(receiver, parts, count);
    if (n >= 0) receiver->stuck = false;
    return n;
}

// The same, with one new connection.
static ssize_t send_parts(struct receiver *receiver, struct iovec *parts, size_t count) {
    ssize_t n = send_waiting(receiver, parts, count);
    if (n >= 0 || is_full((int)-n) || n == -EMSGSIZE) return n;
    fd_closep(&receiver->fd);
    connect_again(receiver);
    return receiver->fd < 0 ? n : send_waiting(receiver, parts, count);
}

// Whoever is connected to next does not get the end of what somebody else got the beginning of.
static bool send_rest(struct receiver *receiver) {
    while (receiver->rest) {
        struct iovec part = {receiver->rest_bytes, receiver->rest};
        ssize_t n = send_waiting(receiver, &part, 1);
        if (n < 0 && is_full((int)-n)) return receiver->lost_error = (int)-n, false;
        if (n < 0) {
            fd_closep(&receiver->fd);
            receiver->lost_error = (int)-n;
            receiver->lost++;
            n = (ssize_t)receiver->rest;
        }
        receiver->rest -= (size_t)n;
        memmove(receiver->rest_bytes, receiver->rest_bytes + n, receiver->rest);
    }
    return true;
}

// A stream may take a part of it: the rest goes before what comes next.
static void keep_rest(struct receiver *receiver, const struct iovec *parts, size_t count, size_t sent) {
    for (size_t i = 0; i < count; i++) {
        size_t skip = sent < parts[i].iov_len ? sent : parts[i].iov_len, left = parts[i].iov_len - skip;
        sent -= skip;
        if (receiver->rest + left > sizeof receiver->rest_bytes) continue; // no message is that long
        memcpy(receiver->rest_bytes + receiver->rest, (char *)parts[i].iov_base + skip, left);
        receiver->rest += left;
    }
}

static bool send_message(struct receiver *receiver, struct iovec *parts, size_t count) {
    if (!send_rest(receiver)) return false;
    ssize_t n = send_parts(receiver, parts, count);
    if (n < 0) return receiver->lost_error = (int)-n, false;
    if (receiver->stream) keep_rest(receiver, parts, count, (size_t)n);
    return true;
}

// Messages

static bool send_journal(struct receiver *receiver, const struct log_piece *piece) {
    const struct plan_blob fields = receiver->plan->log.fields;
    char head[RECEIVER_HEAD], time[LOG_TIME_SIZE];
    size_t time_size = log_time_fraction(piece->wall_ns, time);
    int priority = piece->stream == LOG_STDERR ? PRIORITY_ERR : PRIORITY_INFO;
    int n =
        snprintf(head, sizeof head, "PRIORITY=%d\nSYSLOG_TIMESTAMP=%.*sZ\n", priority, (int)time_size, time);
    if (piece->part)
        n += snprintf(
            head + n, sizeof head - (size_t)n,
            "%sCONTAINER_PARTIAL_ID=%016llx\nCONTAINER_PARTIAL_ORDINAL=%u\nCONTAINER_PARTIAL_LAST=%s\n",
            piece->ends ? "" : "CONTAINER_PARTIAL_MESSAGE=true\n", (unsigned long long)piece->wall_ns,
            piece->part, piece->ends ? "true" : "false");
    n += snprintf(head + n, sizeof head - (size_t)n, "MESSAGE=");
    struct iovec parts[] = {{(void *)plan_data(receiver->plan, fields), fields.size},
                            {head, (size_t)n},
                            {(void *)piece->text, piece->size},
                            {(char *)"\n", 1}};
    return send_message(receiver, parts, ARRAY_SIZE(parts));
}

// "2026-11-23T21:44:38.123456+01:00"
static int put_iso_time(const struct plan_log *log, int64_t wall_ns, char to[static LOG_TIME_SIZE]) {
    int offset = log->utc_offset_s, minutes = (offset < 0 ? -offset : offset) / 60, n = 19;
    int64_t local_ns = wall_ns + offset * NS_PER_S;
    log_time_seconds(local_ns / NS_PER_S, to);
    if (log->stamp == PLAN_LOG_STAMP_MICRO) {
        to[n++] = '.';
        log_time_digits(to + n, local_ns % NS_PER_S / 1000, 6);
        n += 6;
    }
    if (!offset) return to[n] = 'Z', n + 1;
    return n + snprintf(to + n, LOG_TIME_SIZE - (size_t)n, "%c%02d:%02d", offset < 0 ? '-' : '+',
                        minutes / 60, minutes % 60);
}

static int syslog_head(const struct receiver *receiver, const struct log_piece *piece, char *to,
                       size_t room) {
    const struct plan_log *log = &receiver->plan->log;
    const char *host = plan_text(receiver->plan, log->host), *tag = plan_text(receiver->plan, log->tag);
    int priority = log->facility << 3 | (piece->stream == LOG_STDERR ? PRIORITY_ERR : PRIORITY_INFO);
    char time[LOG_TIME_SIZE];
    if (log->stamp >= PLAN_LOG_STAMP_RFC5424) {
        int size = put_iso_time(log, piece->wall_ns, time);
        return snprintf(to, room, "<%d>1 %.*s %s %s %d %s - ", priority, size, time, host, tag, getpid(),
                        tag);
    }
    log_time_stamp(piece->wall_ns / NS_PER_S + log->utc_offset_s, time);
    return snprintf(to, room, "<%d>%.15s %s%s%s[%d]: ", priority, time, host, *host ? " " : "", tag,
                    getpid());
}

static bool send_syslog(struct receiver *receiver, const struct log_piece *piece) {
    char head[RECEIVER_HEAD];
    int n = syslog_head(receiver, piece, head, sizeof head);
    if (n >= (int)sizeof head) n = sizeof head - 1;
    struct iovec parts[] = {{head, (size_t)n}, {(void *)piece->text, piece->size}, {(char *)"\n", 1}};
    return send_message(receiver, parts, ARRAY_SIZE(parts));
}

static bool send_piece(struct receiver *receiver, const struct log_piece *piece) {
    return receiver->plan->log.socket == PLAN_LOG_JOURNAL ? send_journal(receiver, piece)
                                                          : send_syslog(receiver, piece);
}

static bool say_lost(struct receiver *receiver, int64_t wall_ns) {
    char text[256];
    int n = snprintf(text, sizeof text, "hoy: %llu lines of output are missing here: %s",
                     (unsigned long long)receiver->lost, strerror(receiver->lost_error));
    struct log_piece notice = {
        .stream = LOG_STDERR, .text = (uint8_t *)text, .size = (size_t)n, .ends = true, .wall_ns = wall_ns};
    if (!send_piece(receiver, &notice)) return false;
    receiver->lost = 0;
    return true;
}

void receiver_put(struct receiver *receiver, const struct log_piece *piece) {
    if (!receiver->present) return;
    if ((receiver->lost && !say_lost(receiver, piece->wall_ns)) || !send_piece(receiver, piece))
        receiver->lost++;
}

void receiver_end(struct receiver *receiver) {
    if (!receiver->present) return;
    receiver->stuck = false;
    if (receiver->lost) (void)say_lost(receiver, clock_wall_ns());
    (void)send_rest(receiver);
}
