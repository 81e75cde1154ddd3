// SPDX-License-Identifier: Apache-2.0
// Who gets a container's lines while it runs: journald, or a syslog daemon. Connected to by the starter, so
// that one who is not there is an error that somebody reads.
#include "engine/log.h"
#include "engine/lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define SYSLOG_PORT    "514"

// Options

static int facility_read(const char *text, uint8_t *ret, struct err *err) {
    static const char *const names[] = {"kern",   "user",   "mail",   "daemon", "auth",     "syslog",
                                        "lpr",    "news",   "uucp",   "cron",   "authpriv", "ftp",
                                        NULL,     NULL,     NULL,     NULL,     "local0",   "local1",
                                        "local2", "local3", "local4", "local5", "local6",   "local7"};
    uint32_t number;
    *ret = 3;
    if (str_empty(text)) return 0;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (str_eq(names[i], text)) return *ret = (uint8_t)i, 0;
    if (parse_u32(text, &number) || number > 23)
        return err_set(err, ERR_INVALID, 0, "invalid syslog facility");
    *ret = (uint8_t)number;
    return 0;
}

static int format_read(const char *text, struct log_syslog *syslog, struct err *err) {
    static const struct {
        const char *name;
        enum plan_log_stamp stamp;
    } formats[] = {{"", PLAN_LOG_STAMP_UNIX},
                   {"rfc3164", PLAN_LOG_STAMP_RFC3164},
                   {"rfc5424", PLAN_LOG_STAMP_RFC5424},
                   {"rfc5424micro", PLAN_LOG_STAMP_MICRO}};
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
        if (str_eq(formats[i].name, text ? text : "")) {
            syslog->stamp = formats[i].stamp;
            syslog->with_host = i > 0;
            return 0;
        }
    return err_set(err, ERR_INVALID, 0, "Invalid syslog format");
}

static int path_read(const char *path, struct log_syslog *syslog, struct err *err) {
    struct stat st;
    if (stat(path, &st)) return err_set(err, ERR_INVALID, errno, "stat %s: %s", path, strerror(errno));
    if ((size_t)snprintf(syslog->path, sizeof syslog->path, "%s", path) >= sizeof syslog->path)
        return err_set(err, ERR_INVALID, 0, "syslog-address: the path %s is too long for a socket", path);
    return 0;
}

// host, host:port, [address]:port
static int host_read(const char *text, struct log_syslog *syslog, struct err *err) {
    bool bracket = *text == '[';
    size_t n = strcspn(text + bracket, bracket ? "]" : ":/");
    const char *rest = text + bracket + n + (bracket && text[bracket + n] ? 1 : 0);
    size_t port = *rest == ':' ? strcspn(rest + 1, "/") : 0;
    const char *after = *rest == ':' ? rest + 1 + port : rest;
    if (n >= sizeof syslog->host || port >= sizeof syslog->port || after[strspn(after, "/")])
        return err_set(err, ERR_INVALID, 0, "syslog-address should be in form proto://address, got %s", text);
    memcpy(syslog->host, text + bracket, n);
    memcpy(syslog->port, port ? rest + 1 : SYSLOG_PORT, port ? port : strlen(SYSLOG_PORT));
    return 0;
}

static int address_read(const char *text, struct log_syslog *syslog, struct err *err) {
    const char *rest;
    syslog->way = SYSLOG_HERE;
    if (str_empty(text)) return 0;
    if (str_has_prefix(text, "tcp+tls://"))
        return err_set(err, ERR_INVALID, 0,
                       "syslog-address: tcp+tls is not supported: send to a relay on this machine instead");
    if ((rest = str_after(text, "unix://"))) return syslog->way = SYSLOG_UNIX, path_read(rest, syslog, err);
    if ((rest = str_after(text, "unixgram://")))
        return syslog->way = SYSLOG_UNIXGRAM, path_read(rest, syslog, err);
    if ((rest = str_after(text, "udp://"))) return syslog->way = SYSLOG_UDP, host_read(rest, syslog, err);
    if ((rest = str_after(text, "tcp://"))) return syslog->way = SYSLOG_TCP, host_read(rest, syslog, err);
    return err_set(err, ERR_INVALID, 0, "syslog-address should be in form proto://address, got %s", text);
}

