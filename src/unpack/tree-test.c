// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "unpack/make_tar.h"
#include "unpack/mount_points.h"
#include "unpack/tree.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// The tar of a list of members, which ends with one without a name.
static int make(const struct member *members) {
    _cleanup_(str_finish) struct str tar = {0};
    for (; members->name; members++) tar_add(&tar, members);
    tar_end(&tar);
    return tar_file(&tar);
}

static struct tree read_tree(const struct member *members) {
    _cleanup_(fd_closep) int fd = make(members);
    struct tree_source source = {.fd = fd};
    struct tree tree = {0};
    struct err err = {0};
    if (tree_from_tar(&source, &tree, &err)) fail_msg("%s", err.text);
    return tree;
}

static void check_refused(const struct member *members, const char *sentence) {
    _cleanup_(fd_closep) int fd = make(members);
    struct tree_source source = {.fd = fd};
    struct tree tree = {0};
    struct err err = {0};
    assert_int_equal(tree_from_tar(&source, &tree, &err), -1);
    assert_int_equal(err.kind, ERR_INVALID);
    if (!strstr(err.text, sentence)) fail_msg("\"%s\" has no \"%s\"", err.text, sentence);
    assert_null(tree.root);
}
#define TAR(...)              \
    (const struct member[]) { \
        __VA_ARGS__, {        \
            .name = NULL      \
        }                     \
    }
#define REFUSED(sentence, ...) check_refused(TAR(__VA_ARGS__), sentence)

// One line for every entry: name, type and, by type, what it is.
static void describe(struct str *text, const struct tree_node *node, const char *path) {
    for (size_t i = 0; i < node->children.count; i++) {
        const struct tree_entry *e = &node->children.items[i];
        const struct tree_node *n = e->node;
        char name[5000];
        snprintf(name, sizeof name, "%s%s%s", path, *path ? "/" : "", e->name);
        str_printf(text, "%s", name);
        if (n->whiteout) str_add(text, " whiteout");
        if (n->opaque) str_add(text, " opaque");
        if (n->implicit) str_add(text, " implicit");
        if (n->below) str_printf(text, " below %s", n->below);
        if (S_ISLNK(n->mode)) str_printf(text, " -> %s", n->target);
        if (S_ISREG(n->mode) && !n->below) str_printf(text, " %u:%lu", n->layer, (unsigned long)n->size);
        str_add(text, "\n");
        if (S_ISDIR(n->mode)) describe(text, n, name);
    }
}

static void check_tree(struct tree *tree, const char *expected) {
    _cleanup_(str_finish) struct str text = {0};
    describe(&text, tree->root, "");
    assert_string_equal(str_get(&text), expected);
    tree_free(tree);
}
#define TREE(expected, ...)                              \
    do {                                                 \
        struct tree tree_ = read_tree(TAR(__VA_ARGS__)); \
        check_tree(&tree_, expected);                    \
    } while (0)

static struct tree merge(const struct member *const *layers) {
    struct tree trees[8], merged = {0};
    size_t count = 0;
    struct err err = {0};
    for (; layers[count]; count++) trees[count] = read_tree(layers[count]);
    if (tree_merge(trees, count, &merged, &err)) fail_msg("%s", err.text);
    return merged;
}
#define MERGED(expected, ...)                                                         \
    do {                                                                              \
        struct tree tree_ = merge((const struct member *const[]){__VA_ARGS__, NULL}); \
        check_tree(&tree_, expected);                                                 \
    } while (0)

static void test_names(void **state) {
    (void)state;
    TREE("etc\netc/passwd 0:3\n", {"./etc/", '5'}, {"./etc/./passwd", .data = "abc"});
    TREE("etc implicit\netc/passwd 0:3\n", {"/etc//passwd", .data = "abc"});
    TREE("a implicit\na/b implicit\na/b/c 0:0\n", {"a/b/c"});
    TREE("", {.name = "./", .type = '5', .mode = 0750, .uid = 7});
    TREE("...\n", {"...", '5'});
    // Old tars: a file with a slash at the end is a directory.
    TREE("x\n", {"x/"});

    REFUSED("\"..\"", {"../x"});
    REFUSED("\"..\"", {"a/../../x"});
    REFUSED("\"..\"", {"a/.."});
    REFUSED("\"..\"", {"/.."});
    REFUSED("replace the root", {"."});
    REFUSED("replace the root", {"/", '2', "x"});
    REFUSED("through a symbolic link", {"a", '2', "/etc"}, {"a/passwd"});
    REFUSED("not a directory", {"a", .data = "x"}, {"a/passwd"});
    REFUSED("not a directory", {"a", '6'}, {"a/passwd"});
    REFUSED("control", {"a\x1b[2J\n\"control", '5'}, {"a\x1b[2J\n\"control", '2', ""});
}

