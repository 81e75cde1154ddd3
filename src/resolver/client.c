// SPDX-License-Identifier: Apache-2.0
// A container's questions by UDP, a batch at a time: after each batch the others have their turn, so nobody
// is starved by a container that asks as fast as it can.
#include "resolver/resolver.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH 32

struct batch {
    uint8_t bytes[BATCH][MESSAGE_UDP_MAX];
    struct sockaddr_in from[BATCH];
    struct iovec parts[BATCH], answers[BATCH];
    struct mmsghdr heads[BATCH], out[BATCH];
    int count;
};

static enum client_result answer_with(int result, uint8_t **answer) {
    return result ? (free(*answer), *answer = NULL, CLIENT_SILENT) : CLIENT_ANSWER;
}

static enum client_result ask_elsewhere(const struct asker *asker, struct question *q, const uint8_t *bytes,
                                        size_t size, uint8_t **ret_answer, size_t *ret_size) {
    if (query_start(asker, bytes, size, q->end)) return CLIENT_LATER;
    return answer_with(answer_code(q, LDNS_RCODE_SERVFAIL, ret_answer, ret_size), ret_answer);
}

static enum client_result ask(const struct asker *asker, struct question *q, const uint8_t *bytes,
                              size_t size, uint8_t **ret_answer, size_t *ret_size) {
    static struct finding finding; // large
    int r = 0;
    switch (scope_find(&asker->client->scope, q, &finding)) {
    case SCOPE_FORWARD: return ask_elsewhere(asker, q, bytes, size, ret_answer, ret_size);
    case SCOPE_ADDRESSES:
        r = answer_addresses(q, finding.addresses, finding.count, ret_answer, ret_size);
        break;
    case SCOPE_NAME: r = answer_name(q, finding.name, ret_answer, ret_size); break;
    case SCOPE_UNKNOWN: r = answer_code(q, LDNS_RCODE_NXDOMAIN, ret_answer, ret_size); break;
    case SCOPE_SILENT: r = answer_code(q, LDNS_RCODE_SERVFAIL, ret_answer, ret_size); break;
    }
    return answer_with(r, ret_answer);
}

static enum client_result refuse(const uint8_t *bytes, uint8_t code, uint8_t **ret_answer, size_t *ret_size) {
    *ret_answer = xmalloc(MESSAGE_HEADER);
    memcpy(*ret_answer, bytes, MESSAGE_HEADER);
    *ret_size = message_refuse(*ret_answer, 0, code);
    return CLIENT_ANSWER;
}

enum client_result client_ask(const struct asker *asker, const uint8_t *bytes, size_t size,
                              uint8_t **ret_answer, size_t *ret_size) {
    struct question q;
    struct asker with_limit = *asker;
    uint8_t code = 0;
    switch (question_read(bytes, size, &q, &code)) {
    case MESSAGE_DROP: return CLIENT_SILENT;
    case MESSAGE_REFUSED: return refuse(bytes, code, ret_answer, ret_size);
    case MESSAGE_GOOD: break;
    }
    if (!asker->stream) with_limit.limit = q.limit;
    enum client_result result = ask(&with_limit, &q, bytes, size, ret_answer, ret_size);
    if (result == CLIENT_ANSWER && *ret_size > with_limit.limit)
        *ret_size = message_truncate(*ret_answer, q.end);
    question_finish(&q);
    return result;
}

// UDP

static bool batch_read(struct batch *batch, int fd) {
    for (int i = 0; i < BATCH; i++) {
        batch->parts[i] = (struct iovec){batch->bytes[i], MESSAGE_UDP_MAX};
        batch->heads[i].msg_hdr = (struct msghdr){.msg_name = &batch->from[i],
                                                  .msg_namelen = sizeof batch->from[i],
                                                  .msg_iov = &batch->parts[i],
                                                  .msg_iovlen = 1};
    }
    batch->count = recvmmsg(fd, batch->heads, BATCH, MSG_DONTWAIT, NULL);
    return batch->count > 0;
}

static void batch_send(struct batch *batch, int fd, unsigned count) {
    for (unsigned sent = 0; sent < count;) {
        int n = sendmmsg(fd, batch->out + sent, count - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += n > 0 ? (unsigned)n : 1; // one that can't be sent is as good as lost on the way
    }
    for (unsigned i = 0; i < count; i++) free(batch->answers[i].iov_base);
}

void client_ready_udp(struct watch *watch, uint32_t events) {
    static struct batch batch;
    struct client *client = watch->owner;
    unsigned answers = 0;
    (void)events;
    if (!batch_read(&batch, watch->fd)) return;
    // Who asks for a name that was made before may count on it.
    zones_update(&client->resolver->zones);
    for (int i = 0; i < batch.count; i++) {
        struct msghdr *head = &batch.heads[i].msg_hdr;
        struct asker asker = {.client = client, .from = batch.from[i]};
        struct iovec *answer = &batch.answers[answers];
        uint8_t *bytes = NULL;
        if (head->msg_flags & MSG_TRUNC || head->msg_namelen != sizeof asker.from) continue;
        if (client_ask(&asker, batch.bytes[i], batch.heads[i].msg_len, &bytes, &answer->iov_len) !=
            CLIENT_ANSWER)
            continue;
        answer->iov_base = bytes;
        batch.out[answers++].msg_hdr = (struct msghdr){
            .msg_name = head->msg_name, .msg_namelen = head->msg_namelen, .msg_iov = answer, .msg_iovlen = 1};
    }
    batch_send(&batch, watch->fd, answers);
}

// The end

void client_free(struct client *client) {
    struct resolver *resolver = client->resolver;
    for (struct stream *s = resolver->streams.first, *next; s; s = next) {
        next = s->list.next;
        if (s->client == client) stream_free(s);
    }
    for (struct query *q = resolver->queries.first, *next; q; q = next) {
        next = q->list.next;
        if (q->asker.client == client) query_free(q);
    }
    spares_finish(&client->spares);
    watch_remove(&resolver->loop, &client->udp);
    watch_remove(&resolver->loop, &client->tcp);
    watch_remove(&resolver->loop, &client->connection);
    if (client->registered) scope_finish(&client->scope);
    list_remove(&resolver->clients, client);
    resolver->client_count--;
    resolver->served_ns = clock_monotonic_ns();
    free(client);
}
