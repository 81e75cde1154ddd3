// SPDX-License-Identifier: Apache-2.0
// A forwarded question has a socket of its own for each attempt, connected to the server: the kernel picks a
// random port, and drops what comes from anywhere else. With a random id that is what a forged answer has to
// guess, and after a few wrong guesses the socket is closed. The asker's message goes on as it is (so are its
// EDNS size and flags), and the answer comes back as it is, also a cut one: who gets that asks again by TCP,
// and is then asked for by TCP.
//
// The host's servers are asked by sockets that are made here. For a container's own there are only so many
// (spares.h): an attempt that finds none waits for one, until the next attempt's time.
//
// A server that is silent, or not there, or says SERVFAIL or REFUSED is followed by the next. Who was silent
// may only be slow: its answer counts until the end. When all have refused, the last refusal is the answer;
// when time is up, it is SERVFAIL.
#include "resolver/resolver.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#define LENGTH_SIZE 2 // before a message, by TCP

static uint8_t *message(const struct query *query) {
    return query->question + LENGTH_SIZE;
}

static bool by_tcp(const struct query *query) {
    return query->asker.stream != NULL;
}

// The end

// Whether the servers are the container's own.
static bool is_inside(const struct query *query) {
    return query->servers == &query->asker.client->scope.servers;
}

static void socket_close(struct query *query, int fd) {
    if (fd < 0) return;
    if (is_inside(query))
        spares_return(&query->asker.client->spares, fd);
    else
        close(fd);
}

static void attempt_close(struct attempt *attempt) {
    socket_close(attempt->query, watch_take(&attempt->query->resolver->loop, &attempt->upstream));
    free(attempt->answer);
    attempt->answer = NULL;
}

void query_free(struct query *query) {
    for (size_t i = 0; i < query->begun; i++) attempt_close(&query->attempts[i]);
    list_remove(&query->resolver->queries, query);
    query->resolver->query_count--;
    query->asker.client->queries--;
    if (query->asker.stream) query->asker.stream->query = NULL;
    free(query->question);
    free(query);
}

static void query_answer(struct query *query, uint8_t *bytes, size_t size) {
    struct asker *asker = &query->asker;
    memcpy(bytes, query->id, sizeof query->id);
    if (asker->stream) {
        struct stream *stream = asker->stream;
        stream->query = NULL;
        asker->stream = NULL;
        stream_answer(stream, bytes, size);
        return query_free(query);
    }
    if (size > asker->limit) size = message_truncate(bytes, query->question_end);
    (void)sendto(asker->client->udp.fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL,
                 (struct sockaddr *)&asker->from, sizeof asker->from);
    query_free(query);
}

void query_fail(struct query *query) {
    query_answer(query, message(query),
                 message_refuse(message(query), query->question_end, LDNS_RCODE_SERVFAIL));
}

// An attempt

static void upstream_ready(struct watch *watch, uint32_t events);

static int attempt_connect(struct attempt *attempt, const union server *server, int fd) {
    struct query *query = attempt->query;
    if (getrandom(attempt->id, sizeof attempt->id, GRND_NONBLOCK) != sizeof attempt->id) return -EAGAIN;
    memcpy(message(query), attempt->id, sizeof attempt->id);
    if (connect(fd, &server->any, sizeof server->storage) && errno != EINPROGRESS) return -errno;
    if (!by_tcp(query) && send(fd, message(query), query->size, MSG_NOSIGNAL) < 0) return -errno;
    return watch_add(&query->resolver->loop, &attempt->upstream, fd, by_tcp(query) ? EPOLLOUT : EPOLLIN);
}

// -EBUSY: all of the container's are in use. One by which this query has asked another server is let go.
static int socket_open(const struct attempt *attempt, int family) {
    struct query *query = attempt->query;
    struct spares *spares = &query->asker.client->spares;
    int type = by_tcp(query) ? SOCK_STREAM : SOCK_DGRAM;
    if (!is_inside(query)) {
        int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        return fd < 0 ? -errno : fd;
    }
    int fd = spares_take(spares, family, type);
    for (struct attempt *other = query->attempts; fd == -EBUSY && other < attempt; other++) {
        if (other->server == attempt->server) continue;
        attempt_close(other);
        fd = spares_take(spares, family, type);
    }
    return fd;
}

