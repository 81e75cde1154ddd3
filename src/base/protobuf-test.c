// SPDX-License-Identifier: Apache-2.0
#include "base/protobuf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_bytes(const struct str *message, const char *bytes, size_t size) {
    assert_int_equal(message->len, size);
    assert_memory_equal(message->data, bytes, size);
}

// The examples of the encoding's own description.
static void test_writes(void **state) {
    (void)state;
    _cleanup_(str_finish) struct str number = {0}, text = {0}, outer = {0}, negative = {0}, absent = {0};
    protobuf_put_number(&number, 1, 150);
    assert_bytes(&number, "\x08\x96\x01", 3);
    protobuf_put_text(&text, 2, "testing");
    assert_bytes(&text, "\x12\x07testing", 9);
    protobuf_put_message(&outer, 3, &number);
    assert_bytes(&outer, "\x1a\x03\x08\x96\x01", 5);
    protobuf_put_number(&negative, 49, -1);
    assert_bytes(&negative, "\x88\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12);
    protobuf_put_text(&absent, 2, NULL);
    protobuf_put_text(&absent, 2, "");
    assert_int_equal(absent.len, 0);
}

static void test_reads_back(void **state) {
    (void)state;
    _cleanup_(str_finish) struct str message = {0}, empty = {0};
    protobuf_put_number(&message, 1, 0);
    protobuf_put_number(&message, 20, UINT32_MAX);
    protobuf_put_text(&message, 9, "words");
    protobuf_put_message(&message, 5, &empty);
    struct protobuf_reader reader = {message.data, message.len};
    struct protobuf_field field;
    assert_int_equal(protobuf_next(&reader, &field), 1);
    assert_true(field.number == 1 && field.value == 0 && !field.bytes);
    assert_int_equal(protobuf_next(&reader, &field), 1);
    assert_true(field.number == 20 && field.value == UINT32_MAX);
    assert_int_equal(protobuf_next(&reader, &field), 1);
    assert_true(field.number == 9 && field.size == 5 && !memcmp(field.bytes, "words", 5));
    assert_int_equal(protobuf_next(&reader, &field), 1);
    assert_true(field.number == 5 && field.size == 0 && field.bytes);
    assert_int_equal(protobuf_next(&reader, &field), 0);
}

static void test_passes_over_fixed(void **state) {
    (void)state;
    static const char bytes[] = "\x09"
                                "12345678"
                                "\x15"
                                "1234"
                                "\x18\x07";
    struct protobuf_reader reader = {bytes, sizeof bytes - 1};
    struct protobuf_field field;
    assert_int_equal(protobuf_next(&reader, &field), 1);
    assert_int_equal(field.size, 8);
    assert_int_equal(protobuf_next(&reader, &field), 1);
    assert_int_equal(field.size, 4);
    assert_int_equal(protobuf_next(&reader, &field), 1);
    assert_true(field.number == 3 && field.value == 7);
}

static void test_refuses(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
        {"\x08", 1},                                              // no value
        {"\x08\xff", 2},                                          // a value that does not end
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12}, // more than 64 bits
        {"\x12\x05words", 4},                                     // shorter than it says
        {"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},     // longer than everything
        {"\x00\x01", 2},                                          // field 0
        {"\x0b", 1}, // a group: of before the messages that we read
        {"\x09"
         "1234567",
         8},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct protobuf_reader reader = {bad[i].bytes, bad[i].size};
        struct protobuf_field field;
        assert_int_equal(protobuf_next(&reader, &field), -EBADMSG);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes),
        cmocka_unit_test(test_reads_back),
        cmocka_unit_test(test_passes_over_fixed),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
