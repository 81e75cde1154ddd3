// SPDX-License-Identifier: Apache-2.0
// Blocks of bytes on their way from one thread to another, in order. A few fixed buffers go round: who is
// faster waits for the other.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define RING_BLOCKS 8

struct ring_block {
    unsigned char *bytes;
    size_t size; // used
};

struct ring {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct ring_block blocks[RING_BLOCKS];
    size_t block_size;
    size_t filled, emptied; // how many blocks in all
    bool closed;            // no more will come
    bool drained;           // nobody reads any more
};

void ring_init(struct ring *ring, size_t block_size);
void ring_finish(struct ring *ring);

// The writer: an empty block to fill (NULL when nobody reads any more), and the end.
struct ring_block *ring_empty(struct ring *ring);
void ring_push(struct ring *ring);
void ring_close(struct ring *ring);
// The reader: the next block (NULL at the end), its return, and the word that no more are wanted.
struct ring_block *ring_next(struct ring *ring);
void ring_pop(struct ring *ring);
void ring_drain(struct ring *ring);