static void test_long_names(void **state) {
    (void)state;
    char path[4200], pax[4300], name[300], expected[300];
    memset(name, 'n', 255);
    name[255] = 0;
    snprintf(expected, sizeof expected, "%s 0:1\n", name);
    TREE(expected, {name, .data = "x"});
    name[255] = 'n';
    name[256] = 0;
    REFUSED("too long a name", {name, .data = "x"});

    for (size_t i = 0; i < sizeof path; i++) path[i] = "d/"[i % 2];
    path[4095] = 0;
    snprintf(pax, sizeof pax, "path=%s\n", path);
    struct tree tree = read_tree(TAR({"x", '5', .pax = pax}));
    assert_int_equal(tree.nodes, 2049);
    tree_free(&tree);
    path[4095] = '/';
    path[4097] = 0;
    REFUSED("too long a name", {path});
    snprintf(pax, sizeof pax, "linkpath=%s\n", path);
    REFUSED("too long a target", {"x", '1', "d", .pax = pax});
    REFUSED("too long a target", {"x", '2', "d", .pax = pax});
}

// The bytes stay what they are, also where they are no UTF-8, or another form of the same letters.
static void test_bytes(void **state) {
    (void)state;
    TREE("e\xcc\x81 0:1\n", {"x", .data = "1", .pax = "path=e\xcc\x81\n"});
    TREE("\xc3\xa9 -> e\xcc\x81\n", {"x", '2', "y", .pax = "path=\xc3\xa9\nlinkpath=e\xcc\x81\n"});
    TREE("\xff\xfe 0:1\n", {"x", .data = "1", .pax = "path=\xff\xfe\n"});
    TREE("\xff -> \xfe\n", {"\xff", '2', "\xfe"});
    TREE("h\xff 0:1\nl\xff 0:1\n", {"h\xff", .data = "1"}, {"l\xff", '1', "h\xff"});
}

static void test_members(void **state) {
    (void)state;
    struct tree tree = read_tree(TAR({"f", .data = "abc", .mode = 04755, .uid = 1000, .gid = 3000000000u,
                                      .mtime = 1234567890, .pax = "mtime=1234567890.5\n"},
                                     {"c", '3', .mode = 0666, .major = 4095, .minor = 1048575},
                                     {"b", '4', .major = 8, .minor = 300}, {"p", '6'}, {"s", '2', "../../t"},
                                     {"d", '5', .mode = 01777}));
    struct tree_node *f = tree_find(tree.root, "f", 1)->node;
    assert_int_equal(f->mode, S_IFREG | 04755);
    assert_int_equal(f->uid, 1000);
    assert_int_equal(f->gid, 3000000000u);
    assert_int_equal(f->mtime_s, 1234567890);
    assert_int_equal(f->mtime_ns, 500000000);
    assert_int_equal(f->offset, 1536); // behind the pax header, its block, and its own header
    assert_int_equal(f->size, 3);
    assert_int_equal(tree_find(tree.root, "c", 1)->node->rdev_minor, 1048575);
    assert_int_equal(tree_find(tree.root, "b", 1)->node->mode, S_IFBLK | 0644);
    assert_int_equal(tree_find(tree.root, "p", 1)->node->mode, S_IFIFO | 0644);
    assert_string_equal(tree_find(tree.root, "s", 1)->node->target, "../../t");
    assert_int_equal(tree_find(tree.root, "d", 1)->node->mode, S_IFDIR | 01777);
    assert_null(tree_find(tree.root, "dd", 2));
    assert_null(tree_find(tree.root, "da", 1 + 1));
    tree_free(&tree);

    TREE("", {.name = NULL}); // no member
    REFUSED("no number of a user", {"f", .uid = (uint64_t)1 << 33});
    REFUSED("no number of a user", {"f", .gid = UINT32_MAX});
    REFUSED("device with a number", {"c", '3', .major = 4096});
    REFUSED("nothing", {"s", '2', ""});
}

