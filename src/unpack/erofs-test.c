// SPDX-License-Identifier: Apache-2.0
// The indexes that the writer makes, mounted by the kernel and checked by fsck.erofs, and the same layers
// extracted into directories. What needs root is skipped by name without it.
#include "base/fd.h"
#include "image/probe.h"
#include "kernel/erofs.h"
#include "unpack/erofs.h"
#include "unpack/extract.h"
#include "unpack/make_tar.h"
#include "unpack/tree_build.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static char dir[64];

static int setup(void **state) {
    (void)state;
    strcpy(dir, "/tmp/hoy-erofs-test.XXXXXX");
    return mkdtemp(dir) && !chdir(dir) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    umount2("m", MNT_DETACH);
    return chdir("/") || dir_remove_all_at(AT_FDCWD, dir) ? -1 : 0;
}

// A tar in the file "layer<i>".
static void write_layer(unsigned i, const struct member *members) {
    _cleanup_(str_finish) struct str tar = {0};
    char name[32];
    for (; members->name; members++) tar_add(&tar, members);
    tar_end(&tar);
    snprintf(name, sizeof name, "layer%u", i);
    assert_int_equal(file_replace_at(AT_FDCWD, name, tar.data, tar.len, 0600, false), 0);
}
#define TAR(...)              \
    (const struct member[]) { \
        __VA_ARGS__, {        \
            .name = NULL      \
        }                     \
    }

static struct tree read_layers(unsigned count, uint64_t *blocks) {
    struct tree *layers = calloc((size_t)count + 1, sizeof *layers), merged = {0};
    struct err err = {0};
    for (unsigned i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "layer%u", i);
        _cleanup_(fd_closep) int fd = open(name, O_RDONLY | O_CLOEXEC);
        struct stat st;
        assert_int_equal(fstat(fd, &st), 0);
        blocks[i] = ((uint64_t)st.st_size + 511) / 512;
        struct tree_source source = {.fd = fd};
        if (tree_from_tar(&source, &layers[i], &err)) fail_msg("%s", err.text);
    }
    if (tree_merge(layers, count, &merged, &err)) fail_msg("%s", err.text);
    free(layers);
    return merged;
}

static void write_index(struct tree *tree, const uint64_t *blocks, unsigned count, unsigned bits,
                        const char *name) {
    struct err err = {0};
    _cleanup_(fd_closep) int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (erofs_write_blocks(tree, blocks, count, bits, fd, &err)) fail_msg("%s", err.text);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size % (1 << bits), 0);
}

// fsck.erofs 1.5 knows 4096-byte blocks only. Of a twin with such blocks it checks all but the files' bytes.
static void check_fsck(unsigned devices) {
    if (system("command -v fsck.erofs >/dev/null")) return;
    _cleanup_(str_finish) struct str command = {0}, log = {0};
    str_add(&command, "fsck.erofs -d1");
    for (unsigned i = 0; i < devices; i++) str_printf(&command, " --device=layer%u", i);
    str_add(&command, " twin >/dev/null 2>fsck.log");
    int status = system(command.data);
    if (WIFEXITED(status) && !WEXITSTATUS(status)) return;
    file_read_at(AT_FDCWD, "fsck.log", 4096, &log);
    fail_msg("fsck.erofs: %s", str_get(&log));
}

// Makes "index" of layer0 to layer<count-1>, checks it, and mounts it at "m".
static void mount_layers(unsigned count) {
    uint64_t blocks[64];
    struct tree tree = read_layers(count, blocks);
    write_index(&tree, blocks, count, 12, "twin");
    check_fsck(count);
    write_index(&tree, blocks, count, 9, "index");
    tree_free(&tree);
    if (geteuid()) skip();
    char names[64][32];
    const char *devices[64];
    for (unsigned i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "layer%u", i);
        devices[i] = names[i];
    }
    if (mkdir("m", 0700)) assert_int_equal(errno, EEXIST);
    int r = erofs_mount("index", devices, count, "m");
    if (r == -ENODEV || r == -ENOTBLK || r == -EPERM) skip(); // no such mounts here
    assert_int_equal(r, 0);
}

static void check_file(const char *path, const char *text) {
    _cleanup_(str_finish) struct str got = {0};
    int r = file_read_at(AT_FDCWD, path, 1 << 20, &got);
    if (r) fail_msg("%s: %s", path, strerror(-r));
    assert_string_equal(str_get(&got), text);
}

