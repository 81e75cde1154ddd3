// SPDX-License-Identifier: Apache-2.0
// A container's TCP connection: a message with its length before it is read, then answered, then comes the
// next. One that is idle is closed after a while, and the one that is idle longest when there are too many.
#include "resolver/resolver.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LENGTH_SIZE 2

void stream_free(struct stream *stream) {
    struct resolver *resolver = stream->client->resolver;
    if (stream->query) query_free(stream->query);
    watch_remove(&resolver->loop, &stream->watch);
    TAILQ_REMOVE(&resolver->streams, stream, list);
    resolver->stream_count--;
    stream->client->streams--;
    free(stream->bytes);
    free(stream);
}

static void stream_wait(struct stream *stream) {
    struct resolver *resolver = stream->client->resolver;
    stream->deadline_ns = clock_monotonic_ns() + STREAM_IDLE_NS;
    TAILQ_REMOVE(&resolver->streams, stream, list);
    TAILQ_INSERT_TAIL(&resolver->streams, stream, list);
}

// What is written was done[…size]; then it reads again. False: it is over.
static bool stream_write(struct stream *stream) {
    struct loop *loop = &stream->client->resolver->loop;
    ssize_t n =
        send(stream->watch.fd, stream->bytes + stream->done, stream->size - stream->done, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (n > 0) stream->done += (size_t)n;
    if (stream->done < stream->size) return !watch_change(loop, &stream->watch, EPOLLOUT);
    stream->done = stream->size = 0;
    return !watch_change(loop, &stream->watch, EPOLLIN);
}

static bool stream_put(struct stream *stream, const uint8_t *bytes, size_t size) {
    if (size > MESSAGE_MAX) return false;
    stream->bytes = xrealloc(stream->bytes, LENGTH_SIZE + size);
    stream->bytes[0] = (uint8_t)(size >> 8);
    stream->bytes[1] = (uint8_t)size;
    memcpy(stream->bytes + LENGTH_SIZE, bytes, size);
    stream->done = 0;
    stream->size = LENGTH_SIZE + size;
    return stream_write(stream);
}

void stream_answer(struct stream *stream, const uint8_t *bytes, size_t size) {
    stream_wait(stream);
    if (!stream_put(stream, bytes, size)) stream_free(stream);
}

// A whole message is there.
static bool stream_ask(struct stream *stream) {
    struct asker asker = {.client = stream->client, .stream = stream, .limit = MESSAGE_MAX};
    uint8_t *answer = NULL;
    size_t size = 0;
    // Nothing is read while it waits. Its end is heard all the same.
    if (watch_change(&stream->client->resolver->loop, &stream->watch, 0)) return false;
    zones_update(&stream->client->resolver->zones);
    switch (client_ask(&asker, stream->bytes + LENGTH_SIZE, stream->done - LENGTH_SIZE, &answer, &size)) {
    case CLIENT_LATER: return true;
    case CLIENT_SILENT: return false;
    case CLIENT_ANSWER: break;
    }
    bool good = stream_put(stream, answer, size);
    free(answer);
    return good;
}

static bool stream_read(struct stream *stream) {
    if (!stream->done) stream->bytes = xrealloc(stream->bytes, LENGTH_SIZE);
    size_t wanted = LENGTH_SIZE;
    if (stream->done >= LENGTH_SIZE) wanted += (size_t)(stream->bytes[0] << 8 | stream->bytes[1]);
    ssize_t n = recv(stream->watch.fd, stream->bytes + stream->done, wanted - stream->done, 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    stream->done += (size_t)n;
    if (stream->done == LENGTH_SIZE) {
        wanted += (size_t)(stream->bytes[0] << 8 | stream->bytes[1]);
        stream->bytes = xrealloc(stream->bytes, wanted);
    }
    if (stream->done < wanted) return true;
    stream_wait(stream);
    return stream_ask(stream);
}

static void stream_ready(struct watch *watch, uint32_t events) {
    struct stream *stream = watch->owner;
    bool good = stream->query  ? !(events & (EPOLLHUP | EPOLLERR))
                : stream->size ? stream_write(stream)
                               : stream_read(stream);
    if (!good) stream_free(stream);
}

static void stream_new(struct client *client, int fd) {
    struct resolver *resolver = client->resolver;
    struct stream *stream = xmalloc(sizeof *stream);
    *stream = (struct stream){.client = client, .watch = {.fd = -1, .ready = stream_ready, .owner = stream}};
    TAILQ_INSERT_TAIL(&resolver->streams, stream, list);
    resolver->stream_count++;
    client->streams++;
    stream_wait(stream);
    if (!watch_add(&resolver->loop, &stream->watch, fd, EPOLLIN)) return;
    close(fd);
    stream_free(stream);
}

static void stream_make_room(struct client *client) {
    struct stream *stream;
    bool own = client->streams >= CLIENT_STREAMS;
    if (!own && client->resolver->stream_count < ALL_STREAMS) return;
    TAILQ_FOREACH(stream, &client->resolver->streams, list)
    if (!own || stream->client == client) return stream_free(stream);
}

int resolver_accept(struct resolver *resolver, int fd) {
    int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    bool full = connection < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM);
    struct stream *stream = TAILQ_FIRST(&resolver->streams);
    struct query *query = TAILQ_FIRST(&resolver->queries);
    if (full && stream)
        stream_free(stream);
    else if (full && query)
        query_fail(query);
    return connection;
}

void stream_accept(struct watch *watch, uint32_t events) {
    struct client *client = watch->owner;
    (void)events;
    int fd = resolver_accept(client->resolver, watch->fd);
    if (fd < 0) return;
    stream_make_room(client);
    stream_new(client, fd);
}

void streams_expire(struct resolver *resolver, uint64_t now_ns) {
    for (struct stream *stream; (stream = TAILQ_FIRST(&resolver->streams)) && stream->deadline_ns <= now_ns;)
        stream_free(stream);
}