static void test_last_wins(void **state) {
    (void)state;
    TREE("a 0:2\n", {"a", .data = "1"}, {"a", .data = "22"});
    TREE("a 0:2\n", {"a", '5'}, {"a/b", .data = "1"}, {"a", .data = "22"});
    TREE("a\na/c 0:1\n", {"a", .data = "1"}, {"a", '5'}, {"a/c", .data = "1"});
    TREE("a\na/b 0:1\n", {"a/b", .data = "1"}, {"a", '5', .mode = 0700}); // keeps what is in it
    TREE("a\n", {"a", '2', "b"}, {"a", '5'});
    TREE("a\na/x 0:0\n", {"a/b"}, {"a", '2', "b"}, {"a", '5'}, {"a/x"});
}

static void test_hard_links(void **state) {
    (void)state;
    struct tree layer = read_tree(TAR({"a/f", .data = "abc"}, {"l", '1', "./a/f"}, {"m", '1', "/l"})), tree;
    assert_ptr_equal(tree_find(layer.root, "l", 1)->node, tree_find(layer.root, "m", 1)->node);
    struct err err = {0};
    assert_int_equal(tree_merge(&layer, 1, &tree, &err), 0);
    assert_int_equal(tree_find(tree.root, "l", 1)->node->links, 3);
    assert_int_equal(tree.bytes, 3); // once
    assert_int_equal(tree.root->links, 3);
    tree_free(&tree);

    // A later member of the same name is another file; the link keeps the first.
    TREE("a 0:2\nl 0:1\n", {"a", .data = "1"}, {"l", '1', "a"}, {"a", .data = "22"});
    TREE("a 0:1\n", {"a", .data = "1"}, {"a", '1', "a"});
    TREE("s -> a\nt -> a\n", {"s", '2', "a"}, {"t", '1', "s"}); // the link itself, not where it leads

    REFUSED("out of the image's root", {"l", '1', "../../etc/shadow"});
    REFUSED("to a directory", {"d", '5'}, {"l", '1', "d"});
    REFUSED("does not know", {"l", '1'});
    TREE("d -> /etc\nl below d/passwd\n", {"d", '2', "/etc"}, {"l", '1', "d/passwd"}); // not through a link
    TREE("l below l\n", {"l", '1', "l"});
}

static void test_whiteouts(void **state) {
    (void)state;
    TREE("a whiteout\nd opaque\n", {".wh.a"}, {"d", '5'}, {"d/.wh..wh..opq"});
    TREE("d opaque implicit\n", {"d/.wh..wh..opq"});
    TREE("x whiteout\n", {"x", '3'}); // overlayfs's own form
    TREE("", {".wh..wh.plnk", '5'}, {".wh..wh.aufs"});
    TREE("d opaque\n", {".wh.d"}, {"d", '5'});
    TREE("d opaque\n", {"d", '5'}, {".wh.d"});
    TREE("f 0:1\n", {"f", .data = "1"}, {".wh.f"});
    TREE("f 0:1\n", {".wh.f"}, {"f", .data = "1"});
    TREE("d opaque implicit\nd/x 0:0\n", {".wh.d"}, {"d/x"});
    TREE("d opaque implicit\nd/e implicit\n", {"d/e/.wh.x"}, {"d/.wh.y"}, {"d/.wh..wh..opq"});
    REFUSED("whiteout of nothing", {".wh..."});
    REFUSED("whiteout of nothing", {".wh.."});
}

static const struct tree_xattr *find_xattr(const struct tree_node *node, const char *name) {
    const struct tree_xattr *xattr = node->xattrs;
    while (xattr && strcmp(xattr->name, name) != 0) xattr = xattr->next;
    return xattr;
}

static void test_xattrs(void **state) {
    (void)state;
    static const char capability[] =
        "SCHILY.xattr.security.capability=\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\n";
    struct tree tree =
        read_tree(TAR({"f", .pax = "SCHILY.xattr.user.a=1\nSCHILY.xattr.trusted.overlay.opaque=y\n"
                                   "SCHILY.xattr.user.overlay.opaque=y\nSCHILY.xattr.user.a=22\n"
                                   "SCHILY.xattr.trusted.x=y\nSCHILY.xattr.security.selinux=z\n"
                                   "SCHILY.xattr.user.=z\nSCHILY.xattr.user.A=3\n"},
                      {"ping", .pax = capability, .pax_value_size = 20}));
    const struct tree_node *f = tree_find(tree.root, "f", 1)->node;
    assert_string_equal(f->xattrs->name, "user.A"); // sorted, whatever the order in the tar
    assert_string_equal(f->xattrs->next->name, "user.a");
    assert_null(f->xattrs->next->next);
    assert_int_equal(f->xattrs->next->size, 2);
    assert_memory_equal(f->xattrs->next->value, "22", 2);
    const struct tree_xattr *caps = find_xattr(tree_find(tree.root, "ping", 4)->node, "security.capability");
    assert_non_null(caps);
    assert_int_equal(caps->size, 20);
    assert_memory_equal(caps->value, "\1\0\0\2\0\4\0\0", 8);
    tree_free(&tree);

    _cleanup_(str_finish) struct str pax = {0};
    str_add(&pax, "SCHILY.xattr.user.big=");
    for (int i = 0; i < 65536; i++) str_add_char(&pax, 'x');
    str_add_char(&pax, '\n');
    REFUSED("more than 65535 bytes", {"f", .pax = pax.data});
}