// 0 also when it has to wait for a socket.
static int attempt_open(struct attempt *attempt) {
    struct query *query = attempt->query;
    const union server *server = servers_address((struct servers *)query->servers, attempt->server);
    int fd = socket_open(attempt, server->any.sa_family);
    attempt->waits = fd == -EBUSY;
    query->resolver->queries_wait |= attempt->waits;
    int r = attempt->waits ? 0 : fd < 0 ? fd : attempt_connect(attempt, server, fd);
    if (r) socket_close(query, fd);
    return r;
}

static bool is_open(const struct attempt *attempt) {
    return attempt->upstream.fd >= 0 || attempt->waits;
}

static unsigned open_count(const struct query *query) {
    unsigned count = 0;
    for (size_t i = 0; i < query->begun; i++) count += is_open(&query->attempts[i]);
    return count;
}

static bool all_refused(const struct query *query) {
    return (size_t)__builtin_popcount(query->refused) >= query->servers->count;
}

// To the end of the list: all attempts last equally long.
static void query_wait(struct query *query, uint64_t now_ns) {
    query->deadline_ns = now_ns + ATTEMPT_NS;
    list_remove(&query->resolver->queries, query);
    list_add(&query->resolver->queries, query);
}

// Asks the next server, if there is one.
static void query_next(struct query *query) {
    uint64_t now_ns = clock_monotonic_ns();
    if (query->begun) query->attempts[query->begun - 1].waits = false;
    while (query->begun < ATTEMPTS && !all_refused(query)) {
        struct attempt *attempt = &query->attempts[query->begun];
        *attempt = (struct attempt){
            .query = query,
            .upstream = {.fd = -1, .ready = upstream_ready, .owner = attempt},
            .server = servers_pick(query->servers, (unsigned)query->begun++, now_ns),
        };
        query_wait(query, now_ns);
        if (!attempt_open(attempt)) return;
        query->refused |= 1u << attempt->server;
    }
    if (all_refused(query) || !open_count(query)) query_fail(query);
}

// Nothing more comes by this one. The others have their time, and the next one's comes at once when there is
// no other.
static void attempt_end(struct attempt *attempt) {
    struct query *query = attempt->query;
    attempt_close(attempt);
    if (!is_open(&query->attempts[query->begun - 1]) || all_refused(query)) query_next(query);
}

// There is no such server, or it is one that does not want.
static void attempt_refused(struct attempt *attempt) {
    attempt->query->refused |= 1u << attempt->server;
    attempt_end(attempt);
}

static void attempt_heard(struct attempt *attempt, uint8_t *bytes, size_t size) {
    struct query *query = attempt->query;
    bool sound = message_is_sound(bytes, size), cut = bytes[2] & 0x02 && size >= query->question_end;
    // What was cut may have been cut anywhere; any other answer that can't be read is as good as none.
    if (!sound && !cut) return attempt_refused(attempt);
    if (!sound) size = message_truncate(bytes, query->question_end);
    uint8_t code = bytes[3] & 0xf;
    if (code == LDNS_RCODE_SERVFAIL || code == LDNS_RCODE_REFUSED) {
        query->refused |= 1u << attempt->server;
        if (!all_refused(query) && (query->begun < ATTEMPTS || open_count(query) > 1))
            return attempt_end(attempt);
    }
    struct servers *servers = (struct servers *)query->servers;
    servers_answered(servers, attempt->server, (unsigned)(attempt - query->attempts), clock_monotonic_ns());
    query_answer(query, bytes, size);
}

static bool is_answer(const struct attempt *attempt, const uint8_t *bytes, size_t size) {
    const struct query *query = attempt->query;
    if (message_answers(bytes, size, message(query), query->question_end)) return true;
    // Without a question: of a server that could not read it.
    return size == MESSAGE_HEADER && bytes[3] & 0xf && !bytes[4] && !bytes[5] && bytes[2] & 0x80 &&
           memcmp(bytes, message(query), sizeof query->id) == 0;
}

