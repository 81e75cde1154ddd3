// SPDX-License-Identifier: Apache-2.0
// What is written comes back as it was, through the reader that layers are read by.
#include "base/fd.h"
#include "unpack/make_tar.h"
#include "unpack/tar_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static int put(void *data, const void *bytes, size_t size) {
    str_add_n(data, bytes, size);
    return 0;
}

struct rig {
    struct str text;
    struct tar_writer writer;
    struct tree tree;
};

static void rig_init(struct rig *rig) {
    *rig = (struct rig){0};
    rig->writer = (struct tar_writer){.write = put, .data = &rig->text};
}

static void add(struct rig *rig, const char *name, const struct tree_node *node, const char *bytes) {
    assert_int_equal(tar_write_header(&rig->writer, name, node, NULL), 0);
    for (size_t i = 0; i < node->size; i++) // in pieces
        assert_int_equal(tar_write_bytes(&rig->writer, bytes + i, 1), 0);
    assert_int_equal(rig->text.len % 512, 0);
}

static void read_back(struct rig *rig) {
    struct err err = {0};
    assert_int_equal(tar_write_end(&rig->writer), 0);
    _cleanup_(fd_closep) int fd = tar_file(&rig->text);
    const struct tree_source source = {.fd = fd};
    if (tree_from_tar(&source, &rig->tree, &err)) fail_msg("%s", err.text);
}

static struct tree_node *find(struct rig *rig, const char *name) {
    struct tree_entry *entry = tree_find(rig->tree.root, name, strlen(name));
    if (!entry) fail_msg("%s is not there", name);
    return entry->node;
}

static void rig_finish(struct rig *rig) {
    tree_free(&rig->tree);
    str_finish(&rig->text);
}

static void test_metadata(void **state) {
    struct rig rig;
    struct tree_xattr second = {.name = "user.b", .value = "a\0\n9", .size = 4};
    struct tree_xattr first = {
        .next = &second, .name = "security.capability", .value = "12 x=y\n", .size = 7};
    const struct tree_node nodes[] = {
        {.mode = S_IFREG | 06755, .uid = 1, .gid = 2, .size = 5, .mtime_s = 1, .mtime_ns = 5},
        {.mode = S_IFREG, .uid = 3000000000, .gid = 4294967294, .mtime_s = -7, .xattrs = &first},
        {.mode = S_IFCHR | 0666, .rdev_major = 4095, .rdev_minor = 1048575, .mtime_s = 99999999999},
        {.mode = S_IFIFO | 0600, .mtime_s = 1},
        {.mode = S_IFDIR | 01777, .mtime_s = 1},
    };
    char name[8];
    (void)state;
    rig_init(&rig);
    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
        snprintf(name, sizeof name, "f%zu", i);
        add(&rig, name, &nodes[i], "hello");
    }
    read_back(&rig);
    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
        snprintf(name, sizeof name, "f%zu", i);
        const struct tree_node *a = &nodes[i], *b = find(&rig, name);
        assert_int_equal(a->mode, b->mode);
        assert_int_equal(a->uid, b->uid);
        assert_int_equal(a->gid, b->gid);
        assert_int_equal(a->size, b->size);
        assert_true(a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns);
        assert_int_equal(a->rdev_major, b->rdev_major);
        assert_int_equal(a->rdev_minor, b->rdev_minor);
    }
    assert_memory_equal(rig.text.data + find(&rig, "f0")->offset, "hello", 5);
    size_t count = 0;
    for (const struct tree_xattr *x = find(&rig, "f1")->xattrs; x; x = x->next, count++) {
        const struct tree_xattr *was = str_eq(x->name, first.name) ? &first : &second;
        assert_string_equal(x->name, was->name);
        assert_int_equal(x->size, was->size);
        assert_memory_equal(x->value, was->value, was->size);
    }
    assert_int_equal(count, 2);
    rig_finish(&rig);
}

static void test_names(void **state) {
    static const char *const names[] = {"\xff\xfe", "ünï", "new\nline", "99", "100", "255", "x=y"};
    const struct tree_node node = {.mode = S_IFREG | 0644};
    char long_name[3][256];
    const size_t lengths[] = {99, 100, 255};
    struct rig rig;
    (void)state;
    rig_init(&rig);
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        memset(long_name[i], 0xe9, sizeof long_name[i]); // no UTF-8 either
        long_name[i][lengths[i]] = 0;
        add(&rig, long_name[i], &node, "");
    }
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) add(&rig, names[i], &node, "");
    read_back(&rig);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) find(&rig, names[i]);
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) find(&rig, long_name[i]);
    rig_finish(&rig);
}

static void test_links(void **state) {
    char target[1001];
    struct rig rig;
    const struct tree_node file = {.mode = S_IFREG | 0644, .size = 600, .xattrs = NULL};
    const struct tree_node link = {.mode = S_IFLNK | 0777, .target = target};
    (void)state;
    memset(target, 't', 1000);
    target[1000] = 0;
    rig_init(&rig);
    add(&rig, "file", &file, target);
    add(&rig, "link", &link, "");
    assert_int_equal(tar_write_header(&rig.writer, "hard", &file, "file"), 0);
    read_back(&rig);
    assert_string_equal(find(&rig, "link")->target, target);
    assert_ptr_equal(find(&rig, "hard"), find(&rig, "file"));
    rig_finish(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_metadata), cmocka_unit_test(test_names),
                                       cmocka_unit_test(test_links)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
