// SPDX-License-Identifier: Apache-2.0
#include "fetch/encode.h"

#include "base/arena.h"
#include "base/fd.h"
#include "base/id.h"
#include "fetch/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE ((5u << 20) + 12345)

// Half of it repeats itself, half does not.
static int file_make(size_t size) {
    _cleanup_(freep) unsigned char *bytes = xmalloc(size + 1);
    uint32_t x = 1;
    for (size_t i = 0; i < size; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = i / 1000 % 2 ? (unsigned char)(x >> 24) : (unsigned char)(i / 3000);
    }
    int fd = memfd_create("layer", MFD_CLOEXEC);
    assert_int_equal(fd_write_all(fd, bytes, size), 0);
    return fd;
}

// All bytes, read `step` at a time.
static size_t encode(int fd, enum layer_compression compression, size_t step, unsigned char *ret) {
    _cleanup_(encoder_freep) struct encoder *encoder = NULL;
    struct err err;
    size_t total = 0, n;
    assert_int_equal(encoder_new(fd, compression, 3, &encoder, &err), 0);
    do {
        assert_int_equal(encoder_read(encoder, ret + total, step, &n, &err), 0);
        total += n;
    } while (n == step);
    return total;
}

static void check_decodes(int fd, enum layer_compression compression, const unsigned char *bytes,
                          size_t size) {
    _cleanup_(decoder_freep) struct decoder *decoder = NULL;
    _cleanup_(freep) unsigned char *got = xmalloc(2 * SIZE), *expected = xmalloc(2 * SIZE);
    struct err err;
    ssize_t n = pread(fd, expected, 2 * SIZE, 0);
    unsigned char *out = got;
    size_t room = 2 * SIZE;
    assert_int_equal(decoder_new(compression, &decoder, &err), 0);
    assert_int_equal(decoder_run(decoder, &bytes, &size, &out, &room, &err), 0);
    assert_int_equal(decoder_end(decoder, &err), 0);
    assert_int_equal(out - got, n);
    assert_memory_equal(got, expected, (size_t)n);
}

static void test_round_trip(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 256 << 10, SIZE}, steps[] = {1 << 20, 4096, 70001};
    _cleanup_(freep) unsigned char *first = xmalloc(2 * SIZE), *again = xmalloc(2 * SIZE);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
        for (enum layer_compression c = LAYER_PLAIN; c <= LAYER_ZSTD; c++) {
            _cleanup_(fd_closep) int fd = file_make(sizes[i]);
            size_t size = encode(fd, c, 256 << 10, first);
            check_decodes(fd, c, first, size);
            for (size_t j = 0; j < ARRAY_SIZE(steps); j++) {
                assert_int_equal(encode(fd, c, steps[j], again), size);
                assert_memory_equal(again, first, size);
            }
            if (c != LAYER_PLAIN && sizes[i] == SIZE) assert_true(size < SIZE * 2 / 3);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
