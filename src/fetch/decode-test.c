// SPDX-License-Identifier: Apache-2.0
// What gzip(1) and zstd(1) made, fed in pieces of every awkward size.
#include "fetch/decode.h"

#include "base/arena.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// A megabyte of lines; the programs' output of it.
static void make(const char *command, struct str *ret) {
    char line[512], block[65536];
    snprintf(line, sizeof line, "seq 1 150000 | %s", command);
    FILE *pipe = popen(line, "re");
    assert_non_null(pipe);
    for (size_t n; (n = fread(block, 1, sizeof block, pipe));) str_add_n(ret, block, n);
    assert_int_equal(pclose(pipe), 0);
}

static int decode(enum layer_compression compression, const struct str *input, size_t in_piece,
                  size_t out_piece, struct str *ret, struct err *err) {
    _cleanup_(decoder_freep) struct decoder *d = NULL;
    _cleanup_(freep) unsigned char *buffer = xmalloc(out_piece);
    assert_int_equal(decoder_new(compression, &d, err), 0);
    for (size_t at = 0; at < input->len; at += in_piece) {
        const unsigned char *in = (const unsigned char *)input->data + at;
        size_t in_size = input->len - at < in_piece ? input->len - at : in_piece, room;
        do {
            unsigned char *out = buffer;
            room = out_piece;
            if (decoder_run(d, &in, &in_size, &out, &room, err)) return -1;
            str_add_n(ret, buffer, out_piece - room);
        } while (in_size || !room);
    }
    return decoder_end(d, err);
}

static const struct {
    enum layer_compression compression;
    const char *command;
} rows[] = {
    {LAYER_PLAIN, "cat"},
    {LAYER_GZIP, "gzip -c"},
    {LAYER_GZIP, "gzip -1c"},
    {LAYER_GZIP, "(head -c 1000 | gzip -c; gzip -c)"}, // members
    {LAYER_GZIP, "(gzip -c; head -c 1000 /dev/zero)"}, // padded
    {LAYER_ZSTD, "zstd -c"},
    {LAYER_ZSTD, "(head -c 1000 | zstd -c; zstd -c)"},
};

static void test_good(void **state) {
    (void)state;
    static const size_t pieces[][2] = {{1 << 20, 1 << 20}, {1, 4096}, {70000, 13}, {4096, 1 << 16}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(str_finish) struct str input = {0}, plain = {0};
        make(rows[i].command, &input);
        make("cat", &plain);
        for (size_t j = 0; j < ARRAY_SIZE(pieces); j++) {
            _cleanup_(str_finish) struct str output = {0};
            struct err err = {0};
            if (decode(rows[i].compression, &input, pieces[j][0], pieces[j][1], &output, &err))
                fail_msg("%s: %s", rows[i].command, err.text);
            // `head` may take more from the pipe than it passes on, so members are compared by their end.
            assert_true(output.len >= 1000 && output.len <= plain.len);
            assert_memory_equal(output.data + output.len - 100, plain.data + plain.len - 100, 100);
            if (!strstr(rows[i].command, "head -c 1000 |")) assert_int_equal(output.len, plain.len);
        }
    }
}

static void test_cut_and_corrupt(void **state) {
    (void)state;
    for (size_t i = 1; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(str_finish) struct str input = {0}, output = {0};
        struct err err = {0};
        if (strstr(rows[i].command, "/dev/zero")) continue;
        make(rows[i].command, &input);
        input.len -= 5;
        assert_int_equal(decode(rows[i].compression, &input, 4096, 4096, &output, &err), -1);
        assert_non_null(strstr(err.text, "cut off"));
        assert_int_equal(err.kind, ERR_INVALID);
        input.len += 5;
        input.data[input.len - 6] ^= 0x55;
        input.data[input.len / 2] ^= 0x55;
        assert_int_equal(decode(rows[i].compression, &input, 4096, 4096, &output, &err), -1);
    }
}

static void test_garbage(void **state) {
    (void)state;
    _cleanup_(str_finish) struct str input = {0}, output = {0};
    struct err err;
    make("(gzip -c; echo; echo x)", &input);
    assert_int_equal(decode(LAYER_GZIP, &input, 4096, 4096, &output, &err), -1);
    struct str html = {(char *)(uintptr_t) "<html>", 6, 0}, empty = {0};
    assert_int_equal(decode(LAYER_GZIP, &html, 4096, 4096, &output, &err), -1);
    assert_int_equal(decode(LAYER_ZSTD, &html, 4096, 4096, &output, &err), -1);
    assert_int_equal(decode(LAYER_GZIP, &empty, 4096, 4096, &output, &err), -1);
    assert_int_equal(decode(LAYER_PLAIN, &empty, 4096, 4096, &output, &err), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_cut_and_corrupt),
        cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