static struct stat check_stat(const char *path, uint32_t mode, uint32_t uid, uint32_t gid) {
    struct stat st;
    if (lstat(path, &st)) fail_msg("%s: %s", path, strerror(errno));
    assert_int_equal(st.st_mode, mode);
    assert_int_equal(st.st_uid, uid);
    assert_int_equal(st.st_gid, gid);
    return st;
}

static void check_link(const char *path, const char *target) {
    char got[5000] = {0};
    assert_true(readlink(path, got, sizeof got - 1) >= 0);
    assert_string_equal(got, target);
}

#define CAPS "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static char long_target[3001];

static void write_everything(void) {
    memset(long_target, 't', 3000);
    write_layer(0,
                TAR({".", '5', .mode = 0751, .uid = 3, .mtime = 99},
                    {"f", .data = "abc", .mode = 06755, .uid = 70000, .gid = 4000000000u, .mtime = 1234567890,
                     .pax = "mtime=1234567890.25\nSCHILY.xattr.user.a=1\nSCHILY.xattr.user.b=\n"},
                    {"empty"}, {"l", '1', "f"}, {"s", '2', "../x"}, {"long", '2', "x", .pax = NULL},
                    {"c", '3', .mode = 0600, .major = 1, .minor = 3},
                    {"b", '4', .major = 259, .minor = 70000}, {"p", '6', .mode = 0640},
                    {"ping", .data = "p", .mode = 0755, .pax = "SCHILY.xattr.security.capability=" CAPS "\n",
                     .pax_value_size = 20},
                    {"d", '5', .mode = 01777, .mtime = 5, .pax = "SCHILY.xattr.user.on=dir\n"},
                    {"d/ -before-dots", .data = "1"}, {"d/\xc3\xa9\xff", .data = "2"}, {"d/..x", .data = "3"},
                    {"d/\x01", .data = "4"}));
}

static void check_everything(const char *root) {
    assert_int_equal(chdir(root), 0);
    check_stat(".", S_IFDIR | 0751, 3, 0);
    struct stat st = check_stat("f", S_IFREG | 06755, 70000, 4000000000u);
    assert_int_equal(st.st_mtim.tv_sec, 1234567890);
    assert_int_equal(st.st_mtim.tv_nsec, 250000000);
    assert_int_equal(st.st_nlink, 2);
    assert_int_equal(check_stat("l", S_IFREG | 06755, 70000, 4000000000u).st_ino, st.st_ino);
    check_file("f", "abc");
    check_file("empty", "");
    check_link("s", "../x");
    assert_int_equal(check_stat("c", S_IFCHR | 0600, 0, 0).st_rdev, makedev(1, 3));
    assert_int_equal(check_stat("b", S_IFBLK | 0644, 0, 0).st_rdev, makedev(259, 70000));
    check_stat("p", S_IFIFO | 0640, 0, 0);
    char value[64] = {0};
    assert_int_equal(getxattr("ping", "security.capability", value, sizeof value), 20);
    assert_memory_equal(value, CAPS, 20);
    assert_int_equal(getxattr("f", "user.a", value, sizeof value), 1);
    assert_int_equal(getxattr("f", "user.b", value, sizeof value), 0);
    assert_int_equal(getxattr("d", "user.on", value, sizeof value), 3);
    assert_int_equal(check_stat("d", S_IFDIR | 01777, 0, 0).st_mtim.tv_sec, 5);
    check_file("d/ -before-dots", "1");
    check_file("d/\xc3\xa9\xff", "2");
    check_file("d/..x", "3");
    check_file("d/\x01", "4");
    assert_int_equal(access("d/..", F_OK), 0);
    assert_int_equal(access("d/nothing", F_OK), -1);
    assert_int_equal(chdir(dir), 0);
}

static void test_everything(void **state) {
    (void)state;
    write_everything();
    mount_layers(1);
    check_everything("m");
    struct stat st = check_stat("m/d", S_IFDIR | 01777, 0, 0);
    assert_int_equal(st.st_nlink, 2);
}

