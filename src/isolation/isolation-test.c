// SPDX-License-Identifier: Apache-2.0
#include "isolation/isolation.h"

#include "base/str.h"
#include "isolation/parts.h"
#include "kernel/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct fact rows[] = {
    {"capabilities", "effective", "chown kill", NULL},
    {"capabilities", "bounding", "all", NULL},
    {"limits", "memory", "67108864", NULL},
    {"limits", "pids", "unlimited", NULL},
    {"paths", "writable", "/srv/data:/data /run/docker.sock:/var/run/docker.sock", NULL},
    {"namespaces", "pid", "own", NULL},
};
static const struct facts some = {rows, ARRAY_SIZE(rows)};

static void test_assert(void **state) {
    (void)state;
    static const struct {
        const char *line;
        int result;
    } cases[] = {
        {"namespaces.pid = own", 1},
        {"namespaces.pid != own", 0},
        {"capabilities.effective has kill", 1},
        {"capabilities.effective has kil", 0},
        {"capabilities.effective lacks sys_admin", 1},
        {"capabilities.effective lacks chown", 0},
        {"capabilities.bounding has sys_admin", 1},
        {"paths.writable has /srv/data", 1},
        {"paths.writable has /srv", 0},
        {"paths.writable lacks /run/docker.sock", 0},
        {"paths.writable has /srv/data:/data", 1},
        {"limits.memory <= 64m", 1},
        {"limits.memory <= 67108863", 0},
        {"limits.memory >= 1k", 1},
        {"limits.pids <= 100", 0},
        {"limits.pids >= 100", 1},
        {"limits.pids <= unlimited", 1},
        {"", -1},
        {"namespaces.pid", -1},
        {"namespaces.pid =", -1},
        {"namespaces.pid = ", -1},
        {"namespaces.nothing = own", -1},
        {"namespaces. = own", -1},
        {"pid = own", -1},
        {"namespaces.pid is own", -1},
        {"limits.memory <= much", -1},
        {"namespaces.pid <= 5", -1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        if (facts_assert(&some, cases[i].line, &err) != cases[i].result)
            fail_msg("%s: not %d: %s", cases[i].line, cases[i].result, err.text);
    }
}

// A mount's path on the host: the deepest of the host's mounts of that file system that has it.
static void test_host_path(void **state) {
    (void)state;
    static char text[] = "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                         "21 20 8:2 /a/b /srv rw - ext4 /dev/sda2 rw\n"
                         "22 20 8:2 /a /mnt\\040x ro shared:1 - ext4 /dev/sda2 rw\n"
                         "torn line\n";
    static const struct {
        const char *device, *root, *path;
    } cases[] = {
        {"8:1", "/", "/"},           {"8:1", "/etc/hosts", "/etc/hosts"}, {"8:2", "/a/b", "/srv"},
        {"8:2", "/a/b/c", "/srv/c"}, {"8:2", "/a/bc", "/mnt\\040x/bc"},   {"8:2", "/b", NULL},
        {"8:3", "/", NULL},
    };
    struct arena arena = ARENA_INIT;
    struct host_mounts mounts;
    FILE *file = fmemopen(text, sizeof text - 1, "r");
    assert_int_equal(mounts_read(&arena, file, &mounts), 0);
    fclose(file);
    assert_int_equal(mounts.count, 3);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct host_mount mount = {.device = cases[i].device, .root = cases[i].root};
        const char *path = mount_host_path(&arena, &mounts, &mount);
        if (cases[i].path ? !str_eq(path, cases[i].path) : path != NULL)
            fail_msg("%s %s: %s", cases[i].device, cases[i].root, path ? path : "nothing");
    }
    arena_finish(&arena);
}

// A process of this machine, which shares everything with the caller; then nobody.
static void test_child(void **state) {
    (void)state;
    struct arena arena = ARENA_INIT;
    struct facts facts, own;
    struct process_stat stat;
    struct err err = {0};
    pid_t child = fork();
    if (!child) {
        pause();
        _exit(0);
    }
    assert_int_equal(process_stat(child, &stat), 0);
    assert_int_equal(isolation_read(&arena, 0, 0, &own, &err), 0);
    assert_int_equal(isolation_read(&arena, child, stat.start_time + 1, &facts, &err), -1);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    if (!isolation_read(&arena, child, stat.start_time, &facts, &err)) {
        facts_name_namespaces(&facts, &own, "the host's");
        assert_string_equal(facts_find(&facts, "namespaces.pid")->value, "the host's");
        assert_int_equal(facts.count, own.count);
    } else {
        assert_int_not_equal(geteuid(), 0); // joining namespaces, if only one's own, is for root
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(isolation_read(&arena, child, stat.start_time, &facts, &err), -1);
    arena_finish(&arena);
}

static void test_words(void **state) {
    (void)state;
    struct str words = {0};
    word_add(&words, "a b");
    word_add(&words, "\033[31m");
    assert_string_equal(str_get(&words), "a\\040b \\033[31m");
    str_finish(&words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assert),
        cmocka_unit_test(test_host_path),
        cmocka_unit_test(test_child),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
