// SPDX-License-Identifier: Apache-2.0
// A client, as the shim sees it: a socket and three buffers of fixed size, in static memory whose pages exist
// only while they are used. Nothing that a client sends or fails to read can do more than have it
// disconnected.
#pragma once

#include "shim/protocol.h"
#include "shim/queue.h"

// One read of output. A client that has nothing waiting always has room for a block of it, and beyond that
// for what two pipes still hold when the container has ended.
#define PEER_BLOCK 65536
#define PEER_SEND  (PEER_BLOCK * 3 + 4096)

// Apart from the peers, which are looked at all the time: of a free place no page is ever touched.
struct peer_buffers {
    uint8_t input[SHIM_STDIN_WINDOW];
    uint8_t receive[sizeof(struct shim_frame) + SHIM_FRAME_MAX], send[PEER_SEND];
};

struct peer {
    int fd;     // -1: this place is free
    bool first; // the one that the shim was born with
    bool owns_stdin;
    bool wants[2]; // stdout, stderr
    bool deaf;     // nothing can be sent any more; what it sent is still read
    bool exit_sent;
    uint32_t taken; // of its input, and not said yet
    int passed[2];  // descriptors that came and that no frame has taken yet, or -1
    struct queue send, receive, input;
    struct peer_buffers *buffers;
};

// What a frame asks for, handed to the one who can do it.
struct peer_requests {
    void (*input_end)(struct peer *peer);
    void (*resize)(struct shim_size size);
    void (*signal)(int number);
    void (*stop)(int number);
    void (*ports)(int bag, int served); // takes both
    void (*names)(void);
};

// Takes the descriptor, and makes it non-blocking. The buffers are this place's for good.
void peer_init(struct peer *peer, struct peer_buffers *buffers, int fd, bool first);
// Ends the connection. Input that was received whole still goes to the container.
void peer_drop(struct peer *peer);

static inline bool peer_present(const struct peer *peer) {
    return peer->fd >= 0;
}
static inline bool peer_free(const struct peer *peer) {
    return peer->fd < 0 && !queue_used(&peer->input);
}

// How much output it could take now.
size_t peer_room(const struct peer *peer);

// Queues a frame, or sends it when nothing waits. A broken connection makes the peer deaf.
void peer_send(struct peer *peer, enum shim_frame_type type, const void *bytes, size_t size);
// Output, in as many frames as it takes. size is at most peer_room().
void peer_output(struct peer *peer, enum shim_frame_type type, const uint8_t *bytes, size_t size);
// The socket can be written.
void peer_flush(struct peer *peer);
// The socket can be read: input goes to peer->input, the rest to the requests.
void peer_receive(struct peer *peer, const struct peer_requests *requests);
// size bytes of its input were written to the container, or thrown away because nobody reads it.
void peer_input_taken(struct peer *peer, size_t size);