static void test_probe(void **state) {
    (void)state;
    struct tree_build build;
    struct tree layer, tree;
    struct err err = {0};
    tree_build_init(&build);
    struct tree_node *file = tree_build_node(&build, S_IFREG | 0644);
    file->size = strlen(PROBE_TEXT);
    tree_build_add(&build, build.tree.root, PROBE_FILE, strlen(PROBE_FILE))->node = file;
    tree_build_take(&build, &layer);
    tree_build_finish(&build);
    assert_int_equal(tree_merge(&layer, 1, &tree, &err), 0);
    write_index(&tree, (const uint64_t[]){1}, 1, 9, "probe");
    tree_free(&tree);
    _cleanup_(str_finish) struct str text = {0};
    assert_int_equal(file_read_at(AT_FDCWD, "probe", 4096, &text), 0);
    assert_int_equal(text.len, PROBE_SIZE);
    assert_memory_equal(text.data, probe_image, PROBE_SIZE);
}

// Directories and links of every size around a block's, so that each of the writer's ways is gone.
static void test_sizes(void **state) {
    (void)state;
    _cleanup_(str_finish) struct str tar = {0};
    char name[512], target[4097];
    memset(target, 't', sizeof target);
    for (unsigned i = 0; i < 300; i++) {
        for (unsigned j = 0; j < i % 70; j++) {
            snprintf(name, sizeof name, "d%u/%0*u", i, (int)(1 + i % 200), j);
            tar_add(&tar, &(struct member){name, .data = j % 3 ? "x" : ""});
        }
        snprintf(name, sizeof name, "l%u", i);
        target[i * 13 + 1] = 0;
        _cleanup_(str_finish) struct str pax = {0};
        str_printf(&pax, "linkpath=%s\n", target);
        tar_add(&tar, &(struct member){name, '2', "x", .pax = pax.data});
        target[i * 13 + 1] = 't';
    }
    tar_end(&tar);
    assert_int_equal(file_replace_at(AT_FDCWD, "layer0", tar.data, tar.len, 0600, false), 0);
    mount_layers(1);
    for (unsigned i = 0; i < 300; i++) {
        for (unsigned j = 0; j < i % 70; j++) {
            snprintf(name, sizeof name, "m/d%u/%0*u", i, (int)(1 + i % 200), j);
            check_file(name, j % 3 ? "x" : "");
        }
        snprintf(name, sizeof name, "m/l%u", i);
        target[i * 13 + 1] = 0;
        check_link(name, target);
        target[i * 13 + 1] = 't';
    }
}

// Xattrs push what is behind the inode over the block's end.
static void test_xattr_sizes(void **state) {
    (void)state;
    _cleanup_(str_finish) struct str tar = {0}, pax = {0};
    char name[64], value[4096];
    for (unsigned i = 0; i < 120; i++) {
        pax.len = 0;
        str_add(&pax, "SCHILY.xattr.user.k=");
        for (unsigned j = 0; j < i * 17; j++) str_add_char(&pax, 'v');
        str_add(&pax, "\n");
        snprintf(name, sizeof name, "f%u", i);
        tar_add(&tar, &(struct member){name, .data = name, .pax = pax.data});
        snprintf(name, sizeof name, "d%u/", i);
        tar_add(&tar, &(struct member){name, '5', .mode = 0755, .pax = pax.data});
        snprintf(name, sizeof name, "d%u/below", i);
        tar_add(&tar, &(struct member){name});
    }
    tar_end(&tar);
    assert_int_equal(file_replace_at(AT_FDCWD, "layer0", tar.data, tar.len, 0600, false), 0);
    mount_layers(1);
    for (unsigned i = 0; i < 120; i++) {
        snprintf(name, sizeof name, "m/f%u", i);
        assert_int_equal(getxattr(name, "user.k", value, sizeof value), i * 17);
        check_file(name, name + 2);
        snprintf(name, sizeof name, "m/d%u", i);
        assert_int_equal(getxattr(name, "user.k", value, sizeof value), i * 17);
        snprintf(name, sizeof name, "m/d%u/below", i);
        check_file(name, "");
    }
}

