// SPDX-License-Identifier: Apache-2.0
// Errors: every stage keeps its own and lets the stage before it run dry, so that of several the one that
// says most is reported. A blob with the wrong digest is that first, and only then bad gzip. What is nobody's
// fault but this machine's (a full disk) ends the whole worker at once.
#include "fetch/layer.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "fetch/decode.h"
#include "fetch/partial.h"
#include "fetch/ring.h"
#include "unpack/raw.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DOWNLOAD_BLOCK  (256u << 10)
#define TAR_BLOCK       (256u << 10)
#define WRITEBACK_BYTES (8u << 20)
#define PROGRESS_NS     100000000

struct stream {
    struct worker *worker;
    struct layer *layer;
    struct ring blob, tar;
    // download
    struct hash *blob_hash;
    struct ring_block *filling;
    struct partial partial;
    bool in_parts; // some of it came from there, or it came on several ways
    bool in_one;   // which is not to be
    uint64_t received, progress_ns;
    atomic_uint_least64_t ahead; // came before its turn
    bool unknown;                // nothing is known of the blob: there may be no end to it
    bool unwanted;               // it was ended from here, for a reason that another stage tells
    // decode
    struct decoder *decoder;
    struct ring_block *decoded; // what goes on next
    bool raw_begun;
    atomic_uint_least64_t consumed;
    struct err decode_err;
    // store
    int out, grown; // grown: for who extracts it; -1: nobody does
    uint64_t written, flushed, checked;
    char diff_id[DIGEST_SIZE];
    struct hash *tar_hash;
    struct err store_err;
    // tree
    int in;
    pthread_mutex_t lock;
    pthread_cond_t more;
    uint64_t available;
    bool complete;
    struct err tree_err;
};

const char *layer_name(const char *diff_id, char buffer[static LAYER_NAME_SIZE]) {
    if (diff_id)
        snprintf(buffer, LAYER_NAME_SIZE, "%s.tar", digest_hex(diff_id));
    else
        snprintf(buffer, LAYER_NAME_SIZE, "%s", STAGED_TAR);
    return buffer;
}

// Download

static void report_progress(struct stream *s) {
    uint64_t now = clock_monotonic_ns();
    if (now - s->progress_ns < PROGRESS_NS) return;
    s->progress_ns = now;
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "progress");
    json_put_u64(&w, "layer", s->layer->number);
    json_put_u64(&w, "current", s->received + s->ahead);
    json_end_object(&w);
    worker_send(s->worker, &w);
}

// false: nobody wants more.
static bool download_add(struct stream *s, const void *bytes, size_t size) {
    if (!s->unknown) hash_add(s->blob_hash, bytes, size);
    s->received += size;
    for (const char *p = bytes; size;) {
        if (!s->filling) s->filling = ring_empty(&s->blob);
        if (!s->filling && s->unknown) {
            s->unwanted = true;
            return false;
        }
        if (!s->filling) break; // nobody wants them; the digest still matters
        size_t room = DOWNLOAD_BLOCK - s->filling->size, n = size < room ? size : room;
        memcpy(s->filling->bytes + s->filling->size, p, n);
        s->filling->size += n;
        p += n, size -= n;
        if (s->filling->size == DOWNLOAD_BLOCK) {
            ring_push(&s->blob);
            s->filling = NULL;
        }
    }
    report_progress(s);
    return true;
}

static int download_body(const void *bytes, size_t size, void *data, struct err *err) {
    struct stream *s = data;
    partial_add(&s->partial, bytes, size);
    if (s->worker->keep_blobs && s->partial.fd < 0)
        worker_fail(s->worker, (err_set(err, ERR_SYSTEM, s->partial.error, "can't write the blob"), err));
    return download_add(s, bytes, size) ? 0 : err_set(err, ERR_INVALID, 0, "nobody wants the bytes");
}

// What an earlier pull had of it goes first, as if it came now.
static void download_resume(struct stream *s) {
    _cleanup_(freep) unsigned char *block = xmalloc(DOWNLOAD_BLOCK);
    while (s->received < s->partial.size) {
        uint64_t left = s->partial.size - s->received;
        ssize_t n = pread(s->partial.fd, block, left < DOWNLOAD_BLOCK ? (size_t)left : DOWNLOAD_BLOCK,
                          (off_t)s->received);
        if (n <= 0) break;
        download_add(s, block, (size_t)n);
        s->in_parts = true;
    }
    s->partial.size = s->received;
}

