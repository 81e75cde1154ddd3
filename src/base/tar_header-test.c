// SPDX-License-Identifier: Apache-2.0
#include "base/tar_header.h"

#include "base/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

// What tar(1) lists of a header.
static void list(const struct tar_header *header, char *line, size_t size) {
    char block[TAR_HEADER_SIZE], name[] = "/tmp/tar_header-XXXXXX", command[128];
    _cleanup_(fd_closep) int fd = mkstemp(name);
    tar_header_write(header, block);
    assert_int_equal(fd_write_all(fd, block, sizeof block), 0);
    // A file as large as it claims to be, with holes.
    assert_int_equal(ftruncate(fd, (off_t)(sizeof block + header->size + tar_padding(header->size) + 1024)),
                     0);
    snprintf(command, sizeof command, "TZ=UTC tar --numeric-owner -tvf %s", name);
    FILE *tar = popen(command, "r");
    assert_non_null(fgets(line, (int)size, tar));
    assert_int_equal(pclose(tar), 0);
    unlink(name);
}

static void test_tar(void **state) {
    char line[256];
    (void)state;
    list(&(struct tar_header){.name = "a/file", .type = '0', .mode = 0640, .uid = 7, .gid = 8, .size = 9},
         line, sizeof line);
    assert_string_equal(line, "-rw-r----- 7/8               9 1970-01-01 00:00 a/file\n");
    list(
        &(struct tar_header){
            .name = "link", .link = "target", .type = '2', .mode = 0777, .mtime = 1600000000},
        line, sizeof line);
    assert_string_equal(line, "lrwxrwxrwx 0/0               0 2020-09-13 12:26 link -> target\n");
}

static void test_large(void **state) {
    char line[256];
    (void)state;
    list(&(struct tar_header){.name = "x", .type = '0', .mode = 0644, .uid = 3000000000, .size = 12345678901},
         line, sizeof line);
    assert_string_equal(line, "-rw-r--r-- 3000000000/0 12345678901 1970-01-01 00:00 x\n");
}

static void test_padding(void **state) {
    (void)state;
    assert_int_equal(tar_padding(0), 0);
    assert_int_equal(tar_padding(1), 511);
    assert_int_equal(tar_padding(512), 0);
    assert_int_equal(tar_padding((1ull << 40) + 513), 511);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tar), cmocka_unit_test(test_large),
                                       cmocka_unit_test(test_padding)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