static void test_limits(void **state) {
    (void)state;
    REFUSED("more than 1 TiB", {"f", .size = (uint64_t)1 << 60});
    REFUSED("more than 1 TiB", {"f", .pax = "size=1152921504606846976\n"});
    REFUSED("not a tar that can be read", {"f", .size = 1 << 20, .data = "abc"});
    REFUSED("not a tar that can be read", {"f", .pax = "mtime\n"});

    // Sparse files of GNU's that have no place in blocks.
    REFUSED("sparse", {"f", .data = "abc",
                       .pax = "GNU.sparse.size=1000\nGNU.sparse.numblocks=1\n"
                              "GNU.sparse.offset=997\nGNU.sparse.numbytes=3\n"});
    REFUSED("sparse", {"f", .data = "abc", .pax = "GNU.sparse.size=1000\nGNU.sparse.map=997,3\n"});
    REFUSED("more than 1 TiB",
            {"f", .data = "", .pax = "GNU.sparse.size=1152921504606846976\nGNU.sparse.map=0,0\n"});
    REFUSED("too fine",
            {"f", .data = "", .pax = "GNU.sparse.size=1073741824\nGNU.sparse.map=512,0,1536,512\n"});
    // The same, without saying so: what follows is not where it should be.
    REFUSED("does not follow", {"f", .data = "abc", .pax = "GNU.sparse.realsize=100000\n"}, {"g", '5'});
    REFUSED("cut off", {"f", .data = "abc", .pax = "GNU.sparse.realsize=100000\n"});
}

static void test_sparse(void **state) {
    (void)state;
    struct tree tree = read_tree(TAR(
        {"f", .data = "abc", .pax = "GNU.sparse.size=8195\nGNU.sparse.map=8192,3\n"}, {"g", .data = "g"}));
    const struct tree_node *f = tree_find(tree.root, "f", 1)->node;
    assert_int_equal(f->size, 8195);
    assert_non_null(f->runs);
    assert_int_equal(f->runs->count, 1);
    assert_int_equal(f->runs->items[0].at, 8192);
    assert_int_equal(f->runs->items[0].size, 3);
    assert_int_equal(f->runs->bits, 13);
    assert_null(tree_find(tree.root, "g", 1)->node->runs);
    tree_free(&tree);
}

static void check_bytes(const char *bytes, size_t size, const char *sentence) {
    struct str text = {(char *)bytes, size, 0};
    _cleanup_(fd_closep) int fd = tar_file(&text);
    struct tree_source source = {.fd = fd};
    struct tree tree = {0};
    struct err err = {0};
    int r = tree_from_tar(&source, &tree, &err);
    if (sentence) {
        assert_int_equal(r, -1);
        if (!strstr(err.text, sentence)) fail_msg("\"%s\" has no \"%s\"", err.text, sentence);
    } else {
        if (r) fail_msg("%s", err.text);
        tree_free(&tree);
    }
}

static void test_damage(void **state) {
    (void)state;
    static char zeros[10240];
    check_bytes("", 0, NULL);
    check_bytes(zeros, 1024, NULL);
    check_bytes(zeros, sizeof zeros, NULL);
    check_bytes("<html>not here</html>", 21, "not a tar");
    _cleanup_(str_finish) struct str tar = {0};
    tar_add(&tar, &(struct member){"f", .data = "some text that is longer than nothing"});
    check_bytes(tar.data, 1024, NULL); // no end: tar programs don't mind
    check_bytes(tar.data, 512 + 37, "Truncated");
    check_bytes(tar.data, 300, "tar");
    tar_add(&tar, &(struct member){"g"});
    check_bytes(tar.data, 1024 + 300, "Truncated");
    tar.data[1024 + 10] ^= 1;
    check_bytes(tar.data, 1536, "Damaged");
}