static void test_layers(void **state) {
    (void)state;
    write_layer(0, TAR({"a", .data = "a0"}, {"d/x", .data = "x0"}, {"gone", .data = "g"}, {"o/old"}));
    write_layer(1, TAR({"a", .data = "a1"}, {".wh.gone"}, {"d/y", .data = "y1"}, {"o", '5', .mode = 0755},
                       {"o/.wh..wh..opq"}, {"o/new", .data = "n1"}));
    write_layer(2, TAR({"l", '1', "d/x"}, {"d/z", .data = "z2"}));
    mount_layers(3);
    check_file("m/a", "a1");
    check_file("m/d/x", "x0");
    check_file("m/d/y", "y1");
    check_file("m/d/z", "z2");
    check_file("m/l", "x0");
    check_file("m/o/new", "n1");
    assert_int_equal(access("m/gone", F_OK), -1);
    assert_int_equal(access("m/o/old", F_OK), -1);
}

// More devices than a page of mount options takes.
static void test_many_layers(void **state) {
    (void)state;
    char name[32], path[32];
    for (unsigned i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "f%u", i);
        write_layer(i, TAR({name, .data = name}));
    }
    mount_layers(60);
    for (unsigned i = 0; i < 60; i++) {
        snprintf(path, sizeof path, "m/f%u", i);
        check_file(path, path + 2);
    }
}

static void test_no_layers(void **state) {
    (void)state;
    mount_layers(0);
    check_stat("m", S_IFDIR | 0755, 0, 0);
}

static void test_refused(void **state) {
    (void)state;
    struct tree tree = {0};
    struct err err = {0};
    uint64_t blocks[EROFS_DEVICES_MAX + 1] = {(uint64_t)1 << 32};
    assert_int_equal(tree_merge(NULL, 0, &tree, &err), 0);
    assert_int_equal(erofs_write(&tree, blocks, 1, -1, &err), -1);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_int_equal(erofs_write(&tree, blocks, EROFS_DEVICES_MAX + 1, -1, &err), -1);
    _cleanup_(fd_closep) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_int_equal(erofs_write(&tree, NULL, 0, full, &err), -1);
    assert_int_equal(err.code, ENOSPC);
    tree_free(&tree);
}

static int extract_all(const struct extract_job *job, struct err *err) {
    _cleanup_(extract_end) struct extract extract = EXTRACT_NONE;
    int r = extract_start(job, &extract, err);
    while (!r) r = extract_serve(&extract, err);
    return r < 0 ? -1 : 0;
}

static int extract(const char *target, struct err *err) {
    _cleanup_(fd_closep) int tar = open("layer0", O_RDONLY | O_CLOEXEC);
    mkdir(target, 0700);
    _cleanup_(fd_closep) int fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return extract_all(&(struct extract_job){tar, -1, fd}, err);
}

static void test_extract(void **state) {
    (void)state;
    if (geteuid()) skip();
    struct err err = {0};
    write_everything();
    if (extract("x", &err)) fail_msg("%s", err.text);
    check_everything("x");

    write_layer(0, TAR({".wh.gone"}, {"d", '5', .mode = 0700, .mtime = 77}, {"d/.wh..wh..opq"},
                       {"d/f", .data = "1"}, {"evil", '2', "/"}, {"abs", '2', "../../../.."}));
    if (extract("y", &err)) fail_msg("%s", err.text);
    assert_int_equal(check_stat("y/gone", S_IFCHR, 0, 0).st_rdev, 0);
    char value[8];
    assert_int_equal(getxattr("y/d", "trusted.overlay.opaque", value, sizeof value), 1);
    assert_int_equal(value[0], 'y');
    assert_int_equal(check_stat("y/d", S_IFDIR | 0700, 0, 0).st_mtim.tv_sec, 77);
    check_file("y/d/f", "1");
    check_link("y/evil", "/");

    // What only a lower layer has is left to the cover.
    write_layer(0, TAR({"l", '1', "etc/passwd"}));
    if (extract("z", &err)) fail_msg("%s", err.text);
    check_file("z/l", "etc/passwd");
    assert_int_equal(getxattr("z/l", "trusted.overlay." EXTRACT_LINK, value, sizeof value), 1);
    assert_int_equal(getxattr("z", "trusted.overlay." EXTRACT_LINKS, value, sizeof value), 1);
}

