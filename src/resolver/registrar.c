// SPDX-License-Identifier: Apache-2.0
// Who is served. A connection to the listening socket is a container's, and it is served for as long as that
// is open: its shim holds it. The first message is the scope's text (scope.h) and two descriptors, the
// container's sockets for UDP and TCP, then those to ask its own servers by (spares.h). With another one, a
// pidfd or a unix socket, the container is served until that ends instead, and the connection does not
// matter: for a container whose shim has lost its resolver, and gets another one (network/resolver.c).
//
// The other messages are of containers that are served. Each is answered, "ok" when it is in force, or
// "unknown" when there is no such container, after everybody who came before was heard:
//   update ID   and the new text in the lines that follow
//   hold ID     with a descriptor: served until that one's other end is closed, and not for as long as before
//   forget ID   the end of its being served
//
// The end. The resolver goes when it has served nobody for a moment: to whoever starts one container after
// another it is worth a tenth of each. A container that comes when it goes must not be lost. Whoever connects
// holds the lock (a file of the network's directory, flock) from before it connects until it is connected;
// whoever finds the socket refused starts a resolver under the same lock. So the resolver takes the lock,
// looks into the accept queue once more, and goes only when nobody is there: it closes the socket and lets go
// of the lock, and the next one finds a socket that refuses. A resolver that has just been started goes the
// same way when the one who started it died before it was connected. The socket's name stays, as the
// directory is not the resolver's to write in; who starts the next one takes it away.
#include "resolver/resolver.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#define TEXT_MAX     65536
#define FDS_MAX      192
#define REGISTRATION "container "

enum { FD_UDP, FD_TCP, FD_MORE };

struct request {
    char text[TEXT_MAX + 1];
    int fds[FDS_MAX];
};

static void request_finish(struct request *request) {
    for (size_t i = 0; i < FDS_MAX; i++) fd_closep(&request->fds[i]);
}

// The message's size; 0 at the end.
static ssize_t request_read(struct request *request, int fd) {
    memset(request->fds, -1, sizeof request->fds);
    ssize_t n = fd_receive(fd, MSG_DONTWAIT, request->text, TEXT_MAX, request->fds, FDS_MAX);
    if (n >= 0) request->text[n] = '\0';
    return n;
}

// Registering

static void connection_ready(struct watch *watch, uint32_t events);

static void process_ended(struct watch *watch, uint32_t events) {
    (void)events;
    client_free(watch->owner);
}

static int serve_fd(struct resolver *resolver, struct watch *watch, int *fd) {
    int r = watch_add(&resolver->loop, watch, *fd, EPOLLIN);
    if (!r) (void)take_fd(fd);
    return r;
}

static int client_register(struct client *client, struct request *request) {
    struct resolver *resolver = client->resolver;
    if (request->fds[FD_TCP] < 0) return -EINVAL;
    int r = scope_init(&client->scope, &resolver->zones, request->text);
    if (r) return r;
    client->registered = true;
    r = serve_fd(resolver, &client->udp, &request->fds[FD_UDP]);
    if (!r) r = serve_fd(resolver, &client->tcp, &request->fds[FD_TCP]);
    int *until = NULL;
    for (size_t i = FD_MORE; i < FDS_MAX && request->fds[i] >= 0; i++)
        if (spares_add(&client->spares, request->fds[i]))
            request->fds[i] = -1;
        else
            until = &request->fds[i];
    if (r || !until) return r;
    watch_remove(&resolver->loop, &client->connection);
    client->connection.ready = process_ended;
    return serve_fd(resolver, &client->connection, until);
}

static void client_update(struct client *client, const char *text) {
    struct scope scope;
    if (scope_init(&scope, &client->resolver->zones, text)) return;
    scope_finish(&client->scope);
    client->scope = scope;
}

// id: "ID\n" and the text.
static const char *update(struct resolver *resolver, const char *id) {
    struct client *client;
    const char *answer = "unknown", *text = strchr(id, '\n');
    if (!text) return answer;
    for (client = resolver->clients.first; client; client = client->list.next) {
        if (!client->registered || strlen(client->scope.container) != (size_t)(text - id) ||
            memcmp(client->scope.container, id, (size_t)(text - id)) != 0)
            continue;
        client_update(client, text + 1);
        answer = "ok";
    }
    return answer;
}

static const char *forget(struct resolver *resolver, const char *id) {
    const char *answer = "unknown";
    for (struct client *c = resolver->clients.first, *next; c; c = next) {
        next = c->list.next;
        if (!c->registered || !str_eq(c->scope.container, id)) continue;
        client_free(c);
        answer = "ok";
    }
    return answer;
}

static const char *client_hold(struct client *client, int *fd) {
    watch_remove(&client->resolver->loop, &client->connection);
    client->connection.ready = process_ended;
    if (!serve_fd(client->resolver, &client->connection, fd)) return "ok";
    client_free(client);
    return "unknown";
}

static const char *hold(struct resolver *resolver, const char *id, struct request *request) {
    struct client *client;
    for (client = resolver->clients.first; client; client = client->list.next)
        if (client->registered && request->fds[0] >= 0 && str_eq(client->scope.container, id))
            return client_hold(client, &request->fds[0]);
    return "unknown";
}

