// SPDX-License-Identifier: Apache-2.0
// Runs in a chroot with an /etc of its own, as the executor does; needs root.
#include "plan/user.h"

#include "base/fd.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "1000:x:0:0:not a number:/evil:/bin/sh\n"
                             "www:x:33:34:web:/var/www:/bin/sh\n"
                             "# comment\n"
                             "broken line\n"
                             "huge:x:4294967295:0::/:/bin/sh\n"
                             "negative:x:-1:0::/:/bin/sh\n";
static const char group[] = "root:x:0:\nwww:x:34:\nlogs:x:50:www,other\nboth:x:51:other,www\nbad:x:abc:www\n";

static const struct {
    const char *name;
    int result; // 0, or the errno
    uid_t uid;
    gid_t gid;
    const char *home;
    size_t groups;
} cases[] = {
    {"root", 0, 0, 0, "/root", 1},
    {"0", 0, 0, 0, "/root", 1},
    {"www", 0, 33, 34, "/var/www", 3},
    {"33", 0, 33, 34, "/var/www", 3},
    {"www:logs", 0, 33, 50, "/var/www", 1},
    {"www:77", 0, 33, 77, "/var/www", 1},
    {"33:0", 0, 33, 0, "/var/www", 1},
    {"1000", 0, 1000, 0, "/", 1}, // CVE-2016-3697: digits are never a name
    {"12345", 0, 12345, 0, "/", 1},
    {"2147483647", 0, 2147483647, 0, "/", 1},
    {"2147483648", ERANGE, 0, 0, NULL, 0},
    {"4294967296", ERANGE, 0, 0, NULL, 0}, // CVE-2024-40635: would wrap to root
    {"18446744073709551616", ERANGE, 0, 0, NULL, 0},
    {"-1", EINVAL, 0, 0, NULL, 0},
    {"+0", EINVAL, 0, 0, NULL, 0},
    {" 0", EINVAL, 0, 0, NULL, 0},
    {"0x0", EINVAL, 0, 0, NULL, 0},
    {"1e3", EINVAL, 0, 0, NULL, 0},
    {"huge", EINVAL, 0, 0, NULL, 0},
    {"negative", EINVAL, 0, 0, NULL, 0},
    {"nobody", EINVAL, 0, 0, NULL, 0},
    {"www:nogroup", EINVAL, 0, 0, NULL, 0},
    {"www:bad", EINVAL, 0, 0, NULL, 0},
    {"www:4294967296", ERANGE, 0, 0, NULL, 0},
    {":www", 0, 0, 34, "/root", 1},
    {"root\nx", EINVAL, 0, 0, NULL, 0},
};

static void test_names(void **state) {
    (void)state;
    const char *none[] = {NULL};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct user user = {0};
        struct err err = {0};
        int r = user_resolve(cases[i].name, none, &user, &err);
        if (r != -cases[i].result)
            fail_msg("\"%s\": %d, not %d (%s)", cases[i].name, r, -cases[i].result, err.text);
        if (r) {
            assert_int_not_equal(err.text[0], 0);
            continue;
        }
        if (user.uid != cases[i].uid || user.gid != cases[i].gid || strcmp(user.home, cases[i].home) ||
            user.group_count != cases[i].groups)
            fail_msg("\"%s\": uid %u gid %u home %s groups %zu", cases[i].name, user.uid, user.gid, user.home,
                     user.group_count);
    }
}

static void test_added_groups(void **state) {
    (void)state;
    const char *groups[] = {"logs", "99", "logs", NULL}, *missing[] = {"none", NULL};
    struct user user = {.uid = 7, .gid = 8};
    struct err err = {0};
    assert_int_equal(user_resolve("", groups, &user, &err),
                     0); // numbers from a config.json: taken as they are
    assert_int_equal(user.uid, 7);
    assert_int_equal(user.gid, 8);
    assert_int_equal(user.group_count, 2);
    assert_int_equal(user.groups[0], 50);
    assert_int_equal(user.groups[1], 99);
    assert_int_equal(user_resolve("www", missing, &user, &err), -EINVAL);
}

// CVE-2024-9676, CVE-2026-47262: what the image put in the files' places.
static void test_hostile_files(void **state) {
    (void)state;
    const char *none[] = {NULL};
    struct user user = {0};
    struct err err = {0};
    assert_int_equal(unlink("/etc/passwd"), 0);
    assert_int_equal(user_resolve("0", none, &user, &err), 0);
    assert_int_equal(user_resolve("root", none, &user, &err), -EINVAL);
    assert_int_equal(mkfifo("/etc/passwd", 0666), 0);
    assert_int_equal(user_resolve("root", none, &user, &err), -EINVAL);
    assert_int_equal(unlink("/etc/passwd"), 0);
    int fd = open("/etc/passwd", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(ftruncate(fd, 1LL << 31), 0);
    close(fd);
    assert_int_equal(user_resolve("root", none, &user, &err), -EFBIG);
}

static char dir[] = "/tmp/user-test.XXXXXX";
static int outside = -1;

static int enter(void **state) {
    (void)state;
    outside = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (geteuid() || outside < 0 || !mkdtemp(dir) || chdir(dir)) return -1;
    (void)!mkdir("etc", 0755);
    if (file_replace_at(AT_FDCWD, "etc/passwd", passwd, sizeof passwd - 1, 0644, false)) return -1;
    if (file_replace_at(AT_FDCWD, "etc/group", group, sizeof group - 1, 0644, false)) return -1;
    return chroot(".");
}

static int leave(void **state) {
    (void)state;
    unlink("/etc/passwd");
    unlink("/etc/group");
    if (rmdir("/etc") || fchdir(outside) || chroot(".")) return -1;
    close(outside);
    return rmdir(dir);
}

int main(void) {
    if (geteuid()) return puts("SKIP user-test: needs root for chroot"), 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_added_groups),
        cmocka_unit_test(test_hostile_files),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
