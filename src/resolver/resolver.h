// SPDX-License-Identifier: Apache-2.0
// The resolver's parts and their limits. It is one process that waits for events; nothing in it blocks.
//
//   registrar.c  who is served: a connection a container, for as long as it is open
//   client.c     a container's two sockets; what it asks is answered (scope.c, zone.c) or forwarded
//   stream.c     its TCP connections
//   forward.c    questions that somebody else is asked
//   spares.c     sockets of the container's own, for the servers of --dns
//   host.c       the host's resolv.conf, as it is now
#pragma once

#include "resolver/scope.h"
#include "resolver/spares.h"
#include "resolver/watch.h"

#include <netinet/in.h>

#define CLIENT_QUERIES    256  // forwarded at the same time: beyond that a container hears SERVFAIL
#define ALL_QUERIES       4096 // of all of them together
#define CLIENT_STREAMS    16   // open TCP connections
#define ALL_STREAMS       1024
#define LINGER_NS         200000000u // after the last client
#define STREAM_IDLE_NS    10000000000u
#define ATTEMPT_NS        1500000000u // three of them are over before a C library asks again (5 s)
#define ATTEMPTS          3           // each a descriptor, until the query ends
#define WRONG_ANSWERS_MAX 16          // on one socket: somebody guesses
#define MESSAGE_MAX       65535

struct client {
    LIST_LINK(client) list;
    struct resolver *resolver;
    struct watch connection, udp, tcp;
    struct scope scope;
    struct spares spares;
    bool registered;
    unsigned queries, streams;
};

// Who waits for an answer.
struct asker {
    struct client *client;
    struct stream *stream;   // or NULL: by UDP
    struct sockaddr_in from; // then: where to
    size_t limit;            // of an answer
};

// A server that is asked, or was.
struct attempt {
    struct query *query;
    struct watch upstream;
    bool waits; // for a spare socket
    uint8_t id[2];
    size_t server;
    unsigned wrong;
    uint8_t *answer; // by TCP: what there is of it, with its length
    size_t sent, received;
};

struct query {
    LIST_LINK(query) list; // in the order of their deadlines
    struct resolver *resolver;
    struct asker asker;
    uint8_t id[2];                 // that the asker gave it
    uint8_t *question;             // the whole message, with two bytes of length before it
    size_t size, question_end;     // of the message
    const struct servers *servers; // the client's or the host's
    struct attempt attempts[ATTEMPTS];
    size_t begun;         // of the attempts
    unsigned refused;     // a bit a server
    uint64_t deadline_ns; // of the last attempt
};

struct stream {
    LIST_LINK(stream) list; // the one that was idle for longest first
    struct client *client;
    struct watch watch;
    struct query *query; // that it waits for
    uint8_t *bytes;      // what is read, or written: a length and a message
    size_t done, size;   // of it; size 0: reading
    uint64_t deadline_ns;
};

struct resolver {
    struct loop loop;
    struct zones zones;
    struct watch listen, changes, host;
    int lock;
    struct servers servers;     // the host's
    int host_file, host_target; // inotify's watches
    LIST_OF(client) clients;
    unsigned client_count;
    uint64_t served_ns; // when the last one went, or the start
    LIST_OF(query) queries;
    unsigned query_count;
    bool queries_wait; // some, for a spare socket
    LIST_OF(stream) streams;
    unsigned stream_count;
};

// registrar.c: serves until nobody is there any more. listen, lock and directory are the caller's (main.c has
// what they are). 0 or -errno.
int resolver_serve(int listen, int directory, int lock);

// client.c
void client_ready_udp(struct watch *watch, uint32_t events);
void client_free(struct client *client);
// A message of a container's. CLIENT_ANSWER: the answer is in ret_answer, for the caller to send and free. It
// may also come later (query_start), or never.
enum client_result { CLIENT_ANSWER, CLIENT_LATER, CLIENT_SILENT };
enum client_result client_ask(const struct asker *asker, const uint8_t *bytes, size_t size,
                              uint8_t **ret_answer, size_t *ret_size);

// stream.c
void stream_accept(struct watch *watch, uint32_t events);
void stream_answer(struct stream *stream, const uint8_t *bytes, size_t size);
void stream_free(struct stream *stream);
void streams_expire(struct resolver *resolver, uint64_t now_ns);
// accept4; where there are no descriptors left, the one that waits for longest makes room for the next time.
int resolver_accept(struct resolver *resolver, int fd);

// forward.c: bytes are copied. False: there are too many.
bool query_start(const struct asker *asker, const uint8_t *bytes, size_t size, size_t question_end);
void query_free(struct query *query);
// Answers with SERVFAIL; the query is gone.
void query_fail(struct query *query);
void queries_expire(struct resolver *resolver, uint64_t now_ns);
// Some that waited for a spare socket may have one now.
void queries_resume(struct resolver *resolver);

// host.c
int host_init(struct resolver *resolver);