// NULL for what is none.
static const char *request_answer(struct resolver *resolver, struct request *request) {
    const char *id = str_after(request->text, "update ");
    if (id) return update(resolver, id);
    id = str_after(request->text, "hold ");
    if (id) return hold(resolver, id, request);
    id = str_after(request->text, "forget ");
    return id ? forget(resolver, id) : NULL;
}

static bool client_read(struct client *client, struct request *request, ssize_t *ret_size) {
    *ret_size = request_read(request, client->connection.fd);
    return *ret_size != -EAGAIN;
}

static bool client_accept(struct resolver *resolver) {
    _cleanup_(fd_closep) int fd = resolver_accept(resolver, resolver->listen.fd);
    if (fd < 0) return false;
    struct client *client = xmalloc(sizeof *client);
    *client = (struct client){
        .resolver = resolver,
        .connection = {.fd = -1, .ready = connection_ready, .owner = client},
        .udp = {.fd = -1, .ready = client_ready_udp, .owner = client},
        .tcp = {.fd = -1, .ready = stream_accept, .owner = client},
    };
    list_add(&resolver->clients, client);
    resolver->client_count++;
    if (serve_fd(resolver, &client->connection, &fd)) client_free(client);
    return true;
}

static bool registration_waits(const struct client *client) {
    char text[sizeof REGISTRATION - 1];
    ssize_t n = recv(client->connection.fd, text, sizeof text, MSG_PEEK | MSG_DONTWAIT);
    return n == sizeof text && memcmp(text, REGISTRATION, sizeof text) == 0;
}

// Whoever registered before something was asked is to be known when that is answered: connections are not
// heard in the order in which they were made.
static void hear_registrations(struct resolver *resolver) {
    static struct request request; // large
    ssize_t n;
    while (client_accept(resolver)) {}
    for (struct client *c = resolver->clients.first, *next; c; c = next) {
        next = c->list.next;
        if (c->registered || !registration_waits(c) || !client_read(c, &request, &n)) continue;
        if (n <= 0 || client_register(c, &request)) client_free(c);
        request_finish(&request);
    }
}

static void connection_ready(struct watch *watch, uint32_t events) {
    static struct request request; // large
    struct client *client = watch->owner;
    ssize_t n;
    (void)events;
    if (!client_read(client, &request, &n)) return;
    bool first = n > 0 && !client->registered, asks = first && !str_after(request.text, REGISTRATION);
    if (asks) hear_registrations(client->resolver);
    const char *answer = asks ? request_answer(client->resolver, &request) : NULL;
    if (answer) (void)send(client->connection.fd, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (asks || !first || client_register(client, &request)) client_free(client);
    request_finish(&request);
}

static void listen_ready(struct watch *watch, uint32_t events) {
    (void)events;
    client_accept(watch->owner);
}

// The end

static bool may_end(struct resolver *resolver) {
    if (resolver->client_count || clock_monotonic_ns() < resolver->served_ns + LINGER_NS) return false;
    if (fd_lock(resolver->lock, LOCK_EX)) return false;
    if (client_accept(resolver)) return flock(resolver->lock, LOCK_UN), false;
    // With the lock, and not left to the exit: that closes in no order, and waits for the kernel in between.
    watch_remove(&resolver->loop, &resolver->listen);
    (void)flock(resolver->lock, LOCK_UN);
    return true;
}

// Time

static int wait_ms(const struct resolver *resolver, uint64_t now_ns) {
    const struct query *query = resolver->queries.first;
    const struct stream *stream = resolver->streams.first;
    uint64_t next_ns = UINT64_MAX;
    if (query) next_ns = query->deadline_ns;
    if (stream && stream->deadline_ns < next_ns) next_ns = stream->deadline_ns;
    if (!resolver->client_count && resolver->served_ns + LINGER_NS < next_ns)
        next_ns = resolver->served_ns + LINGER_NS;
    if (next_ns == UINT64_MAX) return -1;
    return next_ns <= now_ns ? 0 : (int)((next_ns - now_ns) / 1000000 + 1);
}

static void changes_ready(struct watch *watch, uint32_t events) {
    (void)events;
    zones_update(&((struct resolver *)watch->owner)->zones);
}

static int resolver_init(struct resolver *resolver, int listen, int directory, int lock) {
    *resolver = (struct resolver){
        .listen = {.fd = -1, .ready = listen_ready, .owner = resolver},
        .changes = {.fd = -1, .ready = changes_ready, .owner = resolver},
        .host = WATCH_NONE,
        .lock = lock,
        .served_ns = clock_monotonic_ns(),
    };
    int r = loop_init(&resolver->loop);
    if (!r) r = zones_init(&resolver->zones, directory);
    if (!r) r = watch_add(&resolver->loop, &resolver->changes, resolver->zones.inotify, EPOLLIN);
    if (!r) r = host_init(resolver);
    return r ? r : watch_add(&resolver->loop, &resolver->listen, listen, EPOLLIN);
}

int resolver_serve(int listen, int directory, int lock) {
    static struct resolver resolver;
    int r = resolver_init(&resolver, listen, directory, lock);
    while (!r && !may_end(&resolver)) {
        r = loop_once(&resolver.loop, wait_ms(&resolver, clock_monotonic_ns()));
        uint64_t now_ns = clock_monotonic_ns();
        queries_expire(&resolver, now_ns);
        queries_resume(&resolver);
        streams_expire(&resolver, now_ns);
    }
    return r;
}
