// SPDX-License-Identifier: Apache-2.0
#include "fetch/ring.h"

#include "base/arena.h"

#include <stdlib.h>

void ring_init(struct ring *ring, size_t block_size) {
    *ring = (struct ring){.block_size = block_size};
    pthread_mutex_init(&ring->lock, NULL);
    pthread_cond_init(&ring->changed, NULL);
    for (size_t i = 0; i < RING_BLOCKS; i++) ring->blocks[i].bytes = xmalloc(block_size);
}

void ring_finish(struct ring *ring) {
    for (size_t i = 0; i < RING_BLOCKS; i++) free(ring->blocks[i].bytes);
    pthread_mutex_destroy(&ring->lock);
    pthread_cond_destroy(&ring->changed);
}

struct ring_block *ring_empty(struct ring *ring) {
    pthread_mutex_lock(&ring->lock);
    while (!ring->drained && ring->filled - ring->emptied == RING_BLOCKS)
        pthread_cond_wait(&ring->changed, &ring->lock);
    struct ring_block *block = ring->drained ? NULL : &ring->blocks[ring->filled % RING_BLOCKS];
    pthread_mutex_unlock(&ring->lock);
    if (block) block->size = 0;
    return block;
}

struct ring_block *ring_next(struct ring *ring) {
    pthread_mutex_lock(&ring->lock);
    while (!ring->closed && ring->filled == ring->emptied) pthread_cond_wait(&ring->changed, &ring->lock);
    struct ring_block *block =
        ring->filled == ring->emptied ? NULL : &ring->blocks[ring->emptied % RING_BLOCKS];
    pthread_mutex_unlock(&ring->lock);
    return block;
}

// What all the rest does: one change under the lock, and the other side woken.
static void change(struct ring *ring, size_t filled, size_t emptied, bool closed, bool drained) {
    pthread_mutex_lock(&ring->lock);
    ring->filled += filled;
    ring->emptied += emptied;
    ring->closed |= closed;
    ring->drained |= drained;
    pthread_cond_signal(&ring->changed);
    pthread_mutex_unlock(&ring->lock);
}

void ring_push(struct ring *ring) {
    change(ring, 1, 0, false, false);
}

void ring_close(struct ring *ring) {
    change(ring, 0, 0, true, false);
}

void ring_pop(struct ring *ring) {
    change(ring, 0, 1, false, false);
}

void ring_drain(struct ring *ring) {
    change(ring, 0, 0, false, true);
}