int log_syslog_read(const struct container_log *log, struct log_syslog *ret, struct err *err) {
    struct log_syslog syslog = {0};
    if (address_read(container_log_option(log, "syslog-address"), &syslog, err) ||
        facility_read(container_log_option(log, "syslog-facility"), &syslog.facility, err) ||
        format_read(container_log_option(log, "syslog-format"), &syslog, err))
        return -1;
    *ret = syslog;
    return 0;
}

int log_syslog_check(const struct container_log *log, struct err *err) {
    struct log_syslog syslog;
    return log_syslog_read(log, &syslog, err);
}

// Connections

static int unix_connect(const char *path, int type) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address)) {
        int error = errno;
        return close(fd), -error;
    }
    return fd < 0 ? -errno : fd;
}

int log_journal_connect(struct err *err) {
    int fd = unix_connect(JOURNAL_SOCKET, SOCK_DGRAM);
    return fd < 0 ? err_set(err, ERR_UNAVAILABLE, 0, "journald is not enabled on this host: %s: %s",
                            JOURNAL_SOCKET, strerror(-fd))
                  : fd;
}

static int here_connect(struct err *err) {
    static const char *const paths[] = {"/dev/log", "/var/run/syslog", "/var/run/log"};
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        int fd = unix_connect(paths[i], SOCK_DGRAM);
        if (fd < 0) fd = unix_connect(paths[i], SOCK_STREAM);
        if (fd >= 0) return fd;
    }
    return err_set(err, ERR_UNAVAILABLE, 0, "Unix syslog delivery error: nobody listens at /dev/log");
}

static bool address_make(const char *text, uint16_t port, struct sockaddr_storage *address, socklen_t *size) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    *address = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET, v4->sin_port = htons(port), *size = sizeof *v4;
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1) return false;
    v6->sin6_family = AF_INET6, v6->sin6_port = htons(port), *size = sizeof *v6;
    return true;
}

static int net_connect(const struct log_syslog *syslog, struct err *err) {
    const char *way = syslog->way == SYSLOG_TCP ? "tcp" : "udp";
    const char *host = *syslog->host ? syslog->host : "127.0.0.1";
    char text[INET6_ADDRSTRLEN];
    struct sockaddr_storage address;
    socklen_t size;
    uint32_t port;
    if (parse_u32(syslog->port, &port) || !port || port > UINT16_MAX)
        return err_set(err, ERR_INVALID, 0, "dial %s: address %s: unknown port", way, syslog->port);
    if (lookup_address(host, text) || !address_make(text, (uint16_t)port, &address, &size))
        return err_set(err, ERR_UNAVAILABLE, 0, "dial %s: lookup %s: no such host", way, host);
    int fd =
        socket(address.ss_family, (syslog->way == SYSLOG_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, size)) {
        int error = errno;
        close(fd);
        return err_set(err, ERR_UNAVAILABLE, 0, "dial %s %s:%u: connect: %s", way, host, port,
                       strerror(error));
    }
    return fd < 0 ? err_set(err, ERR_SYSTEM, errno, "make a socket") : fd;
}

int log_syslog_connect(const struct log_syslog *syslog, struct err *err) {
    if (syslog->way == SYSLOG_HERE) return here_connect(err);
    if (syslog->way == SYSLOG_UDP || syslog->way == SYSLOG_TCP) return net_connect(syslog, err);
    int fd = unix_connect(syslog->path, syslog->way == SYSLOG_UNIX ? SOCK_STREAM : SOCK_DGRAM);
    return fd < 0 ? err_set(err, ERR_UNAVAILABLE, 0, "dial %s %s: connect: %s",
                            syslog->way == SYSLOG_UNIX ? "unix" : "unixgram", syslog->path, strerror(-fd))
                  : fd;
}
