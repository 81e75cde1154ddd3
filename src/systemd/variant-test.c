// SPDX-License-Identifier: Apache-2.0
// Messages that are never sent: each value is read back as it went in.
#include "systemd/variant.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static sd_bus *bus;

// A bus that nobody is at the other end of will do.
static int setup(void **state) {
    (void)state;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return -1;
    if (sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, ends[0], ends[0]) < 0 || sd_bus_start(bus) < 0) return -1;
    return 0;
}

static int append(const char *text, sd_bus_message **ret_message) {
    assert_true(sd_bus_message_new_method_call(bus, ret_message, "a.b", "/", "a.b", "C") >= 0);
    int r = variant_append(*ret_message, text);
    if (r < 0) return r;
    assert_true(sd_bus_message_seal(*ret_message, 1, 0) >= 0);
    return 0;
}

static void assert_reads(const char *text, const char *type, const char *dumped) {
    sd_bus_message *m = NULL;
    const char *contents;
    char kind, *memory = NULL;
    size_t size;
    assert_int_equal(append(text, &m), 0);
    assert_true(sd_bus_message_peek_type(m, &kind, &contents) > 0);
    assert_int_equal(kind, 'v');
    assert_string_equal(contents, type);
    FILE *file = open_memstream(&memory, &size);
    assert_true(sd_bus_message_dump(m, file, 0) >= 0);
    fclose(file);
    if (!strstr(memory, dumped)) fail_msg("%s: no %s in %s", text, dumped, memory);
    free(memory);
    sd_bus_message_unref(m);
}

static void test_values(void **state) {
    (void)state;
    assert_reads("true", "b", "BOOLEAN true");
    assert_reads("'inactive-or-failed'", "s", "STRING \"inactive-or-failed\"");
    assert_reads("\"it's\"", "s", "STRING \"it's\"");
    assert_reads("'it\\'s'", "s", "STRING \"it's\"");
    assert_reads("-5", "i", "INT32 -5");
    assert_reads("uint64 18446744073709551615", "t", "UINT64 18446744073709551615");
    assert_reads("uint32 0x10", "u", "UINT32 16");
    assert_reads(" int64 -1 ", "x", "INT64 -1");
    assert_reads("1.5", "d", "DOUBLE 1.5");
    assert_reads("objectpath '/a'", "o", "OBJECT_PATH \"/a\"");
    assert_reads("[byte 3, 255]", "ay", "BYTE 255");
    assert_reads("['a', 'b']", "as", "STRING \"b\"");
    assert_reads("@as []", "as", "ARRAY \"s\"");
    assert_reads("[('a', true), ('b', false)]", "a(sb)", "BOOLEAN false");
    assert_reads("('a', uint64 7)", "(st)", "UINT64 7");
}

static void test_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",      "maybe",    "5 5",        "'open",           "[1, 'a']",
                                        "[]",    "byte 256", "uint32 -1",  "uint64 x",        "(1",
                                        "[1 2]", "@a 5",     "true false", "int32 2147483648"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sd_bus_message *m = NULL;
        if (append(texts[i], &m) >= 0) fail_msg("%s was taken", texts[i]);
        sd_bus_message_unref(m);
    }
    sd_bus_message *m = NULL;
    assert_int_equal(append("{'a': 1}", &m), -EOPNOTSUPP);
    sd_bus_message_unref(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