static int download(struct stream *s, const struct layer_source *source, struct err *err) {
    const struct descriptor *blob = s->layer->blob;
    char digest[DIGEST_SIZE];
    download_resume(s);
    const struct registry_sink sink = {download_body, s, .have = s->received, .in_one = s->in_one,
                                       .ahead = &s->ahead};
    int r = source->read(source->data, blob, &sink, err);
    if (s->filling) ring_push(&s->blob);
    ring_close(&s->blob);
    hash_end(s->blob_hash, digest);
    if (r < 0) return -1;
    s->in_parts |= r > 0;
    if (!s->unknown && !str_eq(digest, blob->digest))
        return err_set(err, ERR_UNAVAILABLE, 0, "%s sent wrong bytes: their digest is %s", source->name,
                       digest);
    return 0;
}

// Decode

// Only the last block of a tar is not full: the file grows by whole pages.
static int decode_block(struct stream *s, const struct ring_block *input) {
    s->consumed += input->size;
    const unsigned char *in = input->bytes;
    size_t in_size = input->size;
    for (;;) {
        if (!s->decoded) s->decoded = ring_empty(&s->tar);
        struct ring_block *block = s->decoded;
        if (!block) return -1; // it could not be stored, which says why
        unsigned char *out = block->bytes + block->size;
        size_t room = TAR_BLOCK - block->size;
        if (decoder_run(s->decoder, &in, &in_size, &out, &room, &s->decode_err)) return -1;
        block->size = TAR_BLOCK - room;
        if (room && !in_size) return 0;
        if (room) continue;
        ring_push(&s->tar);
        s->decoded = NULL;
    }
}

// What nobody told us: by the first bytes.
static bool begins(const struct ring_block *block, const char *magic, size_t size) {
    return block->size >= size && memcmp(block->bytes, magic, size) == 0;
}

static enum layer_compression compression_sniff(const struct ring_block *block) {
    return begins(block, "\x1f\x8b", 2)           ? LAYER_GZIP
           : begins(block, "\x28\xb5\x2f\xfd", 4) ? LAYER_ZSTD
                                                  : LAYER_PLAIN;
}

static bool is_raw(const struct ring_block *block) {
    return begins(block,
                  "\xfd"
                  "7zXZ",
                  6) ||
           begins(block, "BZh", 3);
}

static ssize_t raw_next(void *data, const void **ret_bytes) {
    struct stream *s = data;
    if (s->raw_begun) ring_pop(&s->blob);
    s->raw_begun = true;
    struct ring_block *block = ring_next(&s->blob);
    if (!block) return 0;
    s->consumed += block->size;
    *ret_bytes = block->bytes;
    return (ssize_t)block->size;
}

static int raw_put(void *data, const void *bytes, size_t size) {
    struct stream *s = data;
    for (const char *p = bytes; size;) {
        struct ring_block *block = ring_empty(&s->tar);
        if (!block) return -1;
        block->size = size < TAR_BLOCK ? size : TAR_BLOCK;
        memcpy(block->bytes, p, block->size);
        p += block->size, size -= block->size;
        ring_push(&s->tar);
    }
    return 0;
}

static int decode_all(struct stream *s) {
    struct ring_block *block = ring_next(&s->blob);
    if (s->unknown && block && is_raw(block)) {
        const struct raw_io io = {raw_next, raw_put, s};
        return raw_decode(&io, &s->decode_err);
    }
    if (s->unknown &&
        decoder_new(block ? compression_sniff(block) : LAYER_PLAIN, &s->decoder, &s->decode_err))
        return -1;
    for (; block; ring_pop(&s->blob), block = ring_next(&s->blob))
        if (decode_block(s, block)) return -1;
    return decoder_end(s->decoder, &s->decode_err);
}

static void *decode_main(void *data) {
    struct stream *s = data;
    if (decode_all(s)) ring_drain(&s->blob);
    if (s->decoded) ring_push(&s->tar);
    ring_close(&s->tar);
    return NULL;
}

// Store

// Ends the worker before a layer that grows without end has eaten the disk.
static int check_growth(struct stream *s) {
    struct worker *worker = s->worker;
    uint64_t blob_size = s->layer->blob->size ? s->layer->blob->size : s->consumed;
    if (s->written > worker->layer_limit)
        return err_set(&s->store_err, ERR_INVALID, 0,
                       "it unpacks to more than %llu bytes, the limit for a layer",
                       (unsigned long long)worker->layer_limit);
    if (!worker->any_ratio && s->written > BOMB_SIZE && s->written / BOMB_RATIO > blob_size &&
        s->written / BOMB_RATIO_NOW > s->consumed)
        return err_set(&s->store_err, ERR_INVALID, 0,
                       "it unpacks to more than a gigabyte and %d times its size: a decompression bomb? "
                       "(HOY_LAYER_LIMIT=bytes takes it all the same)",
                       BOMB_RATIO);
    if (s->written - s->checked < DISK_CHECK_BYTES) return 0;
    s->checked = s->written;
    return worker_check_disk(worker, "the layer", &s->store_err);
}

