// SPDX-License-Identifier: Apache-2.0
#include "fetch/decode.h"

#include "base/arena.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define ZSTD_WINDOW_LOG_MAX 27 // 128 MiB of memory, as zstd's own default allows

struct decoder {
    enum layer_compression compression;
    bool begun;    // inside a member or frame
    bool trailing; // after the last member: only zeros may come
    bool any;      // there was one whole member or frame at least
    struct inflate_state gzip;
    ZSTD_DCtx *zstd;
};

int decoder_new(enum layer_compression compression, struct decoder **ret_decoder, struct err *err) {
    struct decoder *d = xmalloc(sizeof *d);
    memset(d, 0, sizeof *d);
    d->compression = compression;
    if (compression == LAYER_GZIP) {
        isal_inflate_init(&d->gzip);
        d->gzip.crc_flag = ISAL_GZIP;
    }
    if (compression == LAYER_ZSTD) {
        d->zstd = ZSTD_createDCtx();
        if (!d->zstd) {
            free(d);
            return err_set(err, ERR_SYSTEM, ENOMEM, "can't start a zstd decoder");
        }
        ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
    }
    *ret_decoder = d;
    return 0;
}

void decoder_freep(struct decoder **decoder) {
    if (!*decoder) return;
    ZSTD_freeDCtx((*decoder)->zstd);
    free(*decoder);
    *decoder = NULL;
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static int run_plain(const unsigned char **in, size_t *in_size, unsigned char **out, size_t *out_size) {
    size_t n = smaller(*in_size, *out_size);
    memcpy(*out, *in, n);
    *in += n, *in_size -= n;
    *out += n, *out_size -= n;
    return 0;
}

// Between members: zeros may fill up the end (tape blocks), everything else is the next member's header,
// which the inflater checks.
static void between_members(struct decoder *d, const unsigned char **in, size_t *in_size) {
    if (d->any && (d->trailing || **in == 0)) {
        d->trailing = true;
        while (*in_size && **in == 0) ++*in, --*in_size;
        return;
    }
    isal_inflate_reset(&d->gzip);
    d->gzip.crc_flag = ISAL_GZIP;
    d->begun = true;
}

static int run_gzip(struct decoder *d, const unsigned char **in, size_t *in_size, unsigned char **out,
                    size_t *out_size, struct err *err) {
    if (!d->begun && *in_size) between_members(d, in, in_size);
    if (d->trailing && *in_size) return err_set(err, ERR_INVALID, 0, "it has garbage after its gzip data");
    if (!d->begun) return 0;
    d->gzip.next_in = (unsigned char *)*in;
    d->gzip.avail_in = (uint32_t)smaller(*in_size, UINT_MAX);
    d->gzip.next_out = *out;
    d->gzip.avail_out = (uint32_t)smaller(*out_size, UINT_MAX);
    int r = isal_inflate(&d->gzip);
    *in_size -= (size_t)(d->gzip.next_in - *in), *in = d->gzip.next_in;
    *out_size -= (size_t)(d->gzip.next_out - *out), *out = d->gzip.next_out;
    if (r == ISAL_INCORRECT_CHECKSUM) return err_set(err, ERR_INVALID, 0, "its gzip checksum is wrong");
    if (r < 0 || r == ISAL_NEED_DICT) return err_set(err, ERR_INVALID, 0, "its gzip data is corrupt");
    if (d->gzip.block_state == ISAL_BLOCK_FINISH) d->begun = false, d->any = true;
    return 0;
}

static int run_zstd(struct decoder *d, const unsigned char **in, size_t *in_size, unsigned char **out,
                    size_t *out_size, struct err *err) {
    ZSTD_inBuffer input = {*in, *in_size, 0};
    ZSTD_outBuffer output = {*out, *out_size, 0};
    size_t r = ZSTD_decompressStream(d->zstd, &output, &input);
    if (ZSTD_isError(r))
        return err_set(err, ERR_INVALID, 0, "its zstd data is corrupt: %s", ZSTD_getErrorName(r));
    if (input.pos || output.pos) d->begun = r != 0;
    if (r == 0) d->any = true;
    *in += input.pos, *in_size -= input.pos;
    *out += output.pos, *out_size -= output.pos;
    return 0;
}

int decoder_run(struct decoder *d, const unsigned char **in, size_t *in_size, unsigned char **out,
                size_t *out_size, struct err *err) {
    // Until the input is used up (and what is held back has come out), or the output is full.
    for (size_t in_before = SIZE_MAX, out_before = SIZE_MAX;
         *out_size && (in_before != *in_size || out_before != *out_size);) {
        in_before = *in_size, out_before = *out_size;
        int r = d->compression == LAYER_GZIP   ? run_gzip(d, in, in_size, out, out_size, err)
                : d->compression == LAYER_ZSTD ? run_zstd(d, in, in_size, out, out_size, err)
                                               : run_plain(in, in_size, out, out_size);
        if (r) return r;
    }
    return 0;
}

int decoder_end(const struct decoder *d, struct err *err) {
    if (d->compression == LAYER_PLAIN || (!d->begun && d->any)) return 0;
    return err_set(err, ERR_INVALID, 0, "its %s data is cut off",
                   d->compression == LAYER_GZIP ? "gzip" : "zstd");
}
