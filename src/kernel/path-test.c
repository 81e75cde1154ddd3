// SPDX-License-Identifier: Apache-2.0
// Links in a root file system that want to lead out of it.
#include "kernel/path.h"

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

static char top[] = "/tmp/path-test.XXXXXX";
static int root;

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(top) || chdir(top)) return -1;
    if (mkdir("root", 0755) || mkdir("outside", 0755) || mkdir("root/etc", 0755)) return -1;
    if (symlink("/outside", "root/absolute") || symlink("../../outside", "root/etc/relative") ||
        symlink("/etc", "root/good") || symlink("nowhere", "root/dangling") || symlink("loop", "root/loop"))
        return -1;
    return (root = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0;
}

static int tear_down(void **state) {
    (void)state;
    close(root);
    return dir_remove_all_at(AT_FDCWD, top);
}

static void make(const char *path, bool file) {
    int fd = path_make_in(root, path, file);
    if (fd < 0) fail_msg("%s: %s", path, strerror(-fd));
    close(fd);
}

static void test_makes_inside(void **state) {
    (void)state;
    struct stat st;
    make("/a/b/c", false);
    assert_int_equal(stat("root/a/b/c", &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    make("a/b/c", false); // again is fine
    make("/good/hosts", true);
    assert_int_equal(stat("root/etc/hosts", &st), 0);
    assert_true(S_ISREG(st.st_mode));
    make("/etc/deep/er/file", true);
    assert_int_equal(stat("root/etc/deep/er/file", &st), 0);
    make("/", false);
    make("../../up", false); // .. at the root stays there
    char deep[4000];
    for (size_t i = 0; i < sizeof deep; i++) deep[i] = i % 2 ? '/' : 'd';
    deep[sizeof deep - 1] = 0;
    make(deep, false);
    assert_int_equal(stat("root/up", &st), 0);
}

static void test_links_do_not_lead_out(void **state) {
    (void)state;
    struct stat st;
    int fd = path_make_in(root, "/absolute/x", true);
    if (fd >= 0) close(fd);
    fd = path_make_in(root, "/etc/relative/y", false);
    if (fd >= 0) close(fd);
    assert_int_equal(stat("outside/x", &st), -1);
    assert_int_equal(stat("outside/y", &st), -1);
}

static void test_makes_what_links_name(void **state) {
    (void)state;
    assert_int_equal(symlink("/none/such", "root/etc/away"), 0);
    assert_int_equal(symlink("../etc/../up/here", "root/etc/beside"), 0);
    assert_int_equal(symlink("etc/away/down", "root/two"), 0);
    assert_int_equal(symlink("/../../outside/made", "root/out"), 0);
    make("/two/sub", 0);
    assert_int_equal(access("root/none/such/down/sub", F_OK), 0);
    make("/good/beside", 0);
    assert_int_equal(access("root/up/here", F_OK), 0);
    make("/out/file", 1);
    assert_int_equal(access("root/outside/made/file", F_OK), 0);
    assert_int_equal(access("outside/made", F_OK), -1);
    // One more than the kernel follows, and none of them there.
    for (int i = 0; i < 41; i++) {
        char link[16], target[32];
        snprintf(link, sizeof link, "root/n%d", i);
        snprintf(target, sizeof target, "n%d/x", i + 1);
        assert_int_equal(symlink(target, link), 0);
    }
    assert_int_equal(path_make_in(root, "/n0", 0), -ELOOP);
}

static void test_bad_ends(void **state) {
    (void)state;
    char longer[5000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    assert_true(path_make_in(root, "/dangling", true) < 0 || access("root/nowhere", F_OK));
    assert_int_equal(path_make_in(root, "/loop/x", false), -ELOOP);
    assert_true(path_make_in(root, longer, false) < 0);
    make("/file", true);
    assert_int_equal(path_make_in(root, "/file/x", false), -ENOTDIR);
    assert_int_equal(path_open_in(root, "/missing", 0), -ENOENT);
}

static void test_magic_links(void **state) {
    (void)state;
    char target[64];
    int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    snprintf(target, sizeof target, "self/fd/%d", fd);
    int r = path_open_in(proc, target, O_PATH | O_DIRECTORY); // CVE-2024-21626's way out
    assert_int_equal(r, -ELOOP);
    close(fd);
    close(proc);
}

static void test_own_mount(void **state) {
    (void)state;
    int slash = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(path_open_own(slash, "/proc/self/status"), -EXDEV);
    int fd = path_open_own(root, "/good"); // a link from the root on
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(path_open_own(root, "/missing"), -ENOENT);
    close(slash);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_makes_inside),          cmocka_unit_test(test_links_do_not_lead_out),
        cmocka_unit_test(test_makes_what_links_name), cmocka_unit_test(test_bad_ends),
        cmocka_unit_test(test_magic_links),           cmocka_unit_test(test_own_mount),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