static void tell_available(struct stream *s, bool complete) {
    pthread_mutex_lock(&s->lock);
    s->available = s->written;
    s->complete = complete;
    pthread_cond_signal(&s->more);
    pthread_mutex_unlock(&s->lock);
}

// The disk may begin: hoy waits for it at the end. A tar that is extracted never gets there, if it can be.
static void begin_writeback(struct stream *s) {
    if (s->grown >= 0) return;
    sync_file_range(s->out, (off_t)s->flushed, (off_t)(s->written - s->flushed), SYNC_FILE_RANGE_WRITE);
    s->flushed = s->written;
}

static int store_block(struct stream *s, const struct ring_block *block) {
    int r = fd_write_all(s->out, block->bytes, block->size);
    if (r) return err_set(&s->store_err, ERR_SYSTEM, -r, "can't write the layer");
    s->written += block->size;
    tell_available(s, false);
    // A pipe that is full says enough.
    if (s->grown >= 0) (void)!write(s->grown, "", 1);
    hash_add(s->tar_hash, block->bytes, block->size);
    if (s->written - s->flushed >= WRITEBACK_BYTES) begin_writeback(s);
    return check_growth(s);
}

static int store_all(struct stream *s) {
    for (struct ring_block *block; (block = ring_next(&s->tar)); ring_pop(&s->tar))
        if (store_block(s, block)) return -1;
    begin_writeback(s);
    return 0;
}

static void *store_main(void *data) {
    struct stream *s = data;
    if (store_all(s)) {
        if (s->store_err.kind == ERR_SYSTEM) worker_fail(s->worker, &s->store_err);
        ring_drain(&s->tar);
    }
    tell_available(s, true);
    hash_end(s->tar_hash, s->diff_id);
    return NULL;
}

// Tree

static int64_t wait_available(void *data, uint64_t upto) {
    struct stream *s = data;
    pthread_mutex_lock(&s->lock);
    while (s->available < upto && !s->complete) pthread_cond_wait(&s->more, &s->lock);
    int64_t available = (int64_t)s->available;
    pthread_mutex_unlock(&s->lock);
    return available;
}

static void *tree_main(void *data) {
    struct stream *s = data;
    const struct tree_source source = {.fd = s->in, .available = wait_available, .data = s};
    if (!s->worker->erofs && !s->unknown) return NULL;
    if (tree_from_tar(&source, &s->layer->tree, &s->tree_err) && s->unknown) ring_drain(&s->tar);
    return NULL;
}

// All of it

void layer_tell_staged(struct worker *worker, const struct layer *layer, int grown) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "layer");
    json_put_u64(&w, "layer", layer->number);
    json_end_object(&w);
    worker_send_with(worker, &w, grown);
}

static int begin_extraction(struct stream *s, struct err *err) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return err_set(err, ERR_SYSTEM, errno, "can't make a pipe");
    _cleanup_(fd_closep) int theirs = ends[0];
    s->grown = ends[1];
    fcntl(s->grown, F_SETFL, O_NONBLOCK);
    layer_tell_staged(s->worker, s->layer, theirs);
    return 0;
}

int layer_check(const struct worker *worker, const struct descriptor *blob, struct err *err) {
    enum layer_compression compression;
    if (layer_compression_of(blob->media_type, &compression))
        return err_set(err, ERR_INVALID, 0, "\"%.100s\" is no type of a layer", blob->media_type);
    if (blob->size > worker->layer_limit)
        return err_set(err, ERR_INVALID, 0, "the manifest gives it %llu bytes, the limit for a layer is %llu",
                       (unsigned long long)blob->size, (unsigned long long)worker->layer_limit);
    return 0;
}

