// SPDX-License-Identifier: Apache-2.0
// Bytes on their way, in a buffer of fixed size that somebody else owns. What is waiting lies in one piece,
// so that it can be written, or looked at as a frame, without a copy.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct queue {
    uint8_t *bytes;
    size_t size, start, end;
};

static inline size_t queue_used(const struct queue *q) {
    return q->end - q->start;
}
static inline size_t queue_space(const struct queue *q) {
    return q->size - queue_used(q);
}
static inline const uint8_t *queue_head(const struct queue *q) {
    return q->bytes + q->start;
}

// Makes all the space be behind the end, and returns where it begins.
static inline uint8_t *queue_tail(struct queue *q) {
    if (q->start) {
        memmove(q->bytes, q->bytes + q->start, queue_used(q));
        q->end -= q->start;
        q->start = 0;
    }
    return q->bytes + q->end;
}

static inline bool queue_add(struct queue *q, const void *bytes, size_t size) {
    if (size > queue_space(q)) return false;
    uint8_t *tail = size > q->size - q->end ? queue_tail(q) : q->bytes + q->end;
    memcpy(tail, bytes, size);
    q->end += size;
    return true;
}

static inline void queue_drop(struct queue *q, size_t size) {
    q->start += size;
    if (q->start == q->end) q->start = q->end = 0;
}