static void test_extract_refused(void **state) {
    (void)state;
    if (geteuid()) skip();
    struct err err = {0};
    write_layer(0, TAR({"ok"}, {"../../escaped", .data = "x"}));
    assert_int_equal(extract("x", &err), -1);
    assert_int_equal(err.kind, ERR_INVALID);
    write_layer(0, TAR({"e", '2', "/tmp"}, {"e/escaped", .data = "x"}));
    assert_int_equal(extract("y", &err), -1);
    // A directory that is there already is none of hoy's making.
    write_layer(0, TAR({"d/f"}));
    assert_int_equal(mkdir("w", 0700), 0);
    assert_int_equal(symlink("/tmp", "w/d"), 0);
    assert_int_equal(extract("w", &err), -1);
    assert_int_equal(err.code, EEXIST);
}

// A job whose tar has its first `size` bytes, of all that are in layer0.
static void grow_begin(const struct str *tar, size_t size, const char *target, struct extract *extract,
                       int *ret_out, int *ret_grown) {
    int ends[2];
    struct err err = {0};
    *ret_out = open("growing", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(fd_write_all(*ret_out, tar->data, size), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(mkdir(target, 0700), 0);
    _cleanup_(fd_closep) int fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct extract_job job = {*ret_out, ends[0], fd};
    if (extract_start(&job, extract, &err)) fail_msg("%s", err.text);
    close(ends[0]);
    *ret_grown = ends[1];
}

static int grow_end(struct extract *extract, struct err *err) {
    int r;
    while (!(r = extract_serve(extract, err))) {}
    extract_end(extract);
    return r;
}

#define FIRST 8192 // bytes of the first file: headers are read in pieces of 4 KiB

static void grow_tar(struct str *tar) {
    static char first[FIRST + 1];
    memset(first, 'x', FIRST);
    write_layer(0, TAR({"a", .data = first}, {"d/b", .data = "the second"}, {"l", '2', "a"}));
    assert_int_equal(file_read_at(AT_FDCWD, "layer0", 1 << 20, tar), 0);
}

// The first file is made when its bytes are there, and nothing has come of the next.
static void test_extract_grows(void **state) {
    (void)state;
    if (geteuid()) skip();
    _cleanup_(str_finish) struct str tar = {0};
    _cleanup_(extract_end) struct extract extract = EXTRACT_NONE;
    char event[sizeof(struct inotify_event) + NAME_MAX + 1];
    struct err err = {0};
    int out, grown;
    grow_tar(&tar);
    _cleanup_(fd_closep) int watch = inotify_init1(IN_CLOEXEC);
    grow_begin(&tar, 512 + FIRST, "x", &extract, &out, &grown);
    assert_true(inotify_add_watch(watch, "x", IN_CLOSE_WRITE) >= 0);
    if (access("x/a", F_OK)) assert_true(read(watch, event, sizeof event) > 0);
    assert_int_equal(access("x/d", F_OK), -1);
    assert_int_equal(fd_write_all(out, tar.data + 512 + FIRST, tar.len - 512 - FIRST), 0);
    assert_int_equal(write(grown, "", 1), 1);
    close(grown);
    if (grow_end(&extract, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(check_stat("x/a", S_IFREG | 0644, 0, 0).st_size, FIRST);
    check_file("x/d/b", "the second");
    check_link("x/l", "a");
    close(out);
}

static void test_extract_cut_off(void **state) {
    (void)state;
    if (geteuid()) skip();
    _cleanup_(str_finish) struct str tar = {0};
    grow_tar(&tar);
    static const size_t sizes[] = {0, 100, 512, 600, 512 + FIRST, 1024 + FIRST};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        _cleanup_(extract_end) struct extract extract = EXTRACT_NONE;
        struct err err = {0};
        char target[16];
        int out, grown;
        snprintf(target, sizeof target, "t%zu", i);
        grow_begin(&tar, sizes[i], target, &extract, &out, &grown);
        close(grown);
        int r = grow_end(&extract, &err);
        // Between members a tar may end.
        assert_int_equal(r, sizes[i] == 0 || sizes[i] == 512 + FIRST ? 1 : -1);
        if (r < 0) assert_int_equal(err.kind, ERR_INVALID);
        close(out);
    }
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_everything),      TEST(test_probe),         TEST(test_sizes),
        TEST(test_xattr_sizes),     TEST(test_layers),        TEST(test_many_layers),
        TEST(test_no_layers),       TEST(test_refused),       TEST(test_extract),
        TEST(test_extract_refused), TEST(test_extract_grows), TEST(test_extract_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
