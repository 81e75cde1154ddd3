// SPDX-License-Identifier: Apache-2.0
// A forwarded question has a socket of its own for each attempt, connected to the server: the kernel picks a
// random port, and drops what comes from anywhere else. With a random id that is what a forged answer has to
// guess, and after a few wrong guesses the socket is another one. The asker's message goes on as it is (so
// are its EDNS size and flags), and the answer comes back as it is, also a cut one: who gets that asks again
// by TCP, and is then asked for by TCP.
//
// A server that is silent, or not there, or says SERVFAIL or REFUSED is followed by the next. When all have
// refused, the last refusal is the answer; when time is up, it is SERVFAIL.
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

void query_free(struct query *query) {
    struct resolver *resolver = query->resolver;
    watch_remove(&resolver->loop, &query->upstream);
    list_remove(&resolver->queries, query);
    resolver->query_count--;
    query->asker.client->queries--;
    if (query->asker.stream) query->asker.stream->query = NULL;
    free(query->question);
    free(query->answer);
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

static int attempt_begin(struct query *query, uint64_t now_ns) {
    struct resolver *resolver = query->resolver;
    if (!query->servers->count) return -ENOENT;
    query->server = servers_pick(query->servers, query->attempt, now_ns);
    const union server *server = &query->servers->items[query->server];
    int type = (by_tcp(query) ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
    _cleanup_(fd_closep) int fd = socket(server->any.sa_family, type, 0);
    if (fd < 0) return -errno;
    if (getrandom(message(query), sizeof query->id, GRND_NONBLOCK) != sizeof query->id) return -EAGAIN;
    if (connect(fd, &server->any, sizeof server->storage) && errno != EINPROGRESS) return -errno;
    if (!by_tcp(query) && send(fd, message(query), query->size, MSG_NOSIGNAL) < 0) return -errno;
    query->sent = query->received = 0;
    query->wrong = 0;
    int r = watch_add(&resolver->loop, &query->upstream, fd, by_tcp(query) ? EPOLLOUT : EPOLLIN);
    if (!r) (void)take_fd(&fd);
    return r;
}

// To the end of the list: all attempts last equally long.
static void attempt_wait(struct query *query, uint64_t now_ns) {
    query->deadline_ns = now_ns + ATTEMPT_NS;
    list_remove(&query->resolver->queries, query);
    list_add(&query->resolver->queries, query);
}

static void query_attempt(struct query *query) {
    uint64_t now_ns = clock_monotonic_ns();
    for (; query->attempt < ATTEMPTS; query->attempt++) {
        if (!attempt_begin(query, now_ns)) return attempt_wait(query, now_ns);
        if (++query->refusals >= query->servers->count) break;
    }
    query_fail(query);
}

static void query_next(struct query *query) {
    watch_remove(&query->resolver->loop, &query->upstream);
    query->attempt++;
    query_attempt(query);
}

// There is no such server, or it is one that does not want.
static void query_refused(struct query *query) {
    if (++query->refusals >= query->servers->count) return query_fail(query);
    query_next(query);
}

static void query_heard(struct query *query, uint8_t *bytes, size_t size) {
    bool sound = message_is_sound(bytes, size), cut = bytes[2] & 0x02 && size >= query->question_end;
    // What was cut may have been cut anywhere; any other answer that can't be read is as good as none.
    if (!sound && !cut) return query_refused(query);
    if (!sound) size = message_truncate(bytes, query->question_end);
    uint8_t code = bytes[3] & 0xf;
    if ((code == LDNS_RCODE_SERVFAIL || code == LDNS_RCODE_REFUSED) &&
        query->refusals + 1 < query->servers->count && query->attempt + 1 < ATTEMPTS) {
        query->refusals++;
        return query_next(query);
    }
    struct servers *servers = (struct servers *)query->servers;
    servers_answered(servers, query->server, query->attempt, clock_monotonic_ns());
    query_answer(query, bytes, size);
}

static bool is_answer(struct query *query, const uint8_t *bytes, size_t size) {
    if (message_answers(bytes, size, message(query), query->question_end)) return true;
    // Without a question: of a server that could not read it.
    return size == MESSAGE_HEADER && bytes[3] & 0xf && !bytes[4] && !bytes[5] && bytes[2] & 0x80 &&
           memcmp(bytes, message(query), sizeof query->id) == 0;
}

static void heard_udp(struct query *query) {
    static uint8_t bytes[MESSAGE_MAX];
    ssize_t n = recv(query->upstream.fd, bytes, sizeof bytes, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0) return query_refused(query);
    if (is_answer(query, bytes, (size_t)n)) return query_heard(query, bytes, (size_t)n);
    if (++query->wrong >= WRONG_ANSWERS_MAX) query_next(query);
}

static bool flush_tcp(struct query *query) {
    size_t all = query->size + LENGTH_SIZE;
    ssize_t n = send(query->upstream.fd, query->question + query->sent, all - query->sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n < 0) return false;
    query->sent += (size_t)n;
    return query->sent < all || !watch_change(&query->resolver->loop, &query->upstream, EPOLLIN);
}

static bool read_tcp(struct query *query) {
    if (!query->answer) query->answer = xmalloc(LENGTH_SIZE + MESSAGE_MAX);
    uint8_t *bytes = query->answer;
    size_t wanted = LENGTH_SIZE;
    if (query->received >= LENGTH_SIZE) wanted += (size_t)(bytes[0] << 8 | bytes[1]);
    ssize_t n = recv(query->upstream.fd, bytes + query->received, wanted - query->received, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n <= 0) return false;
    query->received += (size_t)n;
    if (query->received == LENGTH_SIZE && (bytes[0] || bytes[1])) return true;
    if (query->received < wanted) return true;
    if (!is_answer(query, bytes + LENGTH_SIZE, query->received - LENGTH_SIZE)) return false;
    query_heard(query, bytes + LENGTH_SIZE, query->received - LENGTH_SIZE);
    return true;
}

static void upstream_ready(struct watch *watch, uint32_t events) {
    struct query *query = watch->owner;
    if (!by_tcp(query)) return heard_udp(query);
    bool good = events & EPOLLOUT ? flush_tcp(query) : read_tcp(query);
    if (!good) query_refused(query);
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
        .upstream = {.fd = -1, .ready = upstream_ready, .owner = query},
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
    query_attempt(query);
    return true;
}

void queries_expire(struct resolver *resolver, uint64_t now_ns) {
    for (struct query *q = resolver->queries.first, *next; q && q->deadline_ns <= now_ns; q = next) {
        next = q->list.next;
        query_next(q);
    }
}
