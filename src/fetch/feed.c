// SPDX-License-Identifier: Apache-2.0
#include "fetch/feed.h"

#include "base/id.h"

#include <errno.h>
#include <string.h>

#define BLOCK (512u << 10) // all of them are more than a chunk of an upload: the next is made meanwhile

// The maker

// A block that is full goes on only when there are more bytes: the last one waits for the digest.
static int feed_add(const void *bytes, size_t size, void *data, struct err *err) {
    struct feed *f = data;
    hash_add(f->hash, bytes, size);
    f->produced += size;
    for (const char *p = bytes; size;) {
        if (f->filling && f->filling->size == BLOCK) {
            ring_push(&f->ring);
            f->filling = NULL;
        }
        if (!f->filling) f->filling = ring_empty(&f->ring);
        if (!f->filling) return err_set(err, ERR_UNAVAILABLE, ECANCELED, "the upload has ended");
        size_t room = BLOCK - f->filling->size, n = size < room ? size : room;
        memcpy(f->filling->bytes + f->filling->size, p, n);
        f->filling->size += n;
        p += n, size -= n;
    }
    if (f->registry) f->consumed = f->produced;
    return 0;
}

static int file_make(struct feed *f, struct err *err) {
    _cleanup_(encoder_freep) struct encoder *encoder = NULL;
    _cleanup_(freep) unsigned char *buffer = xmalloc(BLOCK);
    size_t n;
    if (encoder_new(f->fd, f->compression, f->level, &encoder, err)) return -1;
    do {
        if (encoder_read(encoder, buffer, BLOCK, &n, err) || feed_add(buffer, n, f, err)) return -1;
        f->consumed = encoder_consumed(encoder);
    } while (n == BLOCK);
    return 0;
}

static int digest_check(const struct feed *f, struct err *err) {
    if (!f->digest || (str_eq(f->made, f->digest) && f->produced == f->size)) return 0;
    if (f->registry)
        return err_set(err, ERR_UNAVAILABLE, 0, "%s sent wrong bytes: their digest is %s", f->registry->host,
                       f->made);
    return err_set(err, ERR_SYSTEM, 0, "the layer comes out as %s, not as %s", f->made, f->digest);
}

static void *make_main(void *data) {
    struct feed *f = data;
    const struct registry_sink sink = {feed_add, f};
    int r = f->registry ? registry_blob(f->registry, f->http, f->digest, f->size, &sink, &f->err)
                        : file_make(f, &f->err);
    hash_end(f->hash, f->made);
    if (!r && !digest_check(f, &f->err) && f->filling) ring_push(&f->ring);
    ring_close(&f->ring);
    return NULL;
}

// The reader

void feed_finish(struct feed *f) {
    if (!f->running) return;
    ring_drain(&f->ring);
    pthread_join(f->thread, NULL);
    ring_finish(&f->ring);
    hash_freep(&f->hash);
    f->running = false;
}

static int begin(void *data, struct err *err) {
    struct feed *f = data;
    feed_finish(f);
    f->filling = NULL;
    f->block = NULL;
    f->taken = f->produced = 0;
    f->consumed = 0;
    f->failed = false;
    f->err = (struct err){0};
    ring_init(&f->ring, BLOCK);
    f->hash = hash_new();
    int r = pthread_create(&f->thread, NULL, make_main, f);
    f->running = r == 0;
    if (f->running) return 0;
    ring_finish(&f->ring);
    hash_freep(&f->hash);
    return err_set(err, ERR_SYSTEM, r, "can't start a thread");
}

static int read_all(void *buffer, size_t size, size_t *ret_size, void *data, struct err *err) {
    struct feed *f = data;
    size_t filled = 0;
    while (filled < size) {
        if (!f->block) f->block = ring_next(&f->ring);
        if (!f->block) break;
        size_t have = f->block->size - f->taken, n = size - filled < have ? size - filled : have;
        memcpy((char *)buffer + filled, f->block->bytes + f->taken, n);
        filled += n;
        f->taken += n;
        if (f->taken < f->block->size) continue;
        ring_pop(&f->ring);
        f->block = NULL;
        f->taken = 0;
    }
    *ret_size = filled;
    if (filled == size || !f->err.kind) return 0;
    f->failed = true;
    *err = f->err;
    return -1;
}

static const char *made_digest(void *data) {
    const struct feed *f = data;
    return f->made;
}

static void tell(uint64_t sent, void *data) {
    struct feed *f = data;
    (void)sent;
    f->progress(f, f->data);
}

struct blob_source feed_source(struct feed *feed) {
    return (struct blob_source){begin, read_all, made_digest, tell, feed};
}