static void heard_udp(struct attempt *attempt) {
    static uint8_t bytes[MESSAGE_MAX];
    ssize_t n = recv(attempt->upstream.fd, bytes, sizeof bytes, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0) return attempt_refused(attempt);
    if (is_answer(attempt, bytes, (size_t)n)) return attempt_heard(attempt, bytes, (size_t)n);
    if (++attempt->wrong >= WRONG_ANSWERS_MAX) attempt_end(attempt);
}

static bool flush_tcp(struct attempt *attempt) {
    struct query *query = attempt->query;
    size_t all = query->size + LENGTH_SIZE;
    ssize_t n =
        send(attempt->upstream.fd, query->question + attempt->sent, all - attempt->sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n < 0) return false;
    attempt->sent += (size_t)n;
    return attempt->sent < all || !watch_change(&query->resolver->loop, &attempt->upstream, EPOLLIN);
}

static bool read_tcp(struct attempt *attempt) {
    if (!attempt->answer) attempt->answer = xmalloc(LENGTH_SIZE + MESSAGE_MAX);
    uint8_t *bytes = attempt->answer;
    size_t wanted = LENGTH_SIZE;
    if (attempt->received >= LENGTH_SIZE) wanted += (size_t)(bytes[0] << 8 | bytes[1]);
    ssize_t n = recv(attempt->upstream.fd, bytes + attempt->received, wanted - attempt->received, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n <= 0) return false;
    attempt->received += (size_t)n;
    if (attempt->received == LENGTH_SIZE && (bytes[0] || bytes[1])) return true;
    if (attempt->received < wanted) return true;
    if (!is_answer(attempt, bytes + LENGTH_SIZE, attempt->received - LENGTH_SIZE)) return false;
    attempt_heard(attempt, bytes + LENGTH_SIZE, attempt->received - LENGTH_SIZE);
    return true;
}

static void upstream_ready(struct watch *watch, uint32_t events) {
    struct attempt *attempt = watch->owner;
    struct query *query = attempt->query;
    memcpy(message(query), attempt->id, sizeof attempt->id); // may have another one's
    if (!by_tcp(query)) return heard_udp(attempt);
    bool good = events & EPOLLOUT ? flush_tcp(attempt) : read_tcp(attempt);
    if (!good) attempt_refused(attempt);
}

// Beginning, and time

// When there are too many of all, who has less than its share takes the place of the oldest.
static bool make_room(const struct client *client) {
    struct resolver *resolver = client->resolver;
    if (client->queries >= CLIENT_QUERIES) return false;
    if (resolver->query_count < ALL_QUERIES) return true;
    if (client->queries >= ALL_QUERIES / resolver->client_count) return false;
    query_fail(resolver->queries.first);
    return true;
}

bool query_start(const struct asker *asker, const uint8_t *bytes, size_t size, size_t question_end) {
    struct resolver *resolver = asker->client->resolver;
    struct client *client = asker->client;
    if (!make_room(client)) return false;
    struct query *query = xmalloc(sizeof *query);
    *query = (struct query){
        .resolver = resolver,
        .asker = *asker,
        .question = xmalloc(LENGTH_SIZE + size),
        .size = size,
        .question_end = question_end,
        .servers = client->scope.servers.count ? &client->scope.servers : &resolver->servers,
    };
    memcpy(query->id, bytes, sizeof query->id);
    query->question[0] = (uint8_t)(size >> 8);
    query->question[1] = (uint8_t)size;
    memcpy(message(query), bytes, size);
    list_add(&resolver->queries, query);
    resolver->query_count++;
    client->queries++;
    if (asker->stream) asker->stream->query = query;
    query_next(query);
    return true;
}

void queries_expire(struct resolver *resolver, uint64_t now_ns) {
    for (struct query *q = resolver->queries.first, *next; q && q->deadline_ns <= now_ns; q = next) {
        next = q->list.next;
        if (q->begun < ATTEMPTS)
            query_next(q);
        else
            query_fail(q);
    }
}

void queries_resume(struct resolver *resolver) {
    if (!resolver->queries_wait) return;
    resolver->queries_wait = false;
    for (struct query *q = resolver->queries.first, *next; q; q = next) {
        struct attempt *attempt = &q->attempts[q->begun - 1];
        next = q->list.next;
        if (attempt->waits && attempt_open(attempt)) attempt_refused(attempt);
    }
}