// A layer that is still being written: what is asked for comes in small pieces.
struct stream {
    uint64_t there, size;
    int asked;
};

static int64_t stream_available(void *data, uint64_t upto) {
    struct stream *stream = data;
    stream->asked++;
    assert_true(upto > stream->there || stream->there == stream->size);
    stream->there = upto < stream->size ? upto : stream->size;
    return (int64_t)stream->there;
}

static void test_stream(void **state) {
    (void)state;
    _cleanup_(str_finish) struct str tar = {0}, big = {0};
    for (int i = 0; i < 100000; i++) str_add_char(&big, 'b');
    for (int i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%02d", i);
        tar_add(&tar, &(struct member){name, .data = i % 2 ? big.data : "small"});
    }
    tar_end(&tar);
    _cleanup_(fd_closep) int fd = tar_file(&tar);
    struct stream stream = {.size = tar.len};
    struct tree_source source = {.fd = fd, .available = stream_available, .data = &stream};
    struct tree tree;
    struct err err = {0};
    assert_int_equal(tree_from_tar(&source, &tree, &err), 0);
    assert_int_equal(tree.root->children.count, 50);
    assert_in_range(stream.asked, 50, 120);
    tree_free(&tree);
}

static int64_t stream_breaks(void *data, uint64_t upto) {
    return upto > *(uint64_t *)data ? -EIO : (int64_t)upto;
}

// Whose end can't be found has not ended.
static void test_unreadable(void **state) {
    (void)state;
    _cleanup_(str_finish) struct str tar = {0};
    struct tree tree = {0};
    struct err err = {0};
    struct tree_source source = {.fd = -1};
    assert_int_equal(tree_from_tar(&source, &tree, &err), -1);
    assert_int_equal(err.kind, ERR_SYSTEM);
    for (int i = 0; i < 1000; i++) tar_add(&tar, &(struct member){"file", .data = "small"});
    tar_end(&tar);
    _cleanup_(fd_closep) int fd = tar_file(&tar);
    uint64_t there = tar.len / 2;
    source = (struct tree_source){.fd = fd, .available = stream_breaks, .data = &there};
    assert_int_equal(tree_from_tar(&source, &tree, &err), -1);
    assert_int_equal(err.code, EIO);
}

static void test_merge(void **state) {
    (void)state;
    const struct member *lower = TAR({"d", '5', .mode = 0700}, {"d/a", .data = "1"}, {"d/b", .data = "1"},
                                     {"d/s/deep", .data = "1"}, {"f", .data = "1"}, {"l", '2', "d"});
    MERGED("d\nd/a 0:1\nd/b 0:1\nd/s implicit\nd/s/deep 0:1\nf 0:1\nl -> d\n", lower);
    MERGED("d\nd/a 1:2\nd/b 0:1\nd/s implicit\nd/s/deep 0:1\nd/t 1:0\nf 0:1\nl -> d\n", lower,
           TAR({"d/a", .data = "22"}, {"d/t"}));
    // Whiteouts, also of what is not there.
    MERGED("d\nd/b 0:1\nl -> d\n", lower, TAR({"d/.wh.a"}, {"d/.wh.s"}, {".wh.f"}, {".wh.gone"}));
    // Opaque: the layer's own files stay, wherever the whiteout stands.
    MERGED("d implicit\nd/new 1:0\nf 0:1\nl -> d\n", lower, TAR({"d/new"}, {"d/.wh..wh..opq"}));
    MERGED("x 1:0\n", lower, TAR({"x"}, {".wh..wh..opq"}));
    // A directory in place of a file or link, and the other way round; nothing of the old shows through.
    MERGED("d 1:1\nf implicit\nf/x 1:0\nl implicit\nl/y 1:0\n", lower,
           TAR({"d", .data = "1"}, {"f/x"}, {"l/y"}));
    MERGED("d\nf 0:1\nl -> d\n", lower, TAR({"d", .data = "1"}), TAR({"d", '5'}));
    MERGED("d\nf 0:1\nl -> d\n", lower, TAR({".wh.d"}), TAR({"d", '5'}));
    MERGED("d\nf 0:1\nl -> d\n", lower, TAR({".wh.d"}, {"d", '5'}));
    // Whiteouts in what is new hide nothing and are gone.
    MERGED("n implicit\nn/m implicit\nn/m/x 1:0\n", TAR({"z"}, {".wh.z"}, {".wh.q"}, {".wh..wh..opq"}),
           TAR({"n/m/.wh.y"}, {"n/m/x"}, {".wh.z"}));
    MERGED("", TAR({".wh.a"}));

    // The directory that a layer only passes through keeps its mode.
    struct tree tree = merge((const struct member *const[]){lower, TAR({"d/n"}), NULL});
    assert_int_equal(tree_find(tree.root, "d", 1)->node->mode, S_IFDIR | 0700);
    tree_free(&tree);
    tree = merge((const struct member *const[]){lower, TAR({"d", '5', .mode = 0711}), NULL});
    assert_int_equal(tree_find(tree.root, "d", 1)->node->mode, S_IFDIR | 0711);
    tree_free(&tree);

    struct err err = {0};
    assert_int_equal(tree_merge(NULL, 0, &tree, &err), 0);
    assert_int_equal(tree.root->links, 2);
    tree_free(&tree);
}