static int stream_open(struct stream *s, struct err *err) {
    char name[LAYER_NAME_SIZE];
    enum layer_compression compression;
    s->unknown = !s->layer->diff_id;
    layer_name(s->layer->staged ? NULL : s->layer->diff_id, name);
    if (!s->unknown && (layer_check(s->worker, s->layer->blob, err) ||
                        layer_compression_of(s->layer->blob->media_type, &compression) ||
                        decoder_new(compression, &s->decoder, err)))
        return -1;
    s->out = fd_open_at(s->worker->staging, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    s->in = fd_open_at(s->worker->staging, name, O_RDONLY | O_NOFOLLOW, 0);
    if (s->out < 0 || s->in < 0)
        return err_set(err, ERR_SYSTEM, s->out < 0 ? -s->out : -s->in, "can't make %s", name);
    if (s->layer->staged) unlinkat(s->worker->staging, name, 0);
    ring_init(&s->blob, DOWNLOAD_BLOCK);
    ring_init(&s->tar, TAR_BLOCK);
    s->blob_hash = hash_new();
    s->tar_hash = hash_new();
    return s->worker->erofs || s->unknown || s->layer->staged ? 0 : begin_extraction(s, err);
}

static void stream_finish(struct stream *s) {
    decoder_freep(&s->decoder);
    fd_closep(&s->out);
    fd_closep(&s->in);
    fd_closep(&s->grown);
    partial_close(&s->partial);
    if (s->blob.block_size) ring_finish(&s->blob);
    if (s->tar.block_size) ring_finish(&s->tar);
    hash_freep(&s->blob_hash);
    hash_freep(&s->tar_hash);
}

static int stream_judge(const struct stream *s, int downloaded, struct err *err) {
    if (downloaded && !s->unwanted) return -1;
    if (s->decode_err.kind) return *err = s->decode_err, -1;
    if (s->store_err.kind) return *err = s->store_err, -1;
    if (!s->unknown && !str_eq(s->diff_id, s->layer->diff_id))
        return err_set(err, ERR_INVALID, 0, "its diff id is %s, the image's config says %s", s->diff_id,
                       s->layer->diff_id);
    if (s->tree_err.kind) return *err = s->tree_err, -1;
    s->layer->size = s->written;
    memcpy(s->layer->found, s->diff_id, sizeof s->diff_id);
    return 0;
}

// Once. *again: before: in one piece; after: it failed, and had not come in one piece.
static int layer_stream(struct worker *worker, const struct layer_source *source, struct layer *layer,
                        bool *again, struct err *err) {
    _cleanup_(stream_finish) struct stream s = {.worker = worker,
                                                .layer = layer,
                                                .in_one = *again,
                                                .out = -1,
                                                .in = -1,
                                                .grown = -1,
                                                .partial = {.fd = -1},
                                                .lock = PTHREAD_MUTEX_INITIALIZER,
                                                .more = PTHREAD_COND_INITIALIZER};
    void *(*const stages[])(void *) = {decode_main, store_main, tree_main};
    pthread_t threads[ARRAY_SIZE(stages)];
    *again = false;
    if (stream_open(&s, err)) return -1;
    if (!s.unknown) partial_open(&s.partial, worker, layer->blob->digest, layer->blob->size);
    for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
        int r = pthread_create(&threads[i], NULL, stages[i], &s);
        if (r) worker_fail(worker, (err_set(err, ERR_SYSTEM, r, "can't start a thread"), err));
    }
    int downloaded = download(&s, source, err);
    for (size_t i = 0; i < ARRAY_SIZE(stages); i++) pthread_join(threads[i], NULL);
    int r = stream_judge(&s, downloaded, err);
    // With all its bytes there is nothing left to go on with: it is good, or has to come anew.
    bool whole = s.received == layer->blob->size;
    if (whole && (r || !s.partial.keep)) partial_drop(&s.partial);
    *again = r && whole && s.in_parts;
    return r;
}

int layer_fetch(struct worker *worker, const struct layer_source *sources, size_t count, struct layer *layer,
                struct err *err) {
    bool again = false; // what an earlier pull had, or a part, was wrong: once more, in one piece
    for (size_t i = 0; i < count; i += !again) {
        if (layer_stream(worker, &sources[i], layer, &again, err) == 0) return 0;
        tree_free(&layer->tree);
        layer->tree = (struct tree){0};
    }
    return layer->diff_id ? err_wrap(err, "layer %.19s", layer->blob->digest) : -1;
}

int layer_read(struct layer *layer, int tar_fd, struct err *err) {
    const struct tree_source source = {.fd = tar_fd};
    struct stat st;
    if (fstat(tar_fd, &st)) return err_set(err, ERR_SYSTEM, errno, "can't read a layer");
    layer->size = (uint64_t)st.st_size;
    return tree_from_tar(&source, &layer->tree, err);
}
