// SPDX-License-Identifier: Apache-2.0
// What a compressor makes of a file depends on the pieces that it gets it in, so these have one size, both
// ways. igzip's level 2 makes the same with every instruction set that it knows; its level 3 does not.
#include "fetch/encode.h"

#include "base/arena.h"
#include "base/fd.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define PIECE      (256u << 10)
#define GZIP_LEVEL 2

struct encoder {
    enum layer_compression compression;
    int fd;
    uint64_t consumed;
    bool last;  // the file has been read to its end
    bool ended; // nothing comes out any more
    unsigned char *in, *out;
    size_t out_size, out_taken;
    struct isal_zstream gzip;
    unsigned char *gzip_state;
    ZSTD_CCtx *zstd;
    ZSTD_inBuffer zstd_in;
};

static void gzip_begin(struct encoder *e) {
    isal_deflate_init(&e->gzip);
    e->gzip.level = GZIP_LEVEL;
    e->gzip.level_buf_size = ISAL_DEF_LVL2_DEFAULT;
    e->gzip.level_buf = e->gzip_state = xmalloc(ISAL_DEF_LVL2_DEFAULT);
    memset(e->gzip_state, 0, ISAL_DEF_LVL2_DEFAULT);
    e->gzip.gzip_flag = IGZIP_GZIP; // its header has neither a time nor a name
}

static int zstd_begin(struct encoder *e, int level, uint64_t size, struct err *err) {
    e->zstd = ZSTD_createCCtx();
    if (!e->zstd || ZSTD_isError(ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_compressionLevel, level)) ||
        ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(e->zstd, size)))
        return err_set(err, ERR_SYSTEM, ENOMEM, "can't start a zstd encoder");
    return 0;
}

int encoder_new(int fd, enum layer_compression compression, int level, struct encoder **ret_encoder,
                struct err *err) {
    struct stat st;
    if (fstat(fd, &st)) return err_set(err, ERR_SYSTEM, errno, "can't read the layer");
    _cleanup_(encoder_freep) struct encoder *e = xmalloc(sizeof *e);
    memset(e, 0, sizeof *e);
    e->compression = compression;
    e->fd = fd;
    e->in = xmalloc(PIECE);
    e->out = xmalloc(PIECE);
    if (compression == LAYER_GZIP) gzip_begin(e);
    if (compression == LAYER_ZSTD && zstd_begin(e, level, (uint64_t)st.st_size, err)) return -1;
    *ret_encoder = take_ptr(e);
    return 0;
}

void encoder_freep(struct encoder **encoder) {
    struct encoder *e = *encoder;
    if (!e) return;
    ZSTD_freeCCtx(e->zstd);
    free(e->gzip_state);
    free(e->in);
    free(e->out);
    free(e);
    *encoder = NULL;
}

uint64_t encoder_consumed(const struct encoder *encoder) {
    return encoder->consumed;
}

// The next piece of the file.
static int piece_read(struct encoder *e, unsigned char *buffer, size_t *ret_size, struct err *err) {
    size_t n = 0;
    while (n < PIECE && !e->last) {
        ssize_t r = pread(e->fd, buffer + n, PIECE - n, (off_t)e->consumed);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return err_set(err, ERR_SYSTEM, errno, "can't read the layer");
        e->last = r == 0;
        n += (size_t)r;
        e->consumed += (uint64_t)r;
    }
    *ret_size = n;
    return 0;
}

static int run_plain(struct encoder *e, struct err *err) {
    if (piece_read(e, e->out, &e->out_size, err)) return -1;
    e->ended = e->last;
    return 0;
}

static int run_gzip(struct encoder *e, struct err *err) {
    if (!e->gzip.avail_in && !e->last) {
        size_t n;
        if (piece_read(e, e->in, &n, err)) return -1;
        e->gzip.next_in = e->in;
        e->gzip.avail_in = (uint32_t)n;
        e->gzip.end_of_stream = e->last;
    }
    e->gzip.next_out = e->out;
    e->gzip.avail_out = PIECE;
    if (isal_deflate(&e->gzip) != COMP_OK) return err_set(err, ERR_SYSTEM, 0, "can't compress the layer");
    e->out_size = PIECE - e->gzip.avail_out;
    e->ended = e->gzip.internal_state.state == ZSTATE_END;
    return 0;
}

static int run_zstd(struct encoder *e, struct err *err) {
    ZSTD_outBuffer out = {e->out, PIECE, 0};
    if (e->zstd_in.pos == e->zstd_in.size && !e->last) {
        size_t n;
        if (piece_read(e, e->in, &n, err)) return -1;
        e->zstd_in = (ZSTD_inBuffer){e->in, n, 0};
    }
    size_t left = ZSTD_compressStream2(e->zstd, &out, &e->zstd_in, e->last ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left))
        return err_set(err, ERR_SYSTEM, 0, "can't compress the layer: %s", ZSTD_getErrorName(left));
    e->out_size = out.pos;
    e->ended = e->last && left == 0;
    return 0;
}

int encoder_read(struct encoder *e, void *buffer, size_t size, size_t *ret_size, struct err *err) {
    size_t filled = 0;
    while (filled < size) {
        size_t have = e->out_size - e->out_taken, n = size - filled < have ? size - filled : have;
        memcpy((unsigned char *)buffer + filled, e->out + e->out_taken, n);
        filled += n;
        e->out_taken += n;
        if (e->out_taken < e->out_size) continue;
        if (e->ended) break;
        e->out_size = e->out_taken = 0;
        int r = e->compression == LAYER_GZIP   ? run_gzip(e, err)
                : e->compression == LAYER_ZSTD ? run_zstd(e, err)
                                               : run_plain(e, err);
        if (r) return -1;
    }
    *ret_size = filled;
    return 0;
}