static void test_merge_links(void **state) {
    (void)state;
    MERGED("d implicit\nd/f 0:3\nl 0:3\n", TAR({"d/f", .data = "abc"}), TAR({"l", '1', "d/f"}));
    // A link to what an upper layer replaced later.
    MERGED("f 1:1\nl 0:3\n", TAR({"f", .data = "abc"}, {"l", '1', "f"}), TAR({"f", .data = "1"}));
    struct tree layers[2] = {read_tree(TAR({"d", '2', "e"}, {"e/f"})), read_tree(TAR({"l", '1', "d/f"}))};
    struct tree tree = {0};
    struct err err = {0};
    assert_int_equal(tree_merge(layers, 2, &tree, &err), -1); // d is a link: no way through it
    assert_int_equal(err.kind, ERR_INVALID);
    assert_non_null(strstr(err.text, "neither in it nor in a layer below"));
    tree_free(&layers[1]);
    struct tree alone = read_tree(TAR({"l", '1', "nowhere"}));
    assert_int_equal(tree_merge(&alone, 1, &tree, &err), -1);
    tree_free(&alone);
}

static void test_mount_points(void **state) {
    (void)state;
    struct tree tree = merge((const struct member *const[]){TAR({"etc/zz"}, {"a"}, {"proc", '2', "x"}, {"z"}),
                                                            TAR({"etc/hosts", .data = "h"}, {"b"}), NULL});
    tree_add_mount_points(&tree);
    check_tree(&tree, "a 0:0\nb 1:0\ndev\netc implicit\netc/hostname 0:0\netc/hosts 1:1\n"
                      "etc/resolv.conf 0:0\netc/zz 0:0\nproc -> x\nsys\nz 0:0\n");
    tree = merge((const struct member *const[]){TAR({"etc", '2', "/"}), NULL});
    tree_add_mount_points(&tree);
    check_tree(&tree, "dev\netc -> /\nproc\nsys\n");
}

static void test_many(void **state) {
    (void)state;
    _cleanup_(str_finish) struct str tar = {0};
    char name[64];
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "d%d/f%d", i % 7, i);
        tar_add(&tar, &(struct member){name, .data = "x"});
    }
    _cleanup_(fd_closep) int fd = tar_file(&tar);
    struct tree_source source = {.fd = fd};
    struct tree tree;
    struct err err = {0};
    assert_int_equal(tree_from_tar(&source, &tree, &err), 0);
    assert_int_equal(tree.nodes, 20008);
    for (int i = 0; i < 20000; i++) {
        struct tree_entry *dir =
            tree_find(tree.root, name, (size_t)snprintf(name, sizeof name, "d%d", i % 7));
        assert_non_null(tree_find(dir->node, name, (size_t)snprintf(name, sizeof name, "f%d", i)));
    }
    tree_free(&tree);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),       cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_bytes),       cmocka_unit_test(test_members),
        cmocka_unit_test(test_last_wins),   cmocka_unit_test(test_hard_links),
        cmocka_unit_test(test_whiteouts),   cmocka_unit_test(test_xattrs),
        cmocka_unit_test(test_limits),      cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_damage),      cmocka_unit_test(test_stream),
        cmocka_unit_test(test_unreadable),  cmocka_unit_test(test_merge),
        cmocka_unit_test(test_merge_links), cmocka_unit_test(test_mount_points),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
