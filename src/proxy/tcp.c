// SPDX-License-Identifier: Apache-2.0
// Connections. Each way has a pipe, and bytes go from socket to pipe to socket without coming here. An end of
// one way is handed on when all before it is through; the other way goes on. Events come once (EPOLLET): what
// can move is moved until neither side lets it.
#include "proxy/proxy.h"

#include "base/fd.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define PIECE           65536

struct way {
    int pipe[2];
    size_t queued; // bytes in the pipe
    bool ended;    // nothing more comes
    bool closed;   // and the other side was told
};

struct connection {
    struct source client, server;
    struct ports_label label;
    bool used, connected;
    struct way up, down; // to the server, to the client
};

static struct connection connections[CONNECTIONS_MAX];
static size_t count;

size_t tcp_count(void) {
    return count;
}

static void set(int fd, int level, int option, int value) {
    (void)setsockopt(fd, level, option, &value, sizeof value);
}

static void way_finish(struct way *way) {
    fd_closep(&way->pipe[0]);
    fd_closep(&way->pipe[1]);
}

static void drop(struct connection *connection) {
    if (count == CONNECTIONS_MAX) proxy_open_doors(true);
    fd_closep(&connection->client.fd);
    fd_closep(&connection->server.fd);
    way_finish(&connection->up);
    way_finish(&connection->down);
    connection->used = false;
    count--;
}

// With a reset for both, as for what broke off.
static void break_off(struct connection *connection) {
    static const struct linger now = {1, 0};
    (void)setsockopt(connection->client.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    if (connection->server.fd >= 0)
        (void)setsockopt(connection->server.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    drop(connection);
}

// Moving

static bool is_blocked(ssize_t n) {
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

// Returns -1 when the connection is broken; else whether something has moved.
static int move(struct way *way, int from, int to) {
    bool moved = false;
    if (!way->ended && way->queued < PIECE) {
        ssize_t n =
            splice(from, NULL, way->pipe[1], NULL, PIECE - way->queued, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n < 0 && !is_blocked(n)) return -1;
        if (n == 0) way->ended = true;
        if (n > 0) way->queued += (size_t)n;
        moved = n >= 0;
    }
    if (way->queued) {
        ssize_t n = splice(way->pipe[0], NULL, to, NULL, way->queued, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n < 0 && !is_blocked(n)) return -1;
        if (n > 0) way->queued -= (size_t)n;
        moved = moved || n > 0;
    }
    if (!way->ended || way->queued || way->closed) return moved;
    way->closed = true;
    return shutdown(to, SHUT_WR) && errno != ENOTCONN ? -1 : 1;
}

static void move_all(struct connection *connection) {
    int client = connection->client.fd, server = connection->server.fd, up, down;
    do {
        up = move(&connection->up, client, server);
        down = up < 0 ? 0 : move(&connection->down, server, client);
        if (up < 0 || down < 0) return break_off(connection);
    } while (up || down);
    if (connection->up.closed && connection->down.closed) drop(connection);
}

// Connecting

static int connect_to(struct connection *connection, sa_family_t family) {
    struct sockaddr_storage name;
    socklen_t size = proxy_target(&connection->label, family, &name);
    if (!size) return -EAFNOSUPPORT;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    connection->server.fd = fd;
    if (connect(fd, (struct sockaddr *)&name, size) && errno != EINPROGRESS) {
        int error = errno;
        fd_closep(&connection->server.fd);
        return -error;
    }
    return proxy_watch(&connection->server, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

// A server that listens on version 4 alone refuses the other.
static bool connect_again(struct connection *connection) {
    struct sockaddr_storage name = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof name;
    bool was_v6 =
        !getsockname(connection->server.fd, (struct sockaddr *)&name, &size) && name.ss_family == AF_INET6;
    fd_closep(&connection->server.fd);
    return was_v6 && !connect_to(connection, AF_INET);
}

static void server_ready(struct source *source, uint32_t events) {
    struct connection *connection =
        (struct connection *)((char *)source - offsetof(struct connection, server));
    int error = 0;
    struct sockaddr_storage name;
    socklen_t size = sizeof error;
    if (connection->connected) return move_all(connection);
    if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) return;
    (void)getsockopt(source->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        if (!connect_again(connection)) break_off(connection);
        return;
    }
    size = sizeof name;
    if (getpeername(source->fd, (struct sockaddr *)&name, &size))
        return; // an event of one that had this place
    connection->connected = true;
    set(source->fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(source->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    move_all(connection);
}

static void client_ready(struct source *source, uint32_t events) {
    struct connection *connection =
        (struct connection *)((char *)source - offsetof(struct connection, client));
    if (connection->connected) return move_all(connection);
    if (events & (EPOLLERR | EPOLLHUP)) break_off(connection);
}

static struct connection *find_free(void) {
    static size_t next;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &connections[next++ % CONNECTIONS_MAX];
        if (!connection->used) return connection;
    }
    return NULL;
}

static void begin(int client, const struct ports_label *label) {
    struct connection *connection = find_free();
    if (!connection) return (void)close(client);
    *connection = (struct connection){.client = {client, client_ready},
                                      .server = {-1, server_ready},
                                      .label = *label,
                                      .used = true,
                                      .up = {.pipe = {-1, -1}},
                                      .down = {.pipe = {-1, -1}}};
    if (++count == CONNECTIONS_MAX) proxy_open_doors(false);
    set(client, IPPROTO_TCP, TCP_NODELAY, 1);
    set(client, SOL_SOCKET, SO_KEEPALIVE, 1);
    bool fails = pipe2(connection->up.pipe, O_CLOEXEC | O_NONBLOCK) ||
                 pipe2(connection->down.pipe, O_CLOEXEC | O_NONBLOCK) ||
                 proxy_watch(&connection->client, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) ||
                 (connect_to(connection, AF_INET6) && connect_to(connection, AF_INET));
    if (fails) break_off(connection);
}

void tcp_let_in(struct source *source, uint32_t events) {
    const struct door *door = (struct door *)source;
    (void)events;
    int client = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client >= 0) begin(client, &door->label);
}
