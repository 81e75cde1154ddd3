// SPDX-License-Identifier: Apache-2.0
// One file from one descriptor to another: a rotated log is compressed, or read.
#include "base/fd.h"
#include "fetch/decode.h"
#include "fetch/encode.h"
#include "fetch/worker.h"

#include <errno.h>
#include <unistd.h>

#define BLOCK 65536

// Where it goes to comes with a message of its own. Whoever reads it may have read enough.
static int receive_target(struct worker *worker) {
    int fd = -1;
    struct json *message = worker_receive(worker, &fd);
    json_free(message);
    return fd;
}

static int write_block(int out, const unsigned char *bytes, size_t size, struct err *err) {
    int r = fd_write_all(out, bytes, size);
    return r ? err_set(err, ERR_SYSTEM, -r, "write a log's file") : 0;
}

int gzip_run(struct worker *worker, const struct json *request, int fd, struct err *err) {
    static unsigned char bytes[BLOCK];
    _cleanup_(encoder_freep) struct encoder *encoder = NULL;
    _cleanup_(fd_closep) int out = receive_target(worker);
    (void)request;
    if (encoder_new(fd, LAYER_GZIP, 0, &encoder, err)) return -1;
    for (size_t size = BLOCK; size == BLOCK;)
        if (encoder_read(encoder, bytes, BLOCK, &size, err) || write_block(out, bytes, size, err)) return -1;
    worker_event(worker, "done");
    return 0;
}

static int inflate(struct decoder *decoder, const unsigned char *in, size_t in_size, int out,
                   struct err *err) {
    static unsigned char bytes[BLOCK];
    for (;;) {
        unsigned char *to = bytes;
        size_t room = BLOCK;
        int r = decoder_run(decoder, &in, &in_size, &to, &room, err);
        struct err kept = r ? *err : (struct err){0};
        if (write_block(out, bytes, BLOCK - room, err)) return -1;
        if (r) return *err = kept, -1;
        if (!in_size && room) return 0;
    }
}

int gunzip_run(struct worker *worker, const struct json *request, int fd, struct err *err) {
    static unsigned char bytes[BLOCK];
    _cleanup_(decoder_freep) struct decoder *decoder = NULL;
    _cleanup_(fd_closep) int out = receive_target(worker);
    (void)request;
    if (decoder_new(LAYER_GZIP, &decoder, err)) return -1;
    for (ssize_t n; (n = read(fd, bytes, BLOCK));) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_set(err, ERR_SYSTEM, errno, "read a compressed log");
        if (inflate(decoder, bytes, (size_t)n, out, err)) return -1;
    }
    if (decoder_end(decoder, err)) return -1;
    worker_event(worker, "done");
    return 0;
}
